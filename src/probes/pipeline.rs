//! The pipeline probe: one event with a correlation id of its own, sent over a WebSocket, must come back over
//! server-sent events; on the way it is observed at the exchange and the channel, if the profile names them.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, ORIGIN};
use reqwest::{Response, Url};
use serde_json::{Value, json};

use super::deadline::Deadline;
use super::effects::Effects;
use super::error::{ProbeError, ProbeResult};
use super::http_client::{self, HttpClient, ProxyUse};
use super::sse::SseParser;
use super::token::{SSE_PATH, bearer, board_path};
use super::websocket::{self, WebSocket, WebSocketAnswer, WebSocketMessage};
use super::{curl, rabbitmq, redis};
use crate::secret_store::SecretStore;
use crate::stopwatch::timeout;
use gonogo_core::checklist::spec::PipelineSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;

/// How much of the deadline is reserved for reporting what did not arrive.
const REPORT_MARGIN: Duration = Duration::from_millis(300);

/// The places where the probe waits for the event.
struct Hops {
    stream: ProbeResult<Response>,
    exchange: Option<ProbeResult<rabbitmq::QueueSubscription>>,
    channel: Option<ProbeResult<redis::RedisSubscription>>,
}

/// When the event was seen at a place, or why it was not.
type Arrival = ProbeResult<Option<Duration>>;

/// The result of the server-sent events.
struct SseResult {
    arrived: Option<Duration>,
    heartbeats: usize,
    others: usize,
}

pub(super) async fn run(
    spec: &PipelineSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    effects: &Effects,
) -> Outcome {
    let reproduce =
        format!("{} -N -H 'Authorization: Bearer '{}", curl::get(&spec.api, SSE_PATH), spec.token.shell());
    let headers = match headers(spec, deadline, secret_store).await {
        Ok(headers) => headers,
        Err(why) => return Outcome::of(vec![Observation::unknown("token", "readable", why)], reproduce),
    };
    Outcome::of(send_and_wait(spec, &headers, deadline, secret_store, effects).await, reproduce)
}

