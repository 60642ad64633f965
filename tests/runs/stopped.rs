//! gonogo, stopped by Ctrl-Z, continues where it was: no deadline passes meanwhile.

use crate::runs::world::ALICE;
use crate::support::gonogo::Sandbox;
use crate::support::need;
use crate::support::terminal::{Key, Terminal};
use crate::support::wait;

/// The probe runs until the file `go` exists. gonogo is stopped for longer than the deadline.
const CHECKLIST: &str = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\ntitle = \"P\"\n\
     why = \"W\"\nprobe = [{ id = \"p\", title = \"continue\", kind = \"command\", deadline = \"5s\", with = { \
     argv = [\"sh\", \"-c\", \": >started; until [ -e go ]; do sleep 0.05; done\"] } }]\n";

/// A shell with job control, which continues the stopped program before the probe can end.
const SHELL: &str = "gonogo \"$@\"; sleep 8; { sleep 1; : >go; } & fg %1; echo ended with $?; sleep 1000";

fn sandbox() -> Sandbox {
    let profile = "environment = \"t\"\nchecklist = \"checklist.toml\"\n";
    Sandbox::new().checklist(CHECKLIST).profile(profile)
}

/// Runs gonogo in the shell, and stops it while its probe runs.
fn stopped(sandbox: Sandbox, arguments: &[&str]) -> (Sandbox, Terminal) {
    let script = SHELL.replace("gonogo", env!("CARGO_BIN_EXE_gonogo"));
    let started = sandbox.work().join("started");
    let mut words = vec!["-mc", &script, "sh"];
    words.extend(arguments);
    let sandbox = sandbox.program("bash").args(words);
    let mut terminal = sandbox.terminal(100, 30);
    wait::until("the probe", || started.exists().then_some(()));
    terminal.press(Key::Ctrl('z'));
    (sandbox, terminal)
}

#[test]
fn a_stopped_check_continues() {
    let sandbox = sandbox();
    let digest = sandbox.digest("profile.toml");
    let (_sandbox, mut terminal) = stopped(sandbox, &["check", "profile.toml", "--trust", &digest]);
    terminal.wait_for_text("ended with");
    let shown = terminal.screen_text();
    assert!(shown.contains("GO 1/1") && shown.contains("ended with 0"), "{shown}");
}

#[test]
fn a_stopped_run_continues() {
    need!("ssh-keygen");
    let sandbox = sandbox();
    let key = sandbox.key("ann").path.display().to_string();
    let digest = sandbox.digest("profile.toml");
    let arguments = [
        "run",
        "profile.toml",
        "--release",
        "v2",
        "--previous",
        "v1",
        "--trust",
        &digest,
        "--as",
        ALICE,
        "--key",
        &key,
    ];
    let (_sandbox, mut terminal) = stopped(sandbox, &arguments);
    terminal.wait_for("the result", |screen| {
        let shown = screen.contents();
        shown.contains("GO 1/1") || shown.contains("error")
    });
    assert!(terminal.screen_text().contains("GO 1/1"), "{}", terminal.screen_text());
}
