//! The whole stack of the standard checklist on loopback, and `gonogo check` of all of it.

mod deploy;
mod faults;
mod secrets;
mod unreachable;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::support::full_stack::{FullStack, PROGRAMS, REPOSITORY};
use crate::support::supervisor::installed;
use faults::StackFault;

/// The points with a failed probe or an error, and the failed observations.
fn problems(report: &Value) -> (BTreeSet<String>, String) {
    let mut points = BTreeSet::new();
    let mut details = String::new();
    let points_of_report = report["points"].as_array().unwrap().iter();
    for point in points_of_report.filter(|point| point["status"] != "not applicable") {
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
                    details,
                    "{}: {} | {} | {}",
                    point["id"], seen["what"], seen["expected"], seen["seen"]
                );
            }
        }
    }
    (points, details)
}

#[test]
fn every_point_passes_and_nothing_is_left_behind() {
    if !installed(&PROGRAMS) {
        return;
    }
    let whole = FullStack::start();
    let output = whole.check("json");
    let (points, details) = problems(&output.json());
    assert!(points.is_empty(), "{details}");
    let known: Vec<_> =
        output.json()["points"].as_array().unwrap().iter().map(|point| point["id"].clone()).collect();
    assert_eq!(known.len(), 27);
    let report = output.json();
    let probes =
        report["points"].as_array().unwrap().iter().flat_map(|point| point["probes"].as_array().unwrap());
    for probe in probes.filter(|probe| probe["outcome"]["class"] == "pass") {
        // Probes of values in the profile have no command to reproduce them.
        let is_of_profile = ["value", "roles"].contains(&probe["id"].as_str().unwrap());
        assert!(is_of_profile || probe["outcome"]["reproduce"] != "", "{probe:#}");
    }
    assert_request_budget(&whole);
    assert_eq!(whole.stack.vhost.depth("advanced.board.events.dlq").0, 0);
    assert_eq!(whole.registry.uploads(REPOSITORY), 0, "nothing is left behind");
}

/// A whole check stays well within the rate limits of the application: 30 event streams and 120 other requests a minute.
/// Health and metrics are not limited.
fn assert_request_budget(whole: &FullStack) {
    let (mut streams, mut others) = (0, 0);
    for ((path, status), count) in whole.stack.app.requests() {
        match path.as_str() {
            "/healthz" | "/readyz" | "/metrics" => {}
            "/sse/activity" if status == 200 => streams += count,
            _ => others += count,
        }
    }
    assert!((3..=12).contains(&streams), "{streams} event streams");
    assert!((3..=60).contains(&others), "{others} other requests with a rate limit");
}

/// Injects each fault by itself; it must fail its points and no others.
fn run_faults(faults: &[StackFault]) {
    let mut whole = FullStack::start();
    let (mut table, mut failures) = (String::new(), String::new());
    for fault in faults {
        whole.check_package(fault.points.contains(&"validate.package-metadata"));
        (fault.inject)(&mut whole);
        let (points, details) = problems(&whole.check("json").json());
        let expected: BTreeSet<_> = fault.points.iter().map(|point| (*point).to_owned()).collect();
        let missing: Vec<_> = fault.messages.iter().filter(|cause| !details.contains(**cause)).collect();
        if points != expected || !missing.is_empty() {
            let _ = writeln!(
                failures,
                "{}: {points:?}, expected {expected:?}; missing: {missing:?}\n{details}",
                fault.name
            );
        }
        let _ = writeln!(table, "{:<45} {}", fault.name, fault.points.join(", "));
        (fault.fix)(&mut whole);
    }
    println!("{table}");
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn faults_of_the_brokers_fail_exactly_their_points() {
    if installed(&PROGRAMS) {
        run_faults(faults::brokers::FAULTS);
    }
}

#[test]
fn faults_of_the_application_fail_exactly_their_points() {
    if installed(&PROGRAMS) {
        run_faults(faults::application::FAULTS);
    }
}

#[test]
fn faults_of_the_release_fail_exactly_their_points() {
    if installed(&PROGRAMS) {
        run_faults(faults::release::FAULTS);
    }
}

#[test]
fn the_faults_cover_most_points() {
    assert!(faults::all().count() >= 55, "{}", faults::all().count());
    let reached: BTreeSet<_> = faults::all().flat_map(|fault| fault.points).collect();
    assert!(reached.len() >= 20, "{reached:?}");
}
