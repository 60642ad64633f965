//! A RabbitMQ: a message broker that speaks AMQP 0-9-1, and the part of its management API for exchanges, queues and
//! bindings. It has one virtual host and one user, and stores nothing on disk.
//!
//! What it does not support (transactions, exchange-to-exchange bindings, priorities, streams) it rejects with reply
//! code 540, `NOT_IMPLEMENTED`. <https://www.rabbitmq.com/amqp-0-9-1-reference>.

mod channel;
mod connection;
mod dead_letter;
mod management;
mod model;
mod response;
mod state;
mod table;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amq_protocol::protocol::BasicProperties;
use amq_protocol::types::FieldTable;
use serde_json::Value;
use tokio::net::TcpListener;

use self::model::{AmqpError, Message};
use self::state::BrokerState;
use super::server::{BoxedTask, LoopbackServer};

/// How often expired messages are removed.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(25);

/// The stack size of the thread that parses frames, in bytes. The parser is recursive, and a frame's tables may be
/// nested as deep as the frame is long. Unused stack takes no memory.
const STACK_SIZE: usize = 256 << 20;

/// The name of the one virtual host.
pub const VHOST: &str = "/";

type SharedBroker = Arc<Mutex<BrokerState>>;

/// A user that may log in.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

/// A running broker.
#[derive(Debug)]
pub struct RabbitmqServer {
    amqp: LoopbackServer,
    management: LoopbackServer,
    state: SharedBroker,
}

impl RabbitmqServer {
    /// Starts a broker with the predeclared exchanges.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start(user: User) -> io::Result<Self> {
        let state: SharedBroker = Arc::new(Mutex::new(BrokerState::new(user)));
        let of = Arc::clone(&state);
        let amqp = LoopbackServer::start_tcp_with_stack(STACK_SIZE, move |listener| -> BoxedTask {
            Box::pin(accept_clients(listener, of))
        })?;
        let management = LoopbackServer::start(management::routes(Arc::clone(&state)))?;
        Ok(Self { amqp, management, state })
    }

    /// The AMQP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.amqp.port()
    }

    /// `http://127.0.0.1:PORT` of the management API.
    #[must_use]
    pub fn management_url(&self) -> String {
        self.management.url()
    }

    /// Declares a durable exchange.
    ///
    /// # Errors
    /// The reply text of the broker.
    pub fn declare_exchange(&self, name: &str, kind: &str) -> Result<(), String> {
        let declared = lock(&self.state).declare_exchange(name, kind, true, false);
        declared.map_err(|refusal| refusal.text)
    }

    /// Declares a durable queue with arguments, and binds it.
    ///
    /// # Errors
    /// The reply text of the broker.
    pub fn declare_queue(
        &self,
        name: &str,
        arguments: &Value,
        exchange: &str,
        key: &str,
    ) -> Result<(), String> {
        let arguments = table::from_json(arguments);
        let mut state = lock(&self.state);
        let result = state.declare_queue(name, true, false, None, &arguments);
        let bound = result.and_then(|()| state.bind(name, exchange, key, &FieldTable::default()));
        bound.map_err(|refusal: AmqpError| refusal.text)
    }

    /// Deletes a queue with its messages.
    pub fn delete_queue(&self, name: &str) {
        lock(&self.state).delete_queue(name);
    }

    /// Publishes a message to a queue through the default exchange.
    pub fn publish_to_queue(&self, queue: &str, properties: BasicProperties, body: &[u8]) {
        let message = Message::new("", queue, properties, body.to_vec());
        lock(&self.state).publish(&message);
    }

    /// Number of ready messages and of consumers of a queue.
    #[must_use]
    pub fn depth(&self, queue: &str) -> Option<(usize, usize)> {
        lock(&self.state).depth(queue)
    }
}

fn lock(state: &Mutex<BrokerState>) -> MutexGuard<'_, BrokerState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept_clients(listener: TcpListener, state: SharedBroker) {
    let mut tick = tokio::time::interval(EXPIRY_INTERVAL);
    let mut last = 0;
    loop {
        tokio::select! {
            Ok((socket, _)) = listener.accept() => {
                last += 1;
                tokio::spawn(connection::run_connection(socket, Arc::clone(&state), last));
            }
            _ = tick.tick() => lock(&state).expire(),
        }
    }
}
