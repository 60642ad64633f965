//! The whole stack on loopback: everything that the standard checklist looks at, and `gonogo check` over all of it.

mod blind;
mod deploy;
mod faults;
mod secrets;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::bench::supervisor::installed;
use crate::bench::whole::{PROGRAMS, REPOSITORY, Whole};
use faults::{FAULTS, Fault};

/// The points of which a look was not good, and all that was seen there.
fn troubles(report: &Value) -> (BTreeSet<String>, String) {
    let mut points = BTreeSet::new();
    let mut said = String::new();
    for point in report["points"].as_array().unwrap() {
        for probe in point["probes"].as_array().unwrap() {
            let outcome = &probe["outcome"];
            if outcome["class"] == "pass" {
                continue;
            }
            points.insert(point["id"].as_str().unwrap().to_owned());
            for seen in
                outcome["observations"].as_array().into_iter().flatten().filter(|seen| seen["ok"] != true)
            {
                let _ = writeln!(
                    said,
                    "{}: {} | {} | {}",
                    point["id"], seen["what"], seen["expected"], seen["seen"]
                );
            }
        }
    }
    (points, said)
}

#[test]
fn everything_is_green_and_nothing_is_left_behind() {
    if !installed(&PROGRAMS) {
        return;
    }
    let whole = Whole::start();
    let output = whole.check("json");
    let (points, said) = troubles(&output.json());
    assert!(points.is_empty(), "{said}");
    let known: Vec<_> =
        output.json()["points"].as_array().unwrap().iter().map(|point| point["id"].clone()).collect();
    assert_eq!(known.len(), 27);
    let report = output.json();
    let probes =
        report["points"].as_array().unwrap().iter().flat_map(|point| point["probes"].as_array().unwrap());
    for probe in probes.filter(|probe| probe["outcome"]["class"] == "pass") {
        // What only the profile says needs no command to be seen.
        let is_said = ["value", "roles"].contains(&probe["id"].as_str().unwrap());
        assert!(is_said || probe["outcome"]["reproduce"] != "", "{probe:#}");
    }
    assert_eq!(whole.stack.vhost.depth("advanced.board.events.dlq").0, 0);
    assert_eq!(whole.registry.uploads(REPOSITORY), 0, "nothing is left behind");
}

/// Each fault by itself, in the real thing, turns the points that it must and no others.
fn walk(faults: &[Fault]) {
    let mut whole = Whole::start();
    let (mut table, mut wrong) = (String::new(), String::new());
    for fault in faults {
        (fault.inject)(&mut whole);
        let (points, said) = troubles(&whole.check("json").json());
        let expected: BTreeSet<_> = fault.points.iter().map(|point| (*point).to_owned()).collect();
        let untold: Vec<_> = fault.told.iter().filter(|cause| !said.contains(**cause)).collect();
        if points != expected || !untold.is_empty() {
            let _ = writeln!(
                wrong,
                "{}: {points:?}, expected {expected:?}; not told: {untold:?}\n{said}",
                fault.name
            );
        }
        let _ = writeln!(table, "{:<45} {}", fault.name, fault.points.join(", "));
        (fault.mend)(&mut whole);
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_first_faults_turn_exactly_their_points() {
    if !installed(&PROGRAMS) {
        return;
    }
    walk(&FAULTS[..FAULTS.len() / 2]);
}

#[test]
fn the_other_faults_turn_exactly_their_points() {
    if !installed(&PROGRAMS) {
        return;
    }
    walk(&FAULTS[FAULTS.len() / 2..]);
}

#[test]
fn there_are_faults_enough_and_they_reach_every_kind_of_look() {
    assert!(FAULTS.len() >= 25, "{}", FAULTS.len());
    let reached: BTreeSet<_> = FAULTS.iter().flat_map(|fault| fault.points).collect();
    assert!(reached.len() >= 20, "{reached:?}");
}
