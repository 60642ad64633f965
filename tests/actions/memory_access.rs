//! The memory of gonogo cannot be read by other processes, and no feature depends on that access.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::scenario::{COUNTING_SCRIPT, Scenario, run_action, select_deploy_point};
use crate::support::gonogo::{GONOGO, Sandbox, signal};
use crate::support::need;
use crate::support::terminal::Key;
use crate::support::unprivileged::{can_inspect, wrapper};
use crate::support::wait;

/// A profile with a probe that gets a secret, and waits.
const WAITS: &str = r#"environment = "x"
[[points."infra.redis".probe]]
id = "own"
title = "Own"
kind = "command"
with = { argv = ["sh", "-c", "echo $$ > began; exec sleep 1000"], env = { OWN = { secret = { env = "OWN" } } } }
"#;

#[test]
fn a_process_that_has_read_a_secret_cannot_be_dumped_or_traced() {
    need!("setpriv");
    let sandbox = Sandbox::new().profile(WAITS).env("OWN", "s3cr3t-in-memory");
    let program = wrapper(&sandbox.work(), GONOGO);
    let digest = sandbox.digest("profile.toml");
    let mut check = sandbox.command(program);
    check.args(["check", "profile.toml", "--machine", "--trust", &digest, "--only", "infra.redis"]);
    let mut check = check.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = sandbox.work().join("began");
    let probe = wait::until("the probe", || fs::read_to_string(&began).ok()?.trim().parse::<u32>().ok());
    assert!(!can_inspect(check.id()), "another process of the same user can read its memory");
    assert!(can_inspect(probe), "a program that it starts is protected too");
    signal(check.id(), "ABRT");
    let ended = check.wait().unwrap();
    signal(probe, "KILL");
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
    let cores = fs::read_dir(sandbox.work()).unwrap().flatten();
    let cores = cores.filter(|entry| entry.file_name().to_string_lossy().starts_with("core"));
    assert_eq!(cores.count(), 0);
}

/// The owner of the log and the supervisor of an action are identified by their locks.
#[test]
fn takeover_and_stop_work_without_access_to_the_memory_of_processes() {
    need!("ssh-keygen", "setpriv");
    let mut scenario = Scenario::new();
    let program = wrapper(&scenario.sandbox.work(), GONOGO);
    scenario.sandbox = std::mem::replace(&mut scenario.sandbox, Sandbox::new()).program(&program);
    scenario.script("build", COUNTING_SCRIPT);
    let mut first = scenario.open();
    first.wait_for_text("1/4");
    select_deploy_point(&mut first, 0);
    run_action(&mut first, "deploy.ship/build");
    first.wait_for_text("line 2");
    let marker = wait::until("its start marker", || {
        start_marker_in(&scenario.sandbox.state()).filter(|marker| marker["group"].is_u64())
    });
    assert!(!can_inspect(first.pid()), "the owner of the log");
    assert!(!can_inspect(marker["supervisor"].as_u64().unwrap().try_into().unwrap()), "the supervisor");
    assert!(can_inspect(marker["group"].as_u64().unwrap().try_into().unwrap()), "the action's own program");
    let mut second = scenario.open_with(&["--take-over"], 120, 40);
    let _ = first.wait_exit().code(130);
    second.wait_for_text("running");
    select_deploy_point(&mut second, 0);
    second.send("S").wait_for_text("stop deploy.ship/build").answer("y");
    let ended = &scenario.wait_for("action-finished", 1)[0];
    assert_eq!(ended["cause"], "stopped", "{ended}");
    second.wait_for_text("did not succeed").press(Key::Esc).wait_gone("did not succeed").send("q");
    let _ = second.wait_exit().code(5);
}

/// The start marker of an action, anywhere below a directory.
fn start_marker_in(directory: &Path) -> Option<Value> {
    fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).find_map(|path| {
        match path.extension() {
            _ if path.is_dir() => start_marker_in(&path),
            Some(kind) if kind == "begun" => serde_json::from_slice(&fs::read(&path).ok()?).ok(),
            _ => None,
        }
    })
}

/// This system may write no core files at all, so this checks that the raised limit reaches the program.
#[test]
fn the_wrapper_raises_the_core_file_limit() {
    need!("setpriv");
    let sandbox = Sandbox::new();
    let program = wrapper(&sandbox.work(), "sh");
    let limits = Command::new(program).args(["-c", "ulimit -S -c; ulimit -H -c"]).output().unwrap();
    let limits = String::from_utf8(limits.stdout).unwrap();
    assert_eq!(limits.lines().next(), limits.lines().nth(1));
}
