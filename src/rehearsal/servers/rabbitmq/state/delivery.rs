//! Deliveries: messages are routed to queues, delivered to consumers, and acknowledged, requeued or dead-lettered.

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use super::BrokerState;
use crate::servers::rabbitmq::dead_letter::dead_letter_headers;
use crate::servers::rabbitmq::model::{AmqpError, ChannelKey, Consumer, Message, MethodResult};
use crate::servers::rabbitmq::table;

/// A message for a consumer.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) channel: u16,
    pub(crate) consumer: String,
    pub(crate) tag: u64,
    pub(crate) message: Message,
}

/// The consumers' side of a channel: prefetch and unacknowledged messages.
#[derive(Debug)]
pub(super) struct ChannelState {
    deliver: UnboundedSender<Delivery>,
    /// The most unacknowledged messages; 0 is unlimited.
    prefetch: usize,
    last_tag: u64,
    unacked: BTreeMap<u64, (String, Message)>,
}

impl BrokerState {
    /// Number of unacknowledged messages of a queue.
    pub(crate) fn unacked_count(&self, name: &str) -> usize {
        let unacked = self.channels.values().flat_map(|channel| channel.unacked.values());
        unacked.filter(|(queue, _)| queue == name).count()
    }

    /// Routes a message. False if no queue matches.
    pub(crate) fn publish(&mut self, message: &Message) -> bool {
        let queues = self.matching_queues(&message.exchange, &message.routing_key);
        for name in &queues {
            if let Some(queue) = self.queues.get_mut(name) {
                queue.push(message.clone(), false);
            }
            self.dispatch(name);
        }
        !queues.is_empty()
    }

    fn matching_queues(&self, exchange: &str, key: &str) -> Vec<String> {
        if exchange.is_empty() {
            return self.queues.contains_key(key).then(|| key.to_owned()).into_iter().collect();
        }
        let Some(kind) = self.exchanges.get(exchange).map(|exchange| exchange.kind) else {
            return Vec::new();
        };
        let matching = self
            .bindings
            .iter()
            .filter(|one| one.exchange == exchange && kind.matches(&one.routing_key, key));
        let mut queues: Vec<String> = matching.map(|binding| binding.queue.clone()).collect();
        queues.sort();
        queues.dedup();
        queues
    }

