//! The broker's model: exchanges, queues, bindings, messages, errors, and how routing keys match.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use amq_protocol::protocol::BasicProperties;
use amq_protocol::types::FieldTable;

use super::table;

/// The ids of a connection and of one of its channels.
pub(super) type ChannelKey = (u64, u16);

/// An error of the protocol: reply code and text. Codes of 500 and above, and a few below, close the connection; the
/// others close the channel.
#[derive(Debug)]
pub(super) struct AmqpError {
    pub(super) code: u16,
    pub(super) text: String,
}

impl AmqpError {
    pub(super) fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub(super) fn no_queue(name: &str) -> Self {
        Self::new(404, format!("NOT_FOUND - no queue '{name}' in vhost '/'"))
    }

    pub(super) fn no_exchange(name: &str) -> Self {
        Self::new(404, format!("NOT_FOUND - no exchange '{name}' in vhost '/'"))
    }

    pub(super) fn locked(name: &str) -> Self {
        Self::new(
            405,
            format!("RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}' in vhost '/'"),
        )
    }

    pub(super) fn not_implemented(what: &str) -> Self {
        Self::new(540, format!("NOT_IMPLEMENTED - {what}"))
    }

    /// Whether the error closes the connection.
    pub(super) fn closes_connection(&self) -> bool {
        self.code >= 500 || matches!(self.code, 320 | 402)
    }
}

pub(super) type MethodResult<T = ()> = Result<T, AmqpError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExchangeKind {
    Direct,
    Fanout,
    Topic,
}

impl ExchangeKind {
    pub(super) fn parse(name: &str) -> MethodResult<Self> {
        match name {
            "direct" => Ok(Self::Direct),
            "fanout" => Ok(Self::Fanout),
            "topic" => Ok(Self::Topic),
            "headers" => Err(AmqpError::not_implemented("headers exchanges")),
            other => Err(AmqpError::new(503, format!("COMMAND_INVALID - unknown exchange type '{other}'"))),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
        }
    }

    /// Whether a binding's routing key matches that of a message.
    pub(super) fn matches(self, binding: &str, key: &str) -> bool {
        match self {
            Self::Fanout => true,
            Self::Direct => binding == key,
            Self::Topic => {
                let (binding, key): (Vec<_>, Vec<_>) =
                    (binding.split('.').collect(), key.split('.').collect());
                topic_matches(&binding, &key)
            }
        }
    }
}

/// Whether a topic pattern matches: `*` is one word, `#` any number of words.
fn topic_matches(pattern: &[&str], words: &[&str]) -> bool {
    match (pattern.split_first(), words.split_first()) {
        (None, None) => true,
        (Some((&"#", rest)), _) => (0..=words.len()).any(|skipped| topic_matches(rest, &words[skipped..])),
        (Some((part, rest)), Some((word, others))) => {
            (*part == "*" || part == word) && topic_matches(rest, others)
        }
        _ => false,
    }
}

#[derive(Debug)]
pub(super) struct ExchangeState {
    pub(super) kind: ExchangeKind,
    pub(super) durable: bool,
    pub(super) auto_delete: bool,
}

#[derive(Debug)]
pub(super) struct QueueBinding {
    pub(super) exchange: String,
    pub(super) queue: String,
    pub(super) routing_key: String,
    pub(super) arguments: FieldTable,
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) exchange: String,
    pub(super) routing_key: String,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
    pub(super) redelivered: bool,
    /// When it expires in its queue.
    pub(super) expires_at: Option<Instant>,
}

impl Message {
    pub(super) fn new(exchange: &str, key: &str, properties: BasicProperties, body: Vec<u8>) -> Self {
        Self {
            exchange: exchange.into(),
            routing_key: key.into(),
            properties,
            body,
            redelivered: false,
            expires_at: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) tag: String,
    pub(super) channel: ChannelKey,
    pub(super) no_ack: bool,
}

#[derive(Debug, Default)]
pub(super) struct QueueState {
    pub(super) durable: bool,
    pub(super) auto_delete: bool,
    /// The connection of an exclusive queue.
    pub(super) owner: Option<u64>,
    pub(super) arguments: FieldTable,
    pub(super) ready: VecDeque<Message>,
    pub(super) consumers: Vec<Consumer>,
    /// The index of the consumer that is next in round-robin order.
    pub(super) next_consumer: usize,
}

impl QueueState {
    /// Adds a message at the end, or requeues it at the front.
    pub(super) fn push(&mut self, mut message: Message, requeue: bool) {
        if requeue {
            message.redelivered = true;
            self.ready.push_front(message);
            return;
        }
        let ttl = table::number(&self.arguments, "x-message-ttl");
        message.expires_at = ttl.map(|ttl| Instant::now() + Duration::from_millis(ttl));
        self.ready.push_back(message);
    }

    /// Removes and returns the expired messages at its head.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Message> {
        let is_expired = |message: &Message| message.expires_at.is_some_and(|at| at <= now);
        let mut expired = Vec::new();
        while self.ready.front().is_some_and(is_expired) {
            expired.extend(self.ready.pop_front());
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::ExchangeKind;

    #[test]
    fn topics_match_by_word() {
        for (binding, key, takes) in [
            ("boards.activity", "boards.activity", true),
            ("boards.*", "boards.activity", true),
            ("boards.*", "boards.activity.retry", false),
            ("boards.#", "boards.activity.retry", true),
            ("boards.#", "boards", true),
            ("#", "", true),
            ("#.retry", "boards.activity.retry", true),
            ("*.retry", "boards.activity.retry", false),
        ] {
            assert_eq!(ExchangeKind::Topic.matches(binding, key), takes, "{binding} {key}");
        }
    }
}
