//! The realtime application that the standard checklist promotes, as its clients see it. Events arrive over a
//! `WebSocket`, go through an exchange to the worker, from there through a Redis channel, and out over server-sent
//! events and the `WebSocket`.

mod endpoints;
mod exporter;
mod metrics;
mod routes;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Extension;
use axum::http::StatusCode;
use serde_json::Value;
use tokio::sync::broadcast;

use self::metrics::AppMetrics;
use super::server::LoopbackServer;

/// The topic exchange that events are published to.
pub const EXCHANGE: &str = "advanced.board.events";
/// The queue that the worker consumes.
pub const QUEUE: &str = "advanced.board.events";
/// The routing key of events.
pub const ROUTING_KEY: &str = "boards.activity";
/// The channel that the worker publishes to.
pub const CHANNEL: &str = "advanced:activity";
/// How many events are buffered for a slow client.
const BACKLOG: usize = 256;

/// The application's brokers, token and origins.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// `redis://…`, with user and password.
    pub redis: String,
    /// `amqp://…`, with user, password and virtual host.
    pub amqp: String,
    /// The token that its endpoints accept.
    pub token: String,
    /// The origins that it allows.
    pub origins: Vec<String>,
}

/// Faults of the application. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fault")]
pub struct AppFaults {
    /// `/healthz` answers 500.
    pub unhealthy: bool,
    /// `/readyz` answers 200 with the status "starting".
    pub starting: bool,
    /// The endpoints accept the default token too.
    pub accepts_default_token: bool,
    /// The endpoints accept this token too, the previous one.
    pub accepts_old_token: Option<String>,
    /// The endpoints reject the current token.
    pub rejects_current_token: bool,
    /// Every origin is allowed, with `*`.
    pub allows_any_origin: bool,
    /// Every origin is allowed that starts with an allowed one.
    pub matches_origin_prefix: bool,
    /// No origin is allowed.
    pub allows_no_origin: bool,
    /// The value of `Strict-Transport-Security`, if not the default.
    pub hsts: Option<String>,
    /// No `Content-Security-Policy` is sent.
    pub no_csp: bool,
    /// No `Permissions-Policy` is sent.
    pub no_permissions_policy: bool,
    /// Events are rejected with `event_bus_failure`.
    pub event_bus_down: bool,
    /// Server-sent events carry heartbeats only.
    pub only_heartbeats: bool,
    /// Streams of server-sent events end when an event comes.
    pub ends_streams: bool,
    /// The metrics of published events do not change.
    pub frozen_metrics: bool,
    /// The application subscribes to another channel than the worker publishes to.
    pub wrong_channel: bool,
    /// Of each user's events, every other one is not sent over server-sent events: the first, the third, ….
    pub loses_events: bool,
    /// One of 16 requests to `/healthz` fails, the first included. Requests through the load balancer or with an
    /// `Origin` do not fail.
    pub flapping_health: bool,
    /// The first 8 requests to `/healthz` fail, of the same ones.
    pub late_health: bool,
    /// No span is reported for this route.
    pub no_spans_of_route: Option<String>,
    /// One of so many replicas, which take turns, reports on `/readyz` that it is starting.
    pub one_starting_replica_of: Option<u64>,
    /// The load balancer allows every origin, with `*`.
    pub balancer_allows_any_origin: bool,
    /// The load balancer removes the query from requests.
    pub balancer_drops_query: bool,
    /// The load balancer does not forward the upgrade to a `WebSocket`.
    pub balancer_has_no_websockets: bool,
    /// The load balancer keeps back the answer of an event stream.
    pub balancer_holds_streams: bool,
    /// The load balancer removes the security headers.
    pub balancer_drops_headers: bool,
    /// Every request is answered with 500.
    pub fails_always: bool,
    /// `/healthz` answers 200 with the status "degraded".
    pub degraded: bool,
    /// `/metrics` answers 503.
    pub no_telemetry: bool,
    /// How requests for server-sent events are refused, whatever their token.
    pub refuses_streams: Option<StreamRefusal>,
    /// Every `WebSocket` is closed before it is accepted: 403.
    pub at_connection_limit: bool,
    /// The header `Authorization` does not count.
    pub ignores_authorization: bool,
    /// Every origin is allowed, by its name and with credentials.
    pub echoes_origin: bool,
    /// The origin `null` is allowed.
    pub allows_null_origin: bool,
    /// Events are not published: the application delivers its own.
    pub memory_transport: bool,
    /// Each event is published twice.
    pub publishes_twice: bool,
    /// Each event is sent twice over server-sent events.
    pub sends_events_twice: bool,
    /// How far its clock is behind, in seconds.
    pub clock_behind: i64,
}

/// An answer that is not an event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRefusal {
    /// 200 with a page.
    LoginPage,
    /// 422 of a parameter that is not there.
    Unprocessable,
    /// 429 for a minute.
    TooManyRequests,
}

