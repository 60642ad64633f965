//! What is answered on a channel.

use amq_protocol::frame::{AMQPContentHeader, AMQPFrame};
use amq_protocol::protocol::AMQPClass;
use amq_protocol::protocol::basic::{self, AMQPMethod as Basic};

use super::connection::{End, Wire};
use super::model::Message;

/// What is answered: methods, and perhaps a message after them.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) methods: Vec<AMQPClass>,
    /// The content of the last of them.
    pub(super) message: Option<Message>,
    /// What comes after that.
    pub(super) after: Option<AMQPClass>,
    /// Queues that may have something for somebody.
    pub(super) dispatch: Option<String>,
}

impl Answer {
    pub(super) fn of(method: AMQPClass) -> Self {
        Self { methods: vec![method], ..Self::default() }
    }

    pub(super) fn unless(nowait: bool, method: AMQPClass) -> Self {
        if nowait { Self::default() } else { Self::of(method) }
    }
}

/// The answer with a message that was taken.
pub(super) fn got(delivery_tag: u64, message: Message, left: usize) -> Answer {
    let ok = basic::GetOk {
        delivery_tag,
        redelivered: message.redelivered,
        exchange: message.exchange.as_str().into(),
        routing_key: message.key.as_str().into(),
        message_count: count(left),
    };
    let method = AMQPClass::Basic(Basic::GetOk(ok));
    Answer { message: Some(message), ..Answer::of(method) }
}

/// As the protocol counts.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Writes a message's header and body.
pub(super) async fn content(wire: &mut Wire, channel: u16, message: Message) -> Result<(), End> {
    let body_size = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
    let header = AMQPContentHeader { class_id: 60, body_size, properties: message.properties };
    wire.write(&AMQPFrame::Header(channel, header)).await?;
    for part in message.body.chunks(wire.room()) {
        wire.write(&AMQPFrame::Body(channel, part.to_vec())).await?;
    }
    Ok(())
}
