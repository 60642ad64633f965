//! A server on a free loopback port, with its own thread, that stops when it is dropped. And the checks of credentials
//! that servers share.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// A task that runs on a server's thread.
pub type BoxedTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A running server.
#[derive(Debug)]
pub struct LoopbackServer {
    address: SocketAddr,
    unresponsive: Arc<AtomicBool>,
    _thread: TaskThread,
}

/// A thread with its own runtime for one task. Dropping it stops the task and joins the thread.
#[derive(Debug)]
pub(crate) struct TaskThread {
    stop: Option<oneshot::Sender<()>>,
    handle: Option<JoinHandle<()>>,
}

/// The default stack size of a thread, in bytes.
pub(crate) const DEFAULT_STACK_SIZE: usize = 2 << 20;

impl TaskThread {
    /// Starts a thread with a stack of this many bytes. `task` is called on the thread, within its runtime.
    pub(crate) fn start(stack: usize, task: impl FnOnce() -> BoxedTask + Send + 'static) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = task() => {}
                    _ = stopped => {}
                }
            });
        };
        let handle = thread::Builder::new().name("rehearsal".into()).stack_size(stack).spawn(run)?;
        Ok(Self { stop: Some(stop), handle: Some(handle) })
    }
}

impl LoopbackServer {
    /// Serves `routes` on 127.0.0.1, on its own thread.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start(routes: Router) -> io::Result<Self> {
        Self::start_with(routes, Box::pin(std::future::pending()))
    }

    /// Like `start`, with a task that runs beside the server. When the task ends, the server stops.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start_with(routes: Router, task: BoxedTask) -> io::Result<Self> {
        let unresponsive = Arc::new(AtomicBool::new(false));
        let routes = routes.layer(from_fn_with_state(Arc::clone(&unresponsive), unless_unresponsive));
        let handle_connections = |listener| -> BoxedTask {
            Box::pin(async move {
                tokio::select! {
                    result = axum::serve(listener, routes) => drop(result),
                    () = task => {}
                }
            })
        };
        let mut server = Self::start_tcp(handle_connections)?;
        server.unresponsive = unresponsive;
        Ok(server)
    }

    /// Serves a protocol other than HTTP.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub(crate) fn start_tcp(
        handle_connections: impl FnOnce(TcpListener) -> BoxedTask + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_tcp_with_stack(DEFAULT_STACK_SIZE, handle_connections)
    }

    /// Like `start_tcp`, on a thread with a stack of this many bytes.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub(crate) fn start_tcp_with_stack(
        stack: usize,
        handle_connections: impl FnOnce(TcpListener) -> BoxedTask + Send + 'static,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let task = move || -> BoxedTask {
            // This does not fail: the socket is bound and non-blocking.
            TcpListener::from_std(listener)
                .map_or_else(|_| Box::pin(async {}) as BoxedTask, handle_connections)
        };
        Ok(Self { address, unresponsive: Arc::default(), _thread: TaskThread::start(stack, task)? })
    }

    /// From now on, HTTP requests are accepted and never answered.
    pub(crate) fn stop_responding(&self) {
        self.unresponsive.store(true, Ordering::Relaxed);
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn unless_unresponsive(
    State(unresponsive): State<Arc<AtomicBool>>,
    request: Request,
    next: Next,
) -> Response {
    if unresponsive.load(Ordering::Relaxed) {
        return std::future::pending().await;
    }
    next.run(request).await
}

/// Whether a request has this user name and password (HTTP Basic).
pub(crate) fn has_basic_auth(headers: &HeaderMap, user: &str, password: &str) -> bool {
    use base64::Engine as _;
    let expected = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.strip_prefix("Basic ")) == Some(expected.as_str())
}

/// Whether a request has the required bearer token; true if none is required.
pub(crate) fn has_bearer_token(request: &Request, token: Option<&str>) -> bool {
    let value = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    token.is_none_or(|token| value.and_then(|value| value.strip_prefix("Bearer ")) == Some(token))
}

impl Drop for TaskThread {
    fn drop(&mut self) {
        // The task may have ended by itself.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.handle.take().map(JoinHandle::join);
    }
}
