//! One event with a correlation id of its own, sent over a WebSocket. It must come back over server-sent events; on the
//! way it is observed at the exchange and the channel, if the profile names them.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use reqwest::header::HeaderMap;
use reqwest::{Response, Url};
use serde_json::json;

use super::super::deadline::Deadline;
use super::super::effects::Effects;
use super::super::error::{ProbeError, ProbeResult};
use super::super::http_client::{HttpClient, ProxyUse};
use super::super::token::{self, SSE_PATH, board_path};
use super::super::websocket::{self, WebSocket, WebSocketAnswer};
use super::super::{rabbitmq, redis};
use super::arrival;
use super::deliveries::DeliveredEvent;
use super::event_stream::EventStream;
use super::reproduce::Step;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::PipelineSpec;
use gonogo_core::outcome::Observation;
use gonogo_core::secret::Secret;

/// What servers answer to the request for a WebSocket if its upgrade is missing: uvicorn 404, others 400 or 426 (RFC 9110,
/// 15.5.22).
const NO_UPGRADE: [u16; 4] = [400, 404, 405, 426];
/// By default, nginx drops the headers of the upgrade (<https://nginx.org/en/docs/http/websocket.html>).
const PROXY_HINT: &str = "; perhaps a proxy does not pass the WebSocket upgrade on";
/// By default, nginx collects an answer without a length until a buffer is full
/// (<https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering>).
const BUFFER_HINT: &str = "; perhaps a proxy buffers the event stream";
/// An application that limits our rate says nothing about itself.
const OWN_RATE: &str = "too many requests (429): the application's rate limit; try again later";
/// How much of the deadline is reserved for reporting what did not arrive.
const REPORT_MARGIN: Duration = Duration::from_millis(300);

/// The places where the probe waits for the event.
struct Hops {
    stream: ProbeResult<Response>,
    exchange: Option<ProbeResult<rabbitmq::QueueSubscription>>,
    channel: Option<ProbeResult<redis::RedisSubscription>>,
}

/// What was observed of an event, and the event itself if it arrived.
pub(super) struct CanaryResult {
    pub(super) seen: Vec<Observation>,
    /// Where it stopped.
    pub(super) step: Step,
    pub(super) delivered: Option<DeliveredEvent>,
}

impl CanaryResult {
    fn stopped(step: Step, seen: Vec<Observation>) -> Self {
        Self { seen, step, delivered: None }
    }
}

/// Where an event is sent, and how.
pub(super) struct Canary<'a> {
    pub(super) spec: &'a PipelineSpec,
    /// The address of the application.
    pub(super) base: &'a str,
    pub(super) headers: HeaderMap,
    /// The token, where it is sent in the query.
    pub(super) query_token: Option<&'a Secret>,
    pub(super) deadline: &'a Deadline,
    pub(super) secret_store: &'a SecretStore,
    pub(super) effects: &'a Effects,
}

