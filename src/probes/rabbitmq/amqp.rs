//! Checks over AMQP: whether exchanges and queues are declared, and how deep queues are.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{ErrorKind, ExchangeKind};

use gonogo_core::checklist::spec::RabbitmqSpec;
use gonogo_core::error;
use gonogo_core::secret::Secret;

use super::super::address::Address;
use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use super::super::net;
use super::super::socket::ReceivedBytes;
use super::connection::AmqpConnection;
use super::guard::AmqpGuard;

/// Timeout for closing the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The declared objects, in the spec's order; only the reason if the login failed.
pub(super) type AmqpResult = ProbeResult<DeclaredObjects>;

/// The declared objects.
pub(super) struct DeclaredObjects {
    pub(super) exchanges: Vec<ProbeResult<Presence<()>>>,
    pub(super) queues: Vec<ProbeResult<Presence<QueueDepth>>>,
}

/// Whether an object exists.
pub(super) enum Presence<T> {
    Here(T),
    /// It does not, with the reason.
    Missing(String),
}

/// A queue's ready messages and consumers.
#[derive(Clone, Copy)]
pub(super) struct QueueDepth {
    pub(super) ready: u64,
    pub(super) consumers: u64,
}

/// Declares everything passively.
pub(super) async fn survey(
    spec: &RabbitmqSpec,
    address: &Address,
    password: &Secret,
    deadline: &Deadline,
) -> AmqpResult {
    let amqp = open(spec, address, password, AmqpGuard::default(), deadline).await?;
    let mut declared = DeclaredObjects { exchanges: Vec::new(), queues: Vec::new() };
    for exchange in &spec.exchanges {
        declared.exchanges.push(find_exchange(&amqp, &exchange.name, deadline).await);
    }
    for queue in &spec.queues {
        declared.queues.push(find_queue(&amqp, &queue.name, deadline).await);
    }
    // A courtesy, so that the server logs no lost connection; nothing depends on it.
    let _ = tokio::time::timeout(
        CLOSE_TIMEOUT.min(deadline.remaining()),
        amqp.connection.close(200, "done".into()),
    )
    .await;
    Ok(declared)
}

/// Connects, shakes hands and logs in.
pub(super) async fn open(
    spec: &RabbitmqSpec,
    address: &Address,
    password: &Secret,
    frames: AmqpGuard,
    deadline: &Deadline,
) -> ProbeResult<AmqpConnection> {
    short(&spec.vhost)?;
    let socket = net::connect(address, &spec.tls, deadline).await?.watched(frames);
    let seen = socket.seen();
    let opening = AmqpConnection::open(spec, address, password, socket);
    let opened = deadline.limit("AMQP handshake", opening).await;
    let opened = opened
        .map_err(|late| protocol_violation(&seen).unwrap_or_else(|| ProbeError::new(seen.late(&late, 0))))?;
    opened.map_err(|error| handshake_error(&error, spec, address, &seen))
}

/// A name as AMQP carries it; the client would panic at one that is too long.
pub(super) fn short(name: &str) -> ProbeResult<ShortString> {
    ShortString::try_new(name).map_err(|_| ProbeError::new("the name is longer than AMQP allows (255 bytes)"))
}

async fn find_exchange(amqp: &AmqpConnection, name: &str, deadline: &Deadline) -> ProbeResult<Presence<()>> {
    let short = short(name)?;
    let declare = async {
        // A missing object closes the channel, so each query uses a new one.
        let channel = amqp.connection.create_channel().await?;
        let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        // The type is not compared by a passive declare.
        let (kind, none) = (ExchangeKind::Topic, FieldTable::default());
        channel.exchange_declare(short.clone(), kind, passive, none).await
    };
    request(amqp, deadline, format!("declare of exchange {name}"), declare).await
}

async fn find_queue(
    amqp: &AmqpConnection,
    name: &str,
    deadline: &Deadline,
) -> ProbeResult<Presence<QueueDepth>> {
    let short = short(name)?;
    let declare = async {
        let channel = amqp.connection.create_channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare(short.clone(), passive, FieldTable::default()).await?;
        Ok(QueueDepth { ready: queue.message_count().into(), consumers: queue.consumer_count().into() })
    };
    request(amqp, deadline, format!("declare of queue {name}"), declare).await
}

async fn request<T>(
    amqp: &AmqpConnection,
    deadline: &Deadline,
    step: String,
    declare: impl Future<Output = lapin::Result<T>>,
) -> ProbeResult<Presence<T>> {
    let before = amqp.seen.count();
    match deadline.limit(step, declare).await {
        Ok(declared) => presence(declared, &amqp.seen),
        Err(late) => {
            Err(protocol_violation(&amqp.seen)
                .unwrap_or_else(|| ProbeError::new(amqp.seen.late(&late, before))))
        }
    }
}

fn presence<T>(declared: lapin::Result<T>, seen: &ReceivedBytes) -> ProbeResult<Presence<T>> {
    let error = match declared {
        Ok(object) => return Ok(Presence::Here(object)),
        Err(error) => error,
    };
    match reply(&error) {
        // A queue whose node is away is "not found" too, but it is declared.
        Some((404, text)) if text.contains("home node") => {
            Ok(Presence::Missing(format!("its node is down ({text})")))
        }
        Some((404, _)) => Ok(Presence::Missing("not declared".into())),
        Some((403, text)) => Err(ProbeError::new(format!("the user has no permission to read it ({text})"))),
        Some((405, text)) => {
            Err(ProbeError::new(format!("locked by another connection (exclusive) ({text})")))
        }
        Some((_, text)) => Err(ProbeError::new(format!("rejected by the server ({text})"))),
        None => Err(protocol_violation(seen).unwrap_or_else(|| {
            ProbeError::new(format!("the connection was lost: {}", error::chain(&error)))
        })),
    }
}

/// Code and text of the server's reply.
pub(super) fn reply(error: &lapin::Error) -> Option<(u16, String)> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some((error.get_id(), error.get_message().to_string())),
        _ => None,
    }
}

/// Why the handshake ended without a connection.
fn handshake_error(
    error: &lapin::Error,
    spec: &RabbitmqSpec,
    address: &Address,
    seen: &ReceivedBytes,
) -> ProbeError {
    if let Some((code, text)) = reply(error) {
        return ProbeError::new(match code {
            403 => format!("credentials refused for user `{}` ({text})", spec.username),
            530 | 402 => {
                format!("no access to virtual host `{}` for user `{}` ({text})", spec.vhost, spec.username)
            }
            _ => format!("the server rejects the connection ({text})"),
        });
    }
    if let Some(violation) = protocol_violation(seen) {
        return violation;
    }
    if !seen.is_empty() {
        return ProbeError::new(format!("the AMQP handshake failed: {}", error::chain(error)));
    }
    let hint = if address.tls {
        "; perhaps the server requires a client certificate (tls: certificate, key)"
    } else {
        "; perhaps the server expects TLS (amqps://)"
    };
    ProbeError::new(format!("the connection was closed without a response to the AMQP handshake{hint}"))
}

/// The server's violation of the protocol, if any.
fn protocol_violation(seen: &ReceivedBytes) -> Option<ProbeError> {
    let Some(what) = seen.guess().filter(|what| *what != "an AMQP server") else {
        return seen.refused().map(ProbeError::new);
    };
    let hint = if what == "a TLS server" { "; use amqps://" } else { "" };
    Some(ProbeError::new(format!("this is not an AMQP server: {what} responds here{hint}")))
}
