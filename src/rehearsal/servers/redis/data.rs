//! What the server knows: keys, settings, latency spikes, subscribers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::UnboundedSender;

/// How many databases there are.
pub(super) const DATABASES: usize = 16;

type Bytes = Vec<u8>;

/// A value, and when it is gone.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) value: Bytes,
    pub(super) until: Option<Instant>,
}

/// A message on its way to a subscriber.
#[derive(Debug)]
pub(super) struct Published {
    /// The pattern that took it, if one did.
    pub(super) pattern: Option<Bytes>,
    pub(super) channel: Bytes,
    pub(super) payload: Bytes,
}

/// Who listens to what, by session.
type Listeners = BTreeMap<Bytes, BTreeMap<u64, UnboundedSender<Published>>>;

/// When an event was slow last, and how slow: seconds since the Unix epoch, milliseconds now and at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spike {
    pub(super) at: u64,
    pub(super) latest: u64,
    pub(super) most: u64,
}

#[derive(Debug)]
pub(super) struct Data {
    pub(super) password: String,
    databases: Vec<BTreeMap<Bytes, Stored>>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) spikes: BTreeMap<&'static str, Spike>,
    channels: Listeners,
    patterns: Listeners,
    /// How long every command takes.
    pub(super) delay: Duration,
    pub(super) begun: Instant,
}

impl Data {
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
            begun: Instant::now(),
        }
    }

    /// The keys of a database whose time is not over.
    pub(super) fn keys(&mut self, database: usize) -> &mut BTreeMap<Bytes, Stored> {
        let now = Instant::now();
        let keys = &mut self.databases[database.min(DATABASES - 1)];
        keys.retain(|_, stored| stored.until.is_none_or(|until| until > now));
        keys
    }

    /// Notes that a command took so long, if latency is watched.
    pub(super) fn took(&mut self, took: Duration) {
        let threshold = self.config.get("latency-monitor-threshold").and_then(|text| text.parse().ok());
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if threshold.is_some_and(|threshold: u64| threshold > 0 && took >= threshold) {
            let spike = self.spikes.entry("command").or_default();
            let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            *spike = Spike { at, latest: took, most: spike.most.max(took) };
        }
    }

    fn listeners(&mut self, by_pattern: bool) -> &mut Listeners {
        if by_pattern { &mut self.patterns } else { &mut self.channels }
    }

    pub(super) fn subscribe(
        &mut self,
        by_pattern: bool,
        name: Bytes,
        session: u64,
        to: UnboundedSender<Published>,
    ) {
        self.listeners(by_pattern).entry(name).or_default().insert(session, to);
    }

    pub(super) fn unsubscribe(&mut self, by_pattern: bool, name: &[u8], session: u64) {
        let listeners = self.listeners(by_pattern);
        if let Some(subscribers) = listeners.get_mut(name) {
            subscribers.remove(&session);
        }
        listeners.retain(|_, subscribers| !subscribers.is_empty());
    }

    pub(super) fn leave(&mut self, session: u64) {
        for by_pattern in [false, true] {
            for name in self.listeners(by_pattern).keys().cloned().collect::<Vec<_>>() {
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

    /// How many patterns are listened to.
    pub(super) fn patterns(&self) -> usize {
        self.patterns.len()
    }

    /// How many it reached.
    pub(super) fn publish(&self, channel: &[u8], payload: &[u8]) -> usize {
        let told = |pattern: Option<&Bytes>| Published {
            pattern: pattern.cloned(),
            channel: channel.to_vec(),
            payload: payload.to_vec(),
        };
        let own = self.channels.get(channel).into_iter().flat_map(BTreeMap::values).map(|to| (None, to));
        let fitting = self.patterns.iter().filter(|(pattern, _)| fits(pattern, channel));
        let fitting = fitting.flat_map(|(pattern, to)| to.values().map(move |to| (Some(pattern), to)));
        own.chain(fitting).filter(|(pattern, to)| to.send(told(*pattern)).is_ok()).count()
    }

    /// What `INFO` says.
    pub(super) fn info(&self) -> String {
        let on = |name: &str, off: &str| u8::from(self.config.get(name).is_some_and(|value| value != off));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let up = self.begun.elapsed().as_secs();
        let lines = [
            "# Server".to_owned(),
            "redis_version:7.2.0".into(),
            "server_name:gonogo-rehearsal".into(),
            "redis_mode:standalone".into(),
            format!("uptime_in_seconds:{up}"),
            "# Persistence".into(),
            "loading:0".into(),
            format!("rdb_last_save_time:{}", now - up),
            "rdb_last_bgsave_status:ok".into(),
            format!("aof_enabled:{}", on("appendonly", "no")),
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

/// Whether a pattern means a name: `*`, `?`, `[…]`, and `\` before what is meant as it is.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skipped| fits(rest, &name[skipped..])),
        ([b'?', rest @ ..], [_, others @ ..]) => fits(rest, others),
        ([b'[', rest @ ..], [byte, others @ ..]) => {
            let end = rest.iter().position(|byte| *byte == b']').unwrap_or(rest.len());
            let (set, rest) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
            set.contains(byte) && fits(rest, others)
        }
        ([b'\\', meant, rest @ ..] | [meant, rest @ ..], [byte, others @ ..]) => {
            meant == byte && fits(rest, others)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_mean_what_redis_says() {
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
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), is, "{pattern} {name}");
        }
    }
}
