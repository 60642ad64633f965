//! Judges reports. Pure.

use super::JunitReport;
use super::commit::{self, NamedCommit};
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// How many failed tests are named.
const MAX_NAMED: usize = 5;

pub(super) fn judge(reports: &[(String, JunitReport)], commit: &str) -> Vec<Observation> {
    let mut seen = vec![tests(reports)];
    if reports.len() > 1 {
        seen.push(Observation::recorded("reports", text::count(reports.len(), "file")));
    }
    let all = |list: fn(&JunitReport) -> &Vec<String>| {
        reports.iter().flat_map(|(_, report)| list(report)).map(String::as_str).collect::<Vec<_>>()
    };
    let contradictions = all(|report| &report.contradictions);
    if !contradictions.is_empty() {
        seen.push(Observation::unknown("totals of the report", "match its tests", list(&contradictions)));
    }
    let left_out = all(|report| &report.left_out);
    if !left_out.is_empty() {
        let message = format!("a part was not run: {}", list(&left_out));
        seen.push(Observation::unknown("the suite", "all of it run", message));
    }
    let retried = all(|report| &report.retried);
    if !retried.is_empty() {
        seen.push(Observation::recorded("passed on retry", list(&retried)));
    }
    seen.push(names(reports, commit));
    seen
}

fn tests(reports: &[(String, JunitReport)]) -> Observation {
    let sum =
        |count: fn(&JunitReport) -> usize| reports.iter().map(|(_, report)| count(report)).sum::<usize>();
    let failed: Vec<_> = reports.iter().flat_map(|(_, report)| &report.failed).map(String::as_str).collect();
    let run = sum(|report| report.run);
    let mut seen = format!("{run} run, {} failed, {} skipped", failed.len(), sum(|report| report.skipped));
    if !failed.is_empty() {
        seen = format!("{seen}: {}", list(&failed));
    }
    Observation::new("tests", "one or more run, none failed", seen, run > 0 && failed.is_empty())
}

/// The first of a list.
fn list(items: &[&str]) -> String {
    let first = items.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = if items.len() > MAX_NAMED { ", …" } else { "" };
    format!("{first}{more}")
}

/// Each report must name the commit: a directory can hold reports of earlier runs.
fn names(reports: &[(String, JunitReport)], commit: &str) -> Observation {
    let what = "commit of the report";
    let place = |file: &str| if reports.len() > 1 { format!("{file}: ") } else { String::new() };
    let (mut same, mut none) = (None, None);
    for (file, report) in reports {
        match commit::named(report, commit) {
            NamedCommit::Other(seen) => {
                return Observation::new(what, commit, format!("{}{seen}", place(file)), false);
            }
            NamedCommit::Same(seen) => same = same.or(Some(seen)),
            NamedCommit::None(why) => none = none.or_else(|| Some(format!("{}{why}", place(file)))),
        }
    }
    match (none, same) {
        (None, Some(seen)) => Observation::new(what, commit, seen, true),
        (none, _) => Observation::new(what, commit, none.unwrap_or_default(), false),
    }
}
