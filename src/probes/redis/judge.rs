//! Compares a Redis server's state with the checks. Pure.

use gonogo_core::checklist::spec::{RedisSpec, SubscriberCheck};
use gonogo_core::outcome::Observation;

use super::super::error::ProbeResult;
use super::cluster::SubscriberCounts;
use super::facts::{InfoFields, LatencySpike, RedisFacts, is_clustered};
use super::persistence;

/// How many slots a whole cluster serves.
const SLOTS: &str = "16384";

/// All observations of one server.
pub(super) fn judge(spec: &RedisSpec, facts: &RedisFacts) -> Vec<Observation> {
    let mut seen: Vec<_> = version(facts).into_iter().collect();
    if spec.persistence {
        seen.extend(persistence::judge(facts));
    }
    let threshold = facts.threshold.as_ref();
    seen.extend(spec.latency_threshold_ms.zip(threshold).map(|(limit, now)| monitor(limit, now)));
    let limit_and_spikes = spec.spike_limit_ms.zip(facts.spikes.as_ref());
    seen.extend(limit_and_spikes.map(|(limit, found_spikes)| spikes(limit, found_spikes, threshold)));
    seen.extend(spec.replicas.into_iter().flat_map(|at_least| replicas(at_least, &facts.info)));
    seen.extend(cluster(spec.cluster, facts));
    seen.extend(spec.subscribers.iter().zip(&facts.subscribed).map(|(check, seen)| subscribers(check, seen)));
    seen
}

/// The version, if the server reports it; forks report theirs beside the compatible Redis version.
fn version(facts: &RedisFacts) -> Option<Observation> {
    let info = facts.info.as_ref().ok()?;
    let redis = info.get("redis_version")?;
    let seen = match (info.get("server_name"), info.get("valkey_version")) {
        (Some(name), Some(version)) => format!("{name} {version} (as Redis {redis})"),
        _ => redis.clone(),
    };
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
        Some(Ok(0)) => Some("the latency monitor is off: it records none".to_owned()),
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

fn replicas(at_least: u64, info: &ProbeResult<InfoFields>) -> Vec<Observation> {
    let (what, expected) = ("replicas in step", format!("at least {at_least}"));
    let info = match info {
        Ok(info) => info,
        Err(why) => return vec![Observation::unknown(what, expected, why.clone())],
    };
    let Some(role) = info.get("role") else {
        return vec![Observation::unknown(what, expected, "INFO has no section on replication")];
    };
    let role = Observation::new("role", "master", role, role == "master");
    let (connected, online) = count(info);
    let seen = format!("{online} online of {connected} connected");
    vec![role, Observation::new(what, expected, seen, online >= at_least)]
}

/// `slave0:ip=…,port=…,state=online,offset=…,lag=0`: how many are connected, and how many in step.
fn count(info: &InfoFields) -> (u64, u64) {
    let is_index = |key: &str| {
        key.strip_prefix("slave").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let replicas = info.iter().filter(|(key, _)| is_index(key)).map(|(_, replica)| replica);
    replicas.fold((0, 0), |(connected, online), replica| {
        (connected + 1, online + u64::from(replica.split(',').any(|field| field == "state=online")))
    })
}

fn cluster(expected: Option<bool>, facts: &RedisFacts) -> Vec<Observation> {
    let mut seen: Vec<_> = expected.map(|expected| mode(expected, &facts.info)).into_iter().collect();
    let clustered = facts.info.as_ref().is_ok_and(is_clustered);
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
