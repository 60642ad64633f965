//! What to read although nothing is wrong with it: certificates that expire soon, clocks that differ, names that no
//! observation has.

use std::collections::BTreeMap;

use gonogo_core::checklist::{Point, PointId};
use gonogo_core::outcome::{Observation, key};
use gonogo_core::run::{Judgement, unseen_names};

/// The notices of all points, each once, with its points.
pub(super) fn notices(judgement: &Judgement) -> Vec<String> {
    let mut by_what: BTreeMap<&str, (&str, Vec<&PointId>)> = BTreeMap::new();
    let mut unseen = Vec::new();
    for point in judgement.state.plan.points() {
        unseen.extend(unseen_names(judgement.state, point));
        for seen in observations(judgement, point).filter(|seen| seen.has_key(key::NOTICE)) {
            let (_, points) = by_what.entry(&seen.what).or_insert((&seen.seen, Vec::new()));
            if points.last() != Some(&&point.id) {
                points.push(&point.id);
            }
        }
    }
    let of_servers = by_what.into_iter().map(|(what, (seen, points))| {
        let points: Vec<_> = points.into_iter().map(PointId::as_str).collect();
        format!("{what}: {seen} ({})", points.join(", "))
    });
    of_servers.chain(unseen).collect()
}

fn observations<'a>(judgement: &Judgement<'a>, point: &Point) -> impl Iterator<Item = &'a Observation> {
    let state = judgement.state.point(&point.id);
    let probes = state.into_iter().flat_map(|state| state.probes.values());
    probes.filter_map(|probe| probe.latest.as_ref()).flat_map(|run| &run.outcome.observations)
}
