//! The part of the management API that tells of exchanges, queues and bindings, and takes a look at messages:
//! <https://www.rabbitmq.com/docs/http-api-reference>.

use axum::extract::{Path, Request, State as Given};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::server::is_logged_in;
use super::model::{Binding, Exchange, Message, Queue};
use super::state::State;
use super::table;
use super::{Shared, VHOST, lock};

pub(super) fn routes(state: Shared) -> Router {
    Router::new()
        .route("/api/whoami", get(whoami))
        .route("/api/overview", get(overview))
        .route("/api/exchanges/{vhost}", get(exchanges))
        .route("/api/exchanges/{vhost}/{name}", get(one_exchange))
        .route("/api/queues/{vhost}", get(queues))
        .route("/api/queues/{vhost}/{name}", get(one_queue))
        .route("/api/queues/{vhost}/{name}/get", post(peek))
        .route("/api/bindings/{vhost}", get(bindings))
        .route("/api/bindings/{vhost}/e/{exchange}/q/{queue}", get(between))
        .fallback(|| async { missing() })
        .layer(middleware::from_fn_with_state(state.clone(), admit))
        .with_state(state)
}

async fn admit(Given(state): Given<Shared>, request: Request, next: Next) -> Response {
    let user = lock(&state).user.clone();
    if is_logged_in(request.headers(), &user.name, &user.password) {
        return next.run(request).await;
    }
    let told = json!({"error": "not_authorized", "reason": "Login failed"});
    (StatusCode::UNAUTHORIZED, Json(told)).into_response()
}

fn missing() -> Response {
    let told = json!({"error": "Object Not Found", "reason": "Not Found"});
    (StatusCode::NOT_FOUND, Json(told)).into_response()
}

fn found(vhost: &str, item: Option<Value>) -> Response {
    match item.filter(|_| vhost == VHOST) {
        Some(item) => Json(item).into_response(),
        None => missing(),
    }
}

async fn whoami(Given(state): Given<Shared>) -> Json<Value> {
    Json(json!({"name": lock(&state).user.name, "tags": ["administrator"]}))
}

async fn overview() -> Json<Value> {
    let product = "gonogo rehearsal";
    Json(
        json!({"product_name": product, "product_version": env!("CARGO_PKG_VERSION"), "node": "rehearsal@localhost"}),
    )
}

async fn exchanges(Given(state): Given<Shared>, Path(vhost): Path<String>) -> Response {
    let state = lock(&state);
    found(&vhost, Some(state.exchanges.iter().map(|(name, one)| exchange(name, one)).collect()))
}

async fn one_exchange(Given(state): Given<Shared>, Path((vhost, name)): Path<(String, String)>) -> Response {
    found(&vhost, lock(&state).exchanges.get(&name).map(|one| exchange(&name, one)))
}

fn exchange(name: &str, one: &Exchange) -> Value {
    json!({
        "name": name, "vhost": VHOST, "type": one.kind.name(), "durable": one.durable,
        "auto_delete": one.auto_delete, "internal": false, "arguments": {},
    })
}

async fn queues(Given(state): Given<Shared>, Path(vhost): Path<String>) -> Response {
    let state = lock(&state);
    found(&vhost, Some(state.queues.iter().map(|(name, one)| queue(&state, name, one)).collect()))
}

async fn one_queue(Given(state): Given<Shared>, Path((vhost, name)): Path<(String, String)>) -> Response {
    let state = lock(&state);
    found(&vhost, state.queues.get(&name).map(|one| queue(&state, &name, one)))
}

fn queue(state: &State, name: &str, one: &Queue) -> Value {
    let (ready, unacked) = (one.ready.len(), state.unacked(name));
    json!({
        "name": name, "vhost": VHOST, "type": "classic", "durable": one.durable, "auto_delete": one.auto_delete,
        "exclusive": one.owner.is_some(), "arguments": table::to_json(&one.arguments), "state": "running",
        "messages": ready + unacked, "messages_ready": ready, "messages_unacknowledged": unacked,
        "consumers": one.consumers.len(), "node": "rehearsal@localhost",
    })
}

async fn bindings(Given(state): Given<Shared>, Path(vhost): Path<String>) -> Response {
    found(&vhost, Some(lock(&state).bindings.iter().map(binding).collect()))
}

async fn between(
    Given(state): Given<Shared>,
    Path((vhost, exchange, queue)): Path<(String, String, String)>,
) -> Response {
    let state = lock(&state);
    if !state.exchanges.contains_key(&exchange) || !state.queues.contains_key(&queue) {
        return missing();
    }
    let of = state.bindings.iter().filter(|one| one.exchange == exchange && one.queue == queue);
    found(&vhost, Some(of.map(binding).collect()))
}

fn binding(one: &Binding) -> Value {
    json!({
        "source": one.exchange, "vhost": VHOST, "destination": one.queue, "destination_type": "queue",
        "routing_key": one.key, "arguments": table::to_json(&one.arguments), "properties_key": one.key,
    })
}

/// Takes messages and puts them back, as `ackmode` says; other ways of looking are refused.
async fn peek(
    Given(state): Given<Shared>,
    Path((vhost, name)): Path<(String, String)>,
    Json(asked): Json<Value>,
) -> Response {
    if asked.get("ackmode").and_then(Value::as_str) != Some("ack_requeue_true") {
        let told = json!({"error": "bad_request", "reason": "only ackmode ack_requeue_true is offered here"});
        return (StatusCode::BAD_REQUEST, Json(told)).into_response();
    }
    let count = asked.get("count").and_then(Value::as_u64).unwrap_or(1);
    let count = usize::try_from(count).unwrap_or(1);
    let mut state = lock(&state);
    let heads = state.queues.get_mut(&name).map(|queue| {
        let left = queue.ready.len();
        let heads = queue.ready.iter_mut().take(count).enumerate();
        heads.map(|(at, message)| head(message, left - at - 1)).collect()
    });
    found(&vhost, heads)
}

fn head(message: &mut Message, left: usize) -> Value {
    let told = json!({
        "payload_bytes": message.body.len(), "redelivered": message.redelivered, "exchange": message.exchange,
        "routing_key": message.key, "message_count": left,
        "properties": {"headers": message.properties.headers().as_ref().map(table::to_json)},
        "payload": String::from_utf8_lossy(&message.body), "payload_encoding": "string",
    });
    message.redelivered = true;
    told
}