impl Canary<'_> {
    /// Subscribes first, then sends, then waits at all hops at once.
    pub(super) async fn send_and_wait(&self) -> CanaryResult {
        let browser = match HttpClient::new(&self.spec.api.tls, ProxyUse::Environment, self.deadline) {
            Ok(browser) => browser,
            Err(why) => {
                let seen = vec![Observation::unknown("application", "reachable", why)];
                return CanaryResult::stopped(Step::Stream, seen);
            }
        };
        let mut hops = self.subscribe_hops(&browser).await;
        let is_answered = hops.stream.is_ok();
        let (stream, observation) = judge_stream(&browser, hops.stream).await;
        let mut seen = vec![observation];
        hops.stream = stream;
        if !is_answered {
            // The time is over, or the same would happen again.
            let why = "not tried: the event stream was not opened";
            seen.push(Observation::unknown("WebSocket opened", "open", why));
            return CanaryResult::stopped(Step::Stream, seen);
        }
        let (mut delivered, mut step) = (None, Step::Stream);
        let id = format!("gonogo-{}", id());
        let started = Instant::now();
        match self.open().await {
            Ok(socket) => {
                seen.push(arrival::took("WebSocket opened", "open", started.elapsed()));
                if hops.stream.is_ok() {
                    let result = self.exchange(socket, hops, &id).await;
                    seen.extend(result.seen);
                    (step, delivered) = (result.step, result.delivered);
                } else {
                    socket.close().await;
                }
            }
            Err(observation) => {
                step = if hops.stream.is_ok() { Step::WebSocket } else { step };
                seen.push(observation);
            }
        }
        CanaryResult { seen, step, delivered }
    }

    async fn subscribe_hops(&self, browser: &HttpClient) -> Hops {
        let stream = async {
            let request = browser.request(reqwest::Method::GET, self.address(SSE_PATH)?);
            let request = request.headers(self.headers.clone()).header("Accept", "text/event-stream");
            browser.send_within_rate(request).await
        };
        let (deadline, secret_store) = (self.deadline, self.secret_store);
        let exchange = async {
            match &self.spec.exchange {
                Some(tap) => {
                    Some(rabbitmq::QueueSubscription::open(tap, deadline, secret_store).boxed().await)
                }
                None => None,
            }
        };
        let channel = async {
            match &self.spec.channel {
                Some(tap) => Some(redis::RedisSubscription::open(tap, deadline, secret_store).boxed().await),
                None => None,
            }
        };
        let (stream, exchange, channel) = tokio::join!(stream, exchange, channel);
        Hops { stream, exchange, channel }
    }

    fn address(&self, path: &str) -> ProbeResult<Url> {
        let url = token::address(self.base, path)?;
        Ok(self.query_token.map_or_else(|| url.clone(), |token| token::with_token(url.clone(), token)))
    }

    async fn open(&self) -> Result<WebSocket, Observation> {
        let (what, expected) = ("WebSocket opened", "open");
        let unknown = |why: ProbeError| Observation::unknown(what, expected, why);
        let url = self.address(&board_path(&self.spec.board)).map_err(unknown)?;
        let opened = websocket::open(&url, &self.headers, &self.spec.api.tls, self.deadline).await;
        match opened.map_err(unknown)? {
            WebSocketAnswer::Open(socket) => Ok(*socket),
            WebSocketAnswer::Refused(code @ (401 | 403), _) => {
                let why = "refused because of the token, the origin or the connection limit";
                Err(Observation::unknown(what, expected, format!("{why} ({code})")))
            }
            WebSocketAnswer::Refused(429, _) => Err(Observation::unknown(what, expected, OWN_RATE)),
            WebSocketAnswer::Refused(code, reason) => {
                let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
                let hint = if NO_UPGRADE.contains(&code) { PROXY_HINT } else { "" };
                Err(Observation::new(what, expected, format!("HTTP {code}{reason}{hint}"), false))
            }
        }
    }

    /// Sends the event and waits for it everywhere.
    async fn exchange(&self, mut socket: WebSocket, hops: Hops, id: &str) -> CanaryResult {
        let Self { spec, deadline, effects, .. } = self;
        let event = json!({"action": spec.action, "user": "gonogo", "payload": {}, "correlation_id": id});
        let event_text = format!("an event to board {}, correlation id {id}", spec.board);
        let sent = Instant::now();
        // How much of an event arrived is unknown when sending it failed.
        let sending = effects.begin(format!("tried to send {event_text}"));
        if let Err(why) = socket.send(event.to_string()).await {
            let seen = vec![Observation::unknown("event sent", "accepted", why)];
            return CanaryResult::stopped(Step::WebSocket, seen);
        }
        sending.succeeded(format!("sent {event_text}"));
        let wait_limit = deadline.remaining().saturating_sub(REPORT_MARGIN);
        let mut hops = SentEvent::new(hops, id, sent);
        // A rejected event is not forwarded; an accepted one need not be acknowledged.
        let result = {
            let (arrival, answer) = (hops.wait(wait_limit), arrival::rejection(&mut socket, id, wait_limit));
            tokio::pin!(arrival, answer);
            tokio::select! {
                seen = &mut arrival => Ok(seen),
                reason = &mut answer => match reason {
                    Some(reason) => Err(reason),
                    None => Ok(arrival.await),
                },
            }
        };
        socket.close().await;
        match result {
            Ok(seen) => CanaryResult { step: hops.step(&seen), seen, delivered: hops.delivered() },
            Err(reason) => {
                let seen = Observation::new("event sent", "accepted", format!("refused: {reason}"), false);
                CanaryResult::stopped(Step::Event, vec![seen])
            }
        }
    }
}

/// An event on its way.
struct SentEvent {
    id: String,
    sent: Instant,
    stream: ProbeResult<EventStream>,
    exchange: Option<ProbeResult<rabbitmq::QueueSubscription>>,
    channel: Option<ProbeResult<redis::RedisSubscription>>,
}

impl SentEvent {
    fn new(hops: Hops, id: &str, sent: Instant) -> Self {
        let Hops { stream, exchange, channel } = hops;
        let stream = stream.map(|stream| EventStream::new(stream, id, sent));
        Self { id: id.to_owned(), sent, stream, exchange, channel }
    }

