//! Which paths the probes of a deployment's containers ask for, and at which port
//! (<https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/>).

use serde_json::Value;

use super::deployment::{containers, list, word};
use gonogo_core::checklist::spec::HealthCheck;
use gonogo_core::outcome::{Observation, key};

/// The paths of the containers' liveness and readiness probes, and where they ask for them.
pub(super) fn health(check: &HealthCheck, deployment: &Value) -> Vec<Observation> {
    let kinds =
        [("livenessProbe", "liveness", &check.liveness), ("readinessProbe", "readiness", &check.readiness)];
    let judge = |(field, kind, path): (&str, &str, &String)| {
        let name = format!("{kind} of deployment {}", check.deployment);
        let probes = probes(&check.deployment, deployment, field);
        let described: Vec<_> = probes.iter().map(|probe| probe.describe(check)).collect();
        let seen = if described.is_empty() { "no path configured".to_owned() } else { described.join(", ") };
        let right: Vec<_> = probes.iter().filter(|probe| probe.asks(path) && probe.is_at(check)).collect();
        let notices = right.iter().filter_map(|probe| probe.elsewhere(check));
        let notices: Vec<_> = notices.map(|seen| notice(&name, seen)).collect();
        let judged = Observation::new(name, expected(check, path), seen, !right.is_empty());
        std::iter::once(judged).chain(notices).collect::<Vec<_>>()
    };
    kinds.into_iter().flat_map(judge).collect()
}

fn notice(name: &str, seen: String) -> Observation {
    Observation::recorded(format!("target of the {name}"), seen).with_key(key::NOTICE)
}

fn expected(check: &HealthCheck, path: &str) -> String {
    let port = check.port.map(|port| format!("port {port}"));
    let scheme = check.scheme.map(|scheme| scheme.name().to_owned());
    [Some(path.to_owned()), port, scheme].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The probes of one kind: that of the container which is named like the deployment, else those of all. Sidecars have
/// paths of their own.
fn probes<'a>(name: &str, deployment: &'a Value, field: &str) -> Vec<ContainerProbe<'a>> {
    let (own, others): (Vec<_>, Vec<_>) =
        containers(deployment).partition(|container| word(container, "/name") == name);
    let judged = if own.is_empty() { others } else { own };
    let probe = |container: &'a Value| Some(ContainerProbe { container, probe: container.get(field)? });
    judged.into_iter().filter_map(probe).collect()
}

/// A probe of a container.
struct ContainerProbe<'a> {
    container: &'a Value,
    probe: &'a Value,
}

/// The port that a probe asks.
#[derive(Debug, PartialEq, Eq)]
enum ProbedPort {
    Number(u64),
    /// The container names no port so: the kubelet cannot ask it.
    Unnamed(String),
    /// It cannot be read.
    Unknown,
}

