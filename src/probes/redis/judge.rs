//! Compares a Redis server's state with the checks. Pure.

use gonogo_core::checklist::spec::{RedisSpec, SubscriberCheck};
use gonogo_core::outcome::{Observation, key};

use super::super::address::Address;
use super::super::error::ProbeResult;
use super::cluster::{Masters, SubscriberCounts};
use super::facts::{InfoFields, LatencySpike, NodeFacts, RedisFacts, is_clustered};
use super::{persistence, replication, writes};

/// How many slots a whole cluster serves.
const SLOTS: &str = "16384";
/// The line of `INFO` with the own version of a server that is compatible with Redis, and the server's name.
const FORKS: [(&str, &str); 5] = [
    ("valkey_version", "Valkey"),
    ("dragonfly_version", "Dragonfly"),
    ("kvrocks_version", "Kvrocks"),
    ("garnet_version", "Garnet"),
    ("tair_version", "Tair"),
];

/// All observations of one server.
pub(super) fn judge(spec: &RedisSpec, facts: &RedisFacts) -> Vec<Observation> {
    if let Some(sentinel) = sentinel(&facts.node) {
        return vec![sentinel];
    }
    let mut seen: Vec<_> = version(&facts.node).into_iter().collect();
    let holds_data = !matches!(&facts.masters, Some(Ok(masters)) if !masters.queried);
    if facts.masters.is_none() && spec.needs_primary() {
        seen.extend(replication::role(spec.role, &facts.node.info));
    }
    if holds_data {
        seen.extend(node(spec, &facts.node));
    }
    seen.extend(cluster(spec.cluster, facts));
    seen.extend(facts.masters.iter().flat_map(|masters| other_masters(spec, masters)));
    seen.extend(spec.subscribers.iter().zip(&facts.subscribed).map(|(check, seen)| subscribers(check, seen)));
    seen
}

/// What is checked of every node that holds data.
fn node(spec: &RedisSpec, facts: &NodeFacts) -> Vec<Observation> {
    let mut seen = Vec::new();
    if spec.needs_primary() {
        seen.extend(writes::judge(facts));
    }
    if spec.persistence {
        seen.extend(persistence::judge(facts));
    }
    let threshold = facts.threshold.as_ref();
    seen.extend(spec.latency_threshold_ms.zip(threshold).map(|(limit, now)| monitor(limit, now)));
    let limit_and_spikes = spec.spike_limit_ms.zip(facts.spikes.as_ref());
    seen.extend(limit_and_spikes.map(|(limit, found_spikes)| spikes(limit, found_spikes, threshold)));
    if spec.needs_primary() {
        seen.extend(replication::replicas(spec.replicas, &facts.info));
    }
    seen
}

/// The other masters of a cluster: those that pass in one line each.
fn other_masters(spec: &RedisSpec, masters: &ProbeResult<Masters>) -> Vec<Observation> {
    match masters {
        Ok(masters) => masters.others.iter().flat_map(|(at, facts)| other_master(spec, at, facts)).collect(),
        Err(why) => vec![Observation::unknown("other masters", "as this node", why.clone())],
    }
}

fn other_master(spec: &RedisSpec, at: &Address, facts: &ProbeResult<NodeFacts>) -> Vec<Observation> {
    let what = format!("master {at}");
    let facts = match facts {
        Ok(facts) => facts,
        Err(why) => return vec![Observation::unknown(what, "as this node", why.clone())],
    };
    let mut seen = node(spec, facts);
    let is_good = seen.iter().all(|observation| observation.ok == Some(true));
    seen.retain(|observation| observation.ok != Some(true) || observation.has_key(key::NOTICE));
    for observation in &mut seen {
        observation.what = format!("{what}: {}", observation.what);
    }
    seen.extend(is_good.then(|| Observation::new(what, "as this node", "passes the same checks", true)));
    seen
}

/// A Sentinel knows where the server is, and holds no data itself.
fn sentinel(facts: &NodeFacts) -> Option<Observation> {
    let is_sentinel =
        facts.info.as_ref().is_ok_and(|info| info.get("redis_mode").is_some_and(|mode| mode == "sentinel"));
    let why = "this is a Sentinel: configure the address of the server that it monitors (SENTINEL \
               GET-MASTER-ADDR-BY-NAME tells it)";
    is_sentinel.then(|| Observation::unknown("Redis server", "a server with data", why))
}

/// The version, if the server reports it; forks report theirs beside the compatible Redis version.
fn version(facts: &NodeFacts) -> Option<Observation> {
    let info = facts.info.as_ref().ok()?;
    let redis = info.get("redis_version")?;
    let fork = FORKS.iter().find_map(|(key, name)| Some(format!("{name} {}", info.get(*key)?)));
    let seen = fork.map_or_else(|| redis.clone(), |fork| format!("{fork} (as Redis {redis})"));
    Some(Observation::recorded("version", seen))
}

