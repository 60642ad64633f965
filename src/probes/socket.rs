//! A socket that does not trust its server: it reads no more than a probe can need, passes the bytes to a protocol's
//! guard first, and remembers what to report to people.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::deadline::TimedOut;

/// How many bytes of an answer identify the kind of server.
const FIRST_BYTES: usize = 8;
/// The most that one connection reads, in bytes. All answers of a healthy server together are far below:
/// an `INFO` has a few KiB, `CLUSTER NODES` 200 bytes a node.
const MAX_READ: usize = 4 << 20;

/// A connection, closed when dropped.
pub(super) struct Socket {
    stream: Box<dyn ByteStream>,
    seen: ReceivedBytes,
    watch: Option<Box<dyn ProtocolGuard>>,
}

pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// Inspects what a server sends before the protocol's client, which may trust every announced length.
pub(super) trait ProtocolGuard: Send {
    /// Inspects the next bytes.
    ///
    /// # Errors
    /// Why nothing more is read from this server, for people.
    fn inspect(&mut self, bytes: &[u8]) -> Result<(), String>;
}

/// What a server has sent, for error messages.
#[derive(Clone, Default)]
pub(super) struct ReceivedBytes(Arc<Mutex<GuardState>>);

#[derive(Default)]
struct GuardState {
    first: Vec<u8>,
    count: usize,
    closed: bool,
    refused: Option<String>,
}

impl ReceivedBytes {
    /// What the server is, by its first bytes: `a TLS server`.
    pub(super) fn guess(&self) -> Option<&'static str> {
        let state = self.lock();
        let protocols: [(&[u8], &str); 7] = [
            (b"HTTP/", "an HTTP server"),
            (b"\x15\x03", "a TLS server"),
            (b"\x16\x03", "a TLS server"),
            (b"AMQP", "an AMQP server"),
            (b"SSH-", "an SSH server"),
            (b"-ERR", "a Redis server"),
            (b"220 ", "a mail or FTP server"),
        ];
        protocols.iter().find(|(start, _)| state.first.starts_with(start)).map(|(_, what)| *what)
    }

    /// How many bytes were received.
    pub(super) fn count(&self) -> usize {
        self.lock().count
    }

    /// Whether nothing was sent at all.
    pub(super) fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Why reading stopped, if the server violated the protocol's bounds.
    pub(super) fn refused(&self) -> Option<String> {
        self.lock().refused.clone()
    }

    /// The message about a step that timed out; `before` is how many bytes had arrived when it started. How
    /// many arrived since is not reported: it differs from attempt to attempt.
    pub(super) fn late(&self, late: &TimedOut, before: usize) -> String {
        match late {
            // Not every client notices.
            TimedOut::Unanswered { .. } if self.lock().closed => {
                format!("{late}; the server has closed the connection")
            }
            TimedOut::Unanswered { .. } if self.count() > before => {
                format!("{late}; only a part of the response was received")
            }
            late => late.to_string(),
        }
    }

    fn see(&self, bytes: &[u8]) -> Result<(), String> {
        let mut state = self.lock();
        let left = FIRST_BYTES.saturating_sub(state.first.len()).min(bytes.len());
        state.first.extend_from_slice(bytes.get(..left).unwrap_or_default());
        state.closed |= bytes.is_empty();
        state.count = state.count.saturating_add(bytes.len());
        if state.count > MAX_READ {
            return Err(format!("the server sent more than {} MiB: stopped reading", MAX_READ >> 20));
        }
        Ok(())
    }

    fn refuse(&self, why: String) -> io::Error {
        self.lock().refused.get_or_insert(why);
        io::ErrorKind::InvalidData.into()
    }

    fn lock(&self) -> MutexGuard<'_, GuardState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket {
    pub(super) fn new(stream: impl ByteStream + 'static) -> Self {
        Self { stream: Box::new(stream), seen: ReceivedBytes::default(), watch: None }
    }

    /// The same, with `watch` inspecting its bytes first.
    pub(super) fn watched(self, watch: impl ProtocolGuard + 'static) -> Self {
        Self { watch: Some(Box::new(watch)), ..self }
    }

    /// What the server has sent, and will send.
    pub(super) fn seen(&self) -> ReceivedBytes {
        self.seen.clone()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        if into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        let new = into.filled().get(before..).unwrap_or_default();
        let result = self.seen.see(new);
        let result = result.and_then(|()| self.watch.as_mut().map_or(Ok(()), |watch| watch.inspect(new)));
        Poll::Ready(result.map_err(|why| {
            // Rejected bytes do not reach the client.
            into.set_filled(before);
            self.seen.refuse(why)
        }))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
