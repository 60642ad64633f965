//! The realtime application: what the standard checklist is for, as far as a client can tell. Events come in
//! over a `WebSocket`, go through an exchange to the worker, from there through a Redis channel, and out over
//! server-sent events and the `WebSocket` again.

mod endpoints;
mod export;
mod metrics;
mod pages;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Extension;
use serde_json::Value;
use tokio::sync::broadcast;

use self::metrics::Metrics;
use super::server::Server;

/// The topic exchange that events are published to.
pub const EXCHANGE: &str = "advanced.board.events";
/// The queue that the worker consumes.
pub const QUEUE: &str = "advanced.board.events";
/// The routing key of events.
pub const ROUTING_KEY: &str = "boards.activity";
/// The channel that the worker publishes to.
pub const CHANNEL: &str = "advanced:activity";
/// How many events wait for a slow client.
const BACKLOG: usize = 256;

/// Where the application's brokers are, and whom it lets in.
#[derive(Clone, Debug)]
pub struct Config {
    /// `redis://…`, with user and password.
    pub redis: String,
    /// `amqp://…`, with user, password and virtual host.
    pub amqp: String,
    /// The token that opens its endpoints.
    pub token: String,
    /// The origins that it lets in.
    pub origins: Vec<String>,
}

/// What is wrong with the application. Nothing, at first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub struct Faults {
    /// `/healthz` answers 500.
    pub unhealthy: bool,
    /// `/readyz` says, with 200, that it is starting.
    pub starting: bool,
    /// The default token opens the endpoints too.
    pub default_token: bool,
    /// This token, the one before, opens the endpoints too.
    pub old_token: Option<String>,
    /// The current token does not open the endpoints.
    pub shut: bool,
    /// Every origin is let in, by `*`.
    pub any_origin: bool,
    /// Origins that only begin like a good one are let in.
    pub origin_by_begin: bool,
    /// No origin is let in.
    pub no_origin: bool,
    /// The `Strict-Transport-Security` that is sent instead.
    pub hsts: Option<String>,
    /// No `Content-Security-Policy` is sent.
    pub no_csp: bool,
    /// No `Permissions-Policy` is sent.
    pub no_permissions: bool,
    /// Events are answered with `event_bus_failure`.
    pub bus_down: bool,
    /// Only heartbeats come over server-sent events.
    pub only_heartbeats: bool,
    /// The counter of published events stands still.
    pub still_metrics: bool,
    /// It listens to another channel than the one that events come on.
    pub deaf: bool,
    /// Of everybody's events, one in two does not come over server-sent events: the first, the third, ….
    pub loses: bool,
    /// Every other answer of `/healthz` is a failure, the first among them; not through the balancer, nor to pages.
    pub flaps: bool,
    /// Spans of this door are not told.
    pub no_spans_of: Option<String>,
}

/// Hears of every span that ends: its name, its route, when it began and how long it took, in microseconds.
pub type OnSpan = Arc<dyn Fn(&str, &str, i64, i64) + Send + Sync>;

/// The application, under way.
pub struct App {
    server: Server,
    balancer: Server,
    shared: Arc<Shared>,
}

/// How many events came from whom, and which of them are lost.
#[derive(Debug, Default)]
struct Sent {
    counts: BTreeMap<String, u64>,
    lost: BTreeSet<String>,
}

/// Marks what comes through the balancer.
#[derive(Clone, Copy)]
pub(crate) struct Balanced;

/// What all of its parts know.
pub(crate) struct Shared {
    config: Config,
    faults: Mutex<Faults>,
    /// How often `/healthz` was asked for, past the balancer.
    asked: AtomicU64,
    sent: Mutex<Sent>,
    metrics: Metrics,
    events: broadcast::Sender<String>,
    /// Whether it has subscribed to the channel.
    subscribed: std::sync::atomic::AtomicBool,
    on_span: Option<OnSpan>,
}

impl App {
    /// Starts the application without its worker.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start(config: Config, on_span: Option<OnSpan>) -> io::Result<Self> {
        Self::start_with(config, on_span, Faults::default())
    }

    /// Starts one that is wrong from the begin.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start_with(config: Config, on_span: Option<OnSpan>, faults: Faults) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            config,
            faults: Mutex::new(faults),
            asked: AtomicU64::new(0),
            sent: Mutex::default(),
            metrics: Metrics::default(),
            events: broadcast::channel(BACKLOG).0,
            subscribed: std::sync::atomic::AtomicBool::new(false),
            on_span,
        });
        let routes = pages::routes(Arc::clone(&shared));
        let listening = worker::fan_out(Arc::clone(&shared));
        let server = Server::start_with(routes, Box::pin(listening))?;
        let balancer = Server::start(pages::routes(Arc::clone(&shared)).layer(Extension(Balanced)))?;
        Ok(Self { server, balancer, shared })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// `http://127.0.0.1:PORT` of the balancer before it.
    #[must_use]
    pub fn public_url(&self) -> String {
        self.balancer.url()
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Makes something wrong, or right again.
    pub fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.shared.lock());
    }

    /// Whether it hears of events.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> Faults {
        self.lock().clone()
    }

    fn is_ready(&self) -> bool {
        self.subscribed.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Counts an event of somebody; every other one is lost, if that is a fault.
    fn count(&self, user: &str, id: &str) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let count = sent.counts.entry(user.to_owned()).or_default();
        *count += 1;
        if *count % 2 == 1 && self.faults().loses {
            sent.lost.insert(id.to_owned());
        }
    }

    /// Whether an event is lost on its last way.
    fn is_lost(&self, event: &str) -> bool {
        let event: Value = serde_json::from_str(event).unwrap_or_default();
        let id = event.get("id").and_then(Value::as_str).unwrap_or_default();
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).lost.contains(id)
    }

    /// Tells of a span that ends now.
    fn span(&self, name: &str, route: &str, begun: i64) {
        let faults = self.faults();
        if let Some(on_span) = self.on_span.as_ref().filter(|_| faults.no_spans_of.as_deref() != Some(route))
        {
            on_span(name, route, begun, now_micros() - begun);
        }
    }
}

/// Microseconds since the Unix epoch.
fn now_micros() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

pub use export::{Exporter, exporter};
pub use worker::Worker;
