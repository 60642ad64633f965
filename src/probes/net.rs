//! Connections of our own: names, addresses, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use gonogo_core::checklist::spec::Tls;

use super::address::Address;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::socket::Socket;
use super::tls;

/// How long one address has before the next is tried beside it (RFC 8305 calls it the attempt delay).
const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(200);

/// How glibc, macOS and musl say that a name has no address.
const NAME_NOT_FOUND: [&str; 5] =
    ["not known", "No address", "nodename nor servname", "does not resolve", "no usable address"];

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("no such host: {0}")]
    NoSuchHost(String),
    #[error("cannot resolve host {host}: {why}")]
    Resolve { host: String, why: String },
    #[error("{0} refuses connections: nothing listens on that port")]
    Refused(Address),
    #[error("cannot connect to {to}: {why}")]
    Unreachable { to: Address, why: io::Error },
}

/// A task that ends when this is dropped.
pub(super) struct AbortOnDrop<T>(pub(super) JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects, with TLS where the address asks for it.
pub(super) async fn connect(address: &Address, tls: &Tls, deadline: &Deadline) -> ProbeResult<Socket> {
    let tcp = open(address, deadline).await??;
    if !address.tls {
        return Ok(Socket::new(tcp));
    }
    let config = deadline.limit("reading root certificates", tls::config(tls)).await??;
    let stream = shake_hands(address, &address.host, config, tcp, deadline).await?;
    let stream = stream.map_err(|error| ProbeError::new(tls::explain(&error, &address.host, tls)))?;
    Ok(Socket::new(stream))
}

/// Connects without TLS.
///
/// # Errors
/// Why there can be no connection: the outer one before the server was reached, the inner one when it was tried.
pub(super) async fn open(
    address: &Address,
    deadline: &Deadline,
) -> ProbeResult<Result<TcpStream, ConnectError>> {
    let names = resolve_host(&address.host, address.port);
    let addresses = deadline.limit(format!("name resolution of {}", address.host), names).await??;
    let tcp = deadline.limit(format!("connect to {address}"), race(addresses)).await?;
    Ok(tcp.map_err(|error| cannot_connect(address, error)))
}

/// Begins TLS with a server that must have a certificate for this name.
///
/// # Errors
/// The outer one if nothing was said in time, the inner one if the handshake failed.
pub(super) async fn shake_hands(
    address: &Address,
    name: &str,
    config: ClientConfig,
    tcp: TcpStream,
    deadline: &Deadline,
) -> ProbeResult<io::Result<TlsStream<TcpStream>>> {
    let name = server_name(name)?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    // A server without TLS may take the ClientHello for the start of a long command and stay silent.
    let step = format!("TLS handshake with {address}; a server without TLS may stay silent");
    Ok(deadline.limit(step, handshake).await?)
}

/// A name or an IP address as certificates have them.
///
/// # Errors
/// It is none.
pub(super) fn server_name(name: &str) -> ProbeResult<ServerName<'static>> {
    ServerName::try_from(name.trim_matches(['[', ']']).to_owned())
        .map_err(|_| ProbeError::new(format!("{name} is not a valid name for a certificate")))
}

/// The addresses of a host.
pub(super) async fn resolve_host(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    let addresses =
        tokio::net::lookup_host((host, port)).await.map_err(|error| cannot_resolve(host, &error))?;
    let addresses: Vec<_> = addresses.collect();
    if addresses.is_empty() { Err(ConnectError::NoSuchHost(host.to_owned())) } else { Ok(addresses) }
}

fn cannot_resolve(host: &str, error: &io::Error) -> ConnectError {
    let why = error.to_string();
    // The resolver's answers differ only in their text: EAI_NONAME and EAI_NODATA are about the name,
    // all others about the resolver.
    if NAME_NOT_FOUND.iter().any(|part| why.contains(part)) {
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

/// The first of several addresses that answers. The next one is tried as soon as one has failed, or the one before has
/// had its time.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut remaining = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut last_error = io::Error::from(io::ErrorKind::NotFound);
    loop {
        match remaining.next() {
            Some(address) => attempts.push(TcpStream::connect(address)),
            None if attempts.is_empty() => return Err(last_error),
            None => {}
        }
        let next = async {
            if remaining.len() == 0 {
                future::pending::<()>().await;
            } else {
                tokio::time::sleep(CONNECTION_ATTEMPT_DELAY).await;
            }
        };
        tokio::select! {
            Some(connected) = attempts.next() => match connected {
                Ok(stream) => return Ok(stream),
                Err(error) => last_error = error,
            },
            () = next => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::time::Instant;

    use super::*;

    #[test]
    fn an_unknown_host_is_recognized_in_the_words_of_each_system() {
        let message = |why: &str| cannot_resolve("h", &io::Error::other(why)).to_string();
        for text in [
            "failed to lookup address information: Name or service not known",
            "failed to lookup address information: nodename nor servname provided, or not known",
            "failed to lookup address information: Name does not resolve",
        ] {
            assert_eq!(message(text), "no such host: h");
        }
        assert!(message("Temporary failure in name resolution").starts_with("cannot resolve host h"));
    }

    /// The clock is paused: it advances only while a task sleeps.
    #[tokio::test(start_paused = true)]
    async fn the_next_address_is_tried_as_soon_as_one_has_failed() {
        let refusing = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap();
        let mut addresses: Vec<_> = (0..8).map(|_| refusing()).collect();
        addresses.push(open);
        let started = Instant::now();
        assert_eq!(race(addresses.clone()).await.unwrap().peer_addr().unwrap(), open);
        assert!(started.elapsed() < CONNECTION_ATTEMPT_DELAY * 2, "{:?}", started.elapsed());
        addresses.pop();
        let error = race(addresses).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
