//! An HTTP server on loopback, on a port of its own choosing, that ends when it is dropped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::thread::{self, JoinHandle};

use axum::Router;
use axum::extract::Request;
use axum::http::header;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Work that goes on beside a server.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server under way.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
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
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    served = axum::serve(listener, routes) => drop(served),
                    () = work => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = thread::Builder::new().name("rehearsal".into()).spawn(serve)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
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

/// Whether a request carries the bearer token that is asked for, if one is.
pub(super) fn is_admitted(request: &Request, token: Option<&str>) -> bool {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    token.is_none_or(|token| given.and_then(|given| given.strip_prefix("Bearer ")) == Some(token))
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