impl ContainerProbe<'_> {
    fn describe(&self, check: &HealthCheck) -> String {
        let kinds = [("tcpSocket", "a TCP connection"), ("grpc", "a gRPC health check")];
        let other = kinds.iter().find(|(kind, _)| self.probe.get(kind).is_some());
        match (self.probe.get("httpGet"), self.probe.get("exec"), other) {
            (Some(http), ..) => http_path(http) + &self.describe_port(check),
            (None, Some(exec), _) => format!("the command `{}`", command(exec)),
            (None, None, Some((_, other))) => format!("{other}, no path"),
            _ => "no path configured".to_owned(),
        }
    }

    /// Where it asks, if that is compared or wrong.
    fn describe_port(&self, check: &HealthCheck) -> String {
        let port = match self.port() {
            ProbedPort::Unnamed(name) if check.port.is_some() => {
                format!(", port `{name}`, which the container does not name")
            }
            ProbedPort::Number(port) if check.port.is_some() => format!(", port {port}"),
            ProbedPort::Unknown if check.port.is_some() => ", no port".to_owned(),
            _ => String::new(),
        };
        let scheme = check.scheme.map(|_| format!(", {}", self.scheme())).unwrap_or_default();
        port + &scheme
    }

    fn asks(&self, path: &str) -> bool {
        if let Some(http) = self.probe.get("httpGet") {
            let asked = http_path(http);
            // A query does not make it another endpoint.
            return asked.split(['?', '#']).next() == Some(path);
        }
        self.urls().iter().any(|url| url.path == path)
    }

    /// Whether it asks at the port and by the scheme that are expected; a port without a number is none.
    fn is_at(&self, check: &HealthCheck) -> bool {
        let is_port = check.port.is_none_or(|expected| self.port() == ProbedPort::Number(expected.into()));
        let is_scheme =
            check.scheme.is_none_or(|expected| self.scheme().eq_ignore_ascii_case(expected.name()));
        is_port && is_scheme
    }

    /// What suggests that another server answers than the application: that is for people to judge.
    fn elsewhere(&self, check: &HealthCheck) -> Option<String> {
        let host = word(self.probe, "/httpGet/host");
        if !matches!(host, "" | "localhost" | "127.0.0.1" | "::1") {
            return Some(format!("host {host}, not the pod"));
        }
        let declared: Vec<_> =
            list(self.container, "/ports").filter_map(|port| port.get("containerPort")?.as_u64()).collect();
        match self.port() {
            ProbedPort::Number(port)
                if check.port.is_none() && !declared.is_empty() && !declared.contains(&port) =>
            {
                let declared = declared.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
                Some(format!("port {port}; the container declares {declared}: perhaps of another server"))
            }
            // Its pods never become ready, which the rollout shows.
            ProbedPort::Unnamed(name) if check.port.is_none() => {
                Some(format!("port `{name}`, which the container does not name: the kubelet cannot ask it"))
            }
            _ => None,
        }
    }

    /// The port: a name is that of a port of the container, else a number.
    fn port(&self) -> ProbedPort {
        match self.probe.pointer("/httpGet/port") {
            Some(Value::String(name)) => self.named_port(name),
            Some(number) => number.as_u64().map_or(ProbedPort::Unknown, ProbedPort::Number),
            None => self.urls().first().map_or(ProbedPort::Unknown, |url| ProbedPort::Number(url.port)),
        }
    }

    fn named_port(&self, name: &str) -> ProbedPort {
        let named = list(self.container, "/ports").find(|port| word(port, "/name") == name);
        let number = named.and_then(|port| port.get("containerPort")?.as_u64());
        number
            .or_else(|| name.parse().ok())
            .map_or_else(|| ProbedPort::Unnamed(name.to_owned()), ProbedPort::Number)
    }

    fn scheme(&self) -> &str {
        match self.probe.pointer("/httpGet/scheme").and_then(Value::as_str) {
            Some(scheme) => scheme,
            None if self.urls().first().is_some_and(|url| url.is_https) => "HTTPS",
            None => "HTTP",
        }
    }

    /// The URLs that a command asks for.
    fn urls(&self) -> Vec<CommandUrl> {
        self.probe.get("exec").map(|exec| urls(&command(exec))).unwrap_or_default()
    }
}

/// A URL in a command, with a path: `curl -f http://localhost:8004/healthz`.
struct CommandUrl {
    is_https: bool,
    port: u64,
    path: String,
}

