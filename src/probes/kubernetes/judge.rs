//! Checks of deployments. Pure. Names of variables are reported, values never.

use std::sync::LazyLock;

use serde_json::Value;

use super::Lookup;
use gonogo_core::checklist::spec::{HealthCheck, Pattern};
use gonogo_core::outcome::Observation;

type ResourceKind = LazyLock<Option<Pattern>>;

/// How variables that hold credentials are called.
static NAMES: ResourceKind = LazyLock::new(|| {
    Pattern::new(r"(?i)(password|passwd|secret|token|credential|api_?key|private_?key|access_?key)").ok()
});
/// Names that only say where a credential is, or how long it lives.
static ABOUT: ResourceKind = LazyLock::new(|| {
    Pattern::new(r"(?i)(_file|_path|_name|_ttl|_url_file|_header|_headers_name|_enabled|_length)$").ok()
});
/// A URL with a password in it.
static URL: ResourceKind =
    LazyLock::new(|| Pattern::new(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:[^/\s@$]+@").ok());

fn is(shape: &ResourceKind, text: &str) -> bool {
    shape.as_ref().is_some_and(|pattern| pattern.is_in(text))
}

/// Judges a deployment; reports one that does not exist or could not be read.
pub(super) fn judge_deployment(
    name: &str,
    lookup: Lookup<Value>,
    expected: &str,
    judge: impl FnOnce(&Value) -> Vec<Observation>,
) -> Vec<Observation> {
    let what = format!("deployment {name}");
    match lookup {
        Ok(Some(deployment)) => judge(&deployment),
        Ok(None) => vec![Observation::new(what, expected, "there is no such deployment", false)],
        Err(why) => vec![Observation::unknown(what, expected, why)],
    }
}

fn containers(deployment: &Value) -> impl Iterator<Item = &Value> {
    let of_kind = move |kind: &str| {
        deployment.pointer(&format!("/spec/template/spec/{kind}")).and_then(Value::as_array)
    };
    of_kind("initContainers").into_iter().chain(of_kind("containers")).flatten()
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Every variable that holds a credential takes it from a secret.
pub(super) fn credentials(name: &str, deployment: &Value) -> Vec<Observation> {
    let expected = "credentials by reference";
    let (mut seen, mut by_reference) = (Vec::new(), Vec::new());
    for container in containers(deployment) {
        let what = format!("deployment {name}, container {}", word(container, "name"));
        for variable in container.get("env").and_then(Value::as_array).into_iter().flatten() {
            let (key, value) = (word(variable, "name"), word(variable, "value"));
            if let Some(secret) = variable.pointer("/valueFrom/secretKeyRef") {
                by_reference.push(format!("{key} ({})", word(secret, "name")));
            } else if variable.pointer("/valueFrom/configMapKeyRef").is_some()
                && is(&NAMES, key)
                && !is(&ABOUT, key)
            {
                let message = format!("{key} comes from a config map, which is no place for secrets");
                seen.push(Observation::new(&what, expected, message, false));
            } else if is(&URL, value) {
                seen.push(Observation::new(
                    &what,
                    expected,
                    format!("{key} holds a URL with a password"),
                    false,
                ));
            } else if is(&NAMES, key) && !is(&ABOUT, key) && !value.is_empty() && !value.contains("$(") {
                seen.push(Observation::new(&what, expected, format!("{key} is written out"), false));
            }
        }
        let sources = container.get("envFrom").and_then(Value::as_array).into_iter().flatten();
        by_reference.extend(
            sources.filter_map(|from| Some(format!("all of {}", word(from.get("secretRef")?, "name")))),
        );
    }
    let references = if by_reference.is_empty() {
        "no variable comes from a secret".to_owned()
    } else {
        by_reference.join(", ")
    };
    seen.push(Observation::new(format!("deployment {name}"), expected, references, !by_reference.is_empty()));
    seen
}

/// Complete as `kubectl rollout status` has it: seen by the controller, all replicas new, all of them available.
pub(super) fn rollout(name: &str, deployment: &Value) -> Vec<Observation> {
    let (what, expected) = (format!("deployment {name}"), "rollout complete");
    let number = |path: &str| deployment.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let conditions = deployment.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let stuck = conditions.clone().find(|condition| word(condition, "reason") == "ProgressDeadlineExceeded");
    if let Some(condition) = stuck {
        let seen = format!("stuck: {} (ProgressDeadlineExceeded)", word(condition, "message"));
        return vec![Observation::new(what, expected, seen, false)];
    }
    // Without the field, one replica is meant.
    let replicas = deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let [updated, total, available] =
        ["updatedReplicas", "replicas", "availableReplicas"].map(|field| number(&format!("/status/{field}")));
    let is_seen = number("/status/observedGeneration") >= number("/metadata/generation");
    let ok = is_seen && updated >= replicas && total == updated && available >= replicas;
    let seen = match (is_seen, ok) {
        (false, _) => "its newest change is not observed yet".to_owned(),
        (true, true) => format!("complete: {available} of {replicas} available"),
        (true, false) => format!(
            "{updated} of {replicas} are new, {available} available, {} old",
            total.saturating_sub(updated)
        ),
    };
    let mut observations = vec![Observation::new(what, expected, seen, ok)];
    if replicas == 0 {
        observations.push(Observation::new(
            format!("replicas of {name}"),
            "1 or more",
            "0: nothing runs",
            false,
        ));
    }
    observations
}

/// The labels of a deployment's pods, as `--selector` takes them.
pub(super) fn selector(deployment: &Value) -> Option<String> {
    let labels = deployment.pointer("/spec/selector/matchLabels")?.as_object()?;
    let labels: Vec<_> =
        labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    (!labels.is_empty()).then(|| labels.join(","))
}

/// Whether running containers have the digest that was pushed.
pub(super) fn digest(name: &str, digest: &str, pods: Lookup<Value>) -> Observation {
    let (what, expected) = (format!("image of {name}"), format!("{digest} in every pod"));
    let pods = match pods {
        Ok(pods) => pods.unwrap_or_default(),
        Err(why) => return Observation::unknown(what, expected, why),
    };
    let pods: Vec<&Value> = pods.get("items").and_then(Value::as_array).into_iter().flatten().collect();
    let running =
        pods.iter().filter(|pod| pod.pointer("/status/phase").and_then(Value::as_str) == Some("Running"));
    let has = |pod: &&Value| {
        let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
        statuses
            .is_some_and(|statuses| statuses.iter().any(|status| word(status, "imageID").ends_with(digest)))
    };
    let (count, other) = (running.clone().count(), running.filter(|pod| !has(pod)).count());
    let seen = match (count, other) {
        (0, _) => "no pod runs".to_owned(),
        (count, 0) => format!("in all {count}"),
        (count, other) => format!("another one in {other} of {count}"),
    };
    Observation::new(what, expected, seen, count > 0 && other == 0)
}

/// The paths of the containers' liveness and readiness probes.
pub(super) fn health(check: &HealthCheck, deployment: &Value) -> Vec<Observation> {
    let kinds =
        [("livenessProbe", "liveness", &check.liveness), ("readinessProbe", "readiness", &check.readiness)];
    let judge = |(field, kind, path): (&str, &str, &String)| {
        let paths: Vec<&str> = containers(deployment)
            .filter_map(|container| container.get(field)?.pointer("/httpGet/path")?.as_str())
            .collect();
        let seen = if paths.is_empty() { "no path is asked for".to_owned() } else { paths.join(", ") };
        let ok = !paths.is_empty() && paths.iter().all(|other| other == path);
        Observation::new(format!("{kind} of deployment {}", check.deployment), path, seen, ok)
    };
    kinds.map(judge).to_vec()
}
