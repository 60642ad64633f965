//! Observations that a profile hands to people, and that no probe has made: their names are most likely misspelled.

use std::collections::BTreeSet;

use super::state::RunState;
use crate::checklist::Point;
use crate::text::{line, nearest};

/// How many observations are listed instead.
const MAX_LISTED: usize = 5;

/// What to say about each name that no probe of a point has observed; empty until all of them have run.
#[must_use]
pub fn unseen_names(state: &RunState, point: &Point) -> Vec<String> {
    let names: BTreeSet<&str> =
        point.probes.iter().flat_map(|probe| &probe.people).map(String::as_str).collect();
    let Some(observed) = observed(state, point).filter(|_| !names.is_empty()) else { return Vec::new() };
    let unseen = names.into_iter().filter(|name| !observed.contains(name));
    unseen.map(|name| describe(&point.id, name, &observed)).collect()
}

/// The names of all observations; `None` if a probe has not run.
fn observed<'a>(state: &'a RunState, point: &Point) -> Option<BTreeSet<&'a str>> {
    let probes = &state.point(&point.id)?.probes;
    let mut names = BTreeSet::new();
    for probe in &point.probes {
        let run = probes.get(&probe.id)?.latest.as_ref()?;
        names.extend(run.outcome.observations.iter().map(|observation| observation.what.as_str()));
    }
    Some(names)
}

fn describe(point: &str, name: &str, observed: &BTreeSet<&str>) -> String {
    let near = nearest(name, observed.iter().copied());
    let hint = near.map_or_else(|| list(observed), |near| format!("did you mean {near:?}?"));
    format!("{point}: `people` names {:?}, and no observation has that name; {hint}", line(name))
}

fn list(observed: &BTreeSet<&str>) -> String {
    let listed = observed.iter().take(MAX_LISTED).map(|observed| format!("{:?}", line(observed)));
    let more = if observed.len() > MAX_LISTED { " and others" } else { "" };
    format!("observed: {}{more}", listed.collect::<Vec<_>>().join(", "))
}