    /// Delivers ready messages, round robin, to the consumers whose prefetch limit allows it.
    pub(crate) fn dispatch(&mut self, name: &str) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        while !queue.ready.is_empty() {
            let count = queue.consumers.len();
            let free = (0..count).map(|step| (queue.next_consumer + step) % count).find(|at| {
                let channel = self.channels.get(&queue.consumers[*at].channel);
                channel.is_some_and(|one| one.prefetch == 0 || one.unacked.len() < one.prefetch)
            });
            let Some(at) = free else { return };
            queue.next_consumer = at + 1;
            let consumer = &queue.consumers[at];
            let Some(channel) = self.channels.get_mut(&consumer.channel) else { return };
            let Some(message) = queue.ready.pop_front() else { return };
            let tag = channel.record_delivery(name, &message, consumer.no_ack);
            let to = (consumer.channel.1, consumer.tag.clone());
            // If the consumer has gone, the message is requeued when its connection is closed.
            let _ = channel.deliver.send(Delivery { channel: to.0, consumer: to.1, tag, message });
        }
    }

    pub(crate) fn open_channel(&mut self, key: ChannelKey, deliver: UnboundedSender<Delivery>) {
        self.channels
            .insert(key, ChannelState { deliver, prefetch: 0, last_tag: 0, unacked: BTreeMap::new() });
    }

    pub(crate) fn set_prefetch(&mut self, key: ChannelKey, count: u16) {
        if let Some(channel) = self.channels.get_mut(&key) {
            channel.prefetch = usize::from(count);
        }
    }

    pub(crate) fn consume(&mut self, name: &str, consumer: Consumer, exclusive: bool) -> MethodResult {
        let queue = self.queue(name, consumer.channel.0)?;
        if exclusive && !queue.consumers.is_empty() {
            return Err(AmqpError::new(
                403,
                format!("ACCESS_REFUSED - queue '{name}' in vhost '/' in exclusive use"),
            ));
        }
        if queue.consumers.iter().any(|one| one.channel == consumer.channel && one.tag == consumer.tag) {
            return Err(AmqpError::new(
                530,
                format!("NOT_ALLOWED - attempt to reuse consumer tag '{}'", consumer.tag),
            ));
        }
        queue.consumers.push(consumer);
        Ok(())
    }

    pub(crate) fn cancel(&mut self, key: ChannelKey, tag: &str) {
        self.remove_consumers(|consumer| consumer.channel == key && consumer.tag == tag);
    }

    /// Removes consumers, and the auto-delete queues that lose their last one.
    fn remove_consumers(&mut self, is_removed: impl Fn(&Consumer) -> bool) {
        let mut empty = Vec::new();
        for (name, queue) in &mut self.queues {
            let before = queue.consumers.len();
            queue.consumers.retain(|consumer| !is_removed(consumer));
            if queue.auto_delete && before > 0 && queue.consumers.is_empty() {
                empty.push(name.clone());
            }
        }
        for name in empty {
            self.delete_queue(&name);
        }
    }

    /// Takes the first message of a queue: delivery tag, message, and number of messages left.
    pub(crate) fn get(
        &mut self,
        key: ChannelKey,
        name: &str,
        no_ack: bool,
    ) -> MethodResult<Option<(u64, Message, usize)>> {
        let queue = self.queue(name, key.0)?;
        let (message, left) = (queue.ready.pop_front(), queue.ready.len());
        let (Some(message), Some(channel)) = (message, self.channels.get_mut(&key)) else { return Ok(None) };
        let tag = channel.record_delivery(name, &message, no_ack);
        Ok(Some((tag, message, left)))
    }

    /// Settles one delivery, or with `multiple` all up to it.
    pub(crate) fn settle(
        &mut self,
        key: ChannelKey,
        tag: u64,
        multiple: bool,
        settlement: Settlement,
    ) -> MethodResult {
        let Some(channel) = self.channels.get_mut(&key) else { return Ok(()) };
        let is_selected =
            |delivered: &u64| if multiple { tag == 0 || *delivered <= tag } else { *delivered == tag };
        let tags: Vec<u64> = channel.unacked.keys().copied().filter(is_selected).collect();
        if tags.is_empty() && !(multiple && tag == 0) {
            return Err(AmqpError::new(406, format!("PRECONDITION_FAILED - unknown delivery tag {tag}")));
        }
        let messages: Vec<_> = tags.iter().filter_map(|tag| channel.unacked.remove(tag)).collect();
        self.settle_messages(messages, settlement);
        Ok(())
    }

    fn settle_messages(&mut self, messages: Vec<(String, Message)>, settlement: Settlement) {
        // In reverse, so that requeued messages keep their order.
        for (name, message) in messages.into_iter().rev() {
            match settlement {
                Settlement::Acknowledge => {}
                Settlement::Requeue => {
                    if let Some(queue) = self.queues.get_mut(&name) {
                        queue.push(message, true);
                    }
                }
                Settlement::DeadLetter => self.dead_letter(&name, message, "rejected"),
            }
            self.dispatch(&name);
        }
    }

    pub(crate) fn close_channel(&mut self, key: ChannelKey) {
        self.remove_consumers(|consumer| consumer.channel == key);
        let unacked = self.channels.remove(&key).map(|channel| channel.unacked.into_values().collect());
        self.settle_messages(unacked.unwrap_or_default(), Settlement::Requeue);
    }

    /// Closes a connection: its channels, and the queues that are exclusive to it.
    pub(crate) fn close_connection(&mut self, connection: u64) {
        let keys: Vec<ChannelKey> = self.channels.keys().copied().filter(|key| key.0 == connection).collect();
        for key in keys {
            self.close_channel(key);
        }
        let exclusive = self.queues.iter().filter(|(_, queue)| queue.owner == Some(connection));
        for name in exclusive.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.delete_queue(&name);
        }
    }

    /// Dead-letters expired messages.
    pub(crate) fn expire(&mut self) {
        let now = Instant::now();
        let expired: Vec<_> =
            self.queues.iter_mut().map(|(name, queue)| (name.clone(), queue.take_expired(now))).collect();
        for (name, messages) in expired {
            for message in messages {
                self.dead_letter(&name, message, "expired");
            }
        }
    }

    fn dead_letter(&mut self, queue: &str, mut message: Message, reason: &str) {
        let Some(arguments) = self.queues.get(queue).map(|queue| &queue.arguments) else { return };
        let Some(exchange) = table::text(arguments, "x-dead-letter-exchange") else { return };
        let key = table::text(arguments, "x-dead-letter-routing-key")
            .unwrap_or_else(|| message.routing_key.clone());
        let headers = message.properties.headers().clone().unwrap_or_default();
        let headers = dead_letter_headers(headers, queue, &message, reason);
        message.properties = message.properties.clone().with_headers(headers);
        (message.exchange, message.routing_key, message.redelivered) = (exchange, key, false);
        self.publish(&message);
    }
}

/// How a delivery is settled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Settlement {
    Acknowledge,
    Requeue,
    DeadLetter,
}

impl ChannelState {
    /// Assigns the next delivery tag. Unless `no_ack`, the message is kept until it is settled.
    fn record_delivery(&mut self, queue: &str, message: &Message, no_ack: bool) -> u64 {
        self.last_tag += 1;
        if !no_ack {
            self.unacked.insert(self.last_tag, (queue.to_owned(), message.clone()));
        }
        self.last_tag
    }
}