/// The path that the kubelet asks for: it adds a slash at the begin.
fn http_path(http: &Value) -> String {
    let path = word(http, "/path");
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn command(exec: &Value) -> String {
    list(exec, "/command").filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

fn urls(command: &str) -> Vec<CommandUrl> {
    let url = |(at, separator): (usize, &str)| {
        let (before, rest) = (&command[..at], &command[at + separator.len()..]);
        let url =
            rest.split(|c: char| c.is_whitespace() || "'\"`);|&?#".contains(c)).next().unwrap_or_default();
        let (server, path) = url.split_at(url.find('/')?);
        let is_https = before.to_ascii_lowercase().ends_with("https");
        let port = server.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let port = port.unwrap_or(if is_https { 443 } else { 80 });
        Some(CommandUrl { is_https, port, path: path.to_owned() })
    };
    command.match_indices("://").filter_map(url).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use crate::probes::content;
    use gonogo_core::outcome::{Class, Outcome};

    fn judge(containers: &Value) -> Observation {
        let deployment = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        let check = HealthCheck {
            deployment: "app".into(),
            liveness: "/healthz".into(),
            readiness: "/readyz".into(),
            port: None,
            scheme: None,
        };
        health(&check, &deployment).remove(0)
    }

    #[test]
    fn the_path_is_that_which_the_kubelet_asks_for() {
        let http = |path: &str| json!({"httpGet": {"path": path, "port": 8004, "scheme": "HTTPS"}});
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

    /// What is judged of the readiness probe of a container with ports `http` (8004) and `metrics` (9000).
    fn judge_readiness(probe: &Value, port: Option<u16>, scheme: Option<&str>) -> Vec<Observation> {
        let check = json!({"deployment": "app", "port": port, "scheme": scheme});
        let check: HealthCheck = serde_json::from_value(check).unwrap();
        let ports =
            json!([{"name": "http", "containerPort": 8004}, {"name": "metrics", "containerPort": 9000}]);
        let container = json!({"name": "app", "ports": ports, "readinessProbe": probe});
        let deployment = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        health(&check, &deployment).split_off(1)
    }

    #[test]
    fn the_port_and_the_scheme_are_those_of_the_application() {
        let at = |port: Value| json!({"httpGet": {"path": "/readyz", "port": port}});
        let exec = |url: &str| json!({"exec": {"command": ["curl", "-f", url]}});
        let https = json!({"httpGet": {"path": "/readyz", "port": 8004, "scheme": "HTTPS"}});
        for (probe, port, scheme, ok, seen) in [
            (at(json!(8004)), Some(8004), None, true, "/readyz, port 8004"),
            (at(json!("http")), Some(8004), None, true, "/readyz, port 8004"),
            (at(json!("8004")), Some(8004), None, true, "/readyz, port 8004"),
            (at(json!("metrics")), Some(8004), None, false, "/readyz, port 9000"),
            (at(json!(9000)), Some(8004), None, false, "/readyz, port 9000"),
            (at(Value::Null), Some(8004), None, false, "/readyz, no port"),
            (
                at(json!("web")),
                Some(8004),
                None,
                false,
                "/readyz, port `web`, which the container does not name",
            ),
            (at(json!("metrics")), None, None, true, "/readyz"),
            (https.clone(), None, Some("HTTPS"), true, "/readyz, HTTPS"),
            (https, None, Some("HTTP"), false, "/readyz, HTTPS"),
            (at(json!(8004)), Some(8004), Some("HTTP"), true, "/readyz, port 8004, HTTP"),
            (exec("http://localhost:8004/readyz"), Some(8004), Some("HTTP"), true, "the command"),
            (exec("http://localhost/readyz"), Some(8004), None, false, "the command"),
            (exec("https://localhost/readyz"), Some(443), Some("HTTPS"), true, "the command"),
        ] {
            let judged = judge_readiness(&probe, port, scheme);
            assert_eq!((judged.len(), judged[0].ok), (1, Some(ok)), "{probe} {judged:?}");
            assert!(judged[0].seen.starts_with(seen), "{probe} {judged:?}");
        }
        let judged = judge_readiness(&at(json!(1)), Some(8004), Some("HTTP"));
        assert_eq!(judged[0].expected, "/readyz, port 8004, HTTP");
    }

    #[test]
    fn a_probe_that_may_ask_another_server_is_a_notice() {
        let undeclared = json!({"httpGet": {"path": "/readyz", "port": 9100}});
        let host = json!({"httpGet": {"path": "/readyz", "port": 8004, "host": "status.example.com"}});
        let unnamed = json!({"httpGet": {"path": "/readyz", "port": "web"}});
        for (probe, seen) in [
            (unnamed, "port `web`, which the container does not name: the kubelet cannot ask it"),
            (undeclared.clone(), "port 9100; the container declares 8004, 9000: perhaps of another server"),
            (host, "host status.example.com, not the pod"),
        ] {
            let judged = judge_readiness(&probe, None, None);
            assert_eq!((judged.len(), judged[0].ok), (2, Some(true)), "{judged:?}");
            assert_eq!((judged[1].seen.as_str(), judged[1].has_key(key::NOTICE)), (seen, true));
        }
        assert_eq!(judge_readiness(&undeclared, Some(9100), None).len(), 1, "the profile says so");
        let local = json!({"httpGet": {"path": "/readyz", "port": 8004, "host": "127.0.0.1"}});
        assert_eq!(judge_readiness(&local, None, None).len(), 1);
    }

    #[test]
    fn altered_probes_never_ask_for_the_paths_for_nothing() {
        let at = |path: &str| json!({"httpGet": {"path": path, "port": "http"}});
        let ports = json!([{"name": "http", "containerPort": 8004}]);
        let container = json!({"name": "app", "ports": ports, "livenessProbe": at("/healthz"), "readinessProbe": at("/readyz")});
        let json = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        let of_app = |field: &str| format!("/spec/template/spec/containers/0/{field}");
        let fields = [
            "ports",
            "ports/0/name",
            "ports/0/containerPort",
            "livenessProbe",
            "readinessProbe/httpGet/path",
        ];
        let carriers = fields.map(of_app);
        let carriers: Vec<_> = carriers.iter().map(String::as_str).collect();
        let check: HealthCheck = serde_json::from_value(json!({"deployment": "app", "port": 8004})).unwrap();
        GoodDocument { json, carriers: &carriers, maps: &[] }.check(|printed| {
            let Ok(deployment) = content::json(printed) else { return Class::Error };
            Outcome::of(health(&check, &deployment), "").class
        });
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
