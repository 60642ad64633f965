//! The debrief of a rehearsal's drills: what was broken, whether and when it was found, and what was wrongly
//! waived.

use serde::Serialize;

use gonogo_core::journal::entry::{Decision, Entry, Event};
use gonogo_core::outcome::Class;
use gonogo_core::run::{Note, RunState};
use gonogo_core::text::line;
use gonogo_core::time::{Moment, span};

/// A drill: something that was broken on purpose.
#[derive(Clone, Copy, Debug)]
pub struct DrillInfo<'a> {
    /// The name of the drill.
    pub name: &'a str,
    /// What is broken, in a line.
    pub what: &'a str,
    /// The control points that can detect it.
    pub points: &'a [&'a str],
    /// Whether a second attempt passes.
    pub passes_on_retry: bool,
}

/// A rehearsal: its drills, if it had any.
#[derive(Debug, Serialize)]
pub struct RehearsalPart {
    /// The debriefs of its drills.
    pub drills: Vec<DrillDebrief>,
}

/// The debrief of one drill.
#[derive(Debug, Serialize)]
pub struct DrillDebrief {
    /// The name of the drill.
    pub name: String,
    /// What was broken.
    pub what: String,
    /// The control points that can detect it.
    pub points: Vec<String>,
    /// Whether the people stopped for it, or released in spite of it where that is right, and named it.
    pub found: bool,
    /// Whether they named it.
    pub diagnosed: bool,
    /// When they named it, in milliseconds after the opening.
    pub diagnosed_ms: Option<u64>,
    /// When gonogo detected it, in milliseconds after the opening.
    pub detected_ms: Option<u64>,
    /// When somebody responded to it, in milliseconds after the opening.
    pub response_ms: Option<u64>,
    /// The points that were waived, or declared not applicable, although they were broken.
    pub waived: Vec<String>,
    /// The debrief in one sentence.
    pub sentence: String,
}

/// The debrief of a run's drills; none if the run is not a rehearsal.
#[must_use]
pub fn rehearsal_part(entries: &[Entry], state: &RunState, drills: &[DrillInfo]) -> Option<RehearsalPart> {
    state.plan.rehearsal.as_ref()?;
    let drills = drills.iter().map(|drill| debrief(entries, state, drill)).collect();
    Some(RehearsalPart { drills })
}

/// How the run ended, as far as a drill is concerned.
enum DrillEnd {
    StoppedForDrill,
    StoppedForOther,
    Released,
    Open,
}

fn debrief(entries: &[Entry], state: &RunState, drill: &DrillInfo) -> DrillDebrief {
    let concerns = |entry: &&Entry| entry.event.point().is_some_and(|point| drill.points.contains(&point));
    let detection = entries.iter().filter(concerns).find(|entry| detects(entry, drill));
    let after = |entry: &&Entry| detection.is_some_and(|detection| entry.header.seq > detection.header.seq);
    let is_response = |entry: &&Entry| {
        let is_no_go = matches!(&entry.event, Event::Verdict(verdict) if verdict.decision == Decision::NoGo);
        let is_rollback = match &entry.event {
            Event::RolledBack(_) => true,
            Event::ActionStarted(started) => started.action.is_rollback() && !started.dry_run,
            _ => false,
        };
        is_no_go || is_rollback || (entry.event.needs_signature() && concerns(entry))
    };
    let response = entries.iter().filter(after).find(is_response);
    let waived = drill.points.iter().filter(|point| {
        let point_state = state.point(point);
        point_state
            .is_some_and(|point_state| !point_state.waivers.is_empty() || !point_state.exemptions.is_empty())
    });
    let waived: Vec<String> = waived.map(|point| (*point).to_owned()).collect();
    let end = drill_end(state, drill, detection.is_some());
    let diagnosis = state.diagnoses().find(|(_, fault)| *fault == drill.what).map(|(note, _)| note);
    let is_stopped = match end {
        DrillEnd::StoppedForDrill => true,
        DrillEnd::Released => drill.passes_on_retry && detection.is_some(),
        DrillEnd::StoppedForOther | DrillEnd::Open => false,
    };
    let [detected_ms, response_ms] =
        [detection, response].map(|entry| entry.map(|entry| millis(&state.opened_at, &entry.header.at)));
    let ending = describe_end(state, drill, &end, diagnosis.is_some());
    let steps = describe_steps(state, detection, response);
    let sentence =
        format!("{ending}; {steps}; {}{}", describe_diagnosis(state, diagnosis), describe_waived(&waived));
    DrillDebrief {
        name: line(drill.name),
        what: line(drill.what),
        points: drill.points.iter().map(|point| (*point).to_owned()).collect(),
        found: is_stopped && diagnosis.is_some(),
        diagnosed: diagnosis.is_some(),
        diagnosed_ms: diagnosis.map(|note| millis(&state.opened_at, &note.at)),
        detected_ms,
        response_ms,
        waived,
        sentence,
    }
}

