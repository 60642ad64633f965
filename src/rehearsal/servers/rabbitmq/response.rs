//! Responses on a channel, and how a message's content is written.

use amq_protocol::frame::{AMQPContentHeader, AMQPFrame};
use amq_protocol::protocol::AMQPClass;
use amq_protocol::protocol::basic::{self, AMQPMethod as Basic};

use super::connection::{ConnectionEnd, FrameConnection};
use super::model::Message;

/// The response to a frame: methods, and a message after them if there is one.
#[derive(Default)]
pub(super) struct ChannelResponse {
    pub(super) methods: Vec<AMQPClass>,
    /// The content that belongs to the last method.
    pub(super) message: Option<Message>,
    /// A method to send after the message.
    pub(super) after: Option<AMQPClass>,
    /// A queue that may now have messages for its consumers.
    pub(super) dispatch: Option<String>,
}

impl ChannelResponse {
    pub(super) fn method(method: AMQPClass) -> Self {
        Self { methods: vec![method], ..Self::default() }
    }

    pub(super) fn unless_nowait(nowait: bool, method: AMQPClass) -> Self {
        if nowait { Self::default() } else { Self::method(method) }
    }
}

/// The response to `basic.get` with a message.
pub(super) fn get_ok(delivery_tag: u64, message: Message, left: usize) -> ChannelResponse {
    let ok = basic::GetOk {
        delivery_tag,
        redelivered: message.redelivered,
        exchange: message.exchange.as_str().into(),
        routing_key: message.routing_key.as_str().into(),
        message_count: count_u32(left),
    };
    let method = AMQPClass::Basic(Basic::GetOk(ok));
    ChannelResponse { message: Some(message), ..ChannelResponse::method(method) }
}

/// A count in the protocol's type.
pub(super) fn count_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Writes a message's header and body.
pub(super) async fn write_content(
    connection: &mut FrameConnection,
    channel: u16,
    message: Message,
) -> Result<(), ConnectionEnd> {
    let body_size = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
    let header = AMQPContentHeader { class_id: 60, body_size, properties: message.properties };
    connection.write(&AMQPFrame::Header(channel, header)).await?;
    for part in message.body.chunks(connection.max_body_part()) {
        connection.write(&AMQPFrame::Body(channel, part.to_vec())).await?;
    }
    Ok(())
}
