//! The application's routes: health, readiness, metrics, and the headers of every response.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::{AppFaults, AppState, ViaLoadBalancer, endpoints};

const HSTS: &str = "max-age=63072000; includeSubDomains; preload";
const CSP: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'";
const PERMISSIONS_POLICY: &str = "camera=(), microphone=(), geolocation=()";

/// One of so many requests fails: of two tries with eight samples each, the first one has it.
const FLAP_PERIOD: u64 = 16;
/// How many requests fail at first: all samples of one try.
const LATE_REQUESTS: u64 = 8;

pub(super) fn routes(shared: Arc<AppState>) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/sse/activity", get(endpoints::sse_activity))
        .route("/ws/boards/{board}", get(endpoints::websocket))
        .layer(from_fn_with_state(Arc::clone(&shared), with_headers))
        .with_state(shared)
}

async fn health(
    State(shared): State<Arc<AppState>>,
    balanced: Option<Extension<ViaLoadBalancer>>,
    headers: HeaderMap,
) -> Response {
    let is_check = balanced.is_none() && !headers.contains_key(header::ORIGIN);
    let faults = shared.faults();
    if is_check && (faults.flapping_health || faults.late_health) {
        let before = shared.health_requests.fetch_add(1, Ordering::Relaxed);
        let flaps = faults.flapping_health && before.is_multiple_of(FLAP_PERIOD);
        if flaps || (faults.late_health && before < LATE_REQUESTS) {
            return (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response();
        }
    }
    if faults.unhealthy {
        return (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response();
    }
    Json(json!({"status": if faults.degraded { "degraded" } else { "ok" }})).into_response()
}

async fn ready(State(shared): State<Arc<AppState>>) -> Json<Value> {
    let request = shared.ready_requests.fetch_add(1, Ordering::Relaxed);
    let faults = shared.faults();
    let is_starting =
        faults.starting || faults.one_starting_replica_of.is_some_and(|replicas| request % replicas == 0);
    let ready = shared.is_ready() && !is_starting;
    let status = if ready { "ready" } else { "starting" };
    Json(json!({"status": status, "event_pipeline_ready": ready}))
}

async fn metrics(State(shared): State<Arc<AppState>>) -> Response {
    if shared.faults().no_telemetry {
        return (StatusCode::SERVICE_UNAVAILABLE, "telemetry disabled").into_response();
    }
    shared.metrics.text().into_response()
}

async fn with_headers(State(shared): State<Arc<AppState>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut faults = shared.faults();
    let is_balanced = request.extensions().get::<ViaLoadBalancer>().is_some();
    if is_balanced {
        pass_balancer(&mut request, &mut faults);
    }
    if is_balanced && faults.balancer_holds_streams && path == "/sse/activity" {
        return std::future::pending().await;
    }
    let origin =
        request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut response = if faults.fails_always {
        (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response()
    } else {
        next.run(request).await
    };
    shared.count_request(path, response.status());
    let headers = response.headers_mut();
    if !(is_balanced && faults.balancer_drops_headers) {
        set_security_headers(&faults, headers);
    }
    if faults.clock_behind != 0 {
        set_header(headers, "date", &date(faults.clock_behind));
    }
    if let Some(allowed) = origin.and_then(|origin| allowed_origin(&shared, &faults, &origin)) {
        set_header(headers, "access-control-allow-origin", &allowed);
        set_header(headers, "vary", "Origin");
    }
    if faults.echoes_origin {
        set_header(headers, "access-control-allow-credentials", "true");
    }
    response
}

/// The time by a clock that is so many seconds behind (RFC 9110, 6.6.1).
fn date(seconds_behind: i64) -> String {
    let now = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds_behind);
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    printer.timestamp_to_rfc9110_string(&now).unwrap_or_default()
}

/// What the load balancer does to a request and its response.
fn pass_balancer(request: &mut Request, faults: &mut AppFaults) {
    faults.allows_any_origin |= faults.balancer_allows_any_origin;
    if faults.balancer_has_no_websockets {
        request.headers_mut().remove(header::UPGRADE);
    }
    if faults.balancer_drops_query
        && let Ok(path) = request.uri().path().parse()
    {
        *request.uri_mut() = path;
    }
}

fn set_security_headers(faults: &AppFaults, headers: &mut HeaderMap) {
    set_header(headers, "strict-transport-security", faults.hsts.as_deref().unwrap_or(HSTS));
    if !faults.no_csp {
        set_header(headers, "content-security-policy", CSP);
    }
    if !faults.no_permissions_policy {
        set_header(headers, "permissions-policy", PERMISSIONS_POLICY);
    }
}

fn set_header(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The value of `Access-Control-Allow-Origin` for a request of this origin, if it is allowed.
fn allowed_origin(shared: &AppState, faults: &AppFaults, origin: &str) -> Option<String> {
    let allowed_origins = &shared.config.origins;
    if faults.allows_any_origin {
        return Some("*".to_owned());
    }
    if faults.echoes_origin || (faults.allows_null_origin && origin == "null") {
        return Some(origin.to_owned());
    }
    let matches_listed = |allowed: &String| {
        if faults.matches_origin_prefix { origin.starts_with(allowed.as_str()) } else { origin == allowed }
    };
    (!faults.allows_no_origin && allowed_origins.iter().any(matches_listed)).then(|| origin.to_owned())
}
