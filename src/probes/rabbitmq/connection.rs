//! An AMQP connection over a socket of our own.
//!
//! The AMQP client runs on a thread that blocks until its socket ends. So it gets one end of a pipe in
//! memory, a task of ours carries bytes between the other end and the real socket, and dropping that task
//! (at the deadline, or when the probe is cancelled) ends the pipe, the client and its thread.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_util::{AsyncRead, AsyncWrite, Stream};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use tokio::io::DuplexStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

use gonogo_core::checklist::spec::RabbitmqSpec;
use gonogo_core::secret::Secret;

use super::super::address::Address;
use super::super::net::AbortOnDrop;
use super::super::socket::{ReceivedBytes, Socket};
use super::guard::MAX_FRAME;

/// How many bytes wait in the pipe at most.
const PIPE_SIZE: usize = 64 * 1024;

type Pipe = Compat<DuplexStream>;

/// An open connection; ends when dropped.
pub(super) struct AmqpConnection {
    pub(super) connection: Connection,
    pub(super) seen: ReceivedBytes,
    _carrier: AbortOnDrop<()>,
}

impl AmqpConnection {
    /// Shakes hands over `socket`.
    pub(super) async fn open(
        spec: &RabbitmqSpec,
        address: &Address,
        password: &Secret,
        mut socket: Socket,
    ) -> lapin::Result<Self> {
        let seen = socket.seen();
        let (near, mut client_end) = tokio::io::duplex(PIPE_SIZE);
        let carrier = AbortOnDrop(tokio::spawn(async move {
            // When it ends, both ends are closed, and the client notices.
            let _ = tokio::io::copy_bidirectional(&mut socket, &mut client_end).await;
        }));
        let once = Mutex::new(Some(near.compat()));
        let connect = async move |_: AMQPUri, _: Runtime<PipeHalves>| {
            let pipe = once.lock().unwrap_or_else(PoisonError::into_inner).take();
            pipe.map(AsyncTcpStream::Plain).ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
        };
        let runtime = Runtime::new(PipeHalves::new(Tokio::current(), PipeReactor(Tokio::current())));
        // The defaults neither retry nor recover: one attempt is one connection.
        let options = ConnectionProperties::default().with_connection_name("gonogo".into());
        let uri = uri(spec, address, password);
        let connection = Connection::connector(uri, runtime, connect, options).await?;
        Ok(Self { connection, seen, _carrier: carrier })
    }
}

/// Address and user. Never parsed from or written as text: it holds the password.
fn uri(spec: &RabbitmqSpec, address: &Address, password: &Secret) -> AMQPUri {
    let userinfo = AMQPUserInfo { username: spec.username.clone(), password: password.expose().to_owned() };
    AMQPUri {
        // The socket does TLS, if it is used.
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority { userinfo, host: address.host.clone(), port: address.port },
        vhost: spec.vhost.clone(),
        // A probe ends before a heartbeat is due. The client reserves 32 of the longest frames, and
        // unless it sets a limit itself, the server does: up to 128 GiB.
        query: AMQPQueryString {
            heartbeat: Some(0),
            frame_max: Some(MAX_FRAME),
            ..AMQPQueryString::default()
        },
    }
}

type PipeHalves = RuntimeParts<Tokio, PipeReactor>;

/// A reactor whose sockets are pipes, and which connects to nothing by itself.
#[derive(Clone, Debug)]
struct PipeReactor(Tokio);

impl Reactor for PipeReactor {
    type TcpStream = Pipe;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H>(&self, _: H) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Pipe, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    fn tcp_connect_addr(
        &self,
        _: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
