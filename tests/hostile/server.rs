//! A server on the loopback interface with one hostile behaviour. Stopped on drop.

use std::any::Any;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio::net::TcpSocket;

use crate::support::certs::Certs;
use crate::support::ports::local;
use crate::support::wait;

/// The time between two bytes of `Connection::drip`.
const DRIP: Duration = Duration::from_millis(20);

/// The behaviour of a server.
#[derive(Clone, Copy)]
pub enum Behaviour {
    /// Runs a handler for each connection and then closes it.
    PerConnection(Handler),
    /// The accept queue is full, and no connection is accepted.
    NeverAccepts,
}

/// Handles a connection; the connection is closed when it returns.
pub type Handler = fn(&mut Connection) -> io::Result<()>;

/// An accepted connection.
pub struct Connection {
    stream: TcpStream,
    /// A port to which the probe must not connect: redirects point to it.
    pub forbidden_port: u16,
}

impl Connection {
    /// Reads the next bytes; empty at the end of the stream.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 4096];
        let length = self.stream.read(&mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends the bytes slowly, one at a time, repeatedly, until the client disconnects.
    pub fn drip(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes.iter().cycle() {
            self.send([*byte])?;
            thread::sleep(DRIP);
        }
        Ok(())
    }

    /// Sends the bytes as fast as possible, repeatedly, until the client disconnects.
    pub fn flood(&mut self, bytes: &[u8]) -> io::Result<()> {
        let many = bytes.repeat((1 << 15) / bytes.len() + 1);
        loop {
            self.send(&many)?;
        }
    }

    /// Sends nothing until the client disconnects.
    pub fn stay_silent(&mut self) -> io::Result<()> {
        io::copy(&mut self.stream, &mut io::sink()).map(drop)
    }

    /// Accepts a TLS connection like an ordinary TLS server.
    pub fn accept_tls(&mut self) -> io::Result<()> {
        let cert = &Certs::shared().server;
        let chain = CertificateDer::pem_slice_iter(cert.cert.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(cert.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        StreamOwned::new(connection, self.stream.try_clone()?).read(&mut [0; 64]).map(drop)
    }
}

/// A hostile server on 127.0.0.1.
pub struct Server {
    port: u16,
    /// Listens on `Connection::forbidden_port` and accepts nothing, so that any connection stays in the queue.
    forbidden: TcpListener,
    /// The accepting thread, or the connections that fill the queue.
    _guard: Box<dyn Any>,
}

impl Server {
    /// Starts the server.
    pub fn start(behaviour: Behaviour) -> Self {
        let forbidden = TcpListener::bind(local(0)).unwrap();
        forbidden.set_nonblocking(true).unwrap();
        let (port, guard): (u16, Box<dyn Any>) = match behaviour {
            Behaviour::PerConnection(handler) => {
                let acceptor = Acceptor::start(handler, forbidden.local_addr().unwrap().port());
                (acceptor.port, Box::new(acceptor))
            }
            Behaviour::NeverAccepts => full_queue(),
        };
        Self { port, forbidden, _guard: guard }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the probe connected to the forbidden port.
    pub fn was_redirect_followed(&self) -> bool {
        self.forbidden.accept().is_ok()
    }
}

/// A listener whose queue is full: the kernel no longer completes connections.
fn full_queue() -> (u16, Box<dyn Any>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(local(0)).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let queued = std::iter::from_fn(|| TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok());
    let queued: Vec<_> = queued.collect();
    (address.port(), Box::new((listener, queued)))
}

struct Acceptor {
    port: u16,
    stop: Arc<AtomicBool>,
    connections: Connections,
    thread: Option<JoinHandle<()>>,
}

type Connections = Arc<Mutex<Vec<(TcpStream, JoinHandle<()>)>>>;

impl Acceptor {
    fn start(handler: Handler, forbidden_port: u16) -> Self {
        let listener = TcpListener::bind(local(0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, connections) = (Arc::new(AtomicBool::new(false)), Connections::default());
        let thread = thread::spawn({
            let (stop, connections) = (Arc::clone(&stop), Arc::clone(&connections));
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let copy = stream.try_clone().unwrap();
                    let thread = thread::spawn(move || {
                        let mut connection = Connection { stream, forbidden_port };
                        // Most handlers end with an error because the client disconnects.
                        let _ = handler(&mut connection);
                        // The copy in `connections` would keep the connection open.
                        let _ = connection.stream.shutdown(Shutdown::Both);
                    });
                    connections.lock().unwrap().push((copy, thread));
                }
            }
        });
        Self { port, stop, connections, thread: Some(thread) }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // A connection wakes the accepting thread.
        let _ = TcpStream::connect_timeout(&local(self.port), wait::TIMEOUT);
        self.thread.take().map(JoinHandle::join);
        for (stream, thread) in self.connections.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
            let _ = thread.join();
        }
    }
}
