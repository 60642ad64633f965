//! The channels of one connection: what is asked on them, and what is answered.

use std::collections::BTreeMap;

use amq_protocol::frame::AMQPContentHeader;
use amq_protocol::protocol::basic::AMQPMethod as Basic;
use amq_protocol::protocol::channel::AMQPMethod as Own;
use amq_protocol::protocol::confirm::AMQPMethod as Confirm;
use amq_protocol::protocol::exchange::AMQPMethod as Exchange;
use amq_protocol::protocol::queue::AMQPMethod as Queue;
use amq_protocol::protocol::{AMQPClass, basic, channel, confirm, exchange, queue};
use tokio::sync::mpsc::UnboundedSender;

use super::answer::{Answer, content, count, got};
use super::connection::{End, Wire, clipped};
use super::model::{ChannelKey, Consumer, Done, Message, Refusal};
use super::state::{Delivery, Settled};
use super::{Shared, lock};

/// The largest body, in bytes.
const BODY: u64 = 16 << 20;

/// What comes on a channel.
pub(super) enum Asked {
    Method(AMQPClass),
    Header(AMQPContentHeader),
    Body(Vec<u8>),
}

/// What an open channel remembers.
#[derive(Default)]
struct Channel {
    /// A message that is coming in: how it is sent, what it is, and how long it will be.
    coming: Option<(basic::Publish, Option<AMQPContentHeader>, Vec<u8>)>,
    /// How many were published since confirms were asked for.
    confirmed: Option<u64>,
    /// The queue that was declared last.
    last_queue: String,
    /// Closed by us; nothing is heard until the client agrees.
    closing: bool,
}

/// All channels of a connection.
pub(super) struct Channels {
    connection: u64,
    state: Shared,
    deliver: UnboundedSender<Delivery>,
    open: BTreeMap<u16, Channel>,
}

impl Channels {
    pub(super) fn new(connection: u64, state: Shared, deliver: UnboundedSender<Delivery>) -> Self {
        Self { connection, state, deliver, open: BTreeMap::new() }
    }

    fn key(&self, channel: u16) -> ChannelKey {
        (self.connection, channel)
    }

    /// Takes in what comes on a channel, and answers.
    pub(super) async fn take(&mut self, wire: &mut Wire, id: u16, asked: Asked) -> Result<(), End> {
        match self.answer(id, asked) {
            Ok(answer) => {
                for method in answer.methods {
                    wire.say(id, method).await?;
                }
                if let Some(message) = answer.message {
                    content(wire, id, message).await?;
                }
                if let Some(after) = answer.after {
                    wire.say(id, after).await?;
                }
                if let Some(queue) = answer.dispatch {
                    lock(&self.state).dispatch(&queue);
                }
                Ok(())
            }
            Err(refusal) if refusal.is_hard() => Err(refusal.into()),
            Err(refusal) => {
                lock(&self.state).close_channel(self.key(id));
                let channel = self.open.entry(id).or_default();
                *channel = Channel { closing: true, ..Channel::default() };
                let close = channel::Close {
                    reply_code: refusal.code,
                    reply_text: clipped(&refusal.text).into(),
                    class_id: 0,
                    method_id: 0,
                };
                Ok(wire.say(id, AMQPClass::Channel(Own::Close(close))).await?)
            }
        }
    }

    /// Hands a message to a consumer.
    pub(super) async fn deliver(&mut self, wire: &mut Wire, delivery: Delivery) -> Result<(), End> {
        let Delivery { channel, consumer, tag, message } = delivery;
        if self.open.get(&channel).is_none_or(|channel| channel.closing) {
            return Ok(());
        }
        let deliver = basic::Deliver {
            consumer_tag: consumer.as_str().into(),
            delivery_tag: tag,
            redelivered: message.redelivered,
            exchange: message.exchange.as_str().into(),
            routing_key: message.key.as_str().into(),
        };
        wire.say(channel, AMQPClass::Basic(Basic::Deliver(deliver))).await?;
        content(wire, channel, message).await
    }

