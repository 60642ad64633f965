//! The names of observations, as far as they are known before a probe runs.

use super::spec::{KubernetesSpec, ProbeSpec, RabbitmqSpec, RedisSpec};

/// The observations that a Redis probe can fail to make.
const OF_REDIS: [&str; 4] = ["role", "link to the primary", "memory", "replicas required for writes"];
/// The same, if it checks persistence.
const OF_PERSISTENCE: [&str; 4] = ["persistence", "AOF last write", "AOF last rewrite", "RDB last save"];
/// The same, of a cluster.
const OF_CLUSTER: [&str; 5] = [
    "cluster mode",
    "cluster state",
    "cluster slots served",
    "cluster slots possibly failing",
    "cluster slots failing",
];
/// The observations of a Vault probe.
const OF_VAULT: [&str; 6] = [
    "the current version's value",
    "current version",
    "age",
    "the value",
    "fingerprint of the value",
    "the value and the application's token",
];
/// The observations of a pipeline probe.
const OF_PIPELINE: [&str; 6] = [
    "WebSocket opened",
    "event sent",
    "event at the exchange",
    "event at the Redis channel",
    "event received over server-sent events",
    "deliveries of each event",
];
/// The starts of names that end with a server, a user or a database.
const WITH_SERVER: [&str; 6] =
    ["Redis at ", "master ", "certificate of ", "clock of ", "database ", "password of user "];

/// The names of the observations of some probes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ObservationNames {
    /// The names that are known.
    pub names: Vec<String>,
    /// Whether there are no others, except those that name a server.
    pub is_complete: bool,
}

impl ObservationNames {
    /// Of the probes of a point; the spec of one that lacks values is not known.
    #[must_use]
    pub fn of<'a>(specs: impl Iterator<Item = Option<&'a ProbeSpec>>) -> Self {
        let mut known = Self { names: Vec::new(), is_complete: true };
        for spec in specs {
            match spec {
                Some(ProbeSpec::Redis(spec)) => known.names.extend(of_redis(spec)),
                Some(ProbeSpec::Prometheus(spec)) => {
                    known.names.extend(spec.queries.iter().map(|query| query.what.clone()));
                    known.names.extend(spec.trends.iter().map(|trend| trend.what.clone()));
                    known.is_complete = false;
                }
                Some(spec) => {
                    known.names.extend(of_other(spec));
                    known.is_complete = false;
                }
                None => known.is_complete = false,
            }
        }
        known
    }

    /// Whether an observation can have this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
            || WITH_SERVER.iter().any(|start| name.starts_with(start))
    }
}

/// The names that people may be left with of the other kinds, as far as they are fixed or stand in the spec.
fn of_other(spec: &ProbeSpec) -> Vec<String> {
    let fixed: &[&str] = match spec {
        ProbeSpec::Kubernetes(spec) => return of_kubernetes(spec),
        ProbeSpec::Rabbitmq(spec) => return of_rabbitmq(spec),
        ProbeSpec::Vault(_) => &OF_VAULT,
        ProbeSpec::Pipeline(_) => &OF_PIPELINE,
        ProbeSpec::Otlp(_) => &["test span with a wrong header"],
        _ => &[],
    };
    fixed.iter().map(|name| (*name).to_owned()).collect()
}

fn of_kubernetes(spec: &KubernetesSpec) -> Vec<String> {
    let mut names = vec!["dry run".to_owned(), "effect of the command".to_owned()];
    let health = spec.health.iter().map(|check| &check.deployment);
    let rollout = spec.rollout.iter().map(|check| &check.deployment);
    for name in spec.deployments.iter().chain(health).chain(rollout) {
        let parts =
            ["deployment", "image of", "replicas of", "liveness of deployment", "readiness of deployment"];
        names.extend(parts.map(|part| format!("{part} {name}")));
    }
    if let Some(check) = &spec.settings {
        for name in &check.deployments {
            names.extend(check.values.keys().map(|value| format!("{value} of deployment {name}")));
        }
    }
    names
}

fn of_rabbitmq(spec: &RabbitmqSpec) -> Vec<String> {
    let exchanges = spec
        .exchanges
        .iter()
        .flat_map(|check| ["", ": type", ": durable"].map(|part| format!("exchange {}{part}", check.name)));
    let queues = spec.queues.iter().flat_map(|check| {
        ["", ": durable", ": ready messages", ": unacknowledged messages", ": consumers"]
            .map(|part| format!("queue {}{part}", check.name))
    });
    let bindings =
        spec.bindings.iter().map(|check| format!("binding of {} to {}", check.exchange, check.queue));
    exchanges.chain(queues).chain(bindings).chain(["broker alarms".to_owned()]).collect()
}

fn of_redis(spec: &RedisSpec) -> Vec<String> {
    let groups: [(bool, &[&str]); 5] = [
        (true, &OF_REDIS),
        (spec.persistence, &OF_PERSISTENCE),
        (spec.latency_threshold_ms.is_some(), &["latency-monitor-threshold"]),
        (spec.spike_limit_ms.is_some(), &["latest latency spikes"]),
        (true, &OF_CLUSTER),
    ];
    let fixed = groups.into_iter().filter(|(is_made, _)| *is_made).flat_map(|(_, names)| names.iter());
    let replicas = ["replicas in sync".to_owned()];
    let subscribers = spec.subscribers.iter().map(|check| format!("subscribers of {}", check.channel));
    fixed.map(|name| (*name).to_owned()).chain(replicas).chain(subscribers).collect()
}
