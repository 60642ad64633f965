//! The broker's one state: what is declared, what waits where, who has what in hand.

use std::collections::BTreeMap;
use std::time::Instant;

use amq_protocol::types::FieldTable;
use tokio::sync::mpsc::UnboundedSender;

use super::User;
use super::dead;
use super::model::{Binding, ChannelKey, Consumer, Done, Exchange, Kind, Message, Queue, Refusal};
use super::table;

/// The arguments of queues that mean something here.
const ARGUMENTS: [&str; 4] =
    ["x-message-ttl", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-queue-type"];

/// A message on its way to a consumer.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) channel: u16,
    pub(super) consumer: String,
    pub(super) tag: u64,
    pub(super) message: Message,
}

/// What a channel has in hand.
#[derive(Debug)]
struct Channel {
    deliver: UnboundedSender<Delivery>,
    /// How many it takes at most; 0 is any number.
    prefetch: usize,
    last: u64,
    unacked: BTreeMap<u64, (String, Message)>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) user: User,
    pub(super) exchanges: BTreeMap<String, Exchange>,
    pub(super) queues: BTreeMap<String, Queue>,
    pub(super) bindings: Vec<Binding>,
    channels: BTreeMap<ChannelKey, Channel>,
    named: u64,
}

impl State {
    pub(super) fn new(user: User) -> Self {
        let own = [
            ("", Kind::Direct),
            ("amq.direct", Kind::Direct),
            ("amq.fanout", Kind::Fanout),
            ("amq.topic", Kind::Topic),
        ];
        let own =
            own.map(|(name, kind)| (name.to_owned(), Exchange { kind, durable: true, auto_delete: false }));
        Self {
            user,
            exchanges: BTreeMap::from(own),
            queues: BTreeMap::new(),
            bindings: Vec::new(),
            channels: BTreeMap::new(),
            named: 0,
        }
    }

    pub(super) fn declare_exchange(
        &mut self,
        name: &str,
        kind: &str,
        durable: bool,
        auto_delete: bool,
    ) -> Done {
        let kind = Kind::parse(kind)?;
        if let Some(there) = self.exchanges.get(name) {
            let (own, given) = (there.kind.name(), kind.name());
            differs("type", "exchange", name, given, own)?;
            differs("durable", "exchange", name, &durable, &there.durable)?;
            return differs("auto_delete", "exchange", name, &auto_delete, &there.auto_delete);
        }
        if name.starts_with("amq.") {
            let text = format!("ACCESS_REFUSED - exchange name '{name}' contains reserved prefix 'amq.*'");
            return Err(Refusal::new(403, text));
        }
        self.exchanges.insert(name.into(), Exchange { kind, durable, auto_delete });
        Ok(())
    }

    pub(super) fn delete_exchange(&mut self, name: &str, if_unused: bool) -> Done {
        if name.is_empty() || name.starts_with("amq.") {
            return Err(Refusal::new(
                403,
                format!("ACCESS_REFUSED - operation not permitted on the default exchange '{name}'"),
            ));
        }
        if if_unused && self.bindings.iter().any(|binding| binding.exchange == name) {
            return Err(Refusal::new(
                406,
                format!("PRECONDITION_FAILED - exchange '{name}' in vhost '/' in use"),
            ));
        }
        self.exchanges.remove(name);
        self.bindings.retain(|binding| binding.exchange != name);
        Ok(())
    }

    /// Declares a queue; `owner` is the connection that it is only there for.
    pub(super) fn declare_queue(
        &mut self,
        name: &str,
        durable: bool,
        auto_delete: bool,
        owner: Option<u64>,
        arguments: &FieldTable,
    ) -> Done {
        if let Some(there) = self.queues.get(name) {
            differs("durable", "queue", name, &durable, &there.durable)?;
            differs("auto_delete", "queue", name, &auto_delete, &there.auto_delete)?;
            if !table::is_same(arguments, &there.arguments) {
                let (given, own) = (table::to_json(arguments), table::to_json(&there.arguments));
                return differs("arguments", "queue", name, &given, &own);
            }
            return Ok(());
        }
        let unknown = arguments.inner().keys().find(|name| !ARGUMENTS.contains(&name.as_str()));
        if let Some(unknown) = unknown {
            return Err(Refusal::not_implemented(&format!("queue argument {unknown}")));
        }
        if table::text(arguments, "x-queue-type").is_some_and(|kind| kind != "classic") {
            return Err(Refusal::not_implemented("queues other than classic ones"));
        }
        let queue = Queue { durable, auto_delete, owner, arguments: arguments.clone(), ..Queue::default() };
        self.queues.insert(name.into(), queue);
        Ok(())
    }

    /// A name for a queue that was declared without one.
    pub(super) fn new_name(&mut self) -> String {
        self.named += 1;
        format!("amq.gen-{:022}", self.named)
    }

    /// A queue that this connection may use.
    pub(super) fn queue(&mut self, name: &str, connection: u64) -> Done<&mut Queue> {
        let queue = self.queues.get_mut(name).ok_or_else(|| Refusal::no_queue(name))?;
        if queue.owner.is_some_and(|owner| owner != connection) {
            return Err(Refusal::locked(name));
        }
        Ok(queue)
    }

