//! The channels of one connection: handles their methods and content, and sends responses and deliveries.

mod basic;

use std::collections::BTreeMap;

use amq_protocol::frame::AMQPContentHeader;
use amq_protocol::protocol::basic::AMQPMethod as Basic;
use amq_protocol::protocol::basic::{Deliver, Publish};
use amq_protocol::protocol::channel::AMQPMethod as ChannelMethod;
use amq_protocol::protocol::confirm::AMQPMethod as Confirm;
use amq_protocol::protocol::exchange::AMQPMethod as Exchange;
use amq_protocol::protocol::queue::AMQPMethod as Queue;
use amq_protocol::protocol::{AMQPClass, channel, confirm, exchange, queue};
use tokio::sync::mpsc::UnboundedSender;

use super::connection::{ConnectionEnd, FrameConnection, truncate_reply_text};
use super::model::{AmqpError, ChannelKey, MethodResult};
use super::response::{ChannelResponse, count_u32, write_content};
use super::state::Delivery;
use super::{SharedBroker, lock};

/// The largest body, in bytes.
const MAX_BODY: u64 = 16 << 20;

/// A frame that was received on a channel.
pub(super) enum ChannelFrame {
    Method(AMQPClass),
    Header(AMQPContentHeader),
    Body(Vec<u8>),
}

/// The state of an open channel.
#[derive(Default)]
struct OpenChannel {
    /// A message that is being received: its `basic.publish`, its header and its body so far.
    incoming: Option<(Publish, Option<AMQPContentHeader>, Vec<u8>)>,
    /// Number of messages since publisher confirms were enabled; `None` without confirms.
    confirm_count: Option<u64>,
    /// The queue that was declared last.
    last_queue: String,
    /// Closed by the broker: frames are ignored until the client confirms.
    closing: bool,
}

/// All channels of a connection.
pub(super) struct Channels {
    connection: u64,
    state: SharedBroker,
    deliver: UnboundedSender<Delivery>,
    open: BTreeMap<u16, OpenChannel>,
}

impl Channels {
    pub(super) fn new(connection: u64, state: SharedBroker, deliver: UnboundedSender<Delivery>) -> Self {
        Self { connection, state, deliver, open: BTreeMap::new() }
    }

    fn key(&self, channel: u16) -> ChannelKey {
        (self.connection, channel)
    }

    /// Handles a frame and sends the response.
    pub(super) async fn on_frame(
        &mut self,
        connection: &mut FrameConnection,
        id: u16,
        frame: ChannelFrame,
    ) -> Result<(), ConnectionEnd> {
        match self.handle_frame(id, frame) {
            Ok(response) => {
                for method in response.methods {
                    connection.send(id, method).await?;
                }
                if let Some(message) = response.message {
                    write_content(connection, id, message).await?;
                }
                if let Some(after) = response.after {
                    connection.send(id, after).await?;
                }
                if let Some(queue) = response.dispatch {
                    lock(&self.state).dispatch(&queue);
                }
                Ok(())
            }
            Err(error) if error.closes_connection() => Err(error.into()),
            Err(error) => {
                lock(&self.state).close_channel(self.key(id));
                let channel = self.open.entry(id).or_default();
                *channel = OpenChannel { closing: true, ..OpenChannel::default() };
                let close = channel::Close {
                    reply_code: error.code,
                    reply_text: truncate_reply_text(&error.text).into(),
                    class_id: 0,
                    method_id: 0,
                };
                Ok(connection.send(id, AMQPClass::Channel(ChannelMethod::Close(close))).await?)
            }
        }
    }

    /// Sends a message to a consumer.
    pub(super) async fn deliver(
        &mut self,
        connection: &mut FrameConnection,
        delivery: Delivery,
    ) -> Result<(), ConnectionEnd> {
        let Delivery { channel, consumer, tag, message } = delivery;
        if self.open.get(&channel).is_none_or(|channel| channel.closing) {
            return Ok(());
        }
        let deliver = Deliver {
            consumer_tag: consumer.as_str().into(),
            delivery_tag: tag,
            redelivered: message.redelivered,
            exchange: message.exchange.as_str().into(),
            routing_key: message.routing_key.as_str().into(),
        };
        connection.send(channel, AMQPClass::Basic(Basic::Deliver(deliver))).await?;
        write_content(connection, channel, message).await
    }

