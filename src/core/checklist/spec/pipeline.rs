//! The spec of the pipeline probe.

use serde::{Deserialize, Serialize};

use super::{ApiSpec, RabbitmqSpec, RedisSpec, SecretRef, is_one, one, one_or_more};

/// Events, each sent over a WebSocket, that must return over server-sent events with their correlation ids.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineSpec {
    /// The application.
    pub api: ApiSpec,
    /// The realtime token.
    pub token: SecretRef,
    /// Where browsers reach the application, if that is elsewhere: one more event goes through it, with the token in the
    /// query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// How many events are sent to `api`, one after the other, each over connections of its own.
    #[serde(default = "one", deserialize_with = "one_or_more", skip_serializing_if = "is_one")]
    pub samples: u32,
    /// The board of the event.
    #[serde(default = "board")]
    pub board: String,
    /// The action of the event.
    #[serde(default = "action")]
    pub action: String,
    /// An `Origin` that the application allows, if it requires one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The exchange that it must pass, watched with a temporary queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<PipelineHop<RabbitmqSpec>>,
    /// The Redis channel that it must pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<PipelineHop<RedisSpec>>,
    /// The start of the keys that a worker leaves in Redis for the events that it has handled; the event's id follows. They
    /// must be in the database of `channel`, or the application uses another one than is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_prefix: Option<String>,
}

/// A hop of the pipeline: a broker, and the exchange or channel there.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineHop<T> {
    /// The broker.
    pub at: T,
    /// The exchange, or the channel.
    pub name: String,
    /// The routing key, at an exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing_key: Option<String>,
}

fn board() -> String {
    "gonogo-canary".into()
}

fn action() -> String {
    "gonogo.canary".into()
}

impl PipelineSpec {
    /// The secrets that it reads.
    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        let broker = self.exchange.iter().map(|tap| &tap.at.password);
        let channel = self.channel.iter().filter_map(|tap| tap.at.password.as_ref());
        self.api.secrets().into_iter().chain([&self.token]).chain(broker).chain(channel).collect()
    }
}
