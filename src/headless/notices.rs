//! What to read although nothing is wrong with it: certificates that expire soon, clocks that differ, names that no
//! observation has.

use std::collections::BTreeMap;

use gonogo_core::checklist::{Point, PointId};
use gonogo_core::outcome::{Observation, key};
use gonogo_core::run::{Judgement, unseen_names};

/// What a notice is about; of a warning also the point, whose value is its own.
type NoticeKey<'a> = (String, Option<&'a PointId>);

/// The notices of all points, each once, with its points.
pub(super) fn notices(judgement: &Judgement) -> Vec<String> {
    let mut by_what: BTreeMap<NoticeKey, (&str, Vec<&PointId>)> = BTreeMap::new();
    let mut unseen = Vec::new();
    for point in judgement.state.plan.points() {
        unseen.extend(unseen_names(judgement.state, point));
        for (title, seen) in observations(judgement, point).filter(|(_, seen)| seen.has_key(key::NOTICE)) {
            // What is wrong is that of its probe only; the certificate and the clock of a server are the same for all.
            let of_probe = seen.is_warning().then(|| format!("{title}: {}", seen.what));
            let key = (of_probe.unwrap_or_else(|| seen.what.clone()), seen.is_warning().then_some(&point.id));
            let (_, points) = by_what.entry(key).or_insert((&seen.seen, Vec::new()));
            if points.last() != Some(&&point.id) {
                points.push(&point.id);
            }
        }
    }
    let of_servers = by_what.into_iter().map(|((what, _), (seen, points))| {
        let points: Vec<_> = points.into_iter().map(PointId::as_str).collect();
        format!("{what}: {seen} ({})", points.join(", "))
    });
    of_servers.chain(unseen).collect()
}

/// The newest observations of a point's probes, each with the title of its probe.
fn observations<'a>(
    judgement: &Judgement<'a>,
    point: &'a Point,
) -> impl Iterator<Item = (&'a str, &'a Observation)> {
    let state = judgement.state.point(&point.id);
    point.probes.iter().flat_map(move |probe| {
        let run = state.and_then(|state| state.probes.get(&probe.id)).and_then(|probe| probe.latest.as_ref());
        let seen = run.into_iter().flat_map(|run| &run.outcome.observations);
        seen.map(|seen| (probe.title.as_str(), seen))
    })
}
