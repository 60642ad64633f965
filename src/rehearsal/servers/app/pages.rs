//! Health, readiness, metrics, and the headers of every answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::{Balanced, Faults, Shared, endpoints};

const HSTS: &str = "max-age=63072000; includeSubDomains; preload";
const CSP: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'";
const PERMISSIONS: &str = "camera=(), microphone=(), geolocation=()";

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/sse/activity", get(endpoints::stream))
        .route("/ws/boards/{board}", get(endpoints::socket))
        .layer(from_fn_with_state(Arc::clone(&shared), with_headers))
        .with_state(shared)
}

async fn health(
    State(shared): State<Arc<Shared>>,
    balanced: Option<Extension<Balanced>>,
    headers: HeaderMap,
) -> Response {
    let is_check = balanced.is_none() && !headers.contains_key(header::ORIGIN);
    if is_check && shared.faults().flaps && shared.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
        return (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response();
    }
    if shared.faults().unhealthy {
        return (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response();
    }
    Json(json!({"status": "ok"})).into_response()
}

async fn ready(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let ready = shared.is_ready() && !shared.faults().starting;
    let status = if ready { "ready" } else { "starting" };
    Json(json!({"status": status, "event_pipeline_ready": ready}))
}

async fn metrics(State(shared): State<Arc<Shared>>) -> String {
    shared.metrics.text()
}

async fn with_headers(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let origin =
        request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut response = next.run(request).await;
    let faults = shared.faults();
    let headers = response.headers_mut();
    secure(&faults, headers);
    if let Some(allowed) = origin.and_then(|origin| allowed(&shared, &faults, &origin)) {
        set(headers, "access-control-allow-origin", &allowed);
        set(headers, "vary", "Origin");
    }
    response
}

fn secure(faults: &Faults, headers: &mut HeaderMap) {
    set(headers, "strict-transport-security", faults.hsts.as_deref().unwrap_or(HSTS));
    if !faults.no_csp {
        set(headers, "content-security-policy", CSP);
    }
    if !faults.no_permissions {
        set(headers, "permissions-policy", PERMISSIONS);
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// What the answer to a page of this origin says that it lets in.
fn allowed(shared: &Shared, faults: &Faults, origin: &str) -> Option<String> {
    let listed = &shared.config.origins;
    if faults.any_origin {
        return Some("*".to_owned());
    }
    let fits = |good: &String| {
        if faults.origin_by_begin { origin.starts_with(good.as_str()) } else { origin == good }
    };
    (!faults.no_origin && listed.iter().any(fits)).then(|| origin.to_owned())
}
