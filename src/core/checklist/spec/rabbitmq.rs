//! The spec of the RabbitMQ probe.

use serde::{Deserialize, Serialize};

use super::{Tls, is_default, is_false};
use crate::secret::SecretRef;

/// A RabbitMQ broker, and its checks.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RabbitmqSpec {
    /// `amqp://host:port` or `amqps://…` (TLS), without user and password. A virtual host in it must be the same as
    /// `vhost`.
    pub url: String,
    /// The virtual host.
    #[serde(default = "root_vhost")]
    pub vhost: String,
    /// The user.
    pub username: String,
    /// The reference to the password.
    pub password: SecretRef,
    /// The management API, `http://host:15672`; required for all checks except existence and depth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management: Option<String>,
    /// The TLS settings, for both servers.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// Required exchanges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<ExchangeCheck>,
    /// Required queues.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueCheck>,
    /// Required bindings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<BindingCheck>,
}

fn root_vhost() -> String {
    "/".into()
}

/// A required exchange.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeCheck {
    /// Its name.
    pub name: String,
    /// `topic`, `direct`, `fanout` or `headers`; by the management API.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Whether it must be durable; by the management API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<bool>,
}

/// A required queue.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueCheck {
    /// Its name.
    pub name: String,
    /// Whether it must be durable; by the management API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<bool>,
    /// `x-message-ttl` in milliseconds; by the management API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_ttl_ms: Option<u64>,
    /// `x-dead-letter-exchange`; by the management API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_exchange: Option<String>,
    /// `x-dead-letter-routing-key`; by the management API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_routing_key: Option<String>,
    /// Whether other limits than the ones above may be in force: a TTL, a length, an expiry, by argument or policy.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: QueueLimits,
    /// The maximum number of messages in it: ready ones by AMQP, unacknowledged ones by the management API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth_at_most: Option<u64>,
    /// The minimum number of consumers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumers_at_least: Option<u64>,
    /// Whether to show its first message: it is taken and requeued, by the management API.
    #[serde(default, skip_serializing_if = "is_false")]
    pub peek: bool,
}

/// Limits of a queue that its check does not name. They make the broker drop messages.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueLimits {
    /// There must be none.
    #[default]
    None,
    /// They are recorded.
    Recorded,
}

/// A required binding; by the management API.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindingCheck {
    /// The source exchange.
    pub exchange: String,
    /// The destination queue.
    pub queue: String,
    /// The routing key.
    pub routing_key: String,
}
