//! The sections and their points at the end of the log.

use serde::Serialize;

use super::actions::{ActionPart, action_parts};
use gonogo_core::checklist::{Point, Probe};
use gonogo_core::outcome::{Class, Observation};
use gonogo_core::run::{
    Judgement, PointState, ProbeRun, Status, explain, required_confirm, valid_confirmations,
};
use gonogo_core::text::{block, line};

/// One of the checklist's sections.
#[derive(Debug, Serialize)]
pub struct SectionPart {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How many of its points are done.
    pub done: usize,
    /// Its points.
    pub points: Vec<PointPart>,
}

/// One control point.
#[derive(Debug, Serialize)]
pub struct PointPart {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// Whether a waiver needs two people.
    pub mandatory: bool,
    /// Its state in a word or two.
    pub status: String,
    /// The class of the state: `done`, `failed`, `error`, `waived` or `open`.
    pub class: &'static str,
    /// The explanation of its state, if there is one.
    pub problem: Option<String>,
    /// How many people must confirm it.
    pub people: usize,
    /// The link to what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Who can help.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Its actions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionPart>,
    /// Its probes.
    pub probes: Vec<ProbePart>,
    /// Its confirmations, waivers, exemptions and notes.
    pub acts: Vec<PointEntry>,
}

/// One probe and its newest result.
#[derive(Debug, Serialize)]
pub struct ProbePart {
    /// Its id within the point.
    pub id: String,
    /// Its title.
    pub title: String,
    /// `pass`, `fail`, `error`; `none` if it never ran.
    pub class: &'static str,
    /// The entry of that result.
    pub seq: Option<u64>,
    /// When, RFC 3339.
    pub at: Option<String>,
    /// How many attempts the result took.
    pub tries: u32,
    /// How many results there are.
    pub attempts: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The observations.
    pub observations: Vec<ObservationPart>,
    /// The command that shows the same.
    pub reproduce: Option<String>,
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObservationPart {
    /// What was observed.
    pub what: String,
    /// The expected value.
    pub expected: String,
    /// The observed value.
    pub seen: String,
    /// Whether it is as expected; absent if it could not be checked.
    pub ok: Option<bool>,
    /// Whether it is a measured value, which differs each time.
    pub measured: bool,
    /// Its stable key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A signed entry of a point that is not retracted.
#[derive(Debug, Serialize)]
pub struct PointEntry {
    /// Its entry.
    pub seq: u64,
    /// Who.
    pub by: String,
    /// What: `confirmed`, `waived until 2026-01-01 …`, `not applicable`, `noted`.
    pub what: String,
    /// Why, in their words.
    pub words: Option<String>,
    /// Whether it is still valid.
    pub valid: bool,
}

pub(super) fn section_parts(judgement: &Judgement) -> Vec<SectionPart> {
    let section = |section: &gonogo_core::checklist::Section| SectionPart {
        id: line(&section.id),
        title: line(&section.title),
        done: section.points.iter().filter(|point| judgement.is_done(&point.id)).count(),
        points: section.points.iter().map(|point| point_part(judgement, point)).collect(),
    };
    judgement.state.plan.sections.iter().map(section).collect()
}

fn point_part(judgement: &Judgement, point: &Point) -> PointPart {
    let status = judgement.status(&point.id);
    let state = judgement.state.point(&point.id);
    let problem = Some(line(&explain(judgement, &point.id, &status))).filter(|why| !why.is_empty());
    PointPart {
        id: line(&point.id),
        title: line(&point.title),
        why: line(&point.why),
        mandatory: point.mandatory,
        status: status.label(),
        class: status_class(&status),
        problem,
        people: state.map_or(point.confirm, |state| required_confirm(point, state)).people(),
        runbook: point.runbook.as_deref().map(line),
        contacts: point.contacts.iter().map(|contact| line(contact)).collect(),
        actions: action_parts(judgement.state, &point.id, &point.actions),
        probes: point.probes.iter().map(|probe| probe_part(probe, state)).collect(),
        acts: state.map(|state| point_entries(judgement, state)).unwrap_or_default(),
    }
}

/// The class of a state.
pub(super) const fn status_class(status: &Status) -> &'static str {
    match status {
        Status::Waived(_) | Status::NotApplicable => "waived",
        status if status.is_done() => "done",
        Status::Failed => "failed",
        Status::Error | Status::Interrupted(_) | Status::Unconfigured(_) | Status::Stale => "error",
        _ => "open",
    }
}

fn probe_part(probe: &Probe, state: Option<&PointState>) -> ProbePart {
    let state = state.and_then(|state| state.probes.get(&probe.id));
    let run = state.and_then(|state| state.latest.as_ref());
    let outcome = run.map(|run| &run.outcome);
    let class = outcome.map_or("none", |outcome| match outcome.class {
        Class::Pass => "pass",
        Class::Fail => "fail",
        Class::Error => "error",
    });
    let reproduce = outcome.map(|outcome| line(&outcome.reproduce)).filter(|command| !command.is_empty());
    ProbePart {
        id: line(&probe.id),
        title: line(&probe.title),
        class,
        seq: run.map(|run| run.seq),
        at: run.map(|run| run.at.wall.to_string()),
        tries: outcome.map_or(0, |outcome| outcome.tries),
        attempts: state.map_or(0, |state| state.attempts),
        took_ms: run.map_or(0, |run| run.took_ms),
        observations: run.map(observation_parts).unwrap_or_default(),
        reproduce,
    }
}

fn observation_parts(run: &ProbeRun) -> Vec<ObservationPart> {
    let seen = |seen: &Observation| ObservationPart {
        what: line(&seen.what),
        expected: line(&seen.expected),
        seen: line(&seen.seen),
        ok: seen.ok,
        measured: seen.measured,
        key: seen.key.as_deref().map(line),
    };
    let recorded = |what: String, seen: &str| ObservationPart {
        what,
        expected: "recorded".into(),
        seen: line(seen),
        ok: Some(true),
        measured: true,
        key: None,
    };
    let outcome = &run.outcome;
    let tries = outcome.failed_tries.iter().zip(1..).map(|(seen, n)| recorded(format!("try {n}"), seen));
    let effects = outcome.effects.iter().map(|effect| recorded("effect of the probe".into(), effect));
    outcome.observations.iter().map(seen).chain(tries).chain(effects).collect()
}

fn point_entries(judgement: &Judgement, state: &PointState) -> Vec<PointEntry> {
    let act = |seq, by: &str, what: String, words: Option<&str>, valid| PointEntry {
        seq,
        by: line(by),
        what,
        words: words.map(block),
        valid,
    };
    let confirmed = state.confirmations.iter().map(|confirmation| {
        let is_valid = valid_confirmations(state).any(|valid| valid.seq == confirmation.seq);
        act(confirmation.seq, &confirmation.by, "confirmed".into(), confirmation.reason.as_deref(), is_valid)
    });
    let waived = state.waivers.iter().map(|waiver| {
        let what = format!("waived until {}", waiver.until.readable());
        act(waiver.seq, &waiver.by, what, Some(&waiver.reason), waiver.until > judgement.now.wall)
    });
    let exempt = state.exemptions.iter().map(|exemption| {
        act(exemption.seq, &exemption.by, "not applicable".into(), Some(&exemption.reason), true)
    });
    let noted = state
        .notes
        .iter()
        .map(|note| act(note.seq, &note.by, "noted".into(), Some(&note.text), !note.is_retracted));
    let mut entries: Vec<_> = confirmed.chain(waived).chain(exempt).chain(noted).collect();
    entries.sort_by_key(|act| act.seq);
    entries
}
