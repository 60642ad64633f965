//! What a RabbitMQ probe is asked to look at.

use serde::{Deserialize, Serialize};

use super::{Tls, is_false};
use crate::secret::SecretRef;

/// What must hold of a RabbitMQ broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rabbitmq {
    /// `amqp://host:port` or `amqps://…` (TLS), without user, password and virtual host.
    pub url: String,
    /// The virtual host.
    #[serde(default = "root_vhost")]
    pub vhost: String,
    /// The user.
    pub username: String,
    /// Where the password is.
    pub password: SecretRef,
    /// The management API, `http://host:15672`; needed for all but existence and depth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management: Option<String>,
    /// How TLS servers (both of them) are judged.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// Exchanges that must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<Exchange>,
    /// Queues that must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<Queue>,
    /// Bindings that must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<Binding>,
}

fn root_vhost() -> String {
    "/".into()
}

/// An exchange that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Its name.
    pub name: String,
    /// `topic`, `direct`, `fanout` or `headers`; by the management API.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Whether it must be durable; by the management API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<bool>,
}

/// A queue that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
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
    /// The most messages that may lie in it: ready ones by AMQP, unacknowledged ones by the management API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth_at_most: Option<u64>,
    /// The least number of consumers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumers_at_least: Option<u64>,
    /// Whether its first message is shown where there is one: it is taken and put back, by the management API.
    #[serde(default, skip_serializing_if = "is_false")]
    pub peek: bool,
}

/// A binding that must be there; by the management API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The source exchange.
    pub exchange: String,
    /// The destination queue.
    pub queue: String,
    /// The routing key.
    pub routing_key: String,
}
