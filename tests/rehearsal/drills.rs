//! Every drill turns exactly its points, and what is seen there names the cause.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gonogo_rehearsal::drills::{DRILLS, Drill};
use serde_json::Value;

use crate::bench::served::Served;

/// The points of which a look was not good, those that took more than one try, and what was seen there.
fn troubles(report: &Value) -> (BTreeSet<&str>, BTreeSet<&str>, String) {
    let (mut bad, mut retried, mut said) = (BTreeSet::new(), BTreeSet::new(), String::new());
    for point in report["points"].as_array().unwrap() {
        let id = point["id"].as_str().unwrap();
        for outcome in point["probes"].as_array().unwrap().iter().map(|probe| &probe["outcome"]) {
            if outcome["class"] == "pass" {
                if outcome["tries"].as_u64() > Some(1) {
                    retried.insert(id);
                }
                continue;
            }
            bad.insert(id);
            let observations = outcome["observations"].as_array().into_iter().flatten();
            for seen in observations.filter(|seen| seen["ok"] != true) {
                let _ = writeln!(said, "{id}: {} | {} | {}", seen["what"], seen["expected"], seen["seen"]);
            }
        }
    }
    (bad, retried, said)
}

fn walk(drill: &Drill) {
    let (report, code) = Served::start(&["--deployed", "--drill", drill.name]).check();
    let (bad, retried, said) = troubles(&report);
    let points: BTreeSet<&str> = drill.points.iter().copied().collect();
    if drill.passes_on_retry {
        assert!(bad.is_empty() && points.is_subset(&retried), "{}: {bad:?} {retried:?}\n{said}", drill.name);
        assert_eq!(code, Some(0), "{}", drill.name);
        return;
    }
    assert_eq!(bad, points, "{}:\n{said}", drill.name);
    for point in points {
        let own: Vec<&str> = said.lines().filter(|line| line.starts_with(point)).collect();
        assert!(!own.is_empty(), "{}: nothing is told of {point}", drill.name);
    }
    assert!(said.contains(drill.cause), "{}: {:?} is not named by\n{said}", drill.name, drill.cause);
    assert_ne!(code, Some(0), "{}", drill.name);
}

/// One in three of them, so that the runner can walk them side by side.
fn walk_third(which: usize) {
    DRILLS.iter().skip(which).step_by(3).for_each(walk);
}

#[test]
fn the_first_third_is_found() {
    walk_third(0);
}

#[test]
fn the_second_third_is_found() {
    walk_third(1);
}

#[test]
fn the_last_third_is_found() {
    walk_third(2);
}

#[test]
fn without_one_every_point_is_good() {
    let (report, code) = Served::start(&["--deployed"]).check();
    let (bad, _, said) = troubles(&report);
    assert!(bad.is_empty(), "{said}");
    assert_eq!(report["points"].as_array().unwrap().len(), 27);
    assert_eq!(code, Some(0));
}

#[test]
fn they_are_told_by_name_and_a_wrong_one_is_refused() {
    let sandbox = crate::bench::gonogo::Sandbox::new();
    let listed = sandbox.run_with(&["rehearse", "--list"]).code(0);
    for drill in &DRILLS {
        assert!(
            listed
                .stdout
                .lines()
                .any(|line| line.starts_with(drill.name) && line.ends_with(drill.description))
        );
    }
    let names: BTreeSet<_> = DRILLS.iter().map(|drill| drill.name).collect();
    assert_eq!(names.len(), DRILLS.len(), "each has a name of its own");
    let wrong = sandbox.run_with(&["rehearse", "--serve", "--drill", "redis-slw"]).code(2);
    let _ = wrong.stderr_has("did you mean redis-slow?").stderr_has("--list");
    let _ =
        sandbox.run_with(&["rehearse", "--serve", "--drill", "random:x"]).code(2).stderr_has("whole number");
    let twice = ["rehearse", "--serve", "--drill", "redis-slow", "--drill", "redis-slow"];
    let _ = sandbox.run_with(&twice).code(2).stderr_has("name each once");
}

#[test]
fn two_that_are_left_to_chance_are_two() {
    let served = Served::start(&["--drill", "random", "--drill", "random"]);
    let profile: toml::Value =
        toml::from_str(&std::fs::read_to_string(served.dir.join("rehearsal.toml")).unwrap()).unwrap();
    let drills = profile["rehearsal"]["drills"].as_array().unwrap();
    let meant: BTreeSet<_> = drills
        .iter()
        .map(|drill| gonogo_rehearsal::drills::resolve(drill.as_str().unwrap()).unwrap().name)
        .collect();
    assert_eq!(meant.len(), 2, "{drills:?}");
}
