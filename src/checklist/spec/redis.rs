//! What a Redis probe is asked to look at.

use serde::{Deserialize, Serialize};

use super::Tls;
use crate::secret::SecretRef;

/// What must hold of a Redis server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `redis://host:port/db` or `rediss://…` (TLS), without user and password.
    pub url: String,
    /// ACL user; `default` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Where the password is; without one no `AUTH` is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// How a TLS server is judged.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// AOF or RDB must be on and its last write good.
    #[serde(default)]
    pub persistence: bool,
    /// `latency-monitor-threshold` must be on (above 0) and at most this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_threshold_ms: Option<u64>,
    /// No spike in `LATENCY LATEST` may have a latest value above this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spike_limit_ms: Option<u64>,
    /// Whether it must be a cluster (`true`: state ok, all slots served), must not, or may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<bool>,
    /// How many replicas must be connected and in step (`state=online`), at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u64>,
    /// Pub/sub channels that must have subscribers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribers: Vec<Subscribers>,
}

/// A pub/sub channel and how many subscribers it must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribers {
    /// The channel.
    pub channel: String,
    /// The least number of subscribers.
    #[serde(default = "one")]
    pub at_least: u64,
}

fn one() -> u64 {
    1
}
