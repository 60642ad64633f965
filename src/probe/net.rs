//! Connections of our own: names, addresses, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::checklist::spec::Tls;

use super::address::Address;
use super::blind::{Blind, Fact};
use super::deadline::Deadline;
use super::socket::Socket;
use super::tls;

/// How long one address has before the next is tried beside it (RFC 8305 calls it the attempt delay).
const HEAD_START: Duration = Duration::from_millis(200);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("no such host: {0}")]
    NoSuchHost(String),
    #[error("cannot resolve host {host}: {why}")]
    Resolve { host: String, why: String },
    #[error("{0} refuses connections: nothing listens there")]
    Refused(Address),
    #[error("cannot connect to {to}: {why}")]
    Unreachable { to: Address, why: io::Error },
}

/// A task that ends when this is dropped.
pub(super) struct Guarded<T>(pub(super) JoinHandle<T>);

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects, with TLS where the address asks for it.
pub(super) async fn connect(address: &Address, tls: &Tls, deadline: &Deadline) -> Fact<Socket> {
    let names = resolve_host(&address.host, address.port);
    let found = deadline.of(format!("name resolution of {}", address.host), names).await??;
    let tcp = deadline.of(format!("connect to {address}"), race(found)).await?;
    let tcp = tcp.map_err(|error| cannot_connect(address, error))?;
    if !address.tls {
        return Ok(Socket::new(tcp));
    }
    let config = deadline.of("reading root certificates", tls::config(tls)).await??;
    let name = ServerName::try_from(address.host.clone())
        .map_err(|_| Blind::new(format!("{} is no name that a certificate can carry", address.host)))?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    // A server without TLS may take the greeting for the begin of a long command and stay silent.
    let step = format!("TLS handshake with {address}; a server without TLS may stay silent");
    let stream = deadline.of(step, handshake).await?;
    let stream = stream.map_err(|error| Blind::new(tls::explain(&error, &address.host, tls)))?;
    Ok(Socket::new(stream))
}

/// The addresses of a host.
pub(super) async fn resolve_host(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|error| cannot_resolve(host, &error))?;
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(ConnectError::NoSuchHost(host.to_owned())) } else { Ok(found) }
}

fn cannot_resolve(host: &str, error: &io::Error) -> ConnectError {
    let why = error.to_string();
    // The resolver's answers differ only in their text: EAI_NONAME and EAI_NODATA are about the name,
    // all others about the resolver.
    if ["not known", "No address", "nodename nor servname"].iter().any(|no| why.contains(no)) {
        ConnectError::NoSuchHost(host.to_owned())
    } else {
        ConnectError::Resolve { host: host.to_owned(), why }
    }
}

fn cannot_connect(address: &Address, error: io::Error) -> ConnectError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Refused(address.clone()),
        _ => ConnectError::Unreachable { to: address.clone(), why: error },
    }
}

/// The first of several addresses that answers.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let attempts = addresses.into_iter().zip(0..).map(|(address, turn)| {
        Box::pin(async move {
            tokio::time::sleep(HEAD_START * turn).await;
            TcpStream::connect(address).await
        })
    });
    future::select_ok(attempts).await.map(|(stream, _others)| stream)
}
