//! Every drill fails exactly its points, and their observations name the cause.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gonogo_rehearsal::drills::{DRILLS, Drill};
use serde_json::Value;

use crate::support::served_rehearsal::ServedRehearsal;

/// The points with a failed probe or an error, the points that passed on a retry, and the failed observations.
fn problems(report: &Value) -> (BTreeSet<&str>, BTreeSet<&str>, String) {
    let (mut failed, mut retried, mut details) = (BTreeSet::new(), BTreeSet::new(), String::new());
    for point in report["points"].as_array().unwrap() {
        let id = point["id"].as_str().unwrap();
        for outcome in point["probes"].as_array().unwrap().iter().map(|probe| &probe["outcome"]) {
            if outcome["class"] == "pass" {
                if outcome["tries"].as_u64() > Some(1) {
                    retried.insert(id);
                }
                continue;
            }
            failed.insert(id);
            let observations = outcome["observations"].as_array().into_iter().flatten();
            for seen in observations.filter(|seen| seen["ok"] != true) {
                let _ = writeln!(details, "{id}: {} | {} | {}", seen["what"], seen["expected"], seen["seen"]);
            }
        }
    }
    (failed, retried, details)
}

fn run_drill(drill: &Drill) {
    let (report, code) = ServedRehearsal::start(&["--deployed", "--drill", drill.name]).check();
    let (failed, retried, details) = problems(&report);
    let points: BTreeSet<&str> = drill.points.iter().copied().collect();
    if drill.passes_on_retry {
        assert!(
            failed.is_empty() && points.is_subset(&retried),
            "{}: {failed:?} {retried:?}\n{details}",
            drill.name
        );
        assert_eq!(code, Some(0), "{}", drill.name);
        return;
    }
    assert_eq!(failed, points, "{}:\n{details}", drill.name);
    for point in points {
        let own: Vec<&str> = details.lines().filter(|line| line.starts_with(point)).collect();
        assert!(!own.is_empty(), "{}: no observation of {point}", drill.name);
    }
    assert!(details.contains(drill.cause), "{}: {:?} is not named by\n{details}", drill.name, drill.cause);
    assert_ne!(code, Some(0), "{}", drill.name);
}

/// Every third drill, so that three tests can run in parallel.
fn run_third(which: usize) {
    DRILLS.iter().skip(which).step_by(3).for_each(run_drill);
}

#[test]
fn the_first_third_of_the_drills_is_detected() {
    run_third(0);
}

#[test]
fn the_second_third_of_the_drills_is_detected() {
    run_third(1);
}

#[test]
fn the_last_third_of_the_drills_is_detected() {
    run_third(2);
}

#[test]
fn without_a_drill_every_point_passes() {
    let (report, code) = ServedRehearsal::start(&["--deployed"]).check();
    let (failed, _, details) = problems(&report);
    assert!(failed.is_empty(), "{details}");
    assert_eq!(report["points"].as_array().unwrap().len(), 27);
    assert_eq!(code, Some(0));
}

#[test]
fn drills_are_listed_by_name_and_an_unknown_one_is_rejected() {
    let sandbox = crate::support::gonogo::Sandbox::new();
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
    assert_eq!(names.len(), DRILLS.len(), "a name is used twice");
    let output = sandbox.run_with(&["rehearse", "--serve", "--drill", "redis-slw"]).code(2);
    let _ = output.stderr_has("did you mean redis-slow?").stderr_has("--list");
    let _ =
        sandbox.run_with(&["rehearse", "--serve", "--drill", "random:x"]).code(2).stderr_has("whole number");
    let twice = ["rehearse", "--serve", "--drill", "redis-slow", "--drill", "redis-slow"];
    let _ = sandbox.run_with(&twice).code(2).stderr_has("name each once");
}

#[test]
fn two_random_drills_are_different() {
    let served = ServedRehearsal::start(&["--drill", "random", "--drill", "random"]);
    let profile: toml::Value =
        toml::from_str(&std::fs::read_to_string(served.dir.join("rehearsal.toml")).unwrap()).unwrap();
    let drills = profile["rehearsal"]["drills"].as_array().unwrap();
    let names: BTreeSet<_> = drills
        .iter()
        .map(|drill| gonogo_rehearsal::drills::resolve(drill.as_str().unwrap()).unwrap().name)
        .collect();
    assert_eq!(names.len(), 2, "{drills:?}");
}
