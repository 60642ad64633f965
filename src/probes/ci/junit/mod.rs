//! `JUnit` reports: how many tests ran, which failed, and of which commit they are. What counts is the tests
//! themselves; sums that contradict them are reported. A directory holds one report for each suite, as Surefire and
//! Gradle write them.

mod commit;
mod judge;
mod parse;
mod properties;
mod read;
#[cfg(test)]
mod tests;

use super::super::deadline::Deadline;
use super::super::error::ProbeResult;
use super::super::judging;
use gonogo_core::outcome::Observation;

/// The content of one report.
#[derive(Debug, Default, PartialEq, Eq)]
struct JunitReport {
    /// The tests that ran.
    run: usize,
    failed: Vec<String>,
    skipped: usize,
    /// The tests that passed only when they were repeated.
    retried: Vec<String>,
    /// Where the sums of a suite contradict its tests.
    contradictions: Vec<String>,
    /// What was not run, as the report says.
    left_out: Vec<String>,
    /// The properties of the report and its suites: name and value.
    properties: Vec<(String, String)>,
    /// The properties of single tests.
    test_properties: Vec<(String, String)>,
}

pub(super) async fn run(file: &str, commit: &str, deadline: &Deadline) -> Vec<Observation> {
    let (path, tagged) = (file.to_owned(), commit.to_owned());
    let read = move || read::reports(&path).map(|reports| judge::judge(&reports, &tagged));
    let read = judging::on_blocking_thread("the report", deadline, read).await;
    let seen: ProbeResult<Vec<Observation>> = read.and_then(|seen| seen);
    seen.unwrap_or_else(|why| vec![Observation::unknown(format!("report {file}"), "a JUnit report", why)])
}
