//! A server on the loopback that does one hostile thing to each connection. Ends when dropped.

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

use crate::bench::certs::Certs;
use crate::bench::ports::local;
use crate::bench::wait;

/// The time between two bytes of a drip.
const DRIP: Duration = Duration::from_millis(20);

/// What a server does.
#[derive(Clone, Copy)]
pub enum Serve {
    /// This, to each connection, which is closed after it.
    Each(fn(&mut Guest) -> io::Result<()>),
    /// Its queue of connections is full, and it accepts none.
    NeverAccepts,
}

/// One connection.
pub struct Guest {
    stream: TcpStream,
    /// Where nobody may be sent.
    pub elsewhere: u16,
}

impl Guest {
    /// What comes next, or nothing at the end.
    pub fn hear(&mut self) -> io::Result<Vec<u8>> {
        let mut heard = vec![0; 4096];
        let length = self.stream.read(&mut heard)?;
        heard.truncate(length);
        Ok(heard)
    }

    /// Says this at once.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Says this a byte at a time, over and over, until the client goes.
    pub fn drip(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes.iter().cycle() {
            self.say([*byte])?;
            thread::sleep(DRIP);
        }
        Ok(())
    }

    /// Says this as fast as it can, over and over, until the client goes.
    pub fn flood(&mut self, bytes: &[u8]) -> io::Result<()> {
        let many = bytes.repeat((1 << 15) / bytes.len() + 1);
        loop {
            self.say(&many)?;
        }
    }

    /// Says nothing more, until the client goes.
    pub fn hold(&mut self) -> io::Result<()> {
        io::copy(&mut self.stream, &mut io::sink()).map(drop)
    }

    /// Talks TLS as any TLS server would.
    pub fn speak_tls(&mut self) -> io::Result<()> {
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
    /// Accepts nothing itself, so whoever came is still in its queue.
    elsewhere: TcpListener,
    /// What lives as long as the server: whatever accepts, or fills its queue.
    _life: Box<dyn Any>,
}

impl Server {
    /// Starts to listen.
    pub fn start(serve: Serve) -> Self {
        let elsewhere = TcpListener::bind(local(0)).unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let (port, life): (u16, Box<dyn Any>) = match serve {
            Serve::Each(serve) => {
                let accepting = Accepting::start(serve, elsewhere.local_addr().unwrap().port());
                (accepting.port, Box::new(accepting))
            }
            Serve::NeverAccepts => full(),
        };
        Self { port, elsewhere, _life: life }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether anybody connected where nobody may be sent.
    pub fn has_strayed(&self) -> bool {
        self.elsewhere.accept().is_ok()
    }
}

/// A listener whose queue is full: the kernel no longer answers who wants to connect.
fn full() -> (u16, Box<dyn Any>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(local(0)).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting =
        std::iter::from_fn(|| TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok());
    let waiting: Vec<_> = waiting.collect();
    (address.port(), Box::new((listener, waiting)))
}

struct Accepting {
    port: u16,
    stop: Arc<AtomicBool>,
    open: Open,
    thread: Option<JoinHandle<()>>,
}

type Open = Arc<Mutex<Vec<(TcpStream, JoinHandle<()>)>>>;

impl Accepting {
    fn start(serve: fn(&mut Guest) -> io::Result<()>, elsewhere: u16) -> Self {
        let listener = TcpListener::bind(local(0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, open) = (Arc::new(AtomicBool::new(false)), Open::default());
        let thread = thread::spawn({
            let (stop, open) = (Arc::clone(&stop), Arc::clone(&open));
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let kept = stream.try_clone().unwrap();
                    let guest = thread::spawn(move || {
                        let mut guest = Guest { stream, elsewhere };
                        // The client may go at any time: that is how most of this ends.
                        let _ = serve(&mut guest);
                        // The kept handle would hold the connection open.
                        let _ = guest.stream.shutdown(Shutdown::Both);
                    });
                    open.lock().unwrap().push((kept, guest));
                }
            }
        });
        Self { port, stop, open, thread: Some(thread) }
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // One connection of our own wakes the thread that accepts.
        let _ = TcpStream::connect_timeout(&local(self.port), wait::PATIENCE);
        self.thread.take().map(JoinHandle::join);
        for (stream, guest) in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
            let _ = guest.join();
        }
    }
}