    pub(super) fn bind(&mut self, queue: &str, exchange: &str, key: &str, arguments: &FieldTable) -> Done {
        if !self.exchanges.contains_key(exchange) {
            return Err(Refusal::no_exchange(exchange));
        }
        if !self.queues.contains_key(queue) {
            return Err(Refusal::no_queue(queue));
        }
        let is_it = |one: &Binding| one.queue == queue && one.exchange == exchange && one.key == key;
        if !self.bindings.iter().any(is_it) {
            let (exchange, queue, key) = (exchange.into(), queue.into(), key.into());
            self.bindings.push(Binding { exchange, queue, key, arguments: arguments.clone() });
        }
        Ok(())
    }

    pub(super) fn unbind(&mut self, queue: &str, exchange: &str, key: &str) {
        self.bindings.retain(|one| one.queue != queue || one.exchange != exchange || one.key != key);
    }

    /// How many messages went with it.
    pub(super) fn delete_queue(&mut self, name: &str) -> usize {
        self.bindings.retain(|binding| binding.queue != name);
        self.queues.remove(name).map_or(0, |queue| queue.ready.len())
    }

    pub(super) fn depth(&self, name: &str) -> Option<(usize, usize)> {
        self.queues.get(name).map(|queue| (queue.ready.len(), queue.consumers.len()))
    }

    /// How many messages of a queue are in somebody's hand.
    pub(super) fn unacked(&self, name: &str) -> usize {
        let held = self.channels.values().flat_map(|channel| channel.unacked.values());
        held.filter(|(queue, _)| queue == name).count()
    }

    /// Routes a message; false if no queue takes it.
    pub(super) fn publish(&mut self, message: &Message) -> bool {
        let takers = self.takers(&message.exchange, &message.key);
        for name in &takers {
            if let Some(queue) = self.queues.get_mut(name) {
                queue.take(message.clone(), false);
            }
            self.dispatch(name);
        }
        !takers.is_empty()
    }

    fn takers(&self, exchange: &str, key: &str) -> Vec<String> {
        if exchange.is_empty() {
            return self.queues.contains_key(key).then(|| key.to_owned()).into_iter().collect();
        }
        let Some(kind) = self.exchanges.get(exchange).map(|exchange| exchange.kind) else {
            return Vec::new();
        };
        let of = self.bindings.iter().filter(|one| one.exchange == exchange && kind.takes(&one.key, key));
        let mut takers: Vec<String> = of.map(|binding| binding.queue.clone()).collect();
        takers.sort();
        takers.dedup();
        takers
    }