    fn answer(&mut self, id: u16, asked: Asked) -> Done<Answer> {
        if id == 0 {
            return Err(Refusal::new(503, "COMMAND_INVALID - not a method of channel 0"));
        }
        let Some(channel) = self.open.get_mut(&id) else { return self.open_channel(id, &asked) };
        if channel.closing {
            if matches!(asked, Asked::Method(AMQPClass::Channel(Own::CloseOk(_) | Own::Close(_)))) {
                self.open.remove(&id);
            }
            return Ok(Answer::default());
        }
        let method = match asked {
            Asked::Method(method) => method,
            Asked::Header(header) => {
                if header.body_size > BODY {
                    return Err(Refusal::new(311, "CONTENT_TOO_LARGE - larger than 16 MiB"));
                }
                let Some((_, own, _)) = &mut channel.coming else { return Err(unexpected()) };
                *own = Some(header);
                return self.finish(id);
            }
            Asked::Body(bytes) => {
                let Some((_, Some(_), body)) = &mut channel.coming else { return Err(unexpected()) };
                body.extend_from_slice(&bytes);
                return self.finish(id);
            }
        };
        match method {
            AMQPClass::Channel(method) => self.channel(id, &method),
            AMQPClass::Exchange(method) => self.exchange(&method),
            AMQPClass::Queue(method) => self.queue(id, method),
            AMQPClass::Basic(method) => self.basic(id, method),
            AMQPClass::Confirm(Confirm::Select(select)) => {
                channel.confirmed.get_or_insert(0);
                let ok = AMQPClass::Confirm(Confirm::SelectOk(confirm::SelectOk {}));
                Ok(Answer::unless(select.nowait, ok))
            }
            AMQPClass::Tx(_) => Err(Refusal::not_implemented("transactions")),
            other => {
                Err(Refusal::not_implemented(&format!("{other:?}").chars().take(60).collect::<String>()))
            }
        }
    }

    fn open_channel(&mut self, id: u16, asked: &Asked) -> Done<Answer> {
        let Asked::Method(AMQPClass::Channel(Own::Open(_))) = asked else {
            return Err(Refusal::new(
                504,
                format!("CHANNEL_ERROR - expected 'channel.open' on channel {id}"),
            ));
        };
        lock(&self.state).open_channel(self.key(id), self.deliver.clone());
        self.open.insert(id, Channel::default());
        Ok(Answer::of(AMQPClass::Channel(Own::OpenOk(channel::OpenOk {}))))
    }

    fn channel(&mut self, id: u16, method: &Own) -> Done<Answer> {
        match method {
            Own::Close(_) => {
                lock(&self.state).close_channel(self.key(id));
                self.open.remove(&id);
                Ok(Answer::of(AMQPClass::Channel(Own::CloseOk(channel::CloseOk {}))))
            }
            Own::Flow(flow) if flow.active => {
                Ok(Answer::of(AMQPClass::Channel(Own::FlowOk(channel::FlowOk { active: true }))))
            }
            Own::Flow(_) => Err(Refusal::not_implemented("active=false")),
            _ => Err(Refusal::new(503, "COMMAND_INVALID - second 'channel.open' seen")),
        }
    }

    fn exchange(&self, method: &Exchange) -> Done<Answer> {
        let mut state = lock(&self.state);
        match method {
            Exchange::Declare(asked) => {
                let name = asked.exchange.as_str();
                if asked.passive {
                    state.exchanges.get(name).ok_or_else(|| Refusal::no_exchange(name))?;
                } else {
                    state.declare_exchange(name, asked.kind.as_str(), asked.durable, asked.auto_delete)?;
                }
                let ok = AMQPClass::Exchange(Exchange::DeclareOk(exchange::DeclareOk {}));
                Ok(Answer::unless(asked.nowait, ok))
            }
            Exchange::Delete(asked) => {
                state.delete_exchange(asked.exchange.as_str(), asked.if_unused)?;
                let ok = AMQPClass::Exchange(Exchange::DeleteOk(exchange::DeleteOk {}));
                Ok(Answer::unless(asked.nowait, ok))
            }
            _ => Err(Refusal::not_implemented("bindings between exchanges")),
        }
    }

    /// A name, or that of the queue that was declared last.
    fn named(&self, id: u16, name: &str) -> String {
        let last = self.open.get(&id).map(|channel| channel.last_queue.clone());
        if name.is_empty() { last.unwrap_or_default() } else { name.to_owned() }
    }

