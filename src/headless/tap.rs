//! TAP version 14 (testanything.org): a line per point, a YAML block for those that are not done.

use std::fmt::Write as _;

use super::LeftOut;
use super::case::{CaseResult, case_result, case_text};
use gonogo_core::run::Judgement;
use gonogo_core::text::line;

/// The whole report; `left_out` lists what was left out on request.
#[must_use]
pub fn tap(judgement: &Judgement, left_out: &LeftOut) -> String {
    let plan = &judgement.state.plan;
    let mut out = format!("TAP version 14\n1..{}\n", plan.points().count() + left_out.skipped.len());
    for what in &left_out.notes {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "# left out: {}", line(what));
    }
    for (number, point) in (1..).zip(plan.points()) {
        let kind = case_result(judgement, point);
        let ok = if matches!(kind, CaseResult::Passed | CaseResult::Skipped) { "ok" } else { "not ok" };
        let (message, detail) = case_text(judgement, point);
        let title = escaped(&format!("{} {}", line(&point.id), line(&left_out.title(point))));
        let skip = if kind == CaseResult::Skipped {
            format!(" # SKIP {}", escaped(&message))
        } else {
            String::new()
        };
        let _ = writeln!(out, "{ok} {number} - {title}{skip}");
        if matches!(kind, CaseResult::Failed | CaseResult::Error) {
            let _ = writeln!(
                out,
                "  ---\n  severity: {}",
                if kind == CaseResult::Failed { "fail" } else { "error" }
            );
            let _ = writeln!(out, "  message: {}", quoted(&message));
            let _ = writeln!(out, "  detail: |");
            for line in detail.lines() {
                let _ = writeln!(out, "    {line}");
            }
            let _ = writeln!(out, "  ...");
        }
    }
    for (number, point) in (plan.points().count() + 1..).zip(&left_out.skipped) {
        let title = escaped(&format!("{} {}", line(&point.id), line(&point.title)));
        let _ = writeln!(out, "ok {number} - {title} # SKIP {}", escaped(&line(&point.why)));
    }
    out
}

/// Escapes `#`, which would begin a directive.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('#', "\\#")
}

/// A YAML double-quoted scalar, which JSON's strings are.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
