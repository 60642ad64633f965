//! The commands that show by hand what the probes of a point saw, for the clipboard.

use crate::checklist::{Point, Probe, ProbeKey};
use crate::outcome::Class;
use crate::run::{PointState, ProbeRun};
use crate::text;

/// Every probe that has told a command, its title and the command, in the order of the detail.
pub fn commands(point: &Point, state: &PointState) -> Vec<(ProbeKey, String, String)> {
    let known = |probe: &Probe| state.probes.get(&probe.id);
    let mut probes: Vec<_> = point.probes.iter().collect();
    probes.sort_by_key(|probe| rank(known(probe).and_then(|known| known.latest.as_ref())));
    let command = |probe: &Probe| {
        let known = known(probe)?;
        let told = &known.latest.as_ref().or(known.early_run.as_ref())?.outcome.reproduce;
        let key = ProbeKey::new(&point.id, &probe.id);
        (!told.is_empty()).then(|| (key, text::line(&probe.title), text::line(told)))
    };
    probes.into_iter().filter_map(command).collect()
}

/// Whether there is anything to copy.
pub fn has_command(point: &Point, state: &PointState) -> bool {
    !commands(point, state).is_empty()
}

/// What is wrong first, then what could not be seen, what has not been looked at, what is good.
pub fn rank(look: Option<&ProbeRun>) -> u8 {
    match look.map(|look| look.outcome.class) {
        Some(Class::Fail) => 0,
        Some(Class::Error) => 1,
        None => 2,
        Some(Class::Pass) => 3,
    }
}
