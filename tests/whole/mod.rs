//! The whole stack of the standard checklist on loopback, and `gonogo check` of all of it.

mod deploy;
mod faults;
mod secrets;
mod unreachable;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use crate::support::full_stack::{FullStack, PROGRAMS, REPOSITORY};
use crate::support::supervisor::installed;
use faults::StackFault;
use faults::elsewhere::{ELSEWHERE, ElsewhereTested};

/// The points with a failed probe or an error, with the failed observations.
fn problems(report: &Value) -> BTreeMap<String, String> {
    let mut problems: BTreeMap<String, String> = BTreeMap::new();
    let points_of_report = report["points"].as_array().unwrap().iter();
    for point in points_of_report.filter(|point| point["status"] != "not applicable") {
        for probe in point["probes"].as_array().unwrap() {
            let outcome = &probe["outcome"];
            if outcome["class"] == "pass" {
                continue;
            }
            let details = problems.entry(point["id"].as_str().unwrap().to_owned()).or_default();
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
    problems
}

#[test]
fn every_point_passes_and_nothing_is_left_behind() {
    if !installed(&PROGRAMS) {
        return;
    }
    let whole = FullStack::start();
    let output = whole.check("json");
    let problems = problems(&output.json());
    assert!(problems.is_empty(), "{problems:#?}");
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
    assert_left_to_people(&whole);
}

/// What the deployment does not write out was compared with nothing, and is for a person to confirm.
fn assert_left_to_people(whole: &FullStack) {
    whole.cluster.update(|objects| {
        let app = objects.deployments.get_mut("advanced-app").unwrap();
        *app.pointer_mut("/spec/template/spec/containers/0/env").unwrap() = Value::Array(Vec::new());
    });
    let report = whole.start_check("json", &["--only", "secrets", "--machine"]).finish().code(1).json();
    let points = report["points"].as_array().unwrap().iter();
    let needing = points.filter(|point| point["status"] == "needs confirmation").map(|point| &point["id"]);
    assert_eq!(needing.collect::<Vec<_>>(), ["secrets.allowed-origins", "secrets.otlp-export"]);
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

/// Injects the faults of a group together, which must fail exactly their points: each fault its own, with its cause.
fn run_group(whole: &mut FullStack, group: &[&StackFault]) -> Result<(), String> {
    whole.check_package(group.iter().any(|fault| fault.points.contains(&"validate.package-metadata")));
    for fault in group {
        (fault.inject)(whole);
    }
    let problems = problems(&whole.check("json").json());
    for fault in group {
        (fault.fix)(whole);
    }
    let expected: BTreeSet<_> = group.iter().flat_map(|fault| fault.expected()).collect();
    let points: BTreeSet<_> = problems.keys().cloned().collect();
    let mut failures = String::new();
    if points != expected {
        let _ = writeln!(failures, "{points:?}, expected {expected:?}");
    }
    for fault in group {
        let details: String = fault.points.iter().filter_map(|point| problems.get(*point)).cloned().collect();
        let missing: Vec<_> = fault.messages.iter().filter(|cause| !details.contains(**cause)).collect();
        if !missing.is_empty() {
            let _ = writeln!(failures, "{}: missing {missing:?}", fault.name);
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = group.iter().map(|fault| fault.name).collect();
    let details: String = problems.into_values().collect();
    Err(format!("{}:\n{failures}{details}", names.join(" + ")))
}

/// Runs every other group, so that two tests share them.
fn run_faults(first: usize) {
    if !installed(&PROGRAMS) {
        return;
    }
    let mut whole = FullStack::start();
    let groups = faults::groups();
    let results = groups.iter().skip(first).step_by(2).map(|group| run_group(&mut whole, group));
    let failures: Vec<_> = results.filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn faults_fail_exactly_their_points_in_the_odd_groups() {
    run_faults(0);
}

#[test]
fn faults_fail_exactly_their_points_in_the_even_groups() {
    run_faults(1);
}

#[test]
fn the_faults_cover_most_points() {
    for fault in faults::all() {
        println!("{:<50} {}", fault.name, fault.points.join(", "));
    }
    let names: BTreeSet<_> = faults::all().map(|fault| fault.name).collect();
    assert_eq!(names.len(), faults::all().count());
    assert!(names.len() >= 110, "{}", names.len());
    let reached: BTreeSet<_> = faults::all().flat_map(|fault| fault.points).collect();
    assert!(reached.len() >= 22, "{reached:?}");
    assert!(faults::groups().len() <= 45, "{}", faults::groups().len());
}

#[test]
fn faults_without_a_row_are_tested_where_the_list_says() {
    for ElsewhereTested { fault, reason, file } in ELSEWHERE {
        println!("{fault:<50} {reason} ({})", file.unwrap_or("by hand, on the real application"));
        let file = file.map(|file| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        assert!(file.is_none_or(|file| file.is_file()), "{fault}");
        assert!(!reason.is_empty());
    }
}
