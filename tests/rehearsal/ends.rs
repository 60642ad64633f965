//! However it ends, nothing is left behind.

use std::time::Duration;

use super::walk::{BEFORE, STEPS, bare, confirm, select};
use crate::bench::gonogo::{Sandbox, signal};
use crate::bench::served::Served;
use crate::bench::terminal::Key;
use crate::bench::wait;

#[test]
fn asked_to_end_it_takes_everything_along() {
    for name in ["TERM", "INT", "HUP"] {
        let served = Served::start(&[]);
        signal(served.running.pid(), name);
        let Served { sandbox, running, dir } = served;
        let _ = running.finish().code(0);
        assert!(!dir.exists(), "{name}");
        gone(&sandbox);
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
        gone(&sandbox);
    }
}

#[test]
fn killed_in_the_middle_of_a_step_it_leaves_no_process_either() {
    let sandbox = bare().args(["rehearse"]);
    let mut terminal = sandbox.terminal(120, 40);
    terminal.wait_for_text("before you continue").press(Key::Enter).wait_gone("before you continue");
    for at in BEFORE {
        confirm(&mut terminal, at);
    }
    select(&mut terminal, STEPS[0].0);
    terminal.wait_for_text("▷ NEEDS ACTION").send("a").wait_for_text("y run it");
    terminal.send("y").wait_for_text("FROM docker.io");
    signal(terminal.pid(), "KILL");
    drop(terminal);
    gone(&sandbox);
}

/// Waits until no process of a sandbox is left, whatever has started it: each has its home there. Ports are
/// processes' own.
#[track_caller]
fn gone(sandbox: &Sandbox) {
    let place = sandbox.work().parent().unwrap().display().to_string();
    wait::until("no process of it", || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let homes = all.filter_map(|entry| std::fs::read(entry.path().join("environ")).ok());
        let mut own = homes.filter(|environ| String::from_utf8_lossy(environ).contains(&place));
        own.next().is_none().then_some(())
    });
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

#[test]
fn a_directory_that_is_not_its_own_is_left_alone() {
    let sandbox = Sandbox::new();
    let (work, kept) = (sandbox.work(), sandbox.work().join("kept"));
    std::fs::write(&kept, "").unwrap();
    let sandbox = sandbox.env("GONOGO_REHEARSAL", work);
    let running = sandbox.start_with(&["rehearse", "--serve"]);
    wait::until("the profile", || running.stdout().contains("[values.app]").then_some(()));
    signal(running.pid(), "TERM");
    let _ = running.finish().code(0);
    assert!(kept.exists());
}
