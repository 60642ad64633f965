//! The two endpoints: events come in over a `WebSocket` and go out over both.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::{Shared, now_micros, worker};

/// The token that stands in everybody's documentation.
const DEFAULT_TOKEN: &str = "change-me-realtime";
const HEARTBEAT: Duration = Duration::from_secs(15);

type Asked = Query<HashMap<String, String>>;

/// Whether the request carries a token that opens this application.
fn may_enter(shared: &Shared, headers: &HeaderMap, query: &HashMap<String, String>) -> bool {
    let faults = shared.faults();
    let bearer =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(token) = bearer.or_else(|| query.get("token").map(String::as_str)) else { return false };
    (token == shared.config.token && !faults.shut)
        || (faults.default_token && token == DEFAULT_TOKEN)
        || faults.old_token.as_deref() == Some(token)
}

/// `GET /sse/activity`
pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    Query(query): Asked,
    headers: HeaderMap,
) -> Response {
    if !may_enter(&shared, &headers, &query) {
        return (StatusCode::UNAUTHORIZED, "invalid token").into_response();
    }
    let events = shared.events.subscribe();
    let first = frame("heartbeat", "{}");
    let listener = Listener { events, span: Span::of(&shared, "GET /sse/activity", "/sse/activity"), shared };
    let body = stream::unfold((Some(first), listener), |(first, mut listener)| async move {
        let frame = match first {
            Some(first) => first,
            None => listener.next().await?,
        };
        Some((Ok::<_, Infallible>(Bytes::from(frame)), (None, listener)))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response()
}

/// Who listens to events, until they leave.
struct Listener {
    events: broadcast::Receiver<String>,
    shared: Arc<Shared>,
    #[expect(dead_code, reason = "tells of its span when it is dropped")]
    span: Span,
}

impl Listener {
    /// The next frame; a heartbeat where nothing happens.
    async fn next(&mut self) -> Option<String> {
        loop {
            match tokio::time::timeout(HEARTBEAT, self.events.recv()).await {
                Err(_) => return Some(frame("heartbeat", "{}")),
                Ok(Err(broadcast::error::RecvError::Closed)) => return None,
                Ok(Err(broadcast::error::RecvError::Lagged(_))) => {}
                Ok(Ok(_)) if self.shared.faults().only_heartbeats => return Some(frame("heartbeat", "{}")),
                Ok(Ok(event)) if self.shared.is_lost(&event) => {}
                Ok(Ok(event)) => {
                    let action = serde_json::from_str::<Value>(&event).unwrap_or_default();
                    let action = action.get("action").and_then(Value::as_str).unwrap_or("message").to_owned();
                    return Some(frame(&action, &event));
                }
            }
        }
    }
}

fn frame(event: &str, data: &str) -> String {
    format!("id: {}\nevent: {event}\ndata: {data}\n\n", now_micros())
}

/// Tells of itself when it ends.
struct Span {
    shared: Arc<Shared>,
    name: &'static str,
    route: &'static str,
    begun: i64,
}

impl Span {
    fn of(shared: &Arc<Shared>, name: &'static str, route: &'static str) -> Self {
        Self { shared: Arc::clone(shared), name, route, begun: now_micros() }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.shared.span(self.name, self.route, self.begun);
    }
}

/// `GET /ws/boards/{board}`
pub(super) async fn socket(
    State(shared): State<Arc<Shared>>,
    Path(board): Path<String>,
    Query(query): Asked,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !may_enter(&shared, &headers, &query) {
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade.on_upgrade(|socket| converse(shared, board, socket))
}

async fn converse(shared: Arc<Shared>, board: String, mut socket: WebSocket) {
    let _span = Span::of(&shared, "GET /ws/boards/{board}", "/ws/boards/{board}");
    let mut events = shared.events.subscribe();
    loop {
        let answer = tokio::select! {
            said = socket.recv() => match said {
                Some(Ok(Message::Text(text))) => take(&shared, &board, &text).await.err().map(|reason| {
                    json!({"kind": "error", "reason": reason}).to_string()
                }),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => None,
            },
            event = events.recv() => event.ok().filter(|event| is_of(event, &board)),
        };
        if let Some(answer) = answer
            && socket.send(Message::text(answer)).await.is_err()
        {
            return;
        }
    }
}

fn is_of(event: &str, board: &str) -> bool {
    let event: Value = serde_json::from_str(event).unwrap_or_default();
    event.get("board").and_then(Value::as_str) == Some(board)
}

/// Takes an event in, and passes it on to the exchange.
async fn take(shared: &Shared, board: &str, text: &str) -> Result<(), &'static str> {
    let event: Value = serde_json::from_str(text).map_err(|_| "invalid_json")?;
    let word = |key| event.get(key).and_then(Value::as_str).filter(|word: &&str| !word.is_empty());
    let (Some(action), Some(user)) = (word("action"), word("user")) else { return Err("validation_error") };
    let begun = std::time::Instant::now();
    let id = format!("{:x}", now_micros());
    shared.count(user, &id);
    let full = json!({
        "id": id,
        "board": board,
        "action": action,
        "user": user,
        "payload": event.get("payload").cloned().unwrap_or_else(|| json!({})),
        "timestamp": jiff::Timestamp::now().to_string(),
        "correlation_id": event.get("correlation_id"),
        "kind": "board_event",
        "active_connections": shared.events.receiver_count(),
    });
    let faults = shared.faults();
    let published =
        if faults.bus_down { false } else { worker::publish(&shared.config, &full).await.is_ok() };
    if !faults.still_metrics {
        shared.metrics.published(board, published, begun.elapsed());
    }
    if published { Ok(()) } else { Err("event_bus_failure") }
}
