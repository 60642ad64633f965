//! The spec of the Redis probe.

use serde::{Deserialize, Serialize};

use super::{Tls, is_default};
use crate::secret::SecretRef;

/// A Redis server, and its checks.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSpec {
    /// `redis://host:port/db` or `rediss://…` (TLS), without user and password.
    pub url: String,
    /// The ACL user; by default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The reference to the password; without one no `AUTH` is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// The TLS settings.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// Whether AOF or RDB must be on, and its last write successful.
    #[serde(default)]
    pub persistence: bool,
    /// `latency-monitor-threshold` must be on (above 0) and at most this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_threshold_ms: Option<u64>,
    /// The maximum latest value of a spike in `LATENCY LATEST`, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spike_limit_ms: Option<u64>,
    /// The role that it must have; a node of a cluster may have either.
    #[serde(default, skip_serializing_if = "is_default")]
    pub role: RedisRole,
    /// Whether it must be a cluster (`true`: state ok, all slots served), must not be one, or may be either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<bool>,
    /// The minimum number of replicas that are connected and in step (`state=online`, no more than 10 s
    /// behind).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u64>,
    /// Pub/sub channels that must have subscribers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribers: Vec<SubscriberCheck>,
}

impl RedisSpec {
    /// Whether the server itself is checked, and not only who subscribes: it must have its role and take writes.
    #[must_use]
    pub const fn needs_primary(&self) -> bool {
        self.persistence || self.replicas.is_some()
    }
}

/// The role of a Redis server.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedisRole {
    /// It takes writes.
    #[default]
    Primary,
    /// It copies a primary.
    Replica,
}

/// A pub/sub channel and its minimum number of subscribers.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriberCheck {
    /// The channel.
    pub channel: String,
    /// The minimum number of subscribers.
    #[serde(default = "one")]
    pub at_least: u64,
}

fn one() -> u64 {
    1
}
