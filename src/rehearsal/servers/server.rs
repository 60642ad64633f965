//! A server on loopback, on a port of its own choosing, that ends when it is dropped.

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

/// Work that goes on beside a server.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server under way.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    silent: Arc<AtomicBool>,
    _thread: Thread,
}

/// A thread of its own for work, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Thread {
    stop: Option<oneshot::Sender<()>>,
    handle: Option<JoinHandle<()>>,
}

/// The stack of a thread that is not told otherwise, in bytes.
pub(crate) const STACK: usize = 2 << 20;

impl Thread {
    /// With a stack of so many bytes. The work is made on the thread, within its runtime.
    pub(crate) fn start(stack: usize, work: impl FnOnce() -> Work + Send + 'static) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = work() => {}
                    _ = stopped => {}
                }
            });
        };
        let handle = thread::Builder::new().name("rehearsal".into()).stack_size(stack).spawn(run)?;
        Ok(Self { stop: Some(stop), handle: Some(handle) })
    }
}

impl Server {
    /// Serves `routes` on 127.0.0.1, from a thread of its own.
    ///
    /// # Errors
    /// When there is no port or no thread to be had.
    pub fn start(routes: Router) -> io::Result<Self> {
        Self::start_with(routes, Box::pin(std::future::pending()))
    }

    /// The same, with work that goes on beside it.
    ///
    /// # Errors
    /// When there is no port or no thread to be had.
    pub fn start_with(routes: Router, work: Work) -> io::Result<Self> {
        let silent = Arc::new(AtomicBool::new(false));
        let routes = routes.layer(from_fn_with_state(Arc::clone(&silent), unless_silent));
        let serve = |listener| -> Work {
            Box::pin(async move {
                tokio::select! {
                    served = axum::serve(listener, routes) => drop(served),
                    () = work => {}
                }
            })
        };
        let mut server = Self::listen(serve)?;
        server.silent = silent;
        Ok(server)
    }

    /// Serves whatever speaks another protocol.
    ///
    /// # Errors
    /// When there is no port or no thread to be had.
    pub(crate) fn listen(serve: impl FnOnce(TcpListener) -> Work + Send + 'static) -> io::Result<Self> {
        Self::listen_with(STACK, serve)
    }

    /// The same, on a thread with a stack of so many bytes.
    ///
    /// # Errors
    /// When there is no port or no thread to be had.
    pub(crate) fn listen_with(
        stack: usize,
        serve: impl FnOnce(TcpListener) -> Work + Send + 'static,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let work = move || -> Work {
            // A socket that is bound and does not block can be waited for.
            TcpListener::from_std(listener).map_or_else(|_| Box::pin(async {}) as Work, serve)
        };
        Ok(Self { address, silent: Arc::default(), _thread: Thread::start(stack, work)? })
    }

    /// From now on takes HTTP requests and answers none.
    pub(crate) fn fall_silent(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// Where it listens.
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

async fn unless_silent(State(silent): State<Arc<AtomicBool>>, request: Request, next: Next) -> Response {
    if silent.load(Ordering::Relaxed) {
        return std::future::pending().await;
    }
    next.run(request).await
}

/// Whether a request carries the user's name and password.
pub(crate) fn is_logged_in(headers: &HeaderMap, user: &str, password: &str) -> bool {
    use base64::Engine as _;
    let wanted = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given.and_then(|given| given.strip_prefix("Basic ")) == Some(wanted.as_str())
}

/// Whether a request carries the bearer token that is asked for, if one is.
pub(crate) fn is_admitted(request: &Request, token: Option<&str>) -> bool {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    token.is_none_or(|token| given.and_then(|given| given.strip_prefix("Bearer ")) == Some(token))
}

impl Drop for Thread {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.handle.take().map(JoinHandle::join);
    }
}