    fn handle_frame(&mut self, id: u16, frame: ChannelFrame) -> MethodResult<ChannelResponse> {
        if id == 0 {
            return Err(AmqpError::new(503, "COMMAND_INVALID - not a method of channel 0"));
        }
        let Some(channel) = self.open.get_mut(&id) else { return self.open_channel(id, &frame) };
        if channel.closing {
            if matches!(
                frame,
                ChannelFrame::Method(AMQPClass::Channel(ChannelMethod::CloseOk(_) | ChannelMethod::Close(_)))
            ) {
                self.open.remove(&id);
            }
            return Ok(ChannelResponse::default());
        }
        let method = match frame {
            ChannelFrame::Method(method) => method,
            ChannelFrame::Header(header) => {
                if header.body_size > MAX_BODY {
                    return Err(AmqpError::new(311, "CONTENT_TOO_LARGE - larger than 16 MiB"));
                }
                let Some((_, expected_header, _)) = &mut channel.incoming else {
                    return Err(unexpected_frame());
                };
                *expected_header = Some(header);
                return self.publish_if_complete(id);
            }
            ChannelFrame::Body(bytes) => {
                let Some((_, Some(_), body)) = &mut channel.incoming else { return Err(unexpected_frame()) };
                body.extend_from_slice(&bytes);
                return self.publish_if_complete(id);
            }
        };
        match method {
            AMQPClass::Channel(method) => self.channel_method(id, &method),
            AMQPClass::Exchange(method) => self.exchange_method(&method),
            AMQPClass::Queue(method) => self.queue_method(id, method),
            AMQPClass::Basic(method) => self.basic_method(id, method),
            AMQPClass::Confirm(Confirm::Select(select)) => {
                channel.confirm_count.get_or_insert(0);
                let ok = AMQPClass::Confirm(Confirm::SelectOk(confirm::SelectOk {}));
                Ok(ChannelResponse::unless_nowait(select.nowait, ok))
            }
            AMQPClass::Tx(_) => Err(AmqpError::not_implemented("transactions")),
            other => {
                Err(AmqpError::not_implemented(&format!("{other:?}").chars().take(60).collect::<String>()))
            }
        }
    }

    fn open_channel(&mut self, id: u16, frame: &ChannelFrame) -> MethodResult<ChannelResponse> {
        let ChannelFrame::Method(AMQPClass::Channel(ChannelMethod::Open(_))) = frame else {
            return Err(AmqpError::new(
                504,
                format!("CHANNEL_ERROR - expected 'channel.open' on channel {id}"),
            ));
        };
        lock(&self.state).open_channel(self.key(id), self.deliver.clone());
        self.open.insert(id, OpenChannel::default());
        Ok(ChannelResponse::method(AMQPClass::Channel(ChannelMethod::OpenOk(channel::OpenOk {}))))
    }

    fn channel_method(&mut self, id: u16, method: &ChannelMethod) -> MethodResult<ChannelResponse> {
        match method {
            ChannelMethod::Close(_) => {
                lock(&self.state).close_channel(self.key(id));
                self.open.remove(&id);
                Ok(ChannelResponse::method(AMQPClass::Channel(ChannelMethod::CloseOk(channel::CloseOk {}))))
            }
            ChannelMethod::Flow(flow) if flow.active => {
                Ok(ChannelResponse::method(AMQPClass::Channel(ChannelMethod::FlowOk(channel::FlowOk {
                    active: true,
                }))))
            }
            ChannelMethod::Flow(_) => Err(AmqpError::not_implemented("active=false")),
            _ => Err(AmqpError::new(503, "COMMAND_INVALID - second 'channel.open' seen")),
        }
    }

    fn exchange_method(&self, method: &Exchange) -> MethodResult<ChannelResponse> {
        let mut state = lock(&self.state);
        match method {
            Exchange::Declare(request) => {
                let name = request.exchange.as_str();
                if request.passive {
                    state.exchanges.get(name).ok_or_else(|| AmqpError::no_exchange(name))?;
                } else {
                    state.declare_exchange(
                        name,
                        request.kind.as_str(),
                        request.durable,
                        request.auto_delete,
                    )?;
                }
                let ok = AMQPClass::Exchange(Exchange::DeclareOk(exchange::DeclareOk {}));
                Ok(ChannelResponse::unless_nowait(request.nowait, ok))
            }
            Exchange::Delete(request) => {
                state.delete_exchange(request.exchange.as_str(), request.if_unused)?;
                let ok = AMQPClass::Exchange(Exchange::DeleteOk(exchange::DeleteOk {}));
                Ok(ChannelResponse::unless_nowait(request.nowait, ok))
            }
            _ => Err(AmqpError::not_implemented("bindings between exchanges")),
        }
    }

