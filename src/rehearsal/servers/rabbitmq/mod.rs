//! A message broker that speaks AMQP 0-9-1 as RabbitMQ does, and the part of its management API that tells of
//! exchanges, queues and bindings. One virtual host, one user, nothing on disk.
//!
//! What it does not do (transactions, exchange-to-exchange bindings, priorities, streams) it refuses with the
//! protocol's own reply, 540. <https://www.rabbitmq.com/amqp-0-9-1-reference>.

mod answer;
mod channel;
mod connection;
mod dead;
mod management;
mod model;
mod state;
mod table;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amq_protocol::protocol::BasicProperties;
use amq_protocol::types::FieldTable;
use serde_json::Value;
use tokio::net::TcpListener;

use self::model::{Message, Refusal};
use self::state::State;
use super::server::{Server, Work};

/// How often messages are looked for whose time has come.
const TICK: Duration = Duration::from_millis(25);

/// The stack of the thread that reads frames, in bytes: their tables may be nested as deep as a frame is long. What is
/// not used of it takes no memory.
const STACK: usize = 256 << 20;

/// The name of the one virtual host.
pub const VHOST: &str = "/";

type Shared = Arc<Mutex<State>>;

/// Who may log in.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

/// A broker under way.
#[derive(Debug)]
pub struct Broker {
    amqp: Server,
    management: Server,
    state: Shared,
}

impl Broker {
    /// Starts one with the exchanges that every virtual host has.
    ///
    /// # Errors
    /// When there are no ports to be had.
    pub fn start(user: User) -> io::Result<Self> {
        let state: Shared = Arc::new(Mutex::new(State::new(user)));
        let of = Arc::clone(&state);
        let amqp = Server::listen_with(STACK, move |listener| -> Work { Box::pin(serve(listener, of)) })?;
        let management = Server::start(management::routes(Arc::clone(&state)))?;
        Ok(Self { amqp, management, state })
    }

    /// The port that AMQP is spoken on.
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
    /// What the broker says to whoever would declare it so.
    pub fn exchange(&self, name: &str, kind: &str) -> Result<(), String> {
        let declared = lock(&self.state).declare_exchange(name, kind, true, false);
        declared.map_err(|refusal| refusal.text)
    }

    /// Declares a durable queue with arguments, and binds it.
    ///
    /// # Errors
    /// What the broker says to whoever would declare it so.
    pub fn queue(&self, name: &str, arguments: &Value, exchange: &str, key: &str) -> Result<(), String> {
        let arguments = table::of_json(arguments);
        let mut state = lock(&self.state);
        let declared = state.declare_queue(name, true, false, None, &arguments);
        let bound = declared.and_then(|()| state.bind(name, exchange, key, &FieldTable::default()));
        bound.map_err(|refusal: Refusal| refusal.text)
    }

    /// Deletes a queue with all that is in it.
    pub fn delete_queue(&self, name: &str) {
        lock(&self.state).delete_queue(name);
    }

    /// Puts a message into a queue, as one would through the default exchange.
    pub fn put(&self, queue: &str, properties: BasicProperties, body: &[u8]) {
        let message = Message::new("", queue, properties, body.to_vec());
        lock(&self.state).publish(&message);
    }

    /// Ready messages and consumers of a queue.
    #[must_use]
    pub fn depth(&self, queue: &str) -> Option<(usize, usize)> {
        lock(&self.state).depth(queue)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, state: Shared) {
    let mut tick = tokio::time::interval(TICK);
    let mut last = 0;
    loop {
        tokio::select! {
            Ok((socket, _)) = listener.accept() => {
                last += 1;
                tokio::spawn(connection::serve(socket, Arc::clone(&state), last));
            }
            _ = tick.tick() => lock(&state).expire(),
        }
    }
}
