//! A rehearsal: the time until its stack is up, and until the first probe result, against `gonogo --version`; a check of all
//! points, against a check of one point without a server; and its memory, against an idle Redis.

use std::fs;
use std::time::{Duration, Instant};

use crate::measure::{Measured, alternate, since};
use crate::support::gonogo::{GONOGO, Sandbox};
use crate::support::redis::RedisServer;
use crate::support::served_rehearsal::ServedRehearsal;
use crate::support::wait;

const ROUNDS: usize = 5;

pub fn bench() {
    let report =
        |name, subject, reference, unit| Measured { name, subject, reference, unit, aim: "" }.report();
    let sandbox = Sandbox::new();
    let version = || {
        let started = Instant::now();
        let _ = sandbox.run_with(&["--version"]).code(0);
        since(started)
    };
    let stack_up = || {
        let started = Instant::now();
        let served = ServedRehearsal::start(&[]);
        let took = since(started);
        drop(served);
        took
    };
    let (stack_up, reference) = alternate(ROUNDS, stack_up, version);
    report("rehearsal, stack up", stack_up, Some(reference), "ms");
    let (first, reference) = alternate(ROUNDS, first_result, version);
    report("rehearsal, first result", first, Some(reference), "ms");
    let served = ServedRehearsal::start(&["--deployed"]);
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
    let (all, one) = alternate(ROUNDS, all, one);
    report("rehearsal, check", all, Some(one), "ms");
    let redis = RedisServer::builder().start();
    report("rehearsal, memory", memory(served.running.pid()), Some(memory(redis.pid())), "MB");
}

fn timed(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    since(started)
}

/// From the command to the first probe result in the log, in a real terminal.
fn first_result() -> f64 {
    let sandbox = Sandbox::new().args(["rehearse"]);
    let started = Instant::now();
    let mut terminal = sandbox.terminal(120, 40);
    let found = wait::within(Duration::from_secs(20), || {
        let log = sandbox.logs("rehearsal").pop()?;
        fs::read_to_string(log).ok()?.contains("\"kind\":\"probed\"").then(|| since(started))
    });
    terminal.close_notices().send("q").wait_for_text("quit the rehearsal").answer("y");
    let _ = terminal.wait_exit();
    found.expect("a probe result")
}

/// The peak memory of a process, in MB.
fn memory(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    peak.unwrap().trim().parse::<f64>().unwrap() / 1024.0
}