    /// The queue's name; if it is empty, that of the last declared queue.
    fn queue_name(&self, id: u16, name: &str) -> String {
        let last = self.open.get(&id).map(|channel| channel.last_queue.clone());
        if name.is_empty() { last.unwrap_or_default() } else { name.to_owned() }
    }

    fn queue_method(&mut self, id: u16, method: Queue) -> MethodResult<ChannelResponse> {
        let connection = self.connection;
        match method {
            Queue::Declare(request) => self.declare(id, &request),
            Queue::Bind(request) => {
                let name = self.queue_name(id, request.queue.as_str());
                let mut state = lock(&self.state);
                state.queue(&name, connection)?;
                state.bind(
                    &name,
                    request.exchange.as_str(),
                    request.routing_key.as_str(),
                    &request.arguments,
                )?;
                Ok(ChannelResponse::unless_nowait(
                    request.nowait,
                    AMQPClass::Queue(Queue::BindOk(queue::BindOk {})),
                ))
            }
            Queue::Unbind(request) => {
                let name = self.queue_name(id, request.queue.as_str());
                let mut state = lock(&self.state);
                state.queue(&name, connection)?;
                state.unbind(&name, request.exchange.as_str(), request.routing_key.as_str());
                Ok(ChannelResponse::method(AMQPClass::Queue(Queue::UnbindOk(queue::UnbindOk {}))))
            }
            Queue::Purge(request) => {
                let name = self.queue_name(id, request.queue.as_str());
                let mut state = lock(&self.state);
                let queue = state.queue(&name, connection)?;
                let message_count = count_u32(queue.ready.len());
                queue.ready.clear();
                let ok = AMQPClass::Queue(Queue::PurgeOk(queue::PurgeOk { message_count }));
                Ok(ChannelResponse::unless_nowait(request.nowait, ok))
            }
            Queue::Delete(request) => {
                let name = self.queue_name(id, request.queue.as_str());
                let mut state = lock(&self.state);
                if let Some((ready, consumers)) = state.depth(&name) {
                    state.queue(&name, connection)?;
                    if (request.if_unused && consumers > 0) || (request.if_empty && ready > 0) {
                        let text =
                            format!("PRECONDITION_FAILED - queue '{name}' in vhost '/' in use or not empty");
                        return Err(AmqpError::new(406, text));
                    }
                }
                let message_count = count_u32(state.delete_queue(&name));
                let ok = AMQPClass::Queue(Queue::DeleteOk(queue::DeleteOk { message_count }));
                Ok(ChannelResponse::unless_nowait(request.nowait, ok))
            }
            _ => Err(AmqpError::new(503, "COMMAND_INVALID - not a client's method")),
        }
    }

    fn declare(&mut self, id: u16, request: &queue::Declare) -> MethodResult<ChannelResponse> {
        let mut state = lock(&self.state);
        let mut name = request.queue.as_str().to_owned();
        if request.passive {
            state.queue(&name, self.connection)?;
        } else {
            if name.is_empty() {
                name = state.generate_name();
            } else if name.starts_with("amq.") && state.depth(&name).is_none() {
                let text = format!("ACCESS_REFUSED - queue name '{name}' contains reserved prefix 'amq.*'");
                return Err(AmqpError::new(403, text));
            } else if state.depth(&name).is_some() {
                state.queue(&name, self.connection)?;
            }
            let owner = request.exclusive.then_some(self.connection);
            state.declare_queue(&name, request.durable, request.auto_delete, owner, &request.arguments)?;
        }
        let (ready, consumers) = state.depth(&name).unwrap_or_default();
        if let Some(channel) = self.open.get_mut(&id) {
            channel.last_queue.clone_from(&name);
        }
        let ok = queue::DeclareOk {
            queue: name.as_str().into(),
            message_count: count_u32(ready),
            consumer_count: count_u32(consumers),
        };
        Ok(ChannelResponse::unless_nowait(request.nowait, AMQPClass::Queue(Queue::DeclareOk(ok))))
    }
}

fn unexpected_frame() -> AmqpError {
    AmqpError::new(505, "UNEXPECTED_FRAME - content without a method that announces it")
}