/// Whether a probe result shows the fault.
fn detects(entry: &Entry, drill: &DrillInfo) -> bool {
    let Event::Probed(probed) = &entry.event else { return false };
    let retried = drill.passes_on_retry && probed.outcome.tries > 1;
    !probed.early && (probed.outcome.class != Class::Pass || retried)
}

/// A point that is not due, or not confirmed yet, is a reason of an early NO-GO, too: without a detection it is not for the drill.
fn drill_end(state: &RunState, drill: &DrillInfo, is_detected: bool) -> DrillEnd {
    let is_rolled_back = is_detected && state.rolled_back.is_some();
    let Some(verdict) = &state.verdict else {
        return if is_rolled_back { DrillEnd::StoppedForDrill } else { DrillEnd::Open };
    };
    let is_named = verdict.reasons.iter().any(|reason| drill.points.contains(&reason.point.as_str()));
    match verdict.decision {
        Decision::Go => DrillEnd::Released,
        _ if is_rolled_back => DrillEnd::StoppedForDrill,
        Decision::Pending => DrillEnd::Open,
        Decision::NoGo if is_detected && is_named => DrillEnd::StoppedForDrill,
        Decision::NoGo => DrillEnd::StoppedForOther,
    }
}

fn millis(from: &Moment, at: &Moment) -> u64 {
    u64::try_from(at.since(from).as_millis()).unwrap_or(u64::MAX)
}

fn describe_end(state: &RunState, drill: &DrillInfo, end: &DrillEnd, is_named: bool) -> &'static str {
    match end {
        DrillEnd::StoppedForDrill => match (state.rolled_back.is_some(), is_named) {
            (true, true) => "FOUND: the release was rolled back",
            (false, true) => "FOUND: the verdict is NO-GO for it",
            (true, false) => "STOPPED, but not diagnosed: the release was rolled back",
            (false, false) => "STOPPED, but not diagnosed: the verdict is NO-GO for it",
        },
        DrillEnd::StoppedForOther => "MISSED: the verdict is NO-GO, but not for it",
        DrillEnd::Released if drill.passes_on_retry => "passes on retry, and is shown as such: GO is correct",
        DrillEnd::Released => "MISSED: the verdict is GO",
        DrillEnd::Open if is_named => "NAMED, but no verdict was recorded",
        DrillEnd::Open => "OPEN: no verdict",
    }
}

/// When it was detected, and what came first after that.
fn describe_steps(state: &RunState, detection: Option<&Entry>, response: Option<&Entry>) -> String {
    let after = |entry: &Entry| span(entry.header.at.since(&state.opened_at));
    let Some(detection) = detection else {
        return "never detected: no probe that was due has reported it".to_owned();
    };
    let responded = response
        .map(|entry| format!(", first response after {} by {}", after(entry), line(&entry.header.by)));
    format!("a probe detected it after {}{}", after(detection), responded.unwrap_or_default())
}

/// When it was named, or what was named instead.
fn describe_diagnosis(state: &RunState, diagnosis: Option<&Note>) -> String {
    if let Some(note) = diagnosis {
        let after = span(note.at.since(&state.opened_at));
        return format!("diagnosed after {after} by {}", line(&note.by));
    }
    let named: Vec<_> = state.diagnoses().map(|(_, fault)| line(fault)).collect();
    match named[..] {
        [] => "no diagnosis was given".to_owned(),
        _ => format!("not in the diagnosis: {}", named.join("; ")),
    }
}

fn describe_waived(waived: &[String]) -> String {
    match waived {
        [] => String::new(),
        points => format!("; waived although broken: {}", points.join(", ")),
    }
}
