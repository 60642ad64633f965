//! The part of the management API for exchanges, queues, bindings and peeking at messages.
//! <https://www.rabbitmq.com/docs/http-api-reference>.

use amq_protocol::types::FieldTable;
use axum::extract::{Path, Request, State as Given};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::super::server::has_basic_auth;
use super::model::{ExchangeState, Message, QueueBinding, QueueState};
use super::state::BrokerState;
use super::table;
use super::{SharedBroker, VHOST, lock};

pub(super) fn routes(state: SharedBroker) -> Router {
    Router::new()
        .route("/api/whoami", get(whoami))
        .route("/api/overview", get(overview))
        .route("/api/health/checks/alarms", get(async || Json(json!({"status": "ok"}))))
        .route("/api/exchanges/{vhost}", get(exchanges))
        .route("/api/exchanges/{vhost}/{name}", get(get_exchange))
        .route("/api/exchanges/{vhost}/{name}/bindings/source", get(bindings_of_exchange))
        .route("/api/queues/{vhost}", get(queues))
        .route("/api/queues/{vhost}/{name}", get(get_queue))
        .route("/api/queues/{vhost}/{name}/bindings", get(bindings_of_queue))
        .route("/api/queues/{vhost}/{name}/get", post(peek_messages))
        .route("/api/bindings/{vhost}", get(bindings))
        .route("/api/bindings/{vhost}/e/{exchange}/q/{queue}", get(queue_bindings))
        .fallback(|| async { not_found() })
        .layer(middleware::from_fn_with_state(state.clone(), require_login))
        .with_state(state)
}

