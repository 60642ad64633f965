//! What a broker is made of: exchanges, queues, messages, and how keys are matched.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use amq_protocol::protocol::BasicProperties;
use amq_protocol::types::FieldTable;

use super::table;

/// Which connection, and which of its channels.
pub(super) type ChannelKey = (u64, u16);

/// Why something is not done: the reply code and text of the protocol. Codes of 500 and above, and a few below,
/// end the connection; the others end the channel.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) text: String,
}

impl Refusal {
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

    /// Whether it ends the connection.
    pub(super) fn is_hard(&self) -> bool {
        self.code >= 500 || matches!(self.code, 320 | 402)
    }
}

pub(super) type Done<T = ()> = Result<T, Refusal>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Direct,
    Fanout,
    Topic,
}

impl Kind {
    pub(super) fn parse(name: &str) -> Done<Self> {
        match name {
            "direct" => Ok(Self::Direct),
            "fanout" => Ok(Self::Fanout),
            "topic" => Ok(Self::Topic),
            "headers" => Err(Refusal::not_implemented("headers exchanges")),
            other => Err(Refusal::new(503, format!("COMMAND_INVALID - unknown exchange type '{other}'"))),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
        }
    }

    /// Whether a binding's key takes a message's.
    pub(super) fn takes(self, binding: &str, key: &str) -> bool {
        match self {
            Self::Fanout => true,
            Self::Direct => binding == key,
            Self::Topic => {
                let (binding, key): (Vec<_>, Vec<_>) =
                    (binding.split('.').collect(), key.split('.').collect());
                fits(&binding, &key)
            }
        }
    }
}

/// `*` stands for one word, `#` for any number of them.
fn fits(pattern: &[&str], words: &[&str]) -> bool {
    match (pattern.split_first(), words.split_first()) {
        (None, None) => true,
        (Some((&"#", rest)), _) => (0..=words.len()).any(|skipped| fits(rest, &words[skipped..])),
        (Some((part, rest)), Some((word, others))) => (*part == "*" || part == word) && fits(rest, others),
        _ => false,
    }
}

#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) kind: Kind,
    pub(super) durable: bool,
    pub(super) auto_delete: bool,
}

#[derive(Debug)]
pub(super) struct Binding {
    pub(super) exchange: String,
    pub(super) queue: String,
    pub(super) key: String,
    pub(super) arguments: FieldTable,
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) exchange: String,
    pub(super) key: String,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
    pub(super) redelivered: bool,
    /// When its time in the queue is over.
    pub(super) expires: Option<Instant>,
}

impl Message {
    pub(super) fn new(exchange: &str, key: &str, properties: BasicProperties, body: Vec<u8>) -> Self {
        Self {
            exchange: exchange.into(),
            key: key.into(),
            properties,
            body,
            redelivered: false,
            expires: None,
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
pub(super) struct Queue {
    pub(super) durable: bool,
    pub(super) auto_delete: bool,
    /// The connection that it is only there for.
    pub(super) owner: Option<u64>,
    pub(super) arguments: FieldTable,
    pub(super) ready: VecDeque<Message>,
    pub(super) consumers: Vec<Consumer>,
    /// Whose turn it is.
    pub(super) turn: usize,
}

impl Queue {
    /// Takes in a message, at its end or where it came from.
    pub(super) fn take(&mut self, mut message: Message, back: bool) {
        if back {
            message.redelivered = true;
            self.ready.push_front(message);
            return;
        }
        let ttl = table::number(&self.arguments, "x-message-ttl");
        message.expires = ttl.map(|ttl| Instant::now() + Duration::from_millis(ttl));
        self.ready.push_back(message);
    }

    /// Takes out the messages at its head whose time is over.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Message> {
        let is_over = |message: &Message| message.expires.is_some_and(|at| at <= now);
        let mut over = Vec::new();
        while self.ready.front().is_some_and(is_over) {
            over.extend(self.ready.pop_front());
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

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
            assert_eq!(Kind::Topic.takes(binding, key), takes, "{binding} {key}");
        }
    }
}
