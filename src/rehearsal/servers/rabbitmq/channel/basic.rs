//! The methods of the basic class: publish, consume, get, and acknowledgements.

use amq_protocol::protocol::basic::AMQPMethod as Basic;
use amq_protocol::protocol::{AMQPClass, basic};

use super::{Channels, unexpected_frame};
use crate::servers::rabbitmq::lock;
use crate::servers::rabbitmq::model::{AmqpError, ChannelKey, Consumer, Message, MethodResult};
use crate::servers::rabbitmq::response::{ChannelResponse, get_ok};
use crate::servers::rabbitmq::state::Settlement;

impl Channels {
    pub(super) fn basic_method(&mut self, id: u16, method: Basic) -> MethodResult<ChannelResponse> {
        let key = self.key(id);
        match method {
            Basic::Qos(request) => {
                lock(&self.state).set_prefetch(key, request.prefetch_count);
                Ok(ChannelResponse::method(AMQPClass::Basic(Basic::QosOk(basic::QosOk {}))))
            }
            Basic::Consume(request) => self.consume(id, &request),
            Basic::Cancel(request) => {
                lock(&self.state).cancel(key, request.consumer_tag.as_str());
                let ok = basic::CancelOk { consumer_tag: request.consumer_tag };
                Ok(ChannelResponse::unless_nowait(request.nowait, AMQPClass::Basic(Basic::CancelOk(ok))))
            }
            Basic::Publish(request) => {
                let name = request.exchange.as_str();
                if request.immediate {
                    return Err(AmqpError::not_implemented("immediate=true"));
                }
                if !lock(&self.state).exchanges.contains_key(name) {
                    return Err(AmqpError::no_exchange(name));
                }
                if let Some(channel) = self.open.get_mut(&id) {
                    channel.incoming = Some((request, None, Vec::new()));
                }
                Ok(ChannelResponse::default())
            }
            Basic::Get(request) => {
                let name = self.queue_name(id, request.queue.as_str());
                Ok(match lock(&self.state).get(key, &name, request.no_ack)? {
                    None => ChannelResponse::method(AMQPClass::Basic(Basic::GetEmpty(basic::GetEmpty {}))),
                    Some((tag, message, left)) => get_ok(tag, message, left),
                })
            }
            Basic::Ack(request) => {
                self.settle(key, request.delivery_tag, request.multiple, Settlement::Acknowledge)
            }
            Basic::Nack(request) => {
                self.settle(key, request.delivery_tag, request.multiple, settlement(request.requeue))
            }
            Basic::Reject(request) => {
                self.settle(key, request.delivery_tag, false, settlement(request.requeue))
            }
            Basic::Recover(_) | Basic::RecoverAsync(_) => Err(AmqpError::not_implemented("recover")),
            _ => Err(AmqpError::new(503, "COMMAND_INVALID - not a client's method")),
        }
    }

    fn settle(
        &self,
        key: ChannelKey,
        tag: u64,
        multiple: bool,
        how: Settlement,
    ) -> MethodResult<ChannelResponse> {
        lock(&self.state).settle(key, tag, multiple, how)?;
        Ok(ChannelResponse::default())
    }

    fn consume(&self, id: u16, request: &basic::Consume) -> MethodResult<ChannelResponse> {
        let name = self.queue_name(id, request.queue.as_str());
        let mut state = lock(&self.state);
        let mut tag = request.consumer_tag.as_str().to_owned();
        if tag.is_empty() {
            tag = state.generate_name().replace("amq.gen", "amq.ctag");
        }
        let consumer = Consumer { tag: tag.clone(), channel: self.key(id), no_ack: request.no_ack };
        state.consume(&name, consumer, request.exclusive)?;
        let ok = basic::ConsumeOk { consumer_tag: tag.as_str().into() };
        let response = ChannelResponse::unless_nowait(request.nowait, AMQPClass::Basic(Basic::ConsumeOk(ok)));
        Ok(ChannelResponse { dispatch: Some(name), ..response })
    }

    /// Publishes the incoming message once its body is complete.
    pub(super) fn publish_if_complete(&mut self, id: u16) -> MethodResult<ChannelResponse> {
        let Some(channel) = self.open.get_mut(&id) else { return Ok(ChannelResponse::default()) };
        let Some((publish, Some(header), body)) = channel.incoming.take() else {
            return Err(unexpected_frame());
        };
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if length < header.body_size {
            channel.incoming = Some((publish, Some(header), body));
            return Ok(ChannelResponse::default());
        }
        if length > header.body_size {
            return Err(AmqpError::new(501, "FRAME_ERROR - more body than was announced"));
        }
        if header.properties.expiration().is_some() {
            return Err(AmqpError::not_implemented("expiration of a single message"));
        }
        let (exchange, key) = (publish.exchange.as_str(), publish.routing_key.as_str());
        let message = Message::new(exchange, key, header.properties, body);
        let routed = lock(&self.state).publish(&message);
        let mut response = ChannelResponse::default();
        if !routed && publish.mandatory {
            let returned = basic::Return {
                reply_code: 312,
                reply_text: "NO_ROUTE".into(),
                exchange: publish.exchange,
                routing_key: publish.routing_key,
            };
            response.methods.push(AMQPClass::Basic(Basic::Return(returned)));
            response.message = Some(message);
        }
        if let Some(confirmed) = &mut channel.confirm_count {
            *confirmed += 1;
            let ack = basic::Ack { delivery_tag: *confirmed, multiple: false };
            // A returned message is sent before its confirm.
            response.after = Some(AMQPClass::Basic(Basic::Ack(ack)));
        }
        Ok(response)
    }
}

fn settlement(requeue: bool) -> Settlement {
    if requeue { Settlement::Requeue } else { Settlement::DeadLetter }
}
