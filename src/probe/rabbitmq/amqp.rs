//! What AMQP tells: whether exchanges and queues are declared, and how deep queues are.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{ErrorKind, ExchangeKind};

use crate::checklist::spec::Rabbitmq;
use crate::error;
use crate::secret::Secret;

use super::super::address::Address;
use super::super::blind::{Blind, Fact};
use super::super::deadline::Deadline;
use super::super::net;
use super::super::socket::Seen;
use super::connection::Amqp;
use super::watch::Frames;

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// What is declared, in the spec's order; nothing but the reason when nobody could log in.
pub(super) type Survey = Fact<Declared>;

/// What is declared.
pub(super) struct Declared {
    pub(super) exchanges: Vec<Fact<Presence<()>>>,
    pub(super) queues: Vec<Fact<Presence<Depth>>>,
}

/// Whether something is there.
pub(super) enum Presence<T> {
    Here(T),
    /// It is not, in words.
    Missing(String),
}

/// A queue's ready messages and consumers.
#[derive(Clone, Copy)]
pub(super) struct Depth {
    pub(super) ready: u64,
    pub(super) consumers: u64,
}

/// Declares everything passively.
pub(super) async fn survey(
    spec: &Rabbitmq,
    address: &Address,
    password: &Secret,
    deadline: &Deadline,
) -> Survey {
    let amqp = open(spec, address, password, Frames::default(), deadline).await?;
    let mut declared = Declared { exchanges: Vec::new(), queues: Vec::new() };
    for exchange in &spec.exchanges {
        declared.exchanges.push(find_exchange(&amqp, &exchange.name, deadline).await);
    }
    for queue in &spec.queues {
        declared.queues.push(find_queue(&amqp, &queue.name, deadline).await);
    }
    // A courtesy, so that the server logs no lost connection; nothing depends on it.
    let _ =
        tokio::time::timeout(GOODBYE.min(deadline.left()), amqp.connection.close(200, "done".into())).await;
    Ok(declared)
}

/// Connects, shakes hands and logs in.
pub(super) async fn open(
    spec: &Rabbitmq,
    address: &Address,
    password: &Secret,
    frames: Frames,
    deadline: &Deadline,
) -> Fact<Amqp> {
    short(&spec.vhost)?;
    let socket = net::connect(address, &spec.tls, deadline).await?.watched(frames);
    let seen = socket.seen();
    let opening = Amqp::open(spec, address, password, socket);
    let opened = deadline.of("AMQP handshake", opening).await;
    let opened = opened.map_err(|late| breach(&seen).unwrap_or_else(|| Blind::new(seen.late(&late, 0))))?;
    opened.map_err(|error| refused(&error, spec, address, &seen))
}

/// A name as AMQP carries it; the client would panic at one that is too long.
pub(super) fn short(name: &str) -> Fact<ShortString> {
    ShortString::try_new(name).map_err(|_| Blind::new("the name is longer than AMQP allows (255 bytes)"))
}

async fn find_exchange(amqp: &Amqp, name: &str, deadline: &Deadline) -> Fact<Presence<()>> {
    let short = short(name)?;
    let declare = async {
        // What is not there closes the channel: each gets one of its own.
        let channel = amqp.connection.create_channel().await?;
        let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        // The type is not compared by a passive declare.
        let (kind, none) = (ExchangeKind::Topic, FieldTable::default());
        channel.exchange_declare(short.clone(), kind, passive, none).await
    };
    answered(amqp, deadline, format!("declare of exchange {name}"), declare).await
}

async fn find_queue(amqp: &Amqp, name: &str, deadline: &Deadline) -> Fact<Presence<Depth>> {
    let short = short(name)?;
    let declare = async {
        let channel = amqp.connection.create_channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare(short.clone(), passive, FieldTable::default()).await?;
        Ok(Depth { ready: queue.message_count().into(), consumers: queue.consumer_count().into() })
    };
    answered(amqp, deadline, format!("declare of queue {name}"), declare).await
}

async fn answered<T>(
    amqp: &Amqp,
    deadline: &Deadline,
    step: String,
    declare: impl Future<Output = lapin::Result<T>>,
) -> Fact<Presence<T>> {
    let before = amqp.seen.count();
    match deadline.of(step, declare).await {
        Ok(declared) => presence(declared, &amqp.seen),
        Err(late) => Err(breach(&amqp.seen).unwrap_or_else(|| Blind::new(amqp.seen.late(&late, before)))),
    }
}

fn presence<T>(declared: lapin::Result<T>, seen: &Seen) -> Fact<Presence<T>> {
    let error = match declared {
        Ok(found) => return Ok(Presence::Here(found)),
        Err(error) => error,
    };
    match reply(&error) {
        // A queue whose node is away is "not found" too, but it is declared.
        Some((404, text)) if text.contains("home node") => {
            Ok(Presence::Missing(format!("its node is down ({text})")))
        }
        Some((404, _)) => Ok(Presence::Missing("not declared".into())),
        Some((403, text)) => Err(Blind::new(format!("the user may not look at it ({text})"))),
        Some((405, text)) => Err(Blind::new(format!("another connection holds it exclusively ({text})"))),
        Some((_, text)) => Err(Blind::new(format!("the server refuses ({text})"))),
        None => Err(breach(seen)
            .unwrap_or_else(|| Blind::new(format!("the connection was lost: {}", error::chain(&error))))),
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
fn refused(error: &lapin::Error, spec: &Rabbitmq, address: &Address, seen: &Seen) -> Blind {
    if let Some((code, text)) = reply(error) {
        return Blind::new(match code {
            403 => format!("credentials refused for user `{}` ({text})", spec.username),
            530 | 402 => {
                format!("virtual host `{}` is not open to user `{}` ({text})", spec.vhost, spec.username)
            }
            _ => format!("the server refuses the connection ({text})"),
        });
    }
    if let Some(breach) = breach(seen) {
        return breach;
    }
    if !seen.is_empty() {
        return Blind::new(format!("the AMQP handshake failed: {}", error::chain(error)));
    }
    let hint = if address.tls {
        "; perhaps the server asks for a certificate (tls: certificate, key)"
    } else {
        "; perhaps the server expects TLS (amqps://)"
    };
    Blind::new(format!("the connection was closed without an answer to the AMQP handshake{hint}"))
}

/// What the server has sent that no AMQP server should.
fn breach(seen: &Seen) -> Option<Blind> {
    let Some(what) = seen.guess().filter(|what| *what != "an AMQP server") else {
        return seen.refused().map(Blind::new);
    };
    let hint = if what == "a TLS server" { "; ask for it with amqps://" } else { "" };
    Some(Blind::new(format!("this is not an AMQP server: {what} answers here{hint}")))
}
