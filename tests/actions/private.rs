//! What gonogo has in its memory is for nobody else, and what rests on looking into it works without.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::scene::{COUNTS, Scene, deploy, run};
use crate::bench::gonogo::{GONOGO, Sandbox, signal};
use crate::bench::need;
use crate::bench::terminal::Key;
use crate::bench::unprivileged::{can_look_into, wrapper};
use crate::bench::wait;

/// A profile with a probe that is given a secret, and waits.
const WAITS: &str = r#"environment = "x"
[[points."infra.redis".probe]]
id = "own"
title = "Own"
kind = "command"
with = { argv = ["sh", "-c", "echo $$ > began; exec sleep 1000"], env = { OWN = { secret = { env = "OWN" } } } }
"#;

#[test]
fn a_program_that_has_read_a_secret_leaves_no_core_file_and_is_not_looked_into() {
    need!("setpriv");
    let sandbox = Sandbox::new().profile(WAITS).env("OWN", "s3cr3t-in-memory");
    let program = wrapper(&sandbox.work(), GONOGO);
    let digest = sandbox.digest("profile.toml");
    let mut check = sandbox.command(program);
    check.args(["check", "profile.toml", "--machine", "--trust", &digest, "--only", "infra.redis"]);
    let mut check = check.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = sandbox.work().join("began");
    let probe = wait::until("the probe", || fs::read_to_string(&began).ok()?.trim().parse::<u32>().ok());
    assert!(!can_look_into(check.id()), "another program of the user's can read its memory");
    assert!(can_look_into(probe), "what it starts is kept from the user");
    signal(check.id(), "ABRT");
    let ended = check.wait().unwrap();
    signal(probe, "KILL");
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
    let cores = fs::read_dir(sandbox.work()).unwrap().flatten();
    let cores = cores.filter(|entry| entry.file_name().to_string_lossy().starts_with("core"));
    assert_eq!(cores.count(), 0);
}

/// The run log's holder and an action's supervisor are shown by their locks.
#[test]
fn a_run_is_taken_over_and_its_action_stopped_by_one_who_may_not_look_into_processes() {
    need!("ssh-keygen", "setpriv");
    let mut scene = Scene::new();
    let program = wrapper(&scene.sandbox.work(), GONOGO);
    scene.sandbox = std::mem::replace(&mut scene.sandbox, Sandbox::new()).program(&program);
    scene.script("build", COUNTS);
    let mut first = scene.open();
    first.wait_for_text("1/4");
    deploy(&mut first, 0);
    run(&mut first, "deploy.ship/build");
    first.wait_for_text("line 2");
    let begun =
        wait::until("its mark", || mark_in(&scene.sandbox.state()).filter(|begun| begun["group"].is_u64()));
    assert!(!can_look_into(first.pid()), "the program that holds the log");
    assert!(!can_look_into(begun["supervisor"].as_u64().unwrap().try_into().unwrap()), "the supervisor");
    assert!(can_look_into(begun["group"].as_u64().unwrap().try_into().unwrap()), "the action's own program");
    let mut second = scene.open_with(&["--take-over"], 120, 40);
    let _ = first.wait_exit().code(130);
    second.wait_for_text("running");
    deploy(&mut second, 0);
    second.send("S").wait_for_text("stop deploy.ship/build").send("y");
    let ended = &scene.wait_for("action-finished", 1)[0];
    assert_eq!(ended["cause"], "stopped", "{ended}");
    second.wait_for_text("did not succeed").press(Key::Esc).wait_gone("did not succeed").send("q");
    let _ = second.wait_exit().code(5);
}

/// What stands in the mark of an action, wherever below a directory it is.
fn mark_in(directory: &Path) -> Option<Value> {
    fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        match path.extension() {
            _ if path.is_dir() => mark_in(&path),
            Some(kind) if kind == "begun" => serde_json::from_slice(&fs::read(&path).ok()?).ok(),
            _ => None,
        }
    })
}

/// Whether this system writes core files here at all is not known; that the test's own raising of the limit reaches what
/// runs is.
#[test]
fn the_limit_is_raised_by_the_wrapper() {
    need!("setpriv");
    let sandbox = Sandbox::new();
    let program = wrapper(&sandbox.work(), "sh");
    let limits = Command::new(program).args(["-c", "ulimit -S -c; ulimit -H -c"]).output().unwrap();
    let limits = String::from_utf8(limits.stdout).unwrap();
    assert_eq!(limits.lines().next(), limits.lines().nth(1));
}