    fn queue(&mut self, id: u16, method: Queue) -> Done<Answer> {
        let connection = self.connection;
        match method {
            Queue::Declare(asked) => self.declare(id, &asked),
            Queue::Bind(asked) => {
                let name = self.named(id, asked.queue.as_str());
                let mut state = lock(&self.state);
                state.queue(&name, connection)?;
                state.bind(&name, asked.exchange.as_str(), asked.routing_key.as_str(), &asked.arguments)?;
                Ok(Answer::unless(asked.nowait, AMQPClass::Queue(Queue::BindOk(queue::BindOk {}))))
            }
            Queue::Unbind(asked) => {
                let name = self.named(id, asked.queue.as_str());
                let mut state = lock(&self.state);
                state.queue(&name, connection)?;
                state.unbind(&name, asked.exchange.as_str(), asked.routing_key.as_str());
                Ok(Answer::of(AMQPClass::Queue(Queue::UnbindOk(queue::UnbindOk {}))))
            }
            Queue::Purge(asked) => {
                let name = self.named(id, asked.queue.as_str());
                let mut state = lock(&self.state);
                let own = state.queue(&name, connection)?;
                let message_count = count(own.ready.len());
                own.ready.clear();
                let ok = AMQPClass::Queue(Queue::PurgeOk(queue::PurgeOk { message_count }));
                Ok(Answer::unless(asked.nowait, ok))
            }
            Queue::Delete(asked) => {
                let name = self.named(id, asked.queue.as_str());
                let mut state = lock(&self.state);
                if let Some((ready, consumers)) = state.depth(&name) {
                    state.queue(&name, connection)?;
                    if (asked.if_unused && consumers > 0) || (asked.if_empty && ready > 0) {
                        let text =
                            format!("PRECONDITION_FAILED - queue '{name}' in vhost '/' in use or not empty");
                        return Err(Refusal::new(406, text));
                    }
                }
                let message_count = count(state.delete_queue(&name));
                let ok = AMQPClass::Queue(Queue::DeleteOk(queue::DeleteOk { message_count }));
                Ok(Answer::unless(asked.nowait, ok))
            }
            _ => Err(Refusal::new(503, "COMMAND_INVALID - not a client's method")),
        }
    }

    fn declare(&mut self, id: u16, asked: &queue::Declare) -> Done<Answer> {
        let mut state = lock(&self.state);
        let mut name = asked.queue.as_str().to_owned();
        if asked.passive {
            state.queue(&name, self.connection)?;
        } else {
            if name.is_empty() {
                name = state.new_name();
            } else if name.starts_with("amq.") && state.depth(&name).is_none() {
                let text = format!("ACCESS_REFUSED - queue name '{name}' contains reserved prefix 'amq.*'");
                return Err(Refusal::new(403, text));
            } else if state.depth(&name).is_some() {
                state.queue(&name, self.connection)?;
            }
            let owner = asked.exclusive.then_some(self.connection);
            state.declare_queue(&name, asked.durable, asked.auto_delete, owner, &asked.arguments)?;
        }
        let (ready, consumers) = state.depth(&name).unwrap_or_default();
        if let Some(channel) = self.open.get_mut(&id) {
            channel.last_queue.clone_from(&name);
        }
        let ok = queue::DeclareOk {
            queue: name.as_str().into(),
            message_count: count(ready),
            consumer_count: count(consumers),
        };
        Ok(Answer::unless(asked.nowait, AMQPClass::Queue(Queue::DeclareOk(ok))))
    }

