//! Commands as they come over a socket, and what goes back.

use std::io;

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::types::OwnedFrame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::reply::Reply;

/// The most that a client may send without finishing a command, in bytes.
const BUFFERED: usize = 1 << 20;

/// The socket, and what was read and not yet understood.
pub(super) struct Wire {
    socket: TcpStream,
    unread: Vec<u8>,
    /// The version of the protocol that answers are in.
    pub(super) version: u8,
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Self {
        let _ = socket.set_nodelay(true);
        Self { socket, unread: Vec::new(), version: 2 }
    }

    /// The next command; nothing when the client has gone.
    ///
    /// # Errors
    /// What is wrong with what it sends, in Redis' words.
    pub(super) async fn read(&mut self) -> Result<Option<Vec<Vec<u8>>>, String> {
        loop {
            if self.unread.first().is_some_and(|first| *first != b'*') {
                return Err("ERR Protocol error: expected '*', inline commands are not offered here".into());
            }
            match decode(&self.unread) {
                Ok(Some((frame, taken))) => {
                    self.unread.drain(..taken);
                    return words(frame).map(Some);
                }
                Ok(None) => {}
                Err(error) => return Err(format!("ERR Protocol error: {}", error.details())),
            }
            if self.unread.len() > BUFFERED {
                return Err("ERR Protocol error: too big a request".into());
            }
            match self.socket.read_buf(&mut self.unread).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
        }
    }

    pub(super) async fn write(&mut self, reply: Reply) -> io::Result<()> {
        let bytes = reply.encode(self.version).map_err(|error| io::Error::other(error.to_string()))?;
        self.socket.write_all(&bytes).await
    }
}

fn words(frame: OwnedFrame) -> Result<Vec<Vec<u8>>, String> {
    let OwnedFrame::Array(parts) = frame else { return Err("ERR Protocol error: expected '*'".into()) };
    let word = |part| match part {
        OwnedFrame::BulkString(bytes) => Ok(bytes),
        _ => Err("ERR Protocol error: expected '$'".to_owned()),
    };
    parts.into_iter().map(word).collect()
}
