//! Probe specs: what an automatic check is asked to look at. Filled in from the profile and frozen into
//! the plan; they hold references to secrets, never secrets.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secret::SecretRef;

/// What one probe looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "with", rename_all = "kebab-case")]
pub enum Spec {
    /// One HTTP request and what its answer must be.
    Http(Http),
    /// A Redis server.
    Redis(Redis),
    /// A RabbitMQ broker.
    Rabbitmq(Rabbitmq),
    /// A kind that this version of gonogo does not have. Always ends in an error.
    Unavailable(Unavailable),
}

impl Spec {
    /// The kind as checklists write it.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Http(_) => "http",
            Self::Redis(_) => "redis",
            Self::Rabbitmq(_) => "rabbitmq",
            Self::Unavailable(spec) => &spec.kind,
        }
    }

    /// The secrets that it reads.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::Http(spec) => spec.headers.values().filter_map(HeaderValue::secret).collect(),
            Self::Redis(spec) => spec.password.iter().collect(),
            Self::Rabbitmq(spec) => vec![&spec.password],
            Self::Unavailable(_) => Vec::new(),
        }
    }
}

/// A kind of probe that is named by the checklist but not built into this version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unavailable {
    /// The kind as the checklist writes it.
    pub kind: String,
}

/// A text, a whole number or a yes/no. Run logs hold no floats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a string, a whole number, true or false")]
pub enum Scalar {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// How a TLS server is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A PEM file of root certificates to trust *instead of* the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roots: Option<String>,
}

impl Tls {
    /// Whether nothing was set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A header value: plain text, or a secret by reference, optionally behind a prefix such as `Bearer `.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a string, or a secret as { secret = { env = \"…\" }, prefix = \"…\" }"
)]
pub enum HeaderValue {
    /// Sent and shown as it is.
    Text(String),
    /// Sent, never shown.
    Secret(SecretHeader),
}

impl HeaderValue {
    fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Text(_) => None,
            Self::Secret(header) => Some(&header.secret),
        }
    }
}

/// A header that carries a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretHeader {
    /// Where the secret is.
    pub secret: SecretRef,
    /// What stands before it, `Bearer ` for instance.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}

/// The request methods a probe may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`
    #[default]
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// `POST`
    Post,
}

/// One HTTP request and what its answer must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// `http://…` or `https://…`, without user and password.
    pub url: String,
    /// `GET` unless said.
    #[serde(default)]
    pub method: Method,
    /// Request headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderValue>,
    /// Status codes that are right.
    #[serde(default = "ok_status")]
    pub status: Vec<u16>,
    /// What must hold of the response headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<HeaderCheck>,
    /// What must hold of the body as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<BodyCheck>,
    /// What must hold of the body as JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonCheck>,
    /// How many redirects to follow; none unless asked, and never to another host.
    #[serde(default)]
    pub redirects: u8,
    /// How an `https` server is judged.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
}

fn ok_status() -> Vec<u16> {
    vec![200]
}

/// What must hold of one response header. With nothing but a name: it must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderCheck {
    /// The header, in any case.
    pub name: String,
    /// The whole value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// A part of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// A directive within the value (`max-age` in `max-age=31536000; preload`), for `at_least`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directive: Option<String>,
    /// The least number that the directive may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<i64>,
}

/// What must hold of the body as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyCheck {
    /// A part of the body.
    pub contains: String,
}

/// What must hold of the body as JSON. With nothing but a path: exactly one node must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonCheck {
    /// A JSON path (RFC 9535).
    pub path: String,
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Scalar>,
    /// The least number it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<i64>,
}

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
