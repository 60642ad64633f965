//! A loopback HTTP/1.1 server with fixed routes that a test changes while it runs, and a listener that never
//! answers.

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

/// What a route answers.
#[must_use]
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, by its content length.
    pub body: String,
}

/// A web server on 127.0.0.1; what has no route is 404.
#[must_use]
pub struct Web {
    listener: Listener,
    site: Arc<Site>,
    scheme: &'static str,
}

/// A listener that accepts and never says a word.
#[must_use]
pub struct Silent {
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

    /// One more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body.
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
    /// Starts a server over plain HTTP.
    pub fn start() -> Self {
        Self::serve(Site::default(), "http")
    }

    /// Starts a server over HTTPS.
    pub fn start_tls(cert: &ServerCert) -> Self {
        let chain = CertificateDer::pem_slice_iter(cert.cert.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(cert.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self::serve(Site { tls: Some(Arc::new(config)), ..Site::default() }, "https")
    }

    fn serve(site: Site, scheme: &'static str) -> Self {
        let site = Arc::new(site);
        let listener = Listener::start({
            let site = Arc::clone(&site);
            move |stream| drop(site.converse(stream))
        });
        Self { listener, site, scheme }
    }

    /// Sets what a path answers, from now on. A path with a query is looked for first.
    pub fn route(&self, path: &str, reply: Reply) -> &Self {
        self.sequence(path, [reply])
    }

    /// Sets what a path answers, one reply a request; the last one stays.
    pub fn sequence(&self, path: &str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        lock(&self.site.routes).insert(path.to_owned(), replies.into_iter().collect());
        self
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port())
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.listener.port
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.site.requests).clone()
    }
}

impl Site {
    fn converse(&self, stream: TcpStream) -> io::Result<()> {
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

impl Silent {
    /// Starts to listen.
    pub fn start() -> Self {
        // Reads on until the client gives up, and keeps what it read to itself.
        Self { listener: Listener::start(|mut stream| drop(io::copy(&mut stream, &mut io::sink()))) }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.listener.port
    }

    /// How many connections it has accepted.
    pub fn accepted(&self) -> usize {
        lock(&self.listener.open).len()
    }
}

type Open = Arc<Mutex<Vec<(TcpStream, JoinHandle<()>)>>>;

/// Accepts on a thread, serves each connection on one of its own, and ends them all on drop.
struct Listener {
    port: u16,
    stop: Arc<AtomicBool>,
    open: Open,
    accepting: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> Self {
        let socket = ports::listen();
        let port = socket.local_addr().unwrap().port();
        let (stop, open) = (Arc::new(AtomicBool::new(false)), Open::default());
        let accepting = Some(thread::spawn({
            let (stop, open) = (Arc::clone(&stop), Arc::clone(&open));
            move || accept(&socket, &stop, &open, &serve)
        }));
        Self { port, stop, open, accepting }
    }
}

fn accept(
    socket: &TcpListener,
    stop: &AtomicBool,
    open: &Open,
    serve: &(impl Fn(TcpStream) + Clone + Send + 'static),
) {
    for stream in socket.incoming().map_while(Result::ok) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let (serve, kept, last) = (serve.clone(), stream.try_clone().unwrap(), stream.try_clone().unwrap());
        let thread = thread::spawn(move || {
            serve(stream);
            // The kept handle would hold the connection open.
            let _ = last.shutdown(Shutdown::Both);
        });
        lock(open).push((kept, thread));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // One connection of our own wakes the thread that accepts.
        let _ = TcpStream::connect_timeout(&ports::local(self.port), wait::PATIENCE);
        self.accepting.take().map(JoinHandle::join);
        for (stream, thread) in lock(&self.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
