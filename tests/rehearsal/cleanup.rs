//! However a rehearsal ends, it leaves no files and no processes.

use std::time::Duration;

use super::deployment::{CONFIRM_BEFORE, DEPLOY_STEPS, confirm, sandbox_without_path, select};
use crate::support::gonogo::{Sandbox, signal};
use crate::support::served_rehearsal::ServedRehearsal;
use crate::support::wait;

#[test]
fn a_signal_removes_the_files_and_processes_of_a_rehearsal() {
    for name in ["TERM", "INT", "HUP"] {
        let served = ServedRehearsal::start(&[]);
        signal(served.running.pid(), name);
        let ServedRehearsal { sandbox, running, dir } = served;
        let _ = running.finish().code(0);
        assert!(!dir.exists(), "{name}");
        assert_no_process_left(&sandbox);
    }
}

#[test]
fn a_killed_rehearsal_leaves_no_process_and_no_port() {
    for millis in [0, 20, 60, 150, 400] {
        let sandbox = Sandbox::new();
        let running = sandbox.start_with(&["rehearse", "--serve"]);
        let pid = running.pid();
        // Several moments of the start.
        std::thread::sleep(Duration::from_millis(millis));
        signal(pid, "KILL");
        drop(running);
        assert_no_process_left(&sandbox);
    }
}

#[test]
fn a_rehearsal_killed_during_a_step_leaves_no_process() {
    let sandbox = sandbox_without_path().args(["rehearse"]);
    let mut terminal = sandbox.terminal(120, 40);
    terminal.close_notices();
    for at in CONFIRM_BEFORE {
        confirm(&mut terminal, at);
    }
    select(&mut terminal, DEPLOY_STEPS[0].0);
    terminal.wait_for_text("▷ NEEDS ACTION").send("a").wait_for_text("y run it");
    terminal.answer("y").wait_for_text("FROM docker.io");
    signal(terminal.pid(), "KILL");
    drop(terminal);
    assert_no_process_left(&sandbox);
}

/// Waits until no process has its home in the sandbox. Without processes there are no open ports.
#[track_caller]
fn assert_no_process_left(sandbox: &Sandbox) {
    let directory = sandbox.work().parent().unwrap().display().to_string();
    wait::until("no process of it", || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let homes = all.filter_map(|entry| std::fs::read(entry.path().join("environ")).ok());
        let mut own = homes.filter(|environ| String::from_utf8_lossy(environ).contains(&directory));
        own.next().is_none().then_some(())
    });
}

#[test]
fn files_of_a_killed_rehearsal_are_removed_by_the_next_one() {
    let ServedRehearsal { sandbox, running, dir } = ServedRehearsal::start(&[]);
    signal(running.pid(), "KILL");
    drop(running);
    assert!(dir.exists());
    // Old enough to be removed.
    let old = std::fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    std::fs::File::open(&dir).unwrap().set_times(old).unwrap();
    let next = sandbox.start_with(&["rehearse", "--serve"]);
    wait::until("the next one", || next.stdout().contains("[values.app]").then_some(()));
    assert!(!dir.exists());
}

#[test]
fn tools_report_that_their_rehearsal_has_ended() {
    let served = ServedRehearsal::start(&[]);
    let mut kubectl = served.command(&served.dir.join("bin/kubectl").display().to_string());
    kubectl.args(["config", "current-context"]);
    let output = kubectl.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "rehearsal\n", "{output:?}");
    signal(served.running.pid(), "KILL");
    let ended = wait::until("the error message", || {
        let output = kubectl.output().unwrap();
        (!output.status.success()).then_some(output)
    });
    let message = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(message.contains("the rehearsal that this tool belongs to has ended"), "{message}");
}

#[test]
fn a_directory_not_created_by_the_rehearsal_is_kept() {
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