    /// Gives what is ready to the consumers who have a hand free, in turn.
    pub(super) fn dispatch(&mut self, name: &str) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        while !queue.ready.is_empty() {
            let count = queue.consumers.len();
            let free = (0..count).map(|step| (queue.turn + step) % count).find(|at| {
                let channel = self.channels.get(&queue.consumers[*at].channel);
                channel.is_some_and(|one| one.prefetch == 0 || one.unacked.len() < one.prefetch)
            });
            let Some(at) = free else { return };
            queue.turn = at + 1;
            let consumer = &queue.consumers[at];
            let Some(channel) = self.channels.get_mut(&consumer.channel) else { return };
            let Some(message) = queue.ready.pop_front() else { return };
            let tag = channel.hand_out(name, &message, consumer.no_ack);
            let to = (consumer.channel.1, consumer.tag.clone());
            // Who has gone loses what they held; it comes back when the connection is cleared away.
            let _ = channel.deliver.send(Delivery { channel: to.0, consumer: to.1, tag, message });
        }
    }

    pub(super) fn open_channel(&mut self, key: ChannelKey, deliver: UnboundedSender<Delivery>) {
        self.channels.insert(key, Channel { deliver, prefetch: 0, last: 0, unacked: BTreeMap::new() });
    }

    pub(super) fn set_prefetch(&mut self, key: ChannelKey, count: u16) {
        if let Some(channel) = self.channels.get_mut(&key) {
            channel.prefetch = usize::from(count);
        }
    }

    pub(super) fn consume(&mut self, name: &str, consumer: Consumer, exclusive: bool) -> Done {
        let queue = self.queue(name, consumer.channel.0)?;
        if exclusive && !queue.consumers.is_empty() {
            return Err(Refusal::new(
                403,
                format!("ACCESS_REFUSED - queue '{name}' in vhost '/' in exclusive use"),
            ));
        }
        if queue.consumers.iter().any(|one| one.channel == consumer.channel && one.tag == consumer.tag) {
            return Err(Refusal::new(
                530,
                format!("NOT_ALLOWED - attempt to reuse consumer tag '{}'", consumer.tag),
            ));
        }
        queue.consumers.push(consumer);
        Ok(())
    }

    pub(super) fn cancel(&mut self, key: ChannelKey, tag: &str) {
        self.leave(|consumer| consumer.channel == key && consumer.tag == tag);
    }

    /// Consumers go; queues that are only there for them go too.
    fn leave(&mut self, goes: impl Fn(&Consumer) -> bool) {
        let mut empty = Vec::new();
        for (name, queue) in &mut self.queues {
            let before = queue.consumers.len();
            queue.consumers.retain(|consumer| !goes(consumer));
            if queue.auto_delete && before > 0 && queue.consumers.is_empty() {
                empty.push(name.clone());
            }
        }
        for name in empty {
            self.delete_queue(&name);
        }
    }

    /// Takes the first message of a queue, and how many are left.
    pub(super) fn get(
        &mut self,
        key: ChannelKey,
        name: &str,
        no_ack: bool,
    ) -> Done<Option<(u64, Message, usize)>> {
        let queue = self.queue(name, key.0)?;
        let (message, left) = (queue.ready.pop_front(), queue.ready.len());
        let (Some(message), Some(channel)) = (message, self.channels.get_mut(&key)) else { return Ok(None) };
        let tag = channel.hand_out(name, &message, no_ack);
        Ok(Some((tag, message, left)))
    }

    /// Settles one delivery, or all up to it: done, put back, or given up.
    pub(super) fn settle(&mut self, key: ChannelKey, tag: u64, multiple: bool, how: Settled) -> Done {
        let Some(channel) = self.channels.get_mut(&key) else { return Ok(()) };
        let is_meant = |own: &u64| if multiple { tag == 0 || *own <= tag } else { *own == tag };
        let tags: Vec<u64> = channel.unacked.keys().copied().filter(is_meant).collect();
        if tags.is_empty() && !(multiple && tag == 0) {
            return Err(Refusal::new(406, format!("PRECONDITION_FAILED - unknown delivery tag {tag}")));
        }
        let held: Vec<_> = tags.iter().filter_map(|tag| channel.unacked.remove(tag)).collect();
        self.put_down(held, how);
        Ok(())
    }

    fn put_down(&mut self, held: Vec<(String, Message)>, how: Settled) {
        // Backwards, so that what is put back stands in the order that it had.
        for (name, message) in held.into_iter().rev() {
            match how {
                Settled::Done => {}
                Settled::Back => {
                    if let Some(queue) = self.queues.get_mut(&name) {
                        queue.take(message, true);
                    }
                }
                Settled::GivenUp => self.dead_letter(&name, message, "rejected"),
            }
            self.dispatch(&name);
        }
    }

    pub(super) fn close_channel(&mut self, key: ChannelKey) {
        self.leave(|consumer| consumer.channel == key);
        let held = self.channels.remove(&key).map(|channel| channel.unacked.into_values().collect());
        self.put_down(held.unwrap_or_default(), Settled::Back);
    }

    /// A connection is over: its channels and its own queues go.
    pub(super) fn close_connection(&mut self, connection: u64) {
        let keys: Vec<ChannelKey> = self.channels.keys().copied().filter(|key| key.0 == connection).collect();
        for key in keys {
            self.close_channel(key);
        }
        let own = self.queues.iter().filter(|(_, queue)| queue.owner == Some(connection));
        for name in own.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.delete_queue(&name);
        }
    }

    /// Lets go of messages whose time is over.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        let over: Vec<_> =
            self.queues.iter_mut().map(|(name, queue)| (name.clone(), queue.expired(now))).collect();
        for (name, messages) in over {
            for message in messages {
                self.dead_letter(&name, message, "expired");
            }
        }
    }

    fn dead_letter(&mut self, queue: &str, mut message: Message, reason: &str) {
        let Some(arguments) = self.queues.get(queue).map(|queue| &queue.arguments) else { return };
        let Some(exchange) = table::text(arguments, "x-dead-letter-exchange") else { return };
        let key = table::text(arguments, "x-dead-letter-routing-key").unwrap_or_else(|| message.key.clone());
        let headers = message.properties.headers().clone().unwrap_or_default();
        let headers = dead::died(headers, queue, &message, reason);
        message.properties = message.properties.clone().with_headers(headers);
        (message.exchange, message.key, message.redelivered) = (exchange, key, false);
        self.publish(&message);
    }
}

/// How a delivery ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Settled {
    Done,
    Back,
    GivenUp,
}

impl Channel {
    /// The tag of a delivery; it is held until it is settled, unless nobody will.
    fn hand_out(&mut self, queue: &str, message: &Message, no_ack: bool) -> u64 {
        self.last += 1;
        if !no_ack {
            self.unacked.insert(self.last, (queue.to_owned(), message.clone()));
        }
        self.last
    }
}

fn differs<T: PartialEq + std::fmt::Display + ?Sized>(
    what: &str,
    of: &str,
    name: &str,
    given: &T,
    own: &T,
) -> Done {
    if given == own {
        return Ok(());
    }
    let text = format!(
        "PRECONDITION_FAILED - inequivalent arg '{what}' for {of} '{name}' in vhost '/': received '{given}' but current is '{own}'"
    );
    Err(Refusal::new(406, text))
}
