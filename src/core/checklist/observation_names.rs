//! The names of observations, as far as they are known before a probe runs.

use super::spec::{ProbeSpec, RedisSpec};

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
                _ => known.is_complete = false,
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
