//! What the formats for programs share: what a point comes to for a test report, and its words.

use std::fmt::Write as _;

use crate::checklist::Point;
use crate::run::{Judgement, Status, why};
use crate::text::line;

/// What a point comes to for a test report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Closed.
    Good,
    /// Looked at and wrong, or a person has still to act.
    Bad,
    /// Nobody knows.
    Unknown,
    /// Does not concern this environment.
    Skipped,
}

pub(super) fn kind(judgement: &Judgement, point: &Point) -> Kind {
    match judgement.status(&point.id) {
        Status::NotApplicable => Kind::Skipped,
        Status::Error
        | Status::Interrupted(_)
        | Status::Unconfigured(_)
        | Status::Pending
        | Status::Stale => Kind::Unknown,
        status if status.is_closed() => Kind::Good,
        _ => Kind::Bad,
    }
}

/// A line that says what is wrong, and all that is behind it.
pub(super) fn words(judgement: &Judgement, point: &Point) -> (String, String) {
    let status = judgement.status(&point.id);
    let why = why(judgement, &point.id, &status);
    let message = if why.is_empty() { status.word() } else { format!("{}: {}", status.word(), line(&why)) };
    (message, detail(judgement, point))
}

fn detail(judgement: &Judgement, point: &Point) -> String {
    let mut out = String::new();
    let state = judgement.state.point(&point.id);
    for probe in &point.probes {
        let look = state.and_then(|state| state.probes.get(&probe.id)?.latest.as_ref());
        let Some(look) = look else { continue };
        for seen in look.outcome.troubles() {
            let word = if seen.ok.is_none() { "instead" } else { "seen" };
            let _ = writeln!(
                out,
                "{}: {}: expected {}, {word} {}",
                line(&probe.title),
                line(&seen.what),
                line(&seen.expected),
                line(&seen.seen)
            );
        }
        if !look.outcome.reproduce.is_empty() {
            let _ = writeln!(out, "try: {}", line(&look.outcome.reproduce));
        }
    }
    out
}

/// How long a point's probes took together, in milliseconds.
pub(super) fn took_ms(judgement: &Judgement, point: &Point) -> u64 {
    let state = judgement.state.point(&point.id);
    let looks =
        state.iter().flat_map(|state| state.probes.values()).filter_map(|probe| probe.latest.as_ref());
    looks.map(|look| look.took_ms).sum()
}