fn monitor(limit: u64, threshold: &ProbeResult<u64>) -> Observation {
    let (what, expected) = ("latency-monitor-threshold", format!("1 to {limit} ms"));
    match threshold {
        Ok(0) => Observation::new(what, expected, "0 (off)", false),
        Ok(ms) => Observation::new(what, expected, format!("{ms} ms"), *ms <= limit),
        Err(why) => Observation::unknown(what, expected, why.clone()),
    }
}

/// An empty list proves something only if the monitor records spikes above the limit.
fn spikes(
    limit: u64,
    spikes: &ProbeResult<Vec<LatencySpike>>,
    threshold: Option<&ProbeResult<u64>>,
) -> Observation {
    let (what, expected) = ("latest latency spikes", format!("none above {limit} ms"));
    let spikes = match spikes {
        Ok(spikes) => spikes,
        Err(why) => return Observation::unknown(what, expected, why.clone()),
    };
    let above = spikes.iter().any(|spike| spike.latest > limit);
    let message = if spikes.is_empty() { "none".into() } else { describe_spikes(spikes) };
    let uncertainty = match threshold {
        _ if above => None,
        Some(Ok(0)) => Some("the latency monitor is off".to_owned()),
        Some(Ok(ms)) if *ms > limit => {
            Some(format!("{message}; but the latency monitor records only from {ms} ms on"))
        }
        Some(Err(why)) if spikes.is_empty() => {
            Some(format!("{message}; but whether the latency monitor is on cannot be read: {why}"))
        }
        _ => None,
    };
    match uncertainty {
        Some(why) => Observation::unknown(what, expected, why).as_measured(),
        None => Observation::new(what, expected, message, !above).as_measured(),
    }
}

fn describe_spikes(spikes: &[LatencySpike]) -> String {
    let describe =
        |spike: &LatencySpike| format!("{} {} ms (longest {} ms)", spike.event, spike.latest, spike.max);
    spikes.iter().map(describe).collect::<Vec<_>>().join(", ")
}

fn cluster(expected: Option<bool>, facts: &RedisFacts) -> Vec<Observation> {
    let mut seen: Vec<_> = expected.map(|expected| mode(expected, &facts.node.info)).into_iter().collect();
    let clustered = facts.node.info.as_ref().is_ok_and(is_clustered);
    match &facts.cluster {
        Some(Ok(info)) => seen.extend(judge_slots(info)),
        // If the mode is wrong, an error of CLUSTER INFO adds nothing.
        Some(Err(why)) if clustered => {
            seen.push(Observation::unknown("cluster state", "ok", why.clone()));
        }
        _ => {}
    }
    seen
}

fn mode(is_expected_on: bool, info: &ProbeResult<InfoFields>) -> Observation {
    let word = |clustered| if clustered { "on" } else { "off" };
    let (what, expected) = ("cluster mode", word(is_expected_on));
    match info {
        Ok(info) if info.contains_key("cluster_enabled") => {
            let clustered = is_clustered(info);
            Observation::new(what, expected, word(clustered), clustered == is_expected_on)
        }
        Ok(_) => Observation::unknown(what, expected, "INFO does not say"),
        Err(why) => Observation::unknown(what, expected, why.clone()),
    }
}

fn judge_slots(info: &InfoFields) -> Vec<Observation> {
    let check = |what: &str, key: &str, expected: &str| match info.get(key) {
        Some(value) => Observation::new(what, expected, value, value == expected),
        None => Observation::unknown(what, expected, format!("CLUSTER INFO has no {key}")),
    };
    vec![
        check("cluster state", "cluster_state", "ok"),
        check("cluster slots served", "cluster_slots_ok", SLOTS),
        check("cluster slots possibly failing", "cluster_slots_pfail", "0"),
        check("cluster slots failing", "cluster_slots_fail", "0"),
    ]
}

fn subscribers(check: &SubscriberCheck, seen: &ProbeResult<SubscriberCounts>) -> Observation {
    let what = format!("subscribers of {}", check.channel);
    let expected = format!("at least {}", check.at_least);
    let seen = match seen {
        Ok(seen) => seen,
        Err(why) => return Observation::unknown(what, expected, why.clone()),
    };
    let ok = seen.count >= check.at_least;
    let count = match seen.nodes {
        1 => seen.count.to_string(),
        nodes => format!("{} on {nodes} nodes", seen.count),
    };
    if ok || seen.unasked.is_empty() {
        Observation::new(what, expected, count, ok).as_measured()
    } else {
        let why = format!("{count} so far; {}", seen.unasked.join("; "));
        Observation::unknown(what, expected, why).as_measured()
    }
}

