//! A rehearsal: how long until its stack is up, and until the first look is settled, against the bare program; a
//! check of all of it, against a check of one point that asks no server; and its memory, against a Redis at rest.

use std::fs;
use std::time::{Duration, Instant};

use crate::bench::gonogo::{GONOGO, Sandbox};
use crate::bench::redis::RedisServer;
use crate::bench::served::Served;
use crate::bench::wait;
use crate::measure::{Measured, since, turns};

const ROUNDS: usize = 5;

pub fn bench() {
    let tell = |name, subject, reference, unit| Measured { name, subject, reference, unit, aim: "" }.tell();
    let sandbox = Sandbox::new();
    let bare = || {
        let begun = Instant::now();
        let _ = sandbox.run_with(&["--version"]).code(0);
        since(begun)
    };
    let up = || {
        let begun = Instant::now();
        let served = Served::start(&[]);
        let took = since(begun);
        drop(served);
        took
    };
    let (up, version) = turns(ROUNDS, up, bare);
    tell("rehearsal, stack up", up, Some(version), "ms");
    let (first, version) = turns(ROUNDS, first_look, bare);
    tell("rehearsal, first look", first, Some(version), "ms");
    let served = Served::start(&["--deployed"]);
    let profile = served.dir.join("rehearsal.toml").display().to_string();
    let digest = served.sandbox.digest(&profile);
    let all = || timed(|| drop(served.check()));
    let one = || {
        timed(|| {
            let mut check = served.command(GONOGO);
            check.args(["check", &profile, "--only", "rollback.contacts"]);
            check.args(["--release", "v1.5.0", "--previous", "v1.4.0", "--machine", "--trust", &digest]);
            let ran = check.output();
            assert!(ran.unwrap().status.success());
        })
    };
    let (all, one) = turns(ROUNDS, all, one);
    tell("rehearsal, check", all, Some(one), "ms");
    let redis = RedisServer::builder().start();
    tell("rehearsal, memory", memory(served.running.pid()), Some(memory(redis.pid())), "MB");
}

fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    since(begun)
}

/// From the command to the first look that is in the log, in a real terminal.
fn first_look() -> f64 {
    let sandbox = Sandbox::new().args(["rehearse"]);
    let begun = Instant::now();
    let mut terminal = sandbox.terminal(120, 40);
    let found = wait::within(Duration::from_secs(20), || {
        let log = sandbox.logs("rehearsal").pop()?;
        fs::read_to_string(log).ok()?.contains("\"kind\":\"probed\"").then(|| since(begun))
    });
    terminal.wait_for_text("before you continue").press(crate::bench::terminal::Key::Enter).send("q");
    let _ = terminal.wait_exit();
    found.expect("a look")
}

/// The most memory that a process has held, in MB.
fn memory(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    peak.unwrap().trim().parse::<f64>().unwrap() / 1024.0
}
