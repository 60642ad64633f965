//! What a Redis server says, gathered before it is judged.

use std::collections::BTreeMap;

use redis::Value;

use gonogo_core::checklist::spec::RedisSpec;
use gonogo_core::time::Utc;

use super::super::address::Address;
use super::super::error::{ProbeError, ProbeResult};
use super::super::servers::now;
use super::cluster::{self, Masters, SubscriberCounts};
use super::session::{Login, RedisSession};

/// `key:value` lines of `INFO` and `CLUSTER INFO`.
pub(super) type InfoFields = BTreeMap<String, String>;

/// Everything that the checks of one spec need. Absent where no check needs it.
pub(super) struct RedisFacts {
    /// Of the queried node.
    pub(super) node: NodeFacts,
    pub(super) cluster: Option<ProbeResult<InfoFields>>,
    /// The other nodes of a cluster that hold a part of the data.
    pub(super) masters: Option<ProbeResult<Masters>>,
    /// By channel, in the spec's order.
    pub(super) subscribed: Vec<ProbeResult<SubscriberCounts>>,
}

/// What one node says of itself.
pub(super) struct NodeFacts {
    pub(super) info: ProbeResult<InfoFields>,
    /// When it was asked, by this machine's clock.
    pub(super) asked: Utc,
    /// `save`: when RDB snapshots are made.
    pub(super) save: Option<ProbeResult<String>>,
    /// `latency-monitor-threshold` in milliseconds; 0 is off.
    pub(super) threshold: Option<ProbeResult<u64>>,
    pub(super) spikes: Option<ProbeResult<Vec<LatencySpike>>>,
    /// `min-replicas-to-write`, where the node counts the replicas for it.
    pub(super) min_replicas: Option<ProbeResult<u64>>,
}

/// One event of the latency monitor; times in milliseconds.
pub(super) struct LatencySpike {
    pub(super) event: String,
    pub(super) latest: u64,
    pub(super) max: u64,
}

impl RedisFacts {
    pub(super) async fn gather(
        spec: &RedisSpec,
        session: &mut RedisSession,
        login: &Login,
        address: &Address,
    ) -> Self {
        let node = NodeFacts::gather(spec, session).await;
        let clustered = node.info.as_ref().is_ok_and(is_clustered);
        let ask_cluster = clustered && spec.cluster != Some(false) || spec.cluster == Some(true);
        let masters = clustered && spec.needs_primary();
        Self {
            cluster: if ask_cluster { Some(info(session, &["CLUSTER", "INFO"]).await) } else { None },
            masters: if masters { Some(cluster::masters(spec, session, login, address).await) } else { None },
            subscribed: cluster::subscribed(spec, session, clustered, login, address).await,
            node,
        }
    }
}

impl NodeFacts {
    pub(super) async fn gather(spec: &RedisSpec, session: &mut RedisSession) -> Self {
        let monitor = spec.latency_threshold_ms.is_some() || spec.spike_limit_ms.is_some();
        let info = info(session, &["INFO"]).await;
        let asked = now();
        let counts_replicas = spec.needs_primary()
            && info.as_ref().is_ok_and(|info| info.contains_key("min_slaves_good_slaves"));
        Self {
            save: if spec.persistence { Some(config(session, "save").await) } else { None },
            threshold: if monitor { Some(setting(session, "latency-monitor-threshold").await) } else { None },
            spikes: if spec.spike_limit_ms.is_some() { Some(spikes(session).await) } else { None },
            min_replicas: if counts_replicas {
                Some(setting(session, "min-replicas-to-write").await)
            } else {
                None
            },
            info,
            asked,
        }
    }
}

/// Whether the server runs in cluster mode.
pub(super) fn is_clustered(info: &InfoFields) -> bool {
    info.get("cluster_enabled").is_some_and(|enabled| enabled == "1")
}

async fn info(session: &mut RedisSession, command: &[&str]) -> ProbeResult<InfoFields> {
    let answer = session.query(command).await?;
    Ok(read_info(&text(&answer).ok_or_else(|| unexpected_answer(command))?))
}

/// The fields of `INFO`; other lines are headings.
pub(super) fn read_info(text: &str) -> InfoFields {
    let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

async fn config(session: &mut RedisSession, name: &str) -> ProbeResult<String> {
    let command = ["CONFIG", "GET", name];
    let answer = session.query(&command).await?;
    // Managed servers answer with an empty list for what they do not show.
    let not_shown = || ProbeError::new(format!("the server does not return its `{name}` setting"));
    list(&answer).and_then(|pair| text(pair.get(1)?)).ok_or_else(not_shown)
}

async fn setting(session: &mut RedisSession, name: &str) -> ProbeResult<u64> {
    let text = config(session, name).await?;
    text.parse().map_err(|_| ProbeError::new(format!("{name} is `{text}`: not a number")))
}

async fn spikes(session: &mut RedisSession) -> ProbeResult<Vec<LatencySpike>> {
    let command = ["LATENCY", "LATEST"];
    let answer = session.query(&command).await?;
    let spikes = list(&answer).map(|items| items.iter().map(spike).collect::<Option<Vec<_>>>());
    spikes.flatten().ok_or_else(|| unexpected_answer(&command))
}

/// Event, time of the latest spike, its length, and that of the longest; newer servers add more.
fn spike(value: &Value) -> Option<LatencySpike> {
    let fields = list(value)?;
    let field = |at: usize| fields.get(at).and_then(number);
    Some(LatencySpike { event: text(fields.first()?)?, latest: field(2)?, max: field(3)? })
}

/// How many subscribe to a channel on the queried node.
pub(super) async fn subscribers(session: &mut RedisSession, channel: &str) -> ProbeResult<u64> {
    let command = ["PUBSUB", "NUMSUB", channel];
    let answer = session.query(&command).await?;
    list(&answer).and_then(|pair| number(pair.get(1)?)).ok_or_else(|| unexpected_answer(&command))
}

/// An answer as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        Value::Okay => Some("OK".into()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        value => text(value)?.parse().ok(),
    }
}

fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

pub(super) fn unexpected_answer(command: &[&str]) -> ProbeError {
    ProbeError::new(format!("unexpected reply to {}", command.join(" ")))
}