    /// Waits at all places at once.
    async fn wait(&mut self, limit: Duration) -> Vec<Observation> {
        let Self { id, sent, stream, exchange, channel } = self;
        let at_exchange = async {
            match exchange {
                Some(Ok(tap)) => Some(arrival::at_tap(tap.find(id), *sent, limit).await),
                Some(Err(why)) => Some(Err(why.clone())),
                None => None,
            }
        };
        let at_channel = async {
            match channel {
                Some(Ok(tap)) => Some(arrival::at_tap(tap.find(id), *sent, limit).await),
                Some(Err(why)) => Some(Err(why.clone())),
                None => None,
            }
        };
        let on_stream = async {
            if let Ok(stream) = stream {
                stream.wait_for_event(limit).await;
            }
        };
        let (at_exchange, at_channel, ()) = tokio::join!(at_exchange, at_channel, on_stream);
        let mut seen = vec![Observation::new("event sent", "accepted", "accepted", true)];
        seen.extend(at_exchange.map(|at| arrival::leg("at the exchange", at, limit)));
        seen.extend(at_channel.map(|at| arrival::leg("at the Redis channel", at, limit)));
        seen.push(arrival::came_back(&self.stream, limit));
        seen
    }

    /// Where it stopped: a place that could not be watched is the cause only if nothing is wrong.
    fn step(&self, seen: &[Observation]) -> Step {
        let is_wrong = seen.iter().any(|observation| observation.ok == Some(false));
        match (is_wrong, &self.exchange, &self.channel) {
            (false, Some(Err(_)), _) => Step::Exchange,
            (false, _, Some(Err(_))) => Step::Channel,
            _ => Step::Event,
        }
    }

    /// The event with all its places, if it arrived.
    fn delivered(self) -> Option<DeliveredEvent> {
        let stream = self.stream.ok().filter(|stream| stream.deliveries > 0)?;
        let (exchange, channel) = (self.exchange.and_then(Result::ok), self.channel.and_then(Result::ok));
        Some(DeliveredEvent { stream, id: self.id, exchange, channel })
    }
}

/// The stream, if it is one, and what is said of it.
async fn judge_stream(
    browser: &HttpClient,
    stream: ProbeResult<Response>,
) -> (ProbeResult<Response>, Observation) {
    let (what, expected) = (format!("event stream {SSE_PATH}"), "open");
    let closed = |observation| (Err(ProbeError::new("the event stream is not open")), observation);
    let response = match stream {
        Ok(response) => response,
        Err(why) => {
            let why = why.to_string();
            let hint = if why.ends_with("(response to GET)") { BUFFER_HINT } else { "" };
            return closed(Observation::unknown(what, expected, why + hint));
        }
    };
    match response.status().as_u16() {
        200 if token::is_event_stream(&response) => {
            (Ok(response), Observation::new(what, expected, "open", true))
        }
        code @ (401 | 403) => {
            closed(Observation::unknown(what, expected, format!("the token was refused ({code})")))
        }
        429 => closed(Observation::unknown(what, expected, OWN_RATE)),
        _ => closed(Observation::new(what, expected, browser.describe(response).await, false)),
    }
}

/// 128 random bits in hex.
fn id() -> String {
    let mut bytes = [0u8; 16];
    // Without randomness, the time distinguishes canaries.
    if getrandom::fill(&mut bytes).is_err() {
        bytes = jiff::Timestamp::now().as_nanosecond().to_be_bytes();
    }
    base16ct::lower::encode_string(&bytes)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

    use super::*;
    use crate::process::Permit;

    /// Opens a WebSocket with whoever asks for one.
    async fn opened(listener: TcpListener) -> TcpStream {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let key = head.lines().find(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key:"));
        let key = key.and_then(|line| line.split_once(": ")).unwrap().1.trim();
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    }

    #[tokio::test]
    async fn an_event_that_could_not_be_sent_is_not_reported_as_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spec = json!({"api": {"url": url}, "token": {"env": "TOKEN"}, "board": "b"});
        let spec: PipelineSpec = serde_json::from_value(spec).unwrap();
        let server = tokio::spawn(opened(listener));
        let (deadline, effects) = (Deadline::after(Duration::from_secs(30)), Effects::default());
        let canary = Canary {
            spec: &spec,
            base: &spec.api.url,
            headers: HeaderMap::new(),
            query_token: None,
            deadline: &deadline,
            secret_store: &SecretStore::new(Permit::for_tests()),
            effects: &effects,
        };
        let socket = canary.open().await.unwrap_or_else(|why| panic!("{why:?}"));
        // A reset closes the connection, so nothing can be sent any more.
        let stream = server.await.unwrap();
        stream.set_zero_linger().unwrap();
        drop(stream);
        let hops = Hops { stream: Err(ProbeError::new("none")), exchange: None, channel: None };
        let seen = canary.exchange(socket, hops, "gonogo-1").await.seen;
        assert_eq!((seen.len(), seen[0].ok), (1, None), "{seen:?}");
        assert_eq!(effects.all(), ["tried to send an event to board b, correlation id gonogo-1"]);
    }
}