#[cfg(test)]
mod tests {
    use gonogo_core::checklist::ObservationNames;
    use gonogo_core::checklist::spec::ProbeSpec;
    use gonogo_core::outcome::Outcome;
    use gonogo_core::time::Utc;
    use serde_json::json;

    use super::super::facts::read_info;
    use super::*;
    use crate::probes::altered_text::GoodText;
    use crate::probes::error::ProbeError;

    const INFO: &str = "# Server\r\nredis_version:7.2.7\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\
        # Persistence\r\nloading:0\r\naof_enabled:1\r\naof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\n\
        # Memory\r\nused_memory:1\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";

    #[test]
    fn no_altered_info_passes_without_the_fields_that_carry_it() {
        let spec = json!({"url": "redis://localhost", "persistence": true, "role": "primary"});
        let spec: RedisSpec = serde_json::from_value(spec).unwrap();
        let carriers =
            ["aof_enabled:1", "aof_last_write_status:ok", "aof_last_bgrewrite_status:ok", "role:master"];
        GoodText { text: INFO, carriers: &carriers, any_order: true, may_be_cut: true }.check(|bytes| {
            let info = Ok(read_info(&String::from_utf8_lossy(bytes)));
            let asked = Utc::from_millis(0);
            let node =
                NodeFacts { info, asked, save: None, threshold: None, spikes: None, min_replicas: None };
            let facts = RedisFacts { node, cluster: None, masters: None, subscribed: Vec::new() };
            Outcome::of(judge(&spec, &facts), "").class
        });
    }

    /// Of a server that shows nothing, so that every observation that people may confirm is made.
    #[test]
    fn a_profile_can_name_every_observation_in_people() {
        let with = r#"{"url": "redis://h", "persistence": true, "latency_threshold_ms": 1, "spike_limit_ms": 1,
            "cluster": true, "replicas": 1, "subscribers": [{"channel": "c"}]}"#;
        let spec: RedisSpec = serde_json::from_str(with).unwrap();
        let info = [("cluster_enabled", "1"), ("aof_enabled", "1")];
        let info = info.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        for info in [Err(ProbeError::new("hidden")), Ok(info.collect())] {
            let hidden = || ProbeError::new("hidden");
            let cluster = info.is_err().then(|| Err(hidden())).or_else(|| Some(Ok(InfoFields::new())));
            let node = NodeFacts {
                info,
                asked: Utc::from_millis(0),
                save: Some(Ok("60 1".to_owned())),
                threshold: Some(Err(hidden())),
                spikes: Some(Err(hidden())),
                min_replicas: Some(Err(hidden())),
            };
            let facts = RedisFacts { node, cluster, masters: None, subscribed: vec![Err(hidden())] };
            let probe = ProbeSpec::Redis(spec.clone());
            let names = ObservationNames::of(std::iter::once(Some(&probe)));
            let seen = judge(&spec, &facts);
            assert!(seen.len() > 5 && names.is_complete);
            for seen in seen.iter().filter(|seen| seen.ok.is_none()) {
                assert!(names.has(&seen.what), "{}", seen.what);
            }
        }
    }

    /// The lines of `INFO server` as each writes them.
    #[test]
    fn a_compatible_server_is_named_with_its_own_version() {
        let servers: [(&[(&str, &str)], &str); 6] = [
            (&[("redis_version", "7.2.7"), ("redis_mode", "standalone")], "7.2.7"),
            (
                &[("redis_version", "7.2.4"), ("server_name", "valkey"), ("valkey_version", "8.0.2")],
                "Valkey 8.0.2 (as Redis 7.2.4)",
            ),
            (
                &[("redis_version", "7.4.0"), ("dragonfly_version", "df-v1.27.1")],
                "Dragonfly df-v1.27.1 (as Redis 7.4.0)",
            ),
            (&[("redis_version", "7.0.0"), ("kvrocks_version", "2.11.1")], "Kvrocks 2.11.1 (as Redis 7.0.0)"),
            (&[("redis_version", "7.2.5"), ("garnet_version", "1.0.61")], "Garnet 1.0.61 (as Redis 7.2.5)"),
            (&[("redis_version", "6.2.6"), ("multiplexing_api", "epoll")], "6.2.6"),
        ];
        for (lines, expected) in servers {
            let info = lines.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let facts = NodeFacts {
                info: Ok(info),
                asked: Utc::from_millis(0),
                save: None,
                threshold: None,
                spikes: None,
                min_replicas: None,
            };
            let seen = version(&facts).unwrap();
            assert_eq!((seen.seen.as_str(), seen.ok), (expected, Some(true)), "{lines:?}");
        }
    }
}
