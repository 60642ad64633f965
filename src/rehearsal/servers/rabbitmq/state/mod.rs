//! The state of the broker: exchanges, queues and bindings, and in `delivery` the messages on their way.

mod delivery;

use std::collections::BTreeMap;

use amq_protocol::types::FieldTable;

use self::delivery::ChannelState;
pub(super) use self::delivery::{Delivery, Settlement};
use super::User;
use super::model::{
    AmqpError, ChannelKey, ExchangeKind, ExchangeState, MethodResult, QueueBinding, QueueState,
};
use super::table;

/// The queue arguments that are supported.
const QUEUE_ARGUMENTS: [&str; 4] =
    ["x-message-ttl", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-queue-type"];

/// The broker's state, shared by all connections.
#[derive(Debug)]
pub(super) struct BrokerState {
    pub(super) user: User,
    pub(super) exchanges: BTreeMap<String, ExchangeState>,
    pub(super) queues: BTreeMap<String, QueueState>,
    pub(super) bindings: Vec<QueueBinding>,
    channels: BTreeMap<ChannelKey, ChannelState>,
    generated_names: u64,
}

impl BrokerState {
    pub(super) fn new(user: User) -> Self {
        let predeclared = [
            ("", ExchangeKind::Direct),
            ("amq.direct", ExchangeKind::Direct),
            ("amq.fanout", ExchangeKind::Fanout),
            ("amq.topic", ExchangeKind::Topic),
        ];
        let predeclared = predeclared
            .map(|(name, kind)| (name.to_owned(), ExchangeState { kind, durable: true, auto_delete: false }));
        Self {
            user,
            exchanges: BTreeMap::from(predeclared),
            queues: BTreeMap::new(),
            bindings: Vec::new(),
            channels: BTreeMap::new(),
            generated_names: 0,
        }
    }

    pub(super) fn declare_exchange(
        &mut self,
        name: &str,
        kind: &str,
        durable: bool,
        auto_delete: bool,
    ) -> MethodResult {
        let kind = ExchangeKind::parse(kind)?;
        if let Some(existing) = self.exchanges.get(name) {
            let (current, requested) = (existing.kind.name(), kind.name());
            check_same("type", "exchange", name, requested, current)?;
            check_same("durable", "exchange", name, &durable, &existing.durable)?;
            return check_same("auto_delete", "exchange", name, &auto_delete, &existing.auto_delete);
        }
        if name.starts_with("amq.") {
            let text = format!("ACCESS_REFUSED - exchange name '{name}' contains reserved prefix 'amq.*'");
            return Err(AmqpError::new(403, text));
        }
        self.exchanges.insert(name.into(), ExchangeState { kind, durable, auto_delete });
        Ok(())
    }

    pub(super) fn delete_exchange(&mut self, name: &str, if_unused: bool) -> MethodResult {
        if name.is_empty() || name.starts_with("amq.") {
            return Err(AmqpError::new(
                403,
                format!("ACCESS_REFUSED - operation not permitted on the default exchange '{name}'"),
            ));
        }
        if if_unused && self.bindings.iter().any(|binding| binding.exchange == name) {
            return Err(AmqpError::new(
                406,
                format!("PRECONDITION_FAILED - exchange '{name}' in vhost '/' in use"),
            ));
        }
        self.exchanges.remove(name);
        self.bindings.retain(|binding| binding.exchange != name);
        Ok(())
    }

    /// Declares a queue. `owner` is the connection of an exclusive queue.
    pub(super) fn declare_queue(
        &mut self,
        name: &str,
        durable: bool,
        auto_delete: bool,
        owner: Option<u64>,
        arguments: &FieldTable,
    ) -> MethodResult {
        if let Some(existing) = self.queues.get(name) {
            check_same("durable", "queue", name, &durable, &existing.durable)?;
            check_same("auto_delete", "queue", name, &auto_delete, &existing.auto_delete)?;
            if !table::is_same(arguments, &existing.arguments) {
                let (requested, current) = (table::to_json(arguments), table::to_json(&existing.arguments));
                return check_same("arguments", "queue", name, &requested, &current);
            }
            return Ok(());
        }
        let unknown = arguments.inner().keys().find(|name| !QUEUE_ARGUMENTS.contains(&name.as_str()));
        if let Some(unknown) = unknown {
            return Err(AmqpError::not_implemented(&format!("queue argument {unknown}")));
        }
        if table::text(arguments, "x-queue-type").is_some_and(|kind| kind != "classic") {
            return Err(AmqpError::not_implemented("queues other than classic ones"));
        }
        let queue =
            QueueState { durable, auto_delete, owner, arguments: arguments.clone(), ..QueueState::default() };
        self.queues.insert(name.into(), queue);
        Ok(())
    }

    /// Generates the name of a queue that is declared without one.
    pub(super) fn generate_name(&mut self) -> String {
        self.generated_names += 1;
        format!("amq.gen-{:022}", self.generated_names)
    }

    /// A queue, if this connection may use it.
    pub(super) fn queue(&mut self, name: &str, connection: u64) -> MethodResult<&mut QueueState> {
        let queue = self.queues.get_mut(name).ok_or_else(|| AmqpError::no_queue(name))?;
        if queue.owner.is_some_and(|owner| owner != connection) {
            return Err(AmqpError::locked(name));
        }
        Ok(queue)
    }

    pub(super) fn bind(
        &mut self,
        queue: &str,
        exchange: &str,
        key: &str,
        arguments: &FieldTable,
    ) -> MethodResult {
        if !self.exchanges.contains_key(exchange) {
            return Err(AmqpError::no_exchange(exchange));
        }
        if !self.queues.contains_key(queue) {
            return Err(AmqpError::no_queue(queue));
        }
        let is_same =
            |one: &QueueBinding| one.queue == queue && one.exchange == exchange && one.routing_key == key;
        if !self.bindings.iter().any(is_same) {
            let (exchange, queue, key) = (exchange.into(), queue.into(), key.into());
            self.bindings.push(QueueBinding {
                exchange,
                queue,
                routing_key: key,
                arguments: arguments.clone(),
            });
        }
        Ok(())
    }

    pub(super) fn unbind(&mut self, queue: &str, exchange: &str, key: &str) {
        self.bindings.retain(|one| one.queue != queue || one.exchange != exchange || one.routing_key != key);
    }

    /// Deletes a queue. Returns the number of its ready messages.
    pub(super) fn delete_queue(&mut self, name: &str) -> usize {
        self.bindings.retain(|binding| binding.queue != name);
        self.queues.remove(name).map_or(0, |queue| queue.ready.len())
    }

    pub(super) fn depth(&self, name: &str) -> Option<(usize, usize)> {
        self.queues.get(name).map(|queue| (queue.ready.len(), queue.consumers.len()))
    }
}

fn check_same<T: PartialEq + std::fmt::Display + ?Sized>(
    argument: &str,
    object: &str,
    name: &str,
    requested: &T,
    current: &T,
) -> MethodResult {
    if requested == current {
        return Ok(());
    }
    let text = format!(
        "PRECONDITION_FAILED - inequivalent arg '{argument}' for {object} '{name}' in vhost '/': received '{requested}' but current is '{current}'"
    );
    Err(AmqpError::new(406, text))
}
