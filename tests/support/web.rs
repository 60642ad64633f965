//! A loopback HTTP/1.1 server whose routes a test can change at any time, and a server that never answers.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certs::ServerCert;
use super::{ports, wait};

/// The response of a route.
#[must_use]
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// A received request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, as long as `Content-Length`.
    pub body: String,
}

/// A web server on 127.0.0.1; a path without a route is 404.
#[must_use]
pub struct Web {
    listener: Listener,
    site: Arc<Site>,
    scheme: &'static str,
}

/// A server that accepts connections and never answers.
#[must_use]
pub struct SilentServer {
    listener: Listener,
}

#[derive(Default)]
struct Site {
    routes: Mutex<BTreeMap<String, VecDeque<Reply>>>,
    requests: Mutex<Vec<Request>>,
    tls: Option<Arc<ServerConfig>>,
}

impl Reply {
    /// A status with an empty body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: vec![], body: String::new() }
    }

    /// 200 and a body.
    pub fn ok(body: &str) -> Self {
        Self::status(200).body(body)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (status, headers, length, body) = (self.status, headers.concat(), self.body.len(), &self.body);
        format!("HTTP/1.1 {status} -\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .into_bytes()
    }
}

impl Web {
    /// Starts an HTTP server.
    pub fn start() -> Self {
        Self::start_site(Site::default(), "http")
    }

    /// Starts an HTTPS server.
    pub fn start_tls(cert: &ServerCert) -> Self {
        let chain = CertificateDer::pem_slice_iter(cert.cert.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(cert.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self::start_site(Site { tls: Some(Arc::new(config)), ..Site::default() }, "https")
    }

    fn start_site(site: Site, scheme: &'static str) -> Self {
        let site = Arc::new(site);
        let listener = Listener::start({
            let site = Arc::clone(&site);
            move |stream| drop(site.on_connection(stream))
        });
        Self { listener, site, scheme }
    }

    /// Sets the response of a path. A route with a query takes precedence over the path alone.
    pub fn route(&self, path: &str, reply: Reply) -> &Self {
        self.sequence(path, [reply])
    }

    /// Sets the responses of a path, one per request; the last one is repeated.
    pub fn sequence(&self, path: &str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        lock(&self.site.routes).insert(path.to_owned(), replies.into_iter().collect());
        self
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port())
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.listener.port
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.site.requests).clone()
    }
}

impl Site {
    fn on_connection(&self, stream: TcpStream) -> io::Result<()> {
        match &self.tls {
            None => self.answer(stream),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                self.answer(StreamOwned::new(connection, stream))
            }
        }
    }

    fn answer(&self, stream: impl Read + Write) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let request = read_request(&mut stream)?;
        let reply = self.reply(&request.target);
        lock(&self.requests).push(request);
        stream.get_mut().write_all(&reply.bytes())?;
        stream.get_mut().flush()
    }

    fn reply(&self, target: &str) -> Reply {
        let mut routes = lock(&self.routes);
        let path = target.split('?').next().unwrap_or(target);
        let key = if routes.contains_key(target) { target } else { path };
        match routes.get_mut(key) {
            Some(replies) if replies.len() > 1 => replies.pop_front().unwrap(),
            Some(replies) => replies.front().cloned().unwrap_or(Reply::status(404)),
            None => Reply::status(404),
        }
    }
}

fn read_request(stream: &mut impl BufRead) -> io::Result<Request> {
    let first = read_line(stream)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = read_line(stream)?.split_once(':') {
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Request { method, target, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

impl SilentServer {
    /// Starts the server.
    pub fn start() -> Self {
        // Reads until the client closes the connection.
        Self { listener: Listener::start(|mut stream| drop(io::copy(&mut stream, &mut io::sink()))) }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.listener.port
    }

    /// The number of accepted connections.
    pub fn accepted(&self) -> usize {
        lock(&self.listener.connections).len()
    }
}

type Connections = Arc<Mutex<Vec<(TcpStream, JoinHandle<()>)>>>;

/// Accepts connections on one thread and handles each on its own thread; stops all of them on drop.
struct Listener {
    port: u16,
    stop: Arc<AtomicBool>,
    connections: Connections,
    accepting: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(handle: impl Fn(TcpStream) + Clone + Send + 'static) -> Self {
        let socket = ports::listen();
        let port = socket.local_addr().unwrap().port();
        let (stop, connections) = (Arc::new(AtomicBool::new(false)), Connections::default());
        let accepting = Some(thread::spawn({
            let (stop, connections) = (Arc::clone(&stop), Arc::clone(&connections));
            move || accept(&socket, &stop, &connections, &handle)
        }));
        Self { port, stop, connections, accepting }
    }
}

fn accept(
    socket: &TcpListener,
    stop: &AtomicBool,
    connections: &Connections,
    handle: &(impl Fn(TcpStream) + Clone + Send + 'static),
) {
    for stream in socket.incoming().map_while(Result::ok) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let (handle, copy, to_close) =
            (handle.clone(), stream.try_clone().unwrap(), stream.try_clone().unwrap());
        let thread = thread::spawn(move || {
            handle(stream);
            // The copy in `connections` would keep the connection open.
            let _ = to_close.shutdown(Shutdown::Both);
        });
        lock(connections).push((copy, thread));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // A connection wakes the accepting thread.
        let _ = TcpStream::connect_timeout(&ports::local(self.port), wait::TIMEOUT);
        self.accepting.take().map(JoinHandle::join);
        for (stream, thread) in lock(&self.connections).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
