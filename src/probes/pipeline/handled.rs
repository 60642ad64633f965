//! Whether the worker's Redis is the one that is checked: it leaves a key there for each event that it has handled.
//! Pub/sub reaches every database of a server, so the channel does not show that.

use super::super::checked_by::CheckedBy;
use super::super::deadline::Deadline;
use super::super::error::ProbeResult;
use super::super::redis::{self, KeyPlace};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{PipelineSpec, RedisSpec};
use gonogo_core::outcome::Observation;
use gonogo_core::text::count;

const WHAT: &str = "idempotency key of each event";

/// Searches for the keys of events that have arrived, by their ids; nothing if the profile does not name the keys.
pub(super) async fn observe(
    spec: &PipelineSpec,
    ids: Vec<Option<String>>,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> Option<CheckedBy> {
    let (prefix, channel) = spec.idempotency_prefix.as_ref().zip(spec.channel.as_ref())?;
    if ids.is_empty() {
        return None;
    }
    let command = redis::command_for_keys(&channel.at, prefix).unwrap_or_default();
    let checked = |seen| Some(CheckedBy { command, seen: vec![seen] });
    let keys: Option<Vec<_>> = ids.into_iter().map(|id| Some(format!("{prefix}{}", id?))).collect();
    let Some(keys) = keys else {
        let why = "the event on the stream has no id, by which its key could be found";
        return checked(Observation::unknown(WHAT, expected(&channel.at), why));
    };
    let places = redis::find_keys(&channel.at, &keys, deadline, secret_store).await;
    checked(judge(prefix, &channel.at, places))
}

fn expected(at: &RedisSpec) -> String {
    format!("in database {}", redis::database_of(&at.url))
}

fn judge(prefix: &str, at: &RedisSpec, places: ProbeResult<Vec<KeyPlace>>) -> Observation {
    let expected = expected(at);
    let places = match places {
        Ok(places) => places,
        Err(why) => return Observation::unknown(WHAT, expected, why),
    };
    let total = count(places.len(), "event");
    let Some(other) = places.into_iter().find(|place| *place != KeyPlace::Here) else {
        return Observation::new(WHAT, expected, format!("present ({total})"), true);
    };
    match other {
        KeyPlace::NotPermitted => {
            Observation::recorded(WHAT, format!("not checked: needs the command EXISTS for {prefix}* (ACL)"))
        }
        KeyPlace::Elsewhere(database) => {
            let seen =
                format!("in database {database}: the application does not use the one that is checked");
            Observation::new(WHAT, expected, seen, false)
        }
        _ => {
            let seen = "not there: the worker leaves its keys on another server, in another database, or by another name";
            Observation::new(WHAT, expected, seen, false)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::error::ProbeError;
    use super::*;

    #[test]
    fn the_key_is_in_the_database_that_is_checked_or_the_application_uses_another_one() {
        let at: RedisSpec = serde_json::from_value(json!({"url": "redis://h/1"})).unwrap();
        let elsewhere = || KeyPlace::Elsewhere("2".to_owned());
        for (places, ok, seen) in [
            (Ok(vec![KeyPlace::Here, KeyPlace::Here]), Some(true), "present (2 events)"),
            (
                Ok(vec![KeyPlace::Here, elsewhere()]),
                Some(false),
                "in database 2: the application does not use",
            ),
            (Ok(vec![KeyPlace::Nowhere]), Some(false), "not there: "),
            (Ok(vec![KeyPlace::NotPermitted]), Some(true), "not checked: needs the command EXISTS for a:*"),
            (Err(ProbeError::new("the connection was lost")), None, "the connection was lost"),
        ] {
            let judged = judge("a:", &at, places);
            assert_eq!(judged.ok, ok, "{judged:?}");
            assert!(judged.seen.starts_with(seen), "{judged:?}");
            let expected = if judged.seen.contains("EXISTS") { "recorded" } else { "in database 1" };
            assert_eq!(judged.expected, expected);
        }
    }
}
