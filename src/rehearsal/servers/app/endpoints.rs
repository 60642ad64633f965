//! The two endpoints for events: a `WebSocket`, which takes and sends them, and server-sent events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::{AppFaults, AppState, StreamRefusal, now_micros, worker};

/// The token that the public documentation shows.
const DEFAULT_TOKEN: &str = "change-me-realtime";
const HEARTBEAT: Duration = Duration::from_secs(15);

type QueryParams = Query<HashMap<String, String>>;

/// Whether the request has a token that the application accepts.
fn is_authorized(shared: &AppState, headers: &HeaderMap, query: &HashMap<String, String>) -> bool {
    let faults = shared.faults();
    let bearer =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let bearer = bearer.filter(|_| !faults.ignores_authorization);
    let Some(token) = bearer.or_else(|| query.get("token").map(String::as_str)) else { return false };
    (token == shared.config.token && !faults.rejects_current_token)
        || (faults.accepts_default_token && token == DEFAULT_TOKEN)
        || faults.accepts_old_token.as_deref() == Some(token)
}

/// `GET /sse/activity`
pub(super) async fn sse_activity(
    State(shared): State<Arc<AppState>>,
    Query(query): QueryParams,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = shared.faults().refuses_streams {
        return refused_stream(refusal);
    }
    if !is_authorized(&shared, &headers, &query) {
        return (StatusCode::UNAUTHORIZED, "invalid token").into_response();
    }
    let events = shared.events.subscribe();
    let first = frame("heartbeat", "{}");
    let listener =
        SseStream { events, span: SpanGuard::start(&shared, "GET /sse/activity", "/sse/activity"), shared };
    let body = stream::unfold((Some(first), listener), |(first, mut listener)| async move {
        let frame = match first {
            Some(first) => first,
            None => listener.next().await?,
        };
        Some((Ok::<_, Infallible>(Bytes::from(frame)), (None, listener)))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response()
}

fn refused_stream(refusal: StreamRefusal) -> Response {
    match refusal {
        StreamRefusal::LoginPage => Html("<html><title>Sign in</title>").into_response(),
        StreamRefusal::Unprocessable => {
            let missing = json!({"type": "missing", "loc": ["query", "settings"], "msg": "Field required"});
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"detail": [missing]}))).into_response()
        }
        StreamRefusal::TooManyRequests => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "60")]).into_response()
        }
    }
}

/// A client's stream of server-sent events.
struct SseStream {
    events: broadcast::Receiver<String>,
    shared: Arc<AppState>,
    #[expect(dead_code, reason = "reports the span when it is dropped")]
    span: SpanGuard,
}

impl SseStream {
    /// The next frame: an event, or a heartbeat if there is none for a while.
    async fn next(&mut self) -> Option<String> {
        loop {
            match tokio::time::timeout(HEARTBEAT, self.events.recv()).await {
                Err(_) => return Some(frame("heartbeat", "{}")),
                Ok(Err(broadcast::error::RecvError::Closed)) => return None,
                Ok(Err(broadcast::error::RecvError::Lagged(_))) => {}
                Ok(Ok(_)) if self.shared.faults().only_heartbeats => return Some(frame("heartbeat", "{}")),
                Ok(Ok(_)) if self.shared.faults().ends_streams => return None,
                Ok(Ok(event)) if self.shared.is_lost(&event) => {}
                Ok(Ok(event)) => {
                    let action = serde_json::from_str::<Value>(&event).unwrap_or_default();
                    let action = action.get("action").and_then(Value::as_str).unwrap_or("message").to_owned();
                    let copies = if self.shared.faults().sends_events_twice { 2 } else { 1 };
                    return Some(frame(&action, &event).repeat(copies));
                }
            }
        }
    }
}

fn frame(event: &str, data: &str) -> String {
    format!("id: {}\nevent: {event}\ndata: {data}\n\n", now_micros())
}

/// Reports its span when it is dropped.
struct SpanGuard {
    shared: Arc<AppState>,
    name: &'static str,
    route: &'static str,
    start_micros: i64,
}

impl SpanGuard {
    fn start(shared: &Arc<AppState>, name: &'static str, route: &'static str) -> Self {
        Self { shared: Arc::clone(shared), name, route, start_micros: now_micros() }
    }
}

impl Drop for SpanGuard {
    fn drop(&mut self) {
        self.shared.report_span(self.name, self.route, self.start_micros);
    }
}

/// `GET /ws/boards/{board}`
pub(super) async fn websocket(
    State(shared): State<Arc<AppState>>,
    Path(board): Path<String>,
    Query(query): QueryParams,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !is_authorized(&shared, &headers, &query) || shared.faults().at_connection_limit {
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade.on_upgrade(|socket| run_websocket(shared, board, socket))
}

async fn run_websocket(shared: Arc<AppState>, board: String, mut socket: WebSocket) {
    let _span = SpanGuard::start(&shared, "GET /ws/boards/{board}", "/ws/boards/{board}");
    let mut events = shared.events.subscribe();
    loop {
        let reply = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => accept_event(&shared, &board, &text).await.err().map(|reason| {
                    json!({"kind": "error", "reason": reason}).to_string()
                }),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => None,
            },
            event = events.recv() => event.ok().filter(|event| is_for_board(event, &board)),
        };
        if let Some(reply) = reply
            && socket.send(Message::text(reply)).await.is_err()
        {
            return;
        }
    }
}

fn is_for_board(event: &str, board: &str) -> bool {
    let event: Value = serde_json::from_str(event).unwrap_or_default();
    event.get("board").and_then(Value::as_str) == Some(board)
}

/// Validates an event and publishes it to the exchange. An error is the reason for the client.
async fn accept_event(shared: &AppState, board: &str, text: &str) -> Result<(), &'static str> {
    let event: Value = serde_json::from_str(text).map_err(|_| "invalid_json")?;
    let text_field = |key| event.get(key).and_then(Value::as_str).filter(|text: &&str| !text.is_empty());
    let (Some(action), Some(user)) = (text_field("action"), text_field("user")) else {
        return Err("validation_error");
    };
    let started = std::time::Instant::now();
    let id = format!("{:x}", now_micros());
    shared.count_event(user, &id);
    let complete_event = json!({
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
    let published = publish(shared, &complete_event, &faults).await;
    if !faults.frozen_metrics {
        shared.metrics.count_published(board, published, started.elapsed());
    }
    if published { Ok(()) } else { Err("event_bus_failure") }
}

/// Whether the event could be published.
async fn publish(shared: &AppState, event: &Value, faults: &AppFaults) -> bool {
    if faults.event_bus_down {
        return false;
    }
    if faults.memory_transport {
        return shared.events.send(event.to_string()).is_ok();
    }
    if faults.publishes_twice {
        let _ = worker::publish(&shared.config, event).await;
    }
    worker::publish(&shared.config, event).await.is_ok()
}
