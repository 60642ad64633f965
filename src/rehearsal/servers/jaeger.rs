//! A Jaeger: the part of its query API for services and traces.
//! <https://www.jaegertracing.io/docs/latest/architecture/apis/>.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::app::OnSpan;
use super::server::LoopbackServer;

/// How many traces are returned without `limit`.
const DEFAULT_TRACE_LIMIT: usize = 20;

/// A running Jaeger, with the spans that were added.
#[derive(Debug)]
pub struct JaegerServer {
    server: LoopbackServer,
    spans: SharedSpans,
}

/// A span. Each is a trace of its own.
#[derive(Clone, Debug)]
pub struct StoredSpan {
    /// The service name.
    pub service: String,
    /// The operation, such as `GET /ws/boards/{board}`.
    pub operation: String,
    /// The attribute `http.route`.
    pub route: String,
    /// The start, in microseconds since the Unix epoch.
    pub start_micros: i64,
    /// The duration, in microseconds.
    pub duration_micros: i64,
}

type SharedSpans = Arc<Mutex<Vec<StoredSpan>>>;

impl JaegerServer {
    /// Starts a Jaeger without spans.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start() -> io::Result<Self> {
        let spans = SharedSpans::default();
        let routes = Router::new()
            .route("/api/services", get(services))
            .route("/api/traces", get(traces))
            .route("/api/traces/{id}", get(trace_by_id))
            .with_state(Arc::clone(&spans));
        Ok(Self { server: LoopbackServer::start(routes)?, spans })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Adds a span.
    pub fn add_span(&self, span: StoredSpan) {
        lock(&self.spans).push(span);
    }

    /// A function that adds spans.
    #[must_use]
    pub fn span_sink(&self) -> Arc<dyn Fn(StoredSpan) + Send + Sync> {
        let spans = Arc::clone(&self.spans);
        Arc::new(move |span| lock(&spans).push(span))
    }

    /// A function that adds the spans that the application reports, as spans of this service.
    #[must_use]
    pub fn on_span_of(&self, service: &str) -> OnSpan {
        let (spans, service) = (Arc::clone(&self.spans), service.to_owned());
        Arc::new(move |operation, route, start_micros, duration_micros| {
            let (operation, route) = (operation.to_owned(), route.to_owned());
            lock(&spans).push(StoredSpan {
                service: service.clone(),
                operation,
                route,
                start_micros,
                duration_micros,
            });
        })
    }
}

fn lock(spans: &Mutex<Vec<StoredSpan>>) -> MutexGuard<'_, Vec<StoredSpan>> {
    spans.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The response with a list. As in Jaeger, an empty list is `null`.
fn list_response(all: Vec<Value>) -> Json<Value> {
    let (total, data) = (all.len(), if all.is_empty() { Value::Null } else { Value::Array(all) });
    Json(json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null}))
}

fn error_response(status: StatusCode, message: &str) -> Response {
    let errors = json!([{"code": status.as_u16(), "msg": message}]);
    let body = json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": errors});
    (status, Json(body)).into_response()
}

async fn services(State(spans): State<SharedSpans>) -> Json<Value> {
    let names: BTreeSet<_> = lock(&spans).iter().map(|span| span.service.clone()).collect();
    list_response(names.into_iter().map(Value::String).collect())
}

async fn traces(State(spans): State<SharedSpans>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let Some(service) = query.get("service") else {
        return error_response(StatusCode::BAD_REQUEST, "parameter 'service' is required");
    };
    let micros = |key: &str| query.get(key).and_then(|text| text.parse::<i64>().ok());
    let (start, end) = (micros("start").unwrap_or(i64::MIN), micros("end").unwrap_or(i64::MAX));
    let limit = query.get("limit").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_TRACE_LIMIT);
    let spans = lock(&spans);
    let matching = spans
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, span)| span.service == *service && (start..=end).contains(&span.start_micros));
    let matching: Vec<_> = matching.take(limit).map(|(at, span)| trace(at, span)).collect();
    let (total, data) = (matching.len(), matching);
    Json(json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null})).into_response()
}

async fn trace_by_id(State(spans): State<SharedSpans>, Path(id): Path<String>) -> Response {
    let spans = lock(&spans);
    let at = usize::from_str_radix(&id, 16).ok().and_then(|id| id.checked_sub(1));
    match at.and_then(|at| Some((at, spans.get(at)?))) {
        Some((at, span)) => list_response(vec![trace(at, span)]).into_response(),
        None => error_response(StatusCode::NOT_FOUND, "trace not found"),
    }
}

fn trace(at: usize, span: &StoredSpan) -> Value {
    let id = format!("{:032x}", at + 1);
    let tag = json!({"key": "http.route", "type": "string", "value": span.route});
    let span_json = json!({
        "traceID": id,
        "spanID": format!("{:016x}", at + 1),
        "operationName": span.operation,
        "references": [],
        "startTime": span.start_micros,
        "duration": span.duration_micros,
        "tags": [tag],
        "logs": [],
        "processID": "p1",
        "warnings": null,
    });
    let process = json!({"serviceName": span.service, "tags": []});
    json!({"traceID": id, "spans": [span_json], "processes": {"p1": process}, "warnings": null})
}
