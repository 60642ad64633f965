//! What a Redis server says, gathered before it is judged.

use std::collections::BTreeMap;

use redis::Value;

use crate::checklist::spec::Redis;

use super::super::address::Address;
use super::super::blind::{Blind, Fact};
use super::cluster::{self, Subscribed};
use super::session::{Login, Session};

/// `key:value` lines of `INFO` and `CLUSTER INFO`.
pub(super) type Info = BTreeMap<String, String>;

/// Everything that the checks of one spec need. Absent where nobody asks.
pub(super) struct Facts {
    pub(super) info: Fact<Info>,
    /// `save`: when RDB snapshots are made.
    pub(super) save: Option<Fact<String>>,
    /// `latency-monitor-threshold` in milliseconds; 0 is off.
    pub(super) threshold: Option<Fact<u64>>,
    pub(super) spikes: Option<Fact<Vec<Spike>>>,
    pub(super) cluster: Option<Fact<Info>>,
    /// By channel, in the spec's order.
    pub(super) subscribed: Vec<Fact<Subscribed>>,
}

/// One event of the latency monitor; times in milliseconds.
pub(super) struct Spike {
    pub(super) event: String,
    pub(super) latest: u64,
    pub(super) max: u64,
}

impl Facts {
    pub(super) async fn gather(
        spec: &Redis,
        session: &mut Session,
        login: &Login,
        address: &Address,
    ) -> Self {
        let monitor = spec.latency_threshold_ms.is_some() || spec.spike_limit_ms.is_some();
        let info = info(session, &["INFO"]).await;
        let clustered = info.as_ref().is_ok_and(is_clustered);
        let ask_cluster = clustered && spec.cluster != Some(false) || spec.cluster == Some(true);
        Self {
            save: if spec.persistence { Some(config(session, "save").await) } else { None },
            threshold: if monitor { Some(threshold(session).await) } else { None },
            spikes: if spec.spike_limit_ms.is_some() { Some(spikes(session).await) } else { None },
            cluster: if ask_cluster { Some(self::info(session, &["CLUSTER", "INFO"]).await) } else { None },
            subscribed: cluster::subscribed(spec, session, clustered, login, address).await,
            info,
        }
    }
}

/// Whether the server runs in cluster mode.
pub(super) fn is_clustered(info: &Info) -> bool {
    info.get("cluster_enabled").is_some_and(|enabled| enabled == "1")
}

async fn info(session: &mut Session, command: &[&str]) -> Fact<Info> {
    let answer = session.ask(command).await?;
    let text = text(&answer).ok_or_else(|| strange(command))?;
    let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

async fn config(session: &mut Session, name: &str) -> Fact<String> {
    let command = ["CONFIG", "GET", name];
    let answer = session.ask(&command).await?;
    // Managed servers answer with an empty list for what they do not show.
    let hidden = || Blind::new(format!("the server does not show its `{name}` setting"));
    list(&answer).and_then(|pair| text(pair.get(1)?)).ok_or_else(hidden)
}

async fn threshold(session: &mut Session) -> Fact<u64> {
    let name = "latency-monitor-threshold";
    let text = config(session, name).await?;
    text.parse().map_err(|_| Blind::new(format!("{name} is `{text}`: not a number of milliseconds")))
}

async fn spikes(session: &mut Session) -> Fact<Vec<Spike>> {
    let command = ["LATENCY", "LATEST"];
    let answer = session.ask(&command).await?;
    let spikes = list(&answer).map(|all| all.iter().map(spike).collect::<Option<Vec<_>>>());
    spikes.flatten().ok_or_else(|| strange(&command))
}

/// Event, time of the latest spike, its length, and that of the longest; newer servers add more.
fn spike(value: &Value) -> Option<Spike> {
    let fields = list(value)?;
    let field = |at: usize| fields.get(at).and_then(number);
    Some(Spike { event: text(fields.first()?)?, latest: field(2)?, max: field(3)? })
}

/// How many subscribe to a channel on the node asked.
pub(super) async fn subscribers(session: &mut Session, channel: &str) -> Fact<u64> {
    let command = ["PUBSUB", "NUMSUB", channel];
    let answer = session.ask(&command).await?;
    list(&answer).and_then(|pair| number(pair.get(1)?)).ok_or_else(|| strange(&command))
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
        Value::Array(all) => Some(all),
        _ => None,
    }
}

pub(super) fn strange(command: &[&str]) -> Blind {
    Blind::new(format!("the answer to {} is in no form that Redis documents", command.join(" ")))
}