/// Called with each span that ends: name, route, start in microseconds since the Unix epoch, and duration in
/// microseconds.
pub type OnSpan = Arc<dyn Fn(&str, &str, i64, i64) + Send + Sync>;

/// The running application.
pub struct AppServer {
    server: LoopbackServer,
    balancer: LoopbackServer,
    shared: Arc<AppState>,
}

/// Counts events per user, for the fault that loses every other one.
#[derive(Debug, Default)]
struct EventLoss {
    counts: BTreeMap<String, u64>,
    lost: BTreeSet<String>,
}

/// Marks a request that comes through the load balancer.
#[derive(Clone, Copy)]
pub(crate) struct ViaLoadBalancer;

/// The state that all routes and tasks share.
pub(crate) struct AppState {
    config: AppConfig,
    faults: Mutex<AppFaults>,
    /// How many requests to `/healthz` the faults `flapping_health` and `late_health` have applied to.
    health_requests: AtomicU64,
    /// How many requests to `/readyz` there were.
    ready_requests: AtomicU64,
    /// How many requests there were by path and status, at both addresses.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    event_loss: Mutex<EventLoss>,
    metrics: AppMetrics,
    events: broadcast::Sender<String>,
    /// Whether the application is subscribed to the channel.
    subscribed: std::sync::atomic::AtomicBool,
    on_span: Option<OnSpan>,
}

impl AppServer {
    /// Starts the application without its worker.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start(config: AppConfig, on_span: Option<OnSpan>) -> io::Result<Self> {
        Self::start_with(config, on_span, AppFaults::default())
    }

    /// Starts the application with faults.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start_with(config: AppConfig, on_span: Option<OnSpan>, faults: AppFaults) -> io::Result<Self> {
        let shared = Arc::new(AppState {
            config,
            faults: Mutex::new(faults),
            health_requests: AtomicU64::new(0),
            ready_requests: AtomicU64::new(0),
            requests: Mutex::default(),
            event_loss: Mutex::default(),
            metrics: AppMetrics::default(),
            events: broadcast::channel(BACKLOG).0,
            subscribed: std::sync::atomic::AtomicBool::new(false),
            on_span,
        });
        let routes = routes::routes(Arc::clone(&shared));
        let forwarder = worker::forward_events(Arc::clone(&shared));
        let server = LoopbackServer::start_with(routes, Box::pin(forwarder))?;
        let balancer =
            LoopbackServer::start(routes::routes(Arc::clone(&shared)).layer(Extension(ViaLoadBalancer)))?;
        Ok(Self { server, balancer, shared })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// `http://127.0.0.1:PORT` of the load balancer before it.
    #[must_use]
    pub fn public_url(&self) -> String {
        self.balancer.url()
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Changes its faults.
    pub fn set_faults(&self, change: impl FnOnce(&mut AppFaults)) {
        change(&mut self.shared.lock_faults());
    }

    /// Whether it is subscribed to the channel of events.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready()
    }

    /// How many requests it has had so far, by path and status, at both addresses.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<(String, u16), u64> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AppState {
    fn lock_faults(&self) -> MutexGuard<'_, AppFaults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> AppFaults {
        self.lock_faults().clone()
    }

    fn is_ready(&self) -> bool {
        self.subscribed.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn count_request(&self, path: String, status: StatusCode) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((path, status.as_u16())).or_default() += 1;
    }

    /// Counts an event of a user, and marks every other one as lost if that fault is set.
    fn count_event(&self, user: &str, id: &str) {
        let mut sent = self.event_loss.lock().unwrap_or_else(PoisonError::into_inner);
        let count = sent.counts.entry(user.to_owned()).or_default();
        *count += 1;
        if *count % 2 == 1 && self.faults().loses_events {
            sent.lost.insert(id.to_owned());
        }
    }

    /// Whether an event is marked as lost.
    fn is_lost(&self, event: &str) -> bool {
        let event: Value = serde_json::from_str(event).unwrap_or_default();
        let id = event.get("id").and_then(Value::as_str).unwrap_or_default();
        self.event_loss.lock().unwrap_or_else(PoisonError::into_inner).lost.contains(id)
    }

    /// Reports a span that ends now.
    fn report_span(&self, name: &str, route: &str, start_micros: i64) {
        let faults = self.faults();
        if let Some(on_span) =
            self.on_span.as_ref().filter(|_| faults.no_spans_of_route.as_deref() != Some(route))
        {
            let start_by_its_clock = start_micros - faults.clock_behind * 1_000_000;
            on_span(name, route, start_by_its_clock, now_micros() - start_micros);
        }
    }
}

/// Microseconds since the Unix epoch.
fn now_micros() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

pub use exporter::{Exporter, start_exporter};
pub use worker::{AppWorker, WorkerFaults};
