//! How many instances answered the samples of a request, where an answer names its own.

use std::collections::BTreeSet;
use std::time::Duration;

use gonogo_core::outcome::Observation;
use gonogo_core::text;

use super::super::error::ProbeResult;
use super::HttpAnswer;

/// Headers with which applications and balancers name the instance.
const NAMES: [&str; 7] = [
    "x-pod-name",
    "x-instance-id",
    "x-instance",
    "x-served-by",
    "x-backend-server",
    "x-upstream-addr",
    "x-hostname",
];
/// The longest name of an instance that is shown, in bytes.
const MAX_NAME: usize = 60;

/// How many samples, which instances, and how long they took.
pub(super) fn summary(answers: &[ProbeResult<HttpAnswer>]) -> Observation {
    let there: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    let instances =
        match NAMES.into_iter().find(|name| there.iter().any(|answer| answer.headers.contains_key(*name))) {
            Some(header) => {
                let values = there.iter().filter_map(|answer| answer.headers.get(header));
                let names: BTreeSet<_> =
                    values.map(|value| text::excerpt(value.as_bytes(), MAX_NAME)).collect();
                let list = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                format!("{} by {header}: {list}", text::count(names.len(), "instance"))
            }
            None => "instances unknown: no header names them".into(),
        };
    let took = |of: fn(Option<Duration>, Duration) -> Option<Duration>| {
        there.iter().fold(None, |so_far, answer| of(so_far, answer.took)).unwrap_or_default().as_millis()
    };
    let shortest = took(|so_far, took| Some(so_far.map_or(took, |so_far| so_far.min(took))));
    let longest = took(|so_far, took| Some(so_far.map_or(took, |so_far| so_far.max(took))));
    let seen = format!("{}, {shortest} to {longest} ms; {instances}", answers.len());
    Observation::recorded("samples on separate connections", seen).as_measured()
}
