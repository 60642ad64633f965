//! The commands that reproduce the probes of a point by hand, for the clipboard.

use gonogo_core::checklist::{Point, Probe, ProbeKey};
use gonogo_core::outcome::Class;
use gonogo_core::run::{PointState, ProbeRun};
use gonogo_core::text;

/// The probes with a reproduce command: key, title and command, in the order of the detail.
pub fn commands(point: &Point, state: &PointState) -> Vec<(ProbeKey, String, String)> {
    let state = |probe: &Probe| state.probes.get(&probe.id);
    let mut probes: Vec<_> = point.probes.iter().collect();
    probes.sort_by_key(|probe| rank(state(probe).and_then(|state| state.latest.as_ref())));
    let command = |probe: &Probe| {
        let state = state(probe)?;
        let reproduce = &state.latest.as_ref().or(state.early_run.as_ref())?.outcome.reproduce;
        let key = ProbeKey::new(&point.id, &probe.id);
        (!reproduce.is_empty()).then(|| (key, text::line(&probe.title), text::line(reproduce)))
    };
    probes.into_iter().filter_map(command).collect()
}

/// Whether there is anything to copy.
pub fn has_command(point: &Point, state: &PointState) -> bool {
    !commands(point, state).is_empty()
}

/// The rank of a probe by its latest run: failed, error, not run, passed.
pub fn rank(run: Option<&ProbeRun>) -> u8 {
    match run.map(|run| run.outcome.class) {
        Some(Class::Fail) => 0,
        Some(Class::Error) => 1,
        None => 2,
        Some(Class::Pass) => 3,
    }
}
