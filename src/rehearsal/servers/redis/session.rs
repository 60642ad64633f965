//! The session of one client: authentication, selected database, subscriptions.

use std::collections::BTreeSet;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::connection::RespConnection;
use super::reply::Reply;
use super::state::PubSubMessage;
use super::{SharedRedis, lock};

/// The state of a client's session.
pub(super) struct ClientSession {
    pub(super) id: u64,
    pub(super) name: Vec<u8>,
    pub(super) is_authenticated: bool,
    pub(super) database: usize,
    pub(super) version: u8,
    /// Its subscriptions: whether by pattern, and channel or pattern.
    pub(super) channels: BTreeSet<(bool, Vec<u8>)>,
    pub(super) deliver: UnboundedSender<PubSubMessage>,
    pub(super) has_quit: bool,
}

/// Serves a client until it disconnects.
pub(super) async fn run_session(socket: TcpStream, state: SharedRedis, id: u64) {
    let (deliver, published) = mpsc::unbounded_channel();
    let session = ClientSession {
        id,
        name: Vec::new(),
        is_authenticated: false,
        database: 0,
        version: 2,
        channels: BTreeSet::new(),
        deliver,
        has_quit: false,
    };
    // An error means that the client has disconnected.
    let _ = exchange_messages(RespConnection::new(socket), &state, session, published).await;
    lock(&state).remove_session(id);
}

async fn exchange_messages(
    mut connection: RespConnection,
    state: &SharedRedis,
    mut session: ClientSession,
    mut published: UnboundedReceiver<PubSubMessage>,
) -> std::io::Result<()> {
    while !session.has_quit {
        tokio::select! {
            command = connection.read() => match command {
                Ok(Some(words)) => {
                    let started = Instant::now();
                    let delay = lock(state).delay;
                    if !delay.is_zero() {
                        tokio::time::sleep(delay).await;
                    }
                    let replies = session.execute(state, &words);
                    lock(state).record_latency(started.elapsed());
                    connection.version = session.version;
                    for reply in replies {
                        connection.write(reply).await?;
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => return connection.write(Reply::Error(error)).await,
            },
            Some(message) = published.recv() => {
                let pattern_parts = message.pattern.map(|pattern| vec![Reply::text("pmessage"), Reply::Bulk(pattern)]);
                let mut parts = pattern_parts.unwrap_or_else(|| vec![Reply::text("message")]);
                parts.extend([Reply::Bulk(message.channel), Reply::Bulk(message.payload)]);
                connection.write(Reply::Push(parts)).await?;
            }
        }
    }
    Ok(())
}
