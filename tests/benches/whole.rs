//! The standard checklist against the whole stack: the time of a check, against its slowest chain of probes, and against the
//! commands that it prints for the same probes, run one after another. And its peak memory.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::measure::{Measured, is_smoke_test, median, since, size};
use crate::support::full_stack::{FullStack, PROGRAMS};
use crate::support::supervisor::installed;

const ROUNDS: usize = 5;
/// A probe, by its point and id.
type Name = (&'static str, &'static str);
/// The probes that others wait for (`since`), and those that wait; without an id, every probe of the point.
const CHAINS: [(Name, &[Name]); 2] = [
    (("validate.package-metadata", "check"), &[("validate.package-metadata", "export")]),
    (
        ("verify.pipeline", "canary"),
        &[("verify.metrics", ""), ("verify.traces", ""), ("verify.queues-drained", "")],
    ),
];

pub fn bench() {
    if !installed(&PROGRAMS) {
        return;
    }
    let whole = FullStack::start();
    if !is_smoke_test() {
        let _ = whole.check("json");
    }
    let [mut all, mut slowest, mut without_effects, mut script] = [const { Vec::new() }; 4];
    let mut peak = 0.0_f64;
    for _ in 0..size(ROUNDS, 1) {
        let started = Instant::now();
        let (report, memory) = check_with_peak_memory(&whole, &[]);
        all.push(since(started));
        slowest.push(slowest_chain(&report));
        peak = peak.max(memory);
        // The printed commands send no event, so the check sends none either.
        let started = Instant::now();
        let (report, _) = check_with_peak_memory(&whole, &["--no-effects"]);
        without_effects.push(since(started));
        script.push(by_hand(&whole, &report));
    }
    let print =
        |name, subject, reference, unit| Measured { name, subject, reference, unit, aim: "" }.report();
    print("check, slowest chain", median(all), Some(median(slowest)), "ms");
    print("check, by hand", median(without_effects), Some(median(script)), "ms");
    print("check, peak memory", peak, None, "MB");
}

/// One check, and its peak memory in MB.
fn check_with_peak_memory(whole: &FullStack, more: &[&str]) -> (Value, f64) {
    let running = whole.start_check("json", more);
    let status = format!("/proc/{}/status", running.pid());
    let mut peak = 0.0;
    // The file is gone once the process has ended; until then the peak only grows.
    while let Some(now) = fs::read_to_string(&status).ok().and_then(|status| {
        status.lines().find_map(|line| {
            line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()
        })
    }) {
        peak = now / 1024.0;
        std::thread::sleep(Duration::from_millis(5));
    }
    (running.finish().json(), peak)
}

fn probes(report: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let points = report["points"].as_array().unwrap().iter();
    points.flat_map(|point| {
        let id = point["id"].as_str().unwrap();
        point["probes"].as_array().unwrap().iter().map(move |probe| (id, probe))
    })
}

/// The slowest probe, or the slowest two of which one waits for the other, in milliseconds.
fn slowest_chain(report: &Value) -> f64 {
    let took = |probe: &Value| probe["took_ms"].as_f64().unwrap_or_default();
    let is = |point: &str, probe: &Value, name: &Name| {
        point == name.0 && (name.1.is_empty() || probe["id"].as_str() == Some(name.1))
    };
    let first = |name: &Name| {
        probes(report).find(|(point, probe)| is(point, probe, name)).map_or(0.0, |(_, probe)| took(probe))
    };
    let before = |point: &str, probe: &Value| {
        let chain = CHAINS.iter().find(|(_, after)| after.iter().any(|name| is(point, probe, name)));
        chain.map_or(0.0, |(name, _)| first(name))
    };
    probes(report).map(|(point, probe)| took(probe) + before(point, probe)).fold(0.0, f64::max)
}

/// Runs the commands of all probes as a script, without those that never end.
fn by_hand(whole: &FullStack, report: &Value) -> f64 {
    let mut script = String::new();
    for (_, probe) in probes(report) {
        let command = probe["outcome"]["reproduce"].as_str().unwrap_or_default();
        if !command.is_empty() && !command.contains(" -N ") {
            let _ = writeln!(script, "( {command} ) </dev/null >/dev/null 2>&1");
        }
    }
    fs::write(whole.sandbox.work().join("by-hand.sh"), script).unwrap();
    let started = Instant::now();
    let mut bash = whole.sandbox.command("bash");
    assert!(bash.arg("by-hand.sh").output().is_ok());
    since(started)
}
