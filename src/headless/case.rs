//! Shared by the JUnit and TAP formats: a point as a test case, and its text.

use std::fmt::Write as _;

use gonogo_core::checklist::Point;
use gonogo_core::run::{Judgement, Status, explain};
use gonogo_core::text::line;

/// The result of a point as a test case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaseResult {
    /// Done.
    Passed,
    /// Failed.
    Failed,
    /// Could not be checked.
    Error,
    /// Not applicable, or waits for a person or for something else: nothing has failed, and the exit code says that it is
    /// not done.
    Skipped,
}

pub(super) fn case_result(judgement: &Judgement, point: &Point) -> CaseResult {
    match judgement.status(&point.id) {
        Status::NotApplicable
        | Status::NeedsConfirmation { .. }
        | Status::NeedsAction(_)
        | Status::Running(_)
        | Status::Blocked(_)
        | Status::NotDue(_)
        | Status::Reverted(_) => CaseResult::Skipped,
        Status::Error
        | Status::Interrupted(_)
        | Status::Unconfigured(_)
        | Status::Pending
        | Status::Stale => CaseResult::Error,
        status if status.is_done() => CaseResult::Passed,
        _ => CaseResult::Failed,
    }
}

/// A one-line message, and the details.
pub(super) fn case_text(judgement: &Judgement, point: &Point) -> (String, String) {
    let status = judgement.status(&point.id);
    let why = explain(judgement, &point.id, &status);
    let message = if why.is_empty() { status.label() } else { format!("{}: {}", status.label(), line(&why)) };
    (message, detail(judgement, point))
}

fn detail(judgement: &Judgement, point: &Point) -> String {
    let mut out = String::new();
    let state = judgement.state.point(&point.id);
    for probe in &point.probes {
        let run = state.and_then(|state| state.probes.get(&probe.id)?.latest.as_ref());
        let Some(run) = run else { continue };
        for seen in run.outcome.problems() {
            let word = if seen.ok.is_none() { "error:" } else { "seen" };
            let _ = writeln!(
                out,
                "{}: {}: expected {}, {word} {}",
                line(&probe.title),
                line(&seen.what),
                line(&seen.expected),
                line(&seen.seen)
            );
        }
        if !run.outcome.reproduce.is_empty() {
            let _ = writeln!(out, "try: {}", line(&run.outcome.reproduce));
        }
    }
    out
}

/// The total time of a point's probes, in milliseconds.
pub(super) fn duration_ms(judgement: &Judgement, point: &Point) -> u64 {
    let state = judgement.state.point(&point.id);
    let runs = state.iter().flat_map(|state| state.probes.values()).filter_map(|probe| probe.latest.as_ref());
    runs.map(|run| run.took_ms).sum()
}
