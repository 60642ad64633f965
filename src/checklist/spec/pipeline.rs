//! What a pipeline probe is asked to do.

use serde::{Deserialize, Serialize};

use super::{Api, Rabbitmq, Redis, SecretRef};

/// One event, sent over a WebSocket, that must come back over server-sent events, by its correlation id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Where the application is.
    pub api: Api,
    /// The realtime token.
    pub token: SecretRef,
    /// The board that the event is of.
    #[serde(default = "board")]
    pub board: String,
    /// The action that it carries.
    #[serde(default = "action")]
    pub action: String,
    /// An `Origin` that the application lets in, where it asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The exchange that it passes, seen through a queue of its own that is deleted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Tap<Rabbitmq>>,
    /// The channel that it passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Tap<Redis>>,
}

/// A broker on the way, and the name under which the event passes there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap<T> {
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

impl Pipeline {
    /// The secrets that it reads.
    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        let broker = self.exchange.iter().map(|tap| &tap.at.password);
        let channel = self.channel.iter().filter_map(|tap| tap.at.password.as_ref());
        self.api.secrets().into_iter().chain([&self.token]).chain(broker).chain(channel).collect()
    }
}
