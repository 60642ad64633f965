//! However it ends, nothing is left behind.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use super::Served;
use crate::bench::gonogo::{Sandbox, signal};
use crate::bench::wait;

fn port_of(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn asked_to_end_it_takes_everything_along() {
    for name in ["TERM", "INT", "HUP"] {
        let served = Served::start(&[]);
        let port = port_of(&served.value(&["values", "prometheus", "url"]));
        signal(served.running.pid(), name);
        let Served { running, dir, .. } = served;
        let _ = running.finish().code(0);
        assert!(!dir.exists(), "{name}");
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok(), "{name}");
    }
}

#[test]
fn killed_it_leaves_no_process_and_no_port() {
    for millis in [0, 20, 60, 150, 400] {
        let sandbox = Sandbox::new();
        let running = sandbox.start_with(&["rehearse", "--serve"]);
        let pid = running.pid();
        // Any moment is as good as another.
        std::thread::sleep(Duration::from_millis(millis));
        signal(pid, "KILL");
        drop(running);
        let tmp = sandbox.work().with_file_name("tmp").display().to_string();
        wait::until("no process of it", || {
            let all = std::fs::read_dir("/proc").unwrap().flatten();
            let commands = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
            let mut own = commands.filter(|line| String::from_utf8_lossy(line).contains(&tmp));
            own.next().is_none().then_some(())
        });
    }
}

#[test]
fn what_a_killed_one_has_left_goes_with_the_next() {
    let Served { sandbox, running, dir } = Served::start(&[]);
    signal(running.pid(), "KILL");
    drop(running);
    assert!(dir.exists());
    // Long ago.
    let old = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    std::fs::File::open(&dir).unwrap().set_times(old).unwrap();
    let next = sandbox.start_with(&["rehearse", "--serve"]);
    wait::until("the next one", || next.stdout().contains("[values.app]").then_some(()));
    assert!(!dir.exists());
}

#[test]
fn its_tools_say_that_it_has_ended() {
    let served = Served::start(&[]);
    let mut kubectl = served.command(&served.dir.join("bin/kubectl").display().to_string());
    kubectl.args(["config", "current-context"]);
    let ran = kubectl.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "rehearsal\n", "{ran:?}");
    signal(served.running.pid(), "KILL");
    let ended = wait::until("a refusal", || {
        let ran = kubectl.output().unwrap();
        (!ran.status.success()).then_some(ran)
    });
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("the rehearsal that this tool belongs to has ended"), "{said}");
}
