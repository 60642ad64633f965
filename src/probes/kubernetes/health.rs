//! Which paths the probes of a deployment's containers ask for
//! (<https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/>).

use serde_json::Value;

use super::deployment::{containers, list, word};
use gonogo_core::checklist::spec::HealthCheck;
use gonogo_core::outcome::Observation;

/// The paths of the containers' liveness and readiness probes.
pub(super) fn health(check: &HealthCheck, deployment: &Value) -> Vec<Observation> {
    let kinds =
        [("livenessProbe", "liveness", &check.liveness), ("readinessProbe", "readiness", &check.readiness)];
    let judge = |(field, kind, path): (&str, &str, &String)| {
        let probes = probes(&check.deployment, deployment, field);
        let described: Vec<_> = probes.iter().map(|(_, probe)| describe(probe)).collect();
        let seen = if described.is_empty() { "no path configured".to_owned() } else { described.join(", ") };
        let ok = probes.iter().any(|(_, probe)| asks(probe, path));
        Observation::new(format!("{kind} of deployment {}", check.deployment), path, seen, ok)
    };
    kinds.map(judge).to_vec()
}

/// The probes of one kind: that of the container which is named like the deployment, else those of all. Sidecars have
/// paths of their own.
fn probes<'a>(name: &str, deployment: &'a Value, field: &str) -> Vec<(&'a str, &'a Value)> {
    let named = containers(deployment).map(|container| (word(container, "/name"), container.get(field)));
    let (own, others): (Vec<_>, Vec<_>) = named.partition(|(container, _)| *container == name);
    let judged = if own.is_empty() { others } else { own };
    judged.into_iter().filter_map(|(container, probe)| Some((container, probe?))).collect()
}

fn describe(probe: &Value) -> String {
    let kinds = [("tcpSocket", "a TCP connection"), ("grpc", "a gRPC health check")];
    let other = kinds.iter().find(|(kind, _)| probe.get(kind).is_some());
    match (probe.get("httpGet"), probe.get("exec"), other) {
        (Some(http), ..) => http_path(http),
        (None, Some(exec), _) => format!("the command `{}`", command(exec)),
        (None, None, Some((_, other))) => format!("{other}, no path"),
        _ => "no path configured".to_owned(),
    }
}

fn asks(probe: &Value, path: &str) -> bool {
    if let Some(http) = probe.get("httpGet") {
        let asked = http_path(http);
        // A query does not make it another endpoint.
        return asked.split(['?', '#']).next() == Some(path);
    }
    probe.get("exec").is_some_and(|exec| has_path(&command(exec), path))
}

/// The path that the kubelet asks for: it adds a slash at the begin.
fn http_path(http: &Value) -> String {
    let path = word(http, "/path");
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn command(exec: &Value) -> String {
    list(exec, "/command").filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

/// Whether a command asks for a URL with this path: `curl -f http://localhost:8004/healthz`.
fn has_path(command: &str, path: &str) -> bool {
    command.match_indices("://").any(|(at, separator)| {
        let rest = &command[at + separator.len()..];
        let url =
            rest.split(|c: char| c.is_whitespace() || "'\"`);|&?#".contains(c)).next().unwrap_or_default();
        url.find('/').is_some_and(|slash| &url[slash..] == path)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judge(containers: &Value) -> Observation {
        let deployment = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        let check = HealthCheck {
            deployment: "app".into(),
            liveness: "/healthz".into(),
            readiness: "/readyz".into(),
        };
        health(&check, &deployment).remove(0)
    }

    #[test]
    fn the_path_is_that_which_the_kubelet_asks_for() {
        let http = |path: &str| json!({"httpGet": {"path": path, "port": "http", "scheme": "HTTPS"}});
        let exec = |command: &str| json!({"exec": {"command": ["sh", "-c", command]}});
        for (probe, ok, seen) in [
            (http("/healthz"), true, "/healthz"),
            (http("healthz"), true, "/healthz"),
            (http("/healthz?full=1"), true, "/healthz?full=1"),
            (http("/healthz2"), false, "/healthz2"),
            (http("/"), false, "/"),
            (json!({"httpGet": {"port": 80}}), false, "/"),
            (json!({"tcpSocket": {"port": 80}}), false, "a TCP connection, no path"),
            (json!({"grpc": {"port": 80}}), false, "a gRPC health check, no path"),
            (exec("curl -f http://localhost:8004/healthz"), true, "the command `sh -c curl"),
            (exec("wget -q 'http://127.0.0.1:8004/healthz' -O -"), true, "the command `sh -c wget"),
            (exec("curl http://localhost:8004/healthz/deep"), false, "the command"),
            (exec("cat /tmp/healthz"), false, "the command"),
        ] {
            let observation = judge(&json!([{"name": "app", "livenessProbe": probe}]));
            assert_eq!(observation.ok, Some(ok), "{probe}");
            assert!(observation.seen.starts_with(seen), "{probe}: {}", observation.seen);
        }
    }

    #[test]
    fn the_probes_of_sidecars_are_not_the_applications() {
        let probe = |path: &str| json!({"httpGet": {"path": path, "port": 80}});
        let sidecar = json!({"name": "proxy", "livenessProbe": probe("/ping")});
        let app = |name: &str, path: &str| json!({"name": name, "livenessProbe": probe(path)});
        for (containers, ok) in [
            (json!([sidecar, app("app", "/healthz")]), true),
            (json!([app("proxy", "/healthz"), app("app", "/ping")]), false),
            (json!([app("proxy", "/healthz"), {"name": "app"}]), false),
            (json!([sidecar, app("web", "/healthz")]), true),
            (json!([sidecar]), false),
        ] {
            assert_eq!(judge(&containers).ok, Some(ok), "{containers}");
        }
    }
}
