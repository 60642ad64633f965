//! The part of Jaeger's query API that its own page asks: services, and traces of one.
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
use super::server::Server;

/// How many traces are told unless more are asked for.
const LIMIT: usize = 20;

/// A Jaeger with the spans that it is told of.
#[derive(Debug)]
pub struct Jaeger {
    server: Server,
    spans: Shared,
}

/// A span; each is a trace of its own.
#[derive(Clone, Debug)]
pub struct Span {
    /// Whose it is.
    pub service: String,
    /// `GET /ws/boards/{board}`.
    pub operation: String,
    /// What `http.route` says.
    pub route: String,
    /// When it began, in microseconds since the Unix epoch.
    pub begun: i64,
    /// How long it took, in microseconds.
    pub took: i64,
}

type Shared = Arc<Mutex<Vec<Span>>>;

impl Jaeger {
    /// Starts one that knows of nothing.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start() -> io::Result<Self> {
        let spans = Shared::default();
        let routes = Router::new()
            .route("/api/services", get(services))
            .route("/api/traces", get(traces))
            .route("/api/traces/{id}", get(one))
            .with_state(Arc::clone(&spans));
        Ok(Self { server: Server::start(routes)?, spans })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Takes in a span.
    pub fn tell(&self, span: Span) {
        lock(&self.spans).push(span);
    }

    /// Takes in spans from wherever they are handed on.
    #[must_use]
    pub fn taker(&self) -> Arc<dyn Fn(Span) + Send + Sync> {
        let spans = Arc::clone(&self.spans);
        Arc::new(move |span| lock(&spans).push(span))
    }

    /// Takes in the spans of a service as the application tells them.
    #[must_use]
    pub fn of_service(&self, service: &str) -> OnSpan {
        let (spans, service) = (Arc::clone(&self.spans), service.to_owned());
        Arc::new(move |operation, route, begun, took| {
            let (operation, route) = (operation.to_owned(), route.to_owned());
            lock(&spans).push(Span { service: service.clone(), operation, route, begun, took });
        })
    }
}

fn lock(spans: &Mutex<Vec<Span>>) -> MutexGuard<'_, Vec<Span>> {
    spans.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without data there is none: `null`, not an empty list.
fn listed(all: Vec<Value>) -> Json<Value> {
    let (total, data) = (all.len(), if all.is_empty() { Value::Null } else { Value::Array(all) });
    Json(json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null}))
}

fn refused(status: StatusCode, message: &str) -> Response {
    let errors = json!([{"code": status.as_u16(), "msg": message}]);
    let body = json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": errors});
    (status, Json(body)).into_response()
}

async fn services(State(spans): State<Shared>) -> Json<Value> {
    let names: BTreeSet<_> = lock(&spans).iter().map(|span| span.service.clone()).collect();
    listed(names.into_iter().map(Value::String).collect())
}

async fn traces(State(spans): State<Shared>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let Some(service) = query.get("service") else {
        return refused(StatusCode::BAD_REQUEST, "parameter 'service' is required");
    };
    let micros = |key: &str| query.get(key).and_then(|text| text.parse::<i64>().ok());
    let (start, end) = (micros("start").unwrap_or(i64::MIN), micros("end").unwrap_or(i64::MAX));
    let limit = query.get("limit").and_then(|text| text.parse().ok()).unwrap_or(LIMIT);
    let spans = lock(&spans);
    let found = spans
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, span)| span.service == *service && (start..=end).contains(&span.begun));
    let found: Vec<_> = found.take(limit).map(|(at, span)| trace(at, span)).collect();
    let (total, data) = (found.len(), found);
    Json(json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null})).into_response()
}

async fn one(State(spans): State<Shared>, Path(id): Path<String>) -> Response {
    let spans = lock(&spans);
    let at = usize::from_str_radix(&id, 16).ok().and_then(|id| id.checked_sub(1));
    match at.and_then(|at| Some((at, spans.get(at)?))) {
        Some((at, span)) => listed(vec![trace(at, span)]).into_response(),
        None => refused(StatusCode::NOT_FOUND, "trace not found"),
    }
}

fn trace(at: usize, span: &Span) -> Value {
    let id = format!("{:032x}", at + 1);
    let tag = json!({"key": "http.route", "type": "string", "value": span.route});
    let told = json!({
        "traceID": id,
        "spanID": format!("{:016x}", at + 1),
        "operationName": span.operation,
        "references": [],
        "startTime": span.begun,
        "duration": span.took,
        "tags": [tag],
        "logs": [],
        "processID": "p1",
        "warnings": null,
    });
    let process = json!({"serviceName": span.service, "tags": []});
    json!({"traceID": id, "spans": [told], "processes": {"p1": process}, "warnings": null})
}
