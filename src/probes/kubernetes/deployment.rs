//! A deployment as `kubectl` prints it.

use serde_json::{Map, Value};

use super::Lookup;
use gonogo_core::outcome::Observation;
use gonogo_core::outcome::key::NOTED_REPLICAS;

/// Judges a deployment; reports one that does not exist or could not be read.
pub(super) fn judge_deployment(
    name: &str,
    lookup: &Lookup<Value>,
    expected: &str,
    judge: impl FnOnce(&Value) -> Vec<Observation>,
) -> Vec<Observation> {
    let what = format!("deployment {name}");
    match lookup {
        Ok(Some(deployment)) => judge(deployment),
        Ok(None) => vec![Observation::new(what, expected, "no such deployment", false)],
        Err(why) => vec![Observation::unknown(what, expected, why.clone())],
    }
}

/// The containers that run as long as the pod.
pub(super) fn containers(deployment: &Value) -> impl Iterator<Item = &Value> {
    list(deployment, "/spec/template/spec/containers")
}

/// All containers, those of the start and sidecars among them too.
pub(super) fn all_containers(deployment: &Value) -> impl Iterator<Item = &Value> {
    list(deployment, "/spec/template/spec/initContainers").chain(containers(deployment))
}

/// The items of a list; none if there is no such list.
pub(super) fn list<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten()
}

/// A text, empty if there is none.
pub(super) fn word<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The number of replicas that a deployment is scaled to (1 where the field is absent), to resume it later. It only notes:
/// a rollback does not wait for what cannot be read, and a deployment that is paused already has nothing to note.
pub(super) fn replicas(lookup: &Lookup<Value>) -> Observation {
    let not_noted = |why: &str| Observation::recorded("replicas", format!("not noted: {why}"));
    match lookup {
        Ok(Some(deployment)) => match deployment.pointer("/spec/replicas").map_or(Some(1), Value::as_u64) {
            Some(0) => not_noted("it is paused already"),
            Some(count) => Observation::recorded(NOTED_REPLICAS, count.to_string()),
            None => not_noted("spec.replicas is not a number"),
        },
        Ok(None) => not_noted("no such deployment"),
        Err(why) => not_noted(&why.to_string()),
    }
}

/// The labels of a deployment's pods, as `--selector` takes them
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>).
pub(super) fn selector(deployment: &Value) -> Option<String> {
    let labels = deployment.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let labels = labels.into_iter().flat_map(Map::iter);
    let labels = labels.map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    let expressions = list(deployment, "/spec/selector/matchExpressions").map(expression);
    let all: Option<Vec<String>> = labels.chain(expressions).collect();
    all.filter(|all| !all.is_empty()).map(|all| all.join(","))
}

fn expression(value: &Value) -> Option<String> {
    let key = word(value, "/key");
    let values: Vec<_> = list(value, "/values").filter_map(Value::as_str).collect();
    let values = values.join(",");
    match word(value, "/operator") {
        "In" => Some(format!("{key} in ({values})")),
        "NotIn" => Some(format!("{key} notin ({values})")),
        "Exists" => Some(key.to_owned()),
        "DoesNotExist" => Some(format!("!{key}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_number_of_replicas_is_noted_unless_the_deployment_is_paused() {
        for (spec, noted) in [
            (json!({"replicas": 3}), Some("3")),
            (json!({}), Some("1")),
            (json!({"replicas": 0}), None),
            (json!({"replicas": "3"}), None),
            (json!({"replicas": null}), None),
        ] {
            let seen = replicas(&Ok(Some(json!({ "spec": spec }))));
            let is_noted = seen.what == NOTED_REPLICAS;
            assert_eq!((is_noted.then_some(seen.seen.as_str()), seen.ok), (noted, Some(true)), "{spec}");
        }
        assert_eq!(replicas(&Ok(None)).seen, "not noted: no such deployment");
    }

    #[test]
    fn a_selector_has_all_that_selects_the_pods() {
        for (spec, expected) in [
            (json!({"matchLabels": {"app": "a", "tier": "web"}}), Some("app=a,tier=web")),
            (
                json!({"matchLabels": {"app": "a"}, "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["web", "api"]},
                    {"key": "canary", "operator": "DoesNotExist"},
                    {"key": "track", "operator": "Exists"},
                    {"key": "env", "operator": "NotIn", "values": ["dev"]},
                ]}),
                Some("app=a,tier in (web,api),!canary,track,env notin (dev)"),
            ),
            (json!({"matchExpressions": [{"key": "x", "operator": "Near"}]}), None),
            (json!({}), None),
        ] {
            let deployment = json!({"spec": {"selector": spec}});
            assert_eq!(selector(&deployment).as_deref(), expected, "{spec}");
        }
    }
}
