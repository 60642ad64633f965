//! A key-value server that speaks RESP2 and RESP3 as Redis does: what the pipeline and the probes ask of one.
//! Nothing is on disk; that it says otherwise is what it is told to say.
//!
//! What it does not know it refuses in Redis' words. <https://redis.io/docs/latest/commands/>.

mod answer;
mod data;
mod reply;
mod session;
mod wire;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;

use self::data::Data;
use super::server::{Server, Work};

type Shared = Arc<Mutex<Data>>;

/// A server under way.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    data: Shared,
}

impl Redis {
    /// Starts one that asks its default user for this password, writes to disk and watches latency from 100 ms on.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start(password: &str) -> io::Result<Self> {
        let data: Shared = Arc::new(Mutex::new(Data::new(password)));
        let of = Arc::clone(&data);
        let server = Server::listen(move |listener| -> Work { Box::pin(serve(listener, of)) })?;
        Ok(Self { server, data })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Sets one of its settings, as `CONFIG SET` does.
    pub fn configure(&self, name: &str, value: &str) {
        lock(&self.data).config.insert(name.to_owned(), value.to_owned());
    }

    /// From now on every command takes so long, and counts as a spike where latency is watched.
    pub fn slow_down(&self, by: Duration) {
        lock(&self.data).delay = by;
    }

    /// How many subscribe to a channel.
    #[must_use]
    pub fn subscribers(&self, channel: &str) -> usize {
        lock(&self.data).subscribers(channel.as_bytes())
    }
}

fn lock(data: &Mutex<Data>) -> MutexGuard<'_, Data> {
    data.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, data: Shared) {
    let mut last = 0;
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            last += 1;
            tokio::spawn(session::serve(socket, Arc::clone(&data), last));
        }
    }
}
