//! One client: who it is, which database it uses, what it listens to.

use std::collections::BTreeSet;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::data::Published;
use super::reply::Reply;
use super::wire::Wire;
use super::{Shared, lock};

/// What a client has told of itself.
pub(super) struct Session {
    pub(super) id: u64,
    pub(super) name: Vec<u8>,
    pub(super) is_known: bool,
    pub(super) database: usize,
    pub(super) version: u8,
    /// What it listens to, and whether by pattern.
    pub(super) channels: BTreeSet<(bool, Vec<u8>)>,
    pub(super) deliver: UnboundedSender<Published>,
    pub(super) leaves: bool,
}

/// Serves a client until it leaves.
pub(super) async fn serve(socket: TcpStream, data: Shared, id: u64) {
    let (deliver, published) = mpsc::unbounded_channel();
    let session = Session {
        id,
        name: Vec::new(),
        is_known: false,
        database: 0,
        version: 2,
        channels: BTreeSet::new(),
        deliver,
        leaves: false,
    };
    // However it ends, the client has gone.
    let _ = converse(Wire::new(socket), &data, session, published).await;
    lock(&data).leave(id);
}

async fn converse(
    mut wire: Wire,
    data: &Shared,
    mut session: Session,
    mut published: UnboundedReceiver<Published>,
) -> std::io::Result<()> {
    while !session.leaves {
        tokio::select! {
            command = wire.read() => match command {
                Ok(Some(words)) => {
                    let begun = Instant::now();
                    let delay = lock(data).delay;
                    if !delay.is_zero() {
                        tokio::time::sleep(delay).await;
                    }
                    let replies = session.answer(data, &words);
                    lock(data).took(begun.elapsed());
                    wire.version = session.version;
                    for reply in replies {
                        wire.write(reply).await?;
                    }
                }
                Ok(None) => return Ok(()),
                Err(why) => return wire.write(Reply::Error(why)).await,
            },
            Some(message) = published.recv() => {
                let by = message.pattern.map(|pattern| vec![Reply::text("pmessage"), Reply::Bulk(pattern)]);
                let mut parts = by.unwrap_or_else(|| vec![Reply::text("message")]);
                parts.extend([Reply::Bulk(message.channel), Reply::Bulk(message.payload)]);
                wire.write(Reply::Push(parts)).await?;
            }
        }
    }
    Ok(())
}
