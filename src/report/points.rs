//! The sections and their points, as they stand at the end of the log.

use serde::Serialize;

use super::actions::{ActionPart, actions};
use crate::checklist::{Confirm, Point, Probe};
use crate::outcome::{Class, Observation};
use crate::run::{Judgement, Look, PointState, Status, counting, why};
use crate::text::{block, line};

/// One of the checklist's sections.
#[derive(Debug, Serialize)]
pub struct Section {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How many of its points are closed.
    pub closed: usize,
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
    /// Whether setting it aside takes two people.
    pub mandatory: bool,
    /// Its state in a word or two.
    pub status: String,
    /// The kind of state: `good`, `bad`, `unknown`, `aside` or `waits`.
    pub tone: &'static str,
    /// What is behind a state that is not good.
    pub trouble: Option<String>,
    /// How many people must confirm it.
    pub people: usize,
    /// What was run for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionPart>,
    /// Its probes.
    pub probes: Vec<ProbePart>,
    /// Who confirmed, waived, called it not applicable, said something.
    pub acts: Vec<PointAct>,
}

/// One probe and the newest look of it.
#[derive(Debug, Serialize)]
pub struct ProbePart {
    /// Its id within the point.
    pub id: String,
    /// Its title.
    pub title: String,
    /// `pass`, `fail`, `error`; `none` if it never looked.
    pub class: &'static str,
    /// The entry of that look.
    pub seq: Option<u64>,
    /// When, RFC 3339.
    pub at: Option<String>,
    /// How many tries the look took.
    pub tries: u32,
    /// How many looks there were.
    pub looks: u64,
    /// How long the look took, in milliseconds.
    pub took_ms: u64,
    /// What was seen.
    pub observations: Vec<Observed>,
    /// The command that looks at the same thing.
    pub reproduce: Option<String>,
}

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// What was looked at.
    pub what: String,
    /// What was expected there.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// Whether it is as expected; absent when it could not be looked at.
    pub ok: Option<bool>,
    /// Whether it is a measured value, which differs from look to look.
    pub measured: bool,
    /// What it is known by, whatever its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What a person did about a point, as far as it stands.
#[derive(Debug, Serialize)]
pub struct PointAct {
    /// Its entry.
    pub seq: u64,
    /// Who.
    pub by: String,
    /// What: `confirmed`, `waived until 2026-01-01 …`, `not applicable`, `noted`.
    pub what: String,
    /// Why, in their words.
    pub words: Option<String>,
    /// Whether it counts still.
    pub counts: bool,
}

pub(super) fn sections(judgement: &Judgement) -> Vec<Section> {
    let section = |section: &crate::checklist::Section| Section {
        id: line(&section.id),
        title: line(&section.title),
        closed: section.points.iter().filter(|point| judgement.is_closed(&point.id)).count(),
        points: section.points.iter().map(|point| part(judgement, point)).collect(),
    };
    judgement.state.plan.sections.iter().map(section).collect()
}

fn part(judgement: &Judgement, point: &Point) -> PointPart {
    let status = judgement.status(&point.id);
    let state = judgement.state.point(&point.id);
    let trouble = Some(line(&why(judgement, &point.id, &status))).filter(|why| !why.is_empty());
    PointPart {
        id: line(&point.id),
        title: line(&point.title),
        why: line(&point.why),
        mandatory: point.mandatory,
        status: status.word(),
        tone: tone(&status),
        trouble,
        people: if point.confirm == Confirm::None { 0 } else { point.confirm.people() },
        actions: actions(judgement.state, &point.id, &point.actions),
        probes: point.probes.iter().map(|probe| probe_part(probe, state)).collect(),
        acts: state.map(|state| acts(judgement, state)).unwrap_or_default(),
    }
}

/// The kind of a state.
pub(super) const fn tone(status: &Status) -> &'static str {
    match status {
        Status::Waived(_) | Status::NotApplicable => "aside",
        status if status.is_closed() => "good",
        Status::Failed => "bad",
        Status::Error | Status::Interrupted(_) | Status::Unconfigured(_) | Status::Stale => "unknown",
        _ => "waits",
    }
}

fn probe_part(probe: &Probe, state: Option<&PointState>) -> ProbePart {
    let known = state.and_then(|state| state.probes.get(&probe.id));
    let look = known.and_then(|known| known.latest.as_ref());
    let outcome = look.map(|look| &look.outcome);
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
        seq: look.map(|look| look.seq),
        at: look.map(|look| look.at.wall.to_string()),
        tries: outcome.map_or(0, |outcome| outcome.tries),
        looks: known.map_or(0, |known| known.looks),
        took_ms: look.map_or(0, |look| look.took_ms),
        observations: look.map(seen).unwrap_or_default(),
        reproduce,
    }
}

fn seen(look: &Look) -> Vec<Observed> {
    let seen = |seen: &Observation| Observed {
        what: line(&seen.what),
        expected: line(&seen.expected),
        seen: line(&seen.seen),
        ok: seen.ok,
        measured: seen.measured,
        key: seen.key.as_deref().map(line),
    };
    let done = look.outcome.effects.iter().map(|effect| Observed {
        what: "looking changed something".into(),
        expected: "recorded".into(),
        seen: line(effect),
        ok: Some(true),
        measured: true,
        key: None,
    });
    look.outcome.observations.iter().map(seen).chain(done).collect()
}

fn acts(judgement: &Judgement, state: &PointState) -> Vec<PointAct> {
    let act = |seq, by: &str, what: String, words: Option<&str>, counts| PointAct {
        seq,
        by: line(by),
        what,
        words: words.map(block),
        counts,
    };
    let confirmed = state.confirmations.iter().map(|one| {
        let counts = counting(state).any(|counts| counts.seq == one.seq);
        act(one.seq, &one.by, "confirmed".into(), one.reason.as_deref(), counts)
    });
    let waived = state.waivers.iter().map(|one| {
        let what = format!("waived until {}", one.until.readable());
        act(one.seq, &one.by, what, Some(&one.reason), one.until > judgement.now.wall)
    });
    let exempt = state
        .exemptions
        .iter()
        .map(|one| act(one.seq, &one.by, "not applicable".into(), Some(&one.reason), true));
    let noted = state.notes.iter().map(|one| act(one.seq, &one.by, "noted".into(), Some(&one.text), true));
    let mut all: Vec<_> = confirmed.chain(waived).chain(exempt).chain(noted).collect();
    all.sort_by_key(|act| act.seq);
    all
}
