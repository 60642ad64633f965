//! One cause, said once: a server that is down, or an answer that all share, turns many points.

use std::collections::BTreeMap;

use super::status::{Judgement, Status};
use crate::checklist::PointId;
use crate::outcome::{Class, Observation};

/// How many points a cause must turn to be reported on its own.
const MIN_POINTS: usize = 3;

/// The cause of the problems of several points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCause {
    /// What was seen instead of what was expected, without the number of samples.
    pub seen: String,
    /// The points, in the order of the checklist.
    pub points: Vec<PointId>,
}

/// What the problems of at least three points have in common, those of most points first.
#[must_use]
pub fn shared_causes(judgement: &Judgement) -> Vec<SharedCause> {
    let mut by_cause: BTreeMap<&str, Vec<PointId>> = BTreeMap::new();
    let mut by_value: BTreeMap<String, Vec<PointId>> = BTreeMap::new();
    for point in judgement.state.plan.points() {
        let state = judgement.state.point(&point.id);
        let runs =
            state.iter().flat_map(|state| state.probes.values()).filter_map(|probe| probe.latest.as_ref());
        if let Status::Unconfigured(missing) = judgement.status(&point.id) {
            for value in missing {
                by_value.entry(value).or_default().push(point.id.clone());
            }
        }
        let failed = runs.filter(|run| run.outcome.class != Class::Pass);
        for observation in failed.flat_map(|run| run.outcome.problems()) {
            let points = by_cause.entry(cause(observation)).or_default();
            if points.last() != Some(&point.id) {
                points.push(point.id.clone());
            }
        }
    }
    let by_cause = by_cause.into_iter().map(|(seen, points)| (seen.to_owned(), points));
    let by_value = by_value.into_iter().map(|(value, points)| (missing_value(&value), points));
    let mut causes: Vec<_> = by_cause
        .chain(by_value)
        .filter(|(_, points)| points.len() >= MIN_POINTS)
        .map(|(seen, points)| SharedCause { seen, points })
        .collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.points.len()));
    causes
}

/// The cause of points that a value is missing for.
#[must_use]
pub fn missing_value(name: &str) -> String {
    format!("missing in the profile: {name}")
}

/// What was seen of one thing, in the words that other probes have for it too.
#[must_use]
pub fn cause(observation: &Observation) -> &str {
    let seen = observation.seen.as_str();
    let of_samples = seen.split_once(" samples: ").filter(|(count, _)| count.contains(" of "));
    let seen = of_samples.map_or(seen, |(_, seen)| seen);
    seen.strip_prefix("HTTP ").unwrap_or(seen)
}
