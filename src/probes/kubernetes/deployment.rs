//! A deployment as `kubectl` prints it.

use serde_json::{Map, Value};

use super::Lookup;
use gonogo_core::outcome::Observation;

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
