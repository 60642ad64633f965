//! A run after gonogo was killed.

use std::fs;

use crate::runs::world::ALICE;
use crate::support::gonogo::{Sandbox, signal};
use crate::support::need;
use crate::support::wait;

/// Its effect is unknown: that is logged, and it runs again only on request.
#[test]
fn a_probe_with_effects_does_not_run_again_after_a_kill() {
    need!("ssh-keygen");
    let checklist = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\ntitle = \"P\"\n\
        why = \"W\"\nprobe = [{ id = \"p\", title = \"canary\", kind = \"command\", effects = true, deadline = \"600s\", \
        with = { argv = [\"sh\", \"-c\", \"echo ran >>ran; until [ -e go ]; do sleep 0.05; done\"] } }]\n";
    let profile = "environment = \"t\"\nchecklist = \"checklist.toml\"\n";
    let sandbox = Sandbox::new().checklist(checklist).profile(profile);
    let key = sandbox.key("ann").path.display().to_string();
    let digest = sandbox.digest("profile.toml");
    let first = ["run", "profile.toml", "--release", "v2", "--previous", "v1", "--trust", &digest];
    let sandbox = sandbox.args(first.into_iter().chain(["--as", ALICE, "--key", &key]));
    let ran = sandbox.work().join("ran");
    let terminal = sandbox.terminal(100, 30);
    wait::until("the probe", || ran.exists().then_some(()));
    signal(terminal.pid(), "KILL");
    drop(terminal);
    fs::write(sandbox.work().join("go"), "").unwrap();
    let mut terminal = sandbox.terminal(100, 30);
    terminal.wait_for_text("gonogo was stopped before it finished");
    let log = fs::read_to_string(sandbox.logs("t").pop().unwrap()).unwrap();
    let entries = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let probed: Vec<_> = entries.filter(|entry| entry["kind"] == "probed").collect();
    assert_eq!(probed.len(), 1);
    assert!(
        probed[0]["outcome"]["effects"][0].as_str().unwrap().starts_with("may have made the change"),
        "{probed:?}"
    );
    assert_eq!(fs::read_to_string(&ran).unwrap(), "ran\n");
    // On request it runs again.
    terminal.send("r").wait_for_text("GO 1/1");
    assert_eq!(fs::read_to_string(&ran).unwrap(), "ran\nran\n");
    terminal.send("q");
    let _ = terminal.wait_exit();
}