async fn require_login(Given(state): Given<SharedBroker>, request: Request, next: Next) -> Response {
    let user = lock(&state).user.clone();
    if has_basic_auth(request.headers(), &user.name, &user.password) {
        return next.run(request).await;
    }
    let body = json!({"error": "not_authorized", "reason": "Login failed"});
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

fn not_found() -> Response {
    let body = json!({"error": "Object Not Found", "reason": "Not Found"});
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

fn item_response(vhost: &str, item: Option<Value>) -> Response {
    match item.filter(|_| vhost == VHOST) {
        Some(item) => Json(item).into_response(),
        None => not_found(),
    }
}

async fn whoami(Given(state): Given<SharedBroker>) -> Json<Value> {
    Json(json!({"name": lock(&state).user.name, "tags": ["administrator"]}))
}

async fn overview() -> Json<Value> {
    let product = "gonogo rehearsal";
    Json(
        json!({"product_name": product, "product_version": env!("CARGO_PKG_VERSION"), "node": "rehearsal@localhost"}),
    )
}

async fn exchanges(Given(state): Given<SharedBroker>, Path(vhost): Path<String>) -> Response {
    let state = lock(&state);
    item_response(&vhost, Some(state.exchanges.iter().map(|(name, one)| exchange_json(name, one)).collect()))
}

async fn get_exchange(
    Given(state): Given<SharedBroker>,
    Path((vhost, name)): Path<(String, String)>,
) -> Response {
    item_response(&vhost, lock(&state).exchanges.get(&name).map(|one| exchange_json(&name, one)))
}

fn exchange_json(name: &str, one: &ExchangeState) -> Value {
    json!({
        "name": name, "vhost": VHOST, "type": one.kind.name(), "durable": one.durable,
        "auto_delete": one.auto_delete, "internal": false, "arguments": {},
    })
}

async fn queues(Given(state): Given<SharedBroker>, Path(vhost): Path<String>) -> Response {
    let state = lock(&state);
    item_response(
        &vhost,
        Some(state.queues.iter().map(|(name, one)| queue_json(&state, name, one)).collect()),
    )
}

async fn get_queue(
    Given(state): Given<SharedBroker>,
    Path((vhost, name)): Path<(String, String)>,
) -> Response {
    let state = lock(&state);
    item_response(&vhost, state.queues.get(&name).map(|one| queue_json(&state, &name, one)))
}

fn queue_json(state: &BrokerState, name: &str, one: &QueueState) -> Value {
    let (ready, unacked) = (one.ready.len(), state.unacked_count(name));
    json!({
        "name": name, "vhost": VHOST, "type": "classic", "durable": one.durable, "auto_delete": one.auto_delete,
        "exclusive": one.owner.is_some(), "effective_policy_definition": {}, "arguments": table::to_json(&one.arguments), "state": "running",
        "messages": ready + unacked, "messages_ready": ready, "messages_unacknowledged": unacked,
        "consumers": one.consumers.len(), "node": "rehearsal@localhost",
    })
}

async fn bindings(Given(state): Given<SharedBroker>, Path(vhost): Path<String>) -> Response {
    item_response(&vhost, Some(lock(&state).bindings.iter().map(binding_json).collect()))
}

async fn queue_bindings(
    Given(state): Given<SharedBroker>,
    Path((vhost, exchange, queue)): Path<(String, String, String)>,
) -> Response {
    let state = lock(&state);
    if !state.exchanges.contains_key(&exchange) || !state.queues.contains_key(&queue) {
        return not_found();
    }
    let of = state.bindings.iter().filter(|one| one.exchange == exchange && one.queue == queue);
    item_response(&vhost, Some(of.map(binding_json).collect()))
}

async fn bindings_of_exchange(
    Given(state): Given<SharedBroker>,
    Path((vhost, exchange)): Path<(String, String)>,
) -> Response {
    let state = lock(&state);
    let of = state.bindings.iter().filter(|one| one.exchange == exchange).map(binding_json);
    item_response(&vhost, state.exchanges.contains_key(&exchange).then(|| of.collect()))
}

/// The one to the default exchange, which every queue has, is first.
async fn bindings_of_queue(
    Given(state): Given<SharedBroker>,
    Path((vhost, queue)): Path<(String, String)>,
) -> Response {
    let state = lock(&state);
    let implied = QueueBinding {
        exchange: String::new(),
        queue: queue.clone(),
        routing_key: queue.clone(),
        arguments: FieldTable::default(),
    };
    let of = state.bindings.iter().filter(|one| one.queue == queue).map(binding_json);
    let all = std::iter::once(binding_json(&implied)).chain(of);
    item_response(&vhost, state.queues.contains_key(&queue).then(|| all.collect()))
}

fn binding_json(one: &QueueBinding) -> Value {
    json!({
        "source": one.exchange, "vhost": VHOST, "destination": one.queue, "destination_type": "queue",
        "routing_key": one.routing_key, "arguments": table::to_json(&one.arguments), "properties_key": one.routing_key,
    })
}

/// Returns messages and requeues them. Only the `ackmode` that does so is supported.
async fn peek_messages(
    Given(state): Given<SharedBroker>,
    Path((vhost, name)): Path<(String, String)>,
    Json(request): Json<Value>,
) -> Response {
    if request.get("ackmode").and_then(Value::as_str) != Some("ack_requeue_true") {
        let body = json!({"error": "bad_request", "reason": "only ackmode ack_requeue_true is supported"});
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    let count = request.get("count").and_then(Value::as_u64).unwrap_or(1);
    let count = usize::try_from(count).unwrap_or(1);
    let mut state = lock(&state);
    let heads = state.queues.get_mut(&name).map(|queue| {
        let left = queue.ready.len();
        let heads = queue.ready.iter_mut().take(count).enumerate();
        heads.map(|(at, message)| peeked_message(message, left - at - 1)).collect()
    });
    item_response(&vhost, heads)
}

fn peeked_message(message: &mut Message, left: usize) -> Value {
    let body = json!({
        "payload_bytes": message.body.len(), "redelivered": message.redelivered, "exchange": message.exchange,
        "routing_key": message.routing_key, "message_count": left,
        "properties": {"headers": message.properties.headers().as_ref().map(table::to_json)},
        "payload": String::from_utf8_lossy(&message.body), "payload_encoding": "string",
    });
    message.redelivered = true;
    body
}
