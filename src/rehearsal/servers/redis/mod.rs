//! A Redis: a server that speaks RESP2 and RESP3, with the commands that the pipeline and the probes use. It stores
//! nothing on disk; the persistence that it reports is its configuration.
//!
//! It rejects other commands with the error messages of Redis. <https://redis.io/docs/latest/commands/>.

mod commands;
mod connection;
mod reply;
mod session;
mod state;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;

use self::state::RedisState;
use super::server::{BoxedTask, LoopbackServer};

type SharedRedis = Arc<Mutex<RedisState>>;

/// A running Redis.
#[derive(Debug)]
pub struct RedisServer {
    server: LoopbackServer,
    state: SharedRedis,
}

impl RedisServer {
    /// Starts a Redis with this password for the default user. It reports persistence, and its latency monitor has a
    /// threshold of 100 ms.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start(password: &str) -> io::Result<Self> {
        let state: SharedRedis = Arc::new(Mutex::new(RedisState::new(password)));
        let shared = Arc::clone(&state);
        let server = LoopbackServer::start_tcp(move |listener| -> BoxedTask {
            Box::pin(accept_clients(listener, shared))
        })?;
        Ok(Self { server, state })
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Sets an option, as `CONFIG SET` does.
    pub fn config_set(&self, name: &str, value: &str) {
        lock(&self.state).config.insert(name.to_owned(), value.to_owned());
    }

    /// From now on, every command takes at least this long. The latency monitor records it.
    pub fn set_delay(&self, by: Duration) {
        lock(&self.state).delay = by;
    }

    /// Number of subscribers to a channel.
    #[must_use]
    pub fn subscribers(&self, channel: &str) -> usize {
        lock(&self.state).subscribers(channel.as_bytes())
    }
}

fn lock(state: &Mutex<RedisState>) -> MutexGuard<'_, RedisState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept_clients(listener: TcpListener, state: SharedRedis) {
    let mut last = 0;
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            last += 1;
            tokio::spawn(session::run_session(socket, Arc::clone(&state), last));
        }
    }
}
