//! The probes that are due to run automatically.

use super::point_state::ProbeState;
use super::state::RunState;
use super::status::{Judgement, Status};
use crate::checklist::{Point, Probe, ProbeKey};
use crate::time::Moment;

/// A probe that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueProbe {
    /// The probe.
    pub probe: ProbeKey,
    /// Whether it runs against the current release, before the point is due.
    pub early: bool,
}

/// The probes that have no result and may run, and those without effects whose result is stale. None while there is a
/// current verdict, so that the verdict stays valid.
#[must_use]
pub fn due_probes(state: &RunState, now: &Moment) -> Vec<DueProbe> {
    if state.verdict.is_some() || state.is_closing() {
        return Vec::new();
    }
    let judgement = state.judge(now);
    let keys = state.plan.points().flat_map(|point| point.probes.iter().map(move |probe| (point, probe)));
    keys.filter_map(|(point, probe)| due_probe(&judgement, point, probe)).collect()
}

/// The run of this probe that a person can request now, if it can run. None after the first seal or an abandon: its
/// result could not be logged.
#[must_use]
pub fn runnable(judgement: &Judgement, point: &Point, probe: &Probe) -> Option<DueProbe> {
    probe.spec.as_ref()?;
    if judgement.state.is_closing() {
        return None;
    }
    if judgement.state.is_frozen(point) || !judgement.state.has_action_result(point, probe) {
        return None;
    }
    let key = ProbeKey::new(&point.id, &probe.id);
    if !(judgement.is_point_due(point) && judgement.is_due(probe)) {
        let running = judgement.state.plan.previous.is_some();
        return (probe.early && running).then_some(DueProbe { probe: key, early: true });
    }
    let may = judgement.blocked_by(point).is_none() && !waits_for_dependency(judgement, probe);
    may.then_some(DueProbe { probe: key, early: false })
}

/// Whether a result that a probe depends on is still missing.
fn waits_for_dependency(judgement: &Judgement, probe: &Probe) -> bool {
    [&probe.since, &probe.digest_of].into_iter().flatten().any(|key| {
        let is_configured = judgement.state.plan.probe(key).is_some_and(|probe| probe.spec.is_some());
        is_configured && judgement.state.probe(key).is_none_or(|state| state.latest.is_none())
    })
}

fn due_probe(judgement: &Judgement, point: &Point, probe: &Probe) -> Option<DueProbe> {
    if matches!(judgement.status(&point.id), Status::NotApplicable | Status::Waived(_)) {
        return None;
    }
    let due = runnable(judgement, point, probe)?;
    let state = judgement.state.probe(&due.probe)?;
    let is_due =
        if due.early { state.early_run.is_none() } else { is_new_or_stale(judgement, point, probe, state) };
    is_due.then_some(due)
}

fn is_new_or_stale(judgement: &Judgement, point: &Point, probe: &Probe, state: &ProbeState) -> bool {
    state.latest.is_none() || (!probe.effects && judgement.is_stale(point, probe))
}