    fn basic(&mut self, id: u16, method: Basic) -> Done<Answer> {
        let key = self.key(id);
        match method {
            Basic::Qos(asked) => {
                lock(&self.state).set_prefetch(key, asked.prefetch_count);
                Ok(Answer::of(AMQPClass::Basic(Basic::QosOk(basic::QosOk {}))))
            }
            Basic::Consume(asked) => self.consume(id, &asked),
            Basic::Cancel(asked) => {
                lock(&self.state).cancel(key, asked.consumer_tag.as_str());
                let ok = basic::CancelOk { consumer_tag: asked.consumer_tag };
                Ok(Answer::unless(asked.nowait, AMQPClass::Basic(Basic::CancelOk(ok))))
            }
            Basic::Publish(asked) => {
                let name = asked.exchange.as_str();
                if asked.immediate {
                    return Err(Refusal::not_implemented("immediate=true"));
                }
                if !lock(&self.state).exchanges.contains_key(name) {
                    return Err(Refusal::no_exchange(name));
                }
                if let Some(channel) = self.open.get_mut(&id) {
                    channel.coming = Some((asked, None, Vec::new()));
                }
                Ok(Answer::default())
            }
            Basic::Get(asked) => {
                let name = self.named(id, asked.queue.as_str());
                Ok(match lock(&self.state).get(key, &name, asked.no_ack)? {
                    None => Answer::of(AMQPClass::Basic(Basic::GetEmpty(basic::GetEmpty {}))),
                    Some((tag, message, left)) => got(tag, message, left),
                })
            }
            Basic::Ack(asked) => self.settle(key, asked.delivery_tag, asked.multiple, Settled::Done),
            Basic::Nack(asked) => self.settle(key, asked.delivery_tag, asked.multiple, back(asked.requeue)),
            Basic::Reject(asked) => self.settle(key, asked.delivery_tag, false, back(asked.requeue)),
            Basic::Recover(_) | Basic::RecoverAsync(_) => Err(Refusal::not_implemented("recover")),
            _ => Err(Refusal::new(503, "COMMAND_INVALID - not a client's method")),
        }
    }

    fn settle(&self, key: ChannelKey, tag: u64, multiple: bool, how: Settled) -> Done<Answer> {
        lock(&self.state).settle(key, tag, multiple, how)?;
        Ok(Answer::default())
    }

    fn consume(&self, id: u16, asked: &basic::Consume) -> Done<Answer> {
        let name = self.named(id, asked.queue.as_str());
        let mut state = lock(&self.state);
        let mut tag = asked.consumer_tag.as_str().to_owned();
        if tag.is_empty() {
            tag = state.new_name().replace("amq.gen", "amq.ctag");
        }
        let consumer = Consumer { tag: tag.clone(), channel: self.key(id), no_ack: asked.no_ack };
        state.consume(&name, consumer, asked.exclusive)?;
        let ok = basic::ConsumeOk { consumer_tag: tag.as_str().into() };
        let answer = Answer::unless(asked.nowait, AMQPClass::Basic(Basic::ConsumeOk(ok)));
        Ok(Answer { dispatch: Some(name), ..answer })
    }

    /// Publishes a message that has come in whole.
    fn finish(&mut self, id: u16) -> Done<Answer> {
        let Some(channel) = self.open.get_mut(&id) else { return Ok(Answer::default()) };
        let Some((publish, Some(header), body)) = channel.coming.take() else { return Err(unexpected()) };
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if length < header.body_size {
            channel.coming = Some((publish, Some(header), body));
            return Ok(Answer::default());
        }
        if length > header.body_size {
            return Err(Refusal::new(501, "FRAME_ERROR - more body than was announced"));
        }
        if header.properties.expiration().is_some() {
            return Err(Refusal::not_implemented("expiration of a single message"));
        }
        let (exchange, key) = (publish.exchange.as_str(), publish.routing_key.as_str());
        let message = Message::new(exchange, key, header.properties, body);
        let routed = lock(&self.state).publish(&message);
        let mut answer = Answer::default();
        if !routed && publish.mandatory {
            let returned = basic::Return {
                reply_code: 312,
                reply_text: "NO_ROUTE".into(),
                exchange: publish.exchange,
                routing_key: publish.routing_key,
            };
            answer.methods.push(AMQPClass::Basic(Basic::Return(returned)));
            answer.message = Some(message);
        }
        if let Some(confirmed) = &mut channel.confirmed {
            *confirmed += 1;
            let ack = basic::Ack { delivery_tag: *confirmed, multiple: false };
            // A message that is returned comes back whole before it is confirmed.
            answer.after = Some(AMQPClass::Basic(Basic::Ack(ack)));
        }
        Ok(answer)
    }
}

fn back(requeue: bool) -> Settled {
    if requeue { Settled::Back } else { Settled::GivenUp }
}

fn unexpected() -> Refusal {
    Refusal::new(505, "UNEXPECTED_FRAME - content without a method that announces it")
}
