//! The probes that are due to run automatically.

use super::known::ProbeState;
use super::state::RunState;
use super::status::{Judgement, Status};
use crate::checklist::{Point, Probe, ProbeKey};
use crate::time::Moment;

/// A probe that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The probe.
    pub probe: ProbeKey,
    /// Whether it runs against the current release, before the point is due.
    pub before: bool,
}

/// The probes that have no result and may run, and those without effects whose result is stale. None while there is a
/// current verdict, so that the verdict stays valid.
#[must_use]
pub fn wanted(state: &RunState, now: &Moment) -> Vec<Wanted> {
    if state.verdict.is_some() || state.is_closing() {
        return Vec::new();
    }
    let judgement = state.judge(now);
    let keys = state.plan.points().flat_map(|point| point.probes.iter().map(move |probe| (point, probe)));
    keys.filter_map(|(point, probe)| wants(&judgement, point, probe)).collect()
}

/// The run of this probe that a person can request now, if it can run. None after the first seal or an abandon: its
/// result could not be logged.
#[must_use]
pub fn possible(judgement: &Judgement, point: &Point, probe: &Probe) -> Option<Wanted> {
    probe.spec.as_ref()?;
    if judgement.state.is_closing() {
        return None;
    }
    if judgement.state.is_frozen(point) || !judgement.state.has_result(point, probe) {
        return None;
    }
    let key = ProbeKey::new(&point.id, &probe.id);
    if !(judgement.is_point_due(point) && judgement.is_due(probe)) {
        let running = judgement.state.plan.previous.is_some();
        return (probe.before && running).then_some(Wanted { probe: key, before: true });
    }
    let may = judgement.blocked_by(point).is_none() && !waits_for_another(judgement, probe);
    may.then_some(Wanted { probe: key, before: false })
}

/// Whether a result that a probe depends on is still missing.
fn waits_for_another(judgement: &Judgement, probe: &Probe) -> bool {
    [&probe.since, &probe.digest_of].into_iter().flatten().any(|key| {
        let can_look = judgement.state.plan.probe(key).is_some_and(|probe| probe.spec.is_some());
        can_look && judgement.state.probe(key).is_none_or(|known| known.latest.is_none())
    })
}

fn wants(judgement: &Judgement, point: &Point, probe: &Probe) -> Option<Wanted> {
    if matches!(judgement.status(&point.id), Status::NotApplicable | Status::Waived(_)) {
        return None;
    }
    let wanted = possible(judgement, point, probe)?;
    let known = judgement.state.probe(&wanted.probe)?;
    let anew =
        if wanted.before { known.before.is_none() } else { is_new_or_stale(judgement, point, probe, known) };
    anew.then_some(wanted)
}

fn is_new_or_stale(judgement: &Judgement, point: &Point, probe: &Probe, known: &ProbeState) -> bool {
    known.latest.is_none() || (!probe.effects && judgement.is_stale(point, probe))
}