async fn headers(
    spec: &PipelineSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<HeaderMap> {
    let mut headers = http_client::headers(&spec.api.headers, deadline, secret_store).await?;
    let token = deadline.limit(format!("reading {}", spec.token), secret_store.read(&spec.token)).await??;
    headers.insert(AUTHORIZATION, bearer(&token)?);
    if let Some(origin) = &spec.origin {
        let origin = HeaderValue::from_str(origin).map_err(|_| ProbeError::new("the origin is none"))?;
        headers.insert(ORIGIN, origin);
    }
    Ok(headers)
}

/// Subscribes first, then sends, then waits at all hops at once.
async fn send_and_wait(
    spec: &PipelineSpec,
    headers: &HeaderMap,
    deadline: &Deadline,
    secret_store: &SecretStore,
    effects: &Effects,
) -> Vec<Observation> {
    let browser = match HttpClient::new(&spec.api.tls, ProxyUse::Environment, deadline) {
        Ok(browser) => browser,
        Err(why) => return vec![Observation::unknown("application", "reachable", why)],
    };
    let hops = subscribe_hops(spec, &browser, headers, deadline, secret_store).await;
    let mut seen = vec![judge_stream(&hops.stream)];
    let id = format!("gonogo-{}", id());
    let started = Instant::now();
    let socket = match open(spec, headers, deadline).await {
        Ok(socket) => socket,
        Err(observation) => {
            seen.push(observation);
            return seen;
        }
    };
    seen.push(took("WebSocket opened", "there", started.elapsed()));
    if hops.stream.as_ref().is_ok_and(|stream| !stream.status().is_success()) || hops.stream.is_err() {
        socket.close().await;
        return seen;
    }
    seen.extend(exchange(spec, socket, hops, &id, deadline, effects).await);
    seen
}

async fn subscribe_hops(
    spec: &PipelineSpec,
    browser: &HttpClient,
    headers: &HeaderMap,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> Hops {
    let stream = async {
        let request = browser.request(reqwest::Method::GET, address(spec, SSE_PATH)?);
        browser.send(request.headers(headers.clone()).header("Accept", "text/event-stream")).await
    };
    let exchange = async {
        match &spec.exchange {
            Some(tap) => Some(rabbitmq::QueueSubscription::open(tap, deadline, secret_store).boxed().await),
            None => None,
        }
    };
    let channel = async {
        match &spec.channel {
            Some(tap) => Some(redis::RedisSubscription::open(tap, deadline, secret_store).boxed().await),
            None => None,
        }
    };
    let (stream, exchange, channel) = tokio::join!(stream, exchange, channel);
    Hops { stream, exchange, channel }
}

fn address(spec: &PipelineSpec, path: &str) -> ProbeResult<Url> {
    let url = format!("{}{path}", spec.api.url.trim_end_matches('/'));
    Url::parse(&url).map_err(|_| ProbeError::new("not an address such as https://host"))
}

fn judge_stream(stream: &ProbeResult<Response>) -> Observation {
    let (what, expected) = (format!("event stream {SSE_PATH}"), "open");
    match stream {
        Ok(stream) => match stream.status().as_u16() {
            200 => Observation::new(what, expected, "open", true),
            code @ (401 | 403) => {
                Observation::unknown(what, expected, format!("the token is refused ({code})"))
            }
            429 => Observation::unknown(what, expected, "too many requests (429)"),
            code => Observation::new(what, expected, format!("it answers {code}"), false),
        },
        Err(why) => Observation::unknown(what, expected, why.clone()),
    }
}

async fn open(
    spec: &PipelineSpec,
    headers: &HeaderMap,
    deadline: &Deadline,
) -> Result<WebSocket, Observation> {
    let what = "WebSocket opened";
    let unknown = |why: ProbeError| Observation::unknown(what, "open", why);
    let url = address(spec, &board_path(&spec.board)).map_err(unknown)?;
    match websocket::open(&url, headers, &spec.api.tls, deadline).await.map_err(unknown)? {
        WebSocketAnswer::Open(socket) => Ok(*socket),
        WebSocketAnswer::Refused(code @ (401 | 403)) => {
            Err(Observation::unknown(what, "open", format!("the token or the origin is refused ({code})")))
        }
        WebSocketAnswer::Refused(code) => {
            Err(Observation::new(what, "open", format!("it answers {code}"), false))
        }
    }
}

/// Sends the event and waits for it everywhere.
async fn exchange(
    spec: &PipelineSpec,
    mut socket: WebSocket,
    Hops { stream, exchange, channel }: Hops,
    id: &str,
    deadline: &Deadline,
    effects: &Effects,
) -> Vec<Observation> {
    let event = json!({"action": spec.action, "user": "gonogo", "payload": {}, "correlation_id": id});
    let event_text = format!("an event to board {}, correlation id {id}", spec.board);
    let sent = Instant::now();
    // How much of an event arrived is unknown when sending it failed.
    let sending = effects.begin(format!("tried to send {event_text}"));
    if let Err(why) = socket.send(event.to_string()).await {
        return vec![Observation::unknown("event sent", "accepted", why)];
    }
    sending.succeeded(format!("sent {event_text}"));
    let wait_limit = deadline.remaining().saturating_sub(REPORT_MARGIN);
    let at_exchange = async {
        match exchange {
            Some(Ok(mut tap)) => Some(arrival(tap.find(id), sent, wait_limit).await),
            Some(Err(why)) => Some(Err(why)),
            None => None,
        }
    };
    let at_channel = async {
        match channel {
            Some(Ok(mut tap)) => Some(arrival(tap.find(id), sent, wait_limit).await),
            Some(Err(why)) => Some(Err(why)),
            None => None,
        }
    };
    let hops = async { tokio::join!(at_exchange, at_channel, wait_on_sse(stream, id, sent, wait_limit)) };
    // A rejected event is not forwarded; an accepted one need not be acknowledged.
    let rejection = {
        let answer = wait_on_websocket(&mut socket, id, wait_limit);
        tokio::pin!(hops, answer);
        tokio::select! {
            results = &mut hops => Err(results),
            reason = &mut answer => match reason {
                Some(reason) => Ok(reason),
                None => Err(hops.await),
            },
        }
    };
    let mut seen = Vec::new();
    match rejection {
        Ok(reason) => {
            seen.push(Observation::new("event sent", "accepted", format!("refused: {reason}"), false));
        }
        Err((at_exchange, at_channel, sse)) => {
            seen.push(Observation::new("event sent", "accepted", "accepted", true));
            seen.extend(at_exchange.map(|at| leg("at the exchange", at, wait_limit)));
            seen.extend(at_channel.map(|at| leg("at the Redis channel", at, wait_limit)));
            seen.push(came_back(sse, wait_limit));
        }
    }
    socket.close().await;
    seen
}

/// Why the application refuses the event, if it does; returns once the event is delivered on the WebSocket.
async fn wait_on_websocket(socket: &mut WebSocket, id: &str, wait_limit: Duration) -> Option<String> {
    let wait = async {
        loop {
            match socket.next().await {
                Ok(WebSocketMessage::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).unwrap_or_default();
                    let word = |key| message.get(key).and_then(Value::as_str);
                    if word("kind") == Some("error") {
                        return Some(text::clip(word("reason").unwrap_or("no reason given"), 120));
                    }
                    if word("correlation_id") == Some(id) {
                        return None;
                    }
                }
                Ok(WebSocketMessage::Pong) => {}
                Ok(WebSocketMessage::Closed(code)) => {
                    let code = code.map(|code| format!(" with {code}")).unwrap_or_default();
                    return Some(format!("the WebSocket was closed{code}"));
                }
                Err(why) => return Some(why.to_string()),
            }
        }
    };
    // An application need not answer over the WebSocket: the stream is what counts.
    timeout(wait_limit, wait).await.unwrap_or(None)
}

async fn arrival(
    find: impl Future<Output = ProbeResult<()>>,
    sent: Instant,
    wait_limit: Duration,
) -> Arrival {
    match timeout(wait_limit, find).await {
        Ok(result) => result.map(|()| Some(sent.elapsed())),
        Err(_) => Ok(None),
    }
}

/// Reads the stream until the event is there. Heartbeats and the events of others do not count.
async fn wait_on_sse(
    stream: ProbeResult<Response>,
    id: &str,
    sent: Instant,
    wait_limit: Duration,
) -> ProbeResult<SseResult> {
    let mut stream = stream?;
    let mut result = SseResult { arrived: None, heartbeats: 0, others: 0 };
    let read = async {
        let mut frames = SseParser::default();
        while let Some(chunk) = stream.chunk().await? {
            for event in frames.push(&chunk) {
                let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
                if data.get("correlation_id").and_then(Value::as_str) == Some(id) {
                    result.arrived = Some(sent.elapsed());
                    return Ok(());
                }
                let count =
                    if event.event == "heartbeat" { &mut result.heartbeats } else { &mut result.others };
                *count += 1;
            }
        }
        Err(ProbeError::new("the application has ended the stream"))
    };
    match timeout(wait_limit, read).await {
        Ok(Err(why)) => Err(why),
        Ok(Ok(())) | Err(_) => Ok(result),
    }
}

/// The expectation for the event that comes back.
const BY_ID: &str = "there, by its id";

fn leg(place: &str, at: Arrival, wait_limit: Duration) -> Observation {
    let what = format!("event {place}");
    match at {
        Ok(Some(after)) => took(&what, "there", after),
        Ok(None) => {
            Observation::new(what, "there", format!("not within {}", millis(wait_limit)), false).as_measured()
        }
        Err(why) => Observation::unknown(what, "there", why),
    }
}

fn came_back(result: ProbeResult<SseResult>, wait_limit: Duration) -> Observation {
    let what = "event back over server-sent events";
    match result {
        Ok(SseResult { arrived: Some(after), .. }) => took(what, BY_ID, after),
        Ok(SseResult { arrived: None, heartbeats, others }) => {
            let seen = format!(
                "not within {}; {} and {} came",
                millis(wait_limit),
                text::count(heartbeats, "heartbeat"),
                text::count(others, "event") + " of others"
            );
            Observation::new(what, BY_ID, seen, false).as_measured()
        }
        Err(why) => Observation::unknown(what, BY_ID, why),
    }
}

fn took(what: &str, expected: &str, after: Duration) -> Observation {
    Observation::new(what, expected, format!("after {}", millis(after)), true).as_measured()
}

fn millis(span: Duration) -> String {
    format!("{} ms", span.as_millis())
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
        let deadline = Deadline::after(Duration::from_secs(30));
        let socket = open(&spec, &HeaderMap::new(), &deadline).await.unwrap_or_else(|why| panic!("{why:?}"));
        // A reset closes the connection, so nothing can be sent any more.
        let stream = server.await.unwrap();
        stream.set_zero_linger().unwrap();
        drop(stream);
        let hops = Hops { stream: Err(ProbeError::new("none")), exchange: None, channel: None };
        let effects = Effects::default();
        let seen = exchange(&spec, socket, hops, "gonogo-1", &deadline, &effects).await;
        assert_eq!((seen.len(), seen[0].ok), (1, None), "{seen:?}");
        assert_eq!(effects.all(), ["tried to send an event to board b, correlation id gonogo-1"]);
    }
}
