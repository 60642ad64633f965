//! The state of the server: keys, configuration, latency spikes, subscribers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::UnboundedSender;

/// The number of databases.
pub(super) const DATABASES: usize = 16;

type Bytes = Vec<u8>;

/// A value, and when it expires.
#[derive(Clone, Debug)]
pub(super) struct StoredValue {
    pub(super) value: Bytes,
    pub(super) expires_at: Option<Instant>,
}

/// A published message for one subscriber.
#[derive(Debug)]
pub(super) struct PubSubMessage {
    /// The pattern that matched, for a subscription by pattern.
    pub(super) pattern: Option<Bytes>,
    pub(super) channel: Bytes,
    pub(super) payload: Bytes,
}

/// The subscribers of each channel or pattern, by session.
type SubscriberMap = BTreeMap<Bytes, BTreeMap<u64, UnboundedSender<PubSubMessage>>>;

/// The latency spikes of an event: time of the latest in seconds since the Unix epoch, latest and maximum latency in
/// milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SpikeRecord {
    pub(super) at: u64,
    pub(super) latest: u64,
    pub(super) max: u64,
}

#[derive(Debug)]
pub(super) struct RedisState {
    pub(super) password: String,
    databases: Vec<BTreeMap<Bytes, StoredValue>>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) spikes: BTreeMap<&'static str, SpikeRecord>,
    channels: SubscriberMap,
    patterns: SubscriberMap,
    /// The delay before every command.
    pub(super) delay: Duration,
    pub(super) started_at: Instant,
}

impl RedisState {
    pub(super) fn new(password: &str) -> Self {
        let config = [
            ("appendonly", "yes"),
            ("appendfsync", "everysec"),
            ("save", "3600 1 300 100 60 10000"),
            ("latency-monitor-threshold", "100"),
            ("maxmemory", "0"),
            ("maxmemory-policy", "noeviction"),
            ("databases", "16"),
        ];
        Self {
            password: password.to_owned(),
            databases: vec![BTreeMap::new(); DATABASES],
            config: config.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            spikes: BTreeMap::new(),
            channels: BTreeMap::new(),
            patterns: BTreeMap::new(),
            delay: Duration::ZERO,
            started_at: Instant::now(),
        }
    }

    /// The keys of a database, without the expired ones.
    pub(super) fn keys(&mut self, database: usize) -> &mut BTreeMap<Bytes, StoredValue> {
        let now = Instant::now();
        let keys = &mut self.databases[database.min(DATABASES - 1)];
        keys.retain(|_, stored| stored.expires_at.is_none_or(|expires_at| expires_at > now));
        keys
    }

    /// Records a latency spike if the command took longer than the threshold of the latency monitor.
    pub(super) fn record_latency(&mut self, latency: Duration) {
        let threshold = self.config.get("latency-monitor-threshold").and_then(|text| text.parse().ok());
        let latency = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        if threshold.is_some_and(|threshold: u64| threshold > 0 && latency >= threshold) {
            let spike = self.spikes.entry("command").or_default();
            let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            *spike = SpikeRecord { at, latest: latency, max: spike.max.max(latency) };
        }
    }

    fn subscribers_by(&mut self, by_pattern: bool) -> &mut SubscriberMap {
        if by_pattern { &mut self.patterns } else { &mut self.channels }
    }

    pub(super) fn subscribe(
        &mut self,
        by_pattern: bool,
        name: Bytes,
        session: u64,
        to: UnboundedSender<PubSubMessage>,
    ) {
        self.subscribers_by(by_pattern).entry(name).or_default().insert(session, to);
    }

    pub(super) fn unsubscribe(&mut self, by_pattern: bool, name: &[u8], session: u64) {
        let listeners = self.subscribers_by(by_pattern);
        if let Some(subscribers) = listeners.get_mut(name) {
            subscribers.remove(&session);
        }
        listeners.retain(|_, subscribers| !subscribers.is_empty());
    }

    pub(super) fn remove_session(&mut self, session: u64) {
        for by_pattern in [false, true] {
            for name in self.subscribers_by(by_pattern).keys().cloned().collect::<Vec<_>>() {
                self.unsubscribe(by_pattern, &name, session);
            }
        }
    }

    pub(super) fn subscribers(&self, channel: &[u8]) -> usize {
        self.channels.get(channel).map_or(0, BTreeMap::len)
    }

    pub(super) fn channels(&self) -> Vec<Bytes> {
        self.channels.keys().cloned().collect()
    }

    /// Number of patterns with subscribers.
    pub(super) fn pattern_count(&self) -> usize {
        self.patterns.len()
    }

    /// Publishes a message. Returns the number of its receivers.
    pub(super) fn publish(&self, channel: &[u8], payload: &[u8]) -> usize {
        let message = |pattern: Option<&Bytes>| PubSubMessage {
            pattern: pattern.cloned(),
            channel: channel.to_vec(),
            payload: payload.to_vec(),
        };
        let direct = self.channels.get(channel).into_iter().flat_map(BTreeMap::values).map(|to| (None, to));
        let by_pattern = self.patterns.iter().filter(|(pattern, _)| glob_matches(pattern, channel));
        let by_pattern = by_pattern.flat_map(|(pattern, to)| to.values().map(move |to| (Some(pattern), to)));
        direct.chain(by_pattern).filter(|(pattern, to)| to.send(message(*pattern)).is_ok()).count()
    }

    /// The reply to `INFO`.
    pub(super) fn info(&self) -> String {
        let is_enabled =
            |name: &str, off: &str| u8::from(self.config.get(name).is_some_and(|value| value != off));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let uptime = self.started_at.elapsed().as_secs();
        let lines = [
            "# Server".to_owned(),
            "redis_version:7.2.0".into(),
            "server_name:gonogo-rehearsal".into(),
            "redis_mode:standalone".into(),
            format!("uptime_in_seconds:{uptime}"),
            "# Persistence".into(),
            "loading:0".into(),
            format!("rdb_last_save_time:{}", now - uptime),
            "rdb_last_bgsave_status:ok".into(),
            format!("aof_enabled:{}", is_enabled("appendonly", "no")),
            "aof_last_bgrewrite_status:ok".into(),
            "aof_last_write_status:ok".into(),
            "# Replication".into(),
            "role:master".into(),
            "connected_slaves:0".into(),
            "# Cluster".into(),
            "cluster_enabled:0".into(),
        ];
        lines.join("\r\n") + "\r\n"
    }
}

/// Whether a glob pattern matches a name: `*`, `?`, `[…]`, and `\` to escape.
fn glob_matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skipped| glob_matches(rest, &name[skipped..])),
        ([b'?', rest @ ..], [_, others @ ..]) => glob_matches(rest, others),
        ([b'[', rest @ ..], [byte, others @ ..]) => {
            let end = rest.iter().position(|byte| *byte == b']').unwrap_or(rest.len());
            let (set, rest) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
            set.contains(byte) && glob_matches(rest, others)
        }
        ([b'\\', literal, rest @ ..] | [literal, rest @ ..], [byte, others @ ..]) => {
            literal == byte && glob_matches(rest, others)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::glob_matches;

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, name, is) in [
            ("advanced:activity", "advanced:activity", true),
            ("advanced:activity", "advanced:activities", false),
            ("advanced:*", "advanced:activity", true),
            ("*", "", true),
            ("h?llo", "hallo", true),
            ("h[ae]llo", "hello", true),
            ("h[ae]llo", "hillo", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
        ] {
            assert_eq!(glob_matches(pattern.as_bytes(), name.as_bytes()), is, "{pattern} {name}");
        }
    }
}
