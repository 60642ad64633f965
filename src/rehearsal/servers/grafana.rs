//! A Grafana: the part of its HTTP API for health, dashboards and data sources.
//! <https://grafana.com/docs/grafana/latest/developers/http_api/>.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::server::{LoopbackServer, has_bearer_token};

/// A running Grafana.
#[derive(Debug)]
pub struct GrafanaServer {
    server: LoopbackServer,
    state: Arc<Mutex<GrafanaContents>>,
}

/// The state that requests are answered from.
#[derive(Debug)]
pub struct GrafanaContents {
    /// The state of the database that `/api/health` reports; `ok` if it is healthy.
    pub database: String,
    /// Dashboards, by uid.
    pub dashboards: BTreeMap<String, Dashboard>,
    /// Data sources, by uid: the error of the health check, `None` if healthy.
    pub sources: BTreeMap<String, Option<String>>,
    /// The bearer token that is required, if any.
    pub token: Option<String>,
}

/// A dashboard with one panel for each of its data sources.
#[derive(Clone, Debug, Default)]
pub struct Dashboard {
    /// Its title.
    pub title: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The uids of its data sources.
    pub sources: Vec<String>,
}

type SharedGrafana = State<Arc<Mutex<GrafanaContents>>>;

impl GrafanaServer {
    /// Starts a Grafana that is healthy and empty.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start() -> io::Result<Self> {
        let (dashboards, sources) = (BTreeMap::new(), BTreeMap::new());
        let contents = GrafanaContents { database: "ok".into(), dashboards, sources, token: None };
        let state = Arc::new(Mutex::new(contents));
        let server = LoopbackServer::start(routes(&state))?;
        Ok(Self { server, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// From now on, requests are accepted and never answered.
    pub fn stop_responding(&self) {
        self.server.stop_responding();
    }

    /// Changes its contents.
    pub fn update(&self, change: impl FnOnce(&mut GrafanaContents)) {
        change(&mut lock(&self.state));
    }
}

fn lock(state: &Mutex<GrafanaContents>) -> MutexGuard<'_, GrafanaContents> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn routes(state: &Arc<Mutex<GrafanaContents>>) -> Router {
    Router::new()
        .route("/api/search", get(search))
        .route("/api/dashboards/uid/{uid}", get(dashboard))
        .route("/api/datasources/uid/{uid}/health", get(source_health))
        .route_layer(middleware::from_fn_with_state(Arc::clone(state), require_token))
        // Health requires no token.
        .route("/api/health", get(health))
        .with_state(Arc::clone(state))
}

async fn require_token(State(state): SharedGrafana, request: Request, next: Next) -> Response {
    let admitted = has_bearer_token(&request, lock(&state).token.as_deref());
    if admitted {
        next.run(request).await
    } else {
        message_response(StatusCode::UNAUTHORIZED, "Invalid API key")
    }
}

fn message_response(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

async fn health(State(state): SharedGrafana) -> Response {
    let database = lock(&state).database.clone();
    let status = if database == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"commit": "0", "database": database, "version": "11.2.0"}))).into_response()
}

async fn search(State(state): SharedGrafana, Query(query): Query<BTreeMap<String, String>>) -> Json<Value> {
    let state = lock(&state);
    let tag = query.get("tag");
    let matching =
        state.dashboards.iter().filter(|(_, dashboard)| tag.is_none_or(|tag| dashboard.tags.contains(tag)));
    let one = |(uid, dashboard): (&String, &Dashboard)| json!({"uid": uid, "title": dashboard.title, "type": "dash-db", "tags": dashboard.tags});
    Json(matching.map(one).collect())
}

async fn dashboard(State(state): SharedGrafana, Path(uid): Path<String>) -> Response {
    let state = lock(&state);
    let Some(contents) = state.dashboards.get(&uid) else {
        return message_response(StatusCode::NOT_FOUND, "Dashboard not found");
    };
    let source =
        |uid: &String| json!({"type": "timeseries", "datasource": {"type": "prometheus", "uid": uid}});
    let panels: Vec<_> = contents.sources.iter().map(source).collect();
    let dashboard = json!({"uid": uid, "title": contents.title, "tags": contents.tags, "panels": panels});
    Json(json!({"meta": {"slug": uid}, "dashboard": dashboard})).into_response()
}

async fn source_health(State(state): SharedGrafana, Path(uid): Path<String>) -> Response {
    match lock(&state).sources.get(&uid) {
        None => message_response(StatusCode::NOT_FOUND, "Data source not found"),
        Some(None) => Json(json!({"status": "OK", "message": "Successfully queried the Prometheus API."}))
            .into_response(),
        Some(Some(error)) => {
            (StatusCode::BAD_REQUEST, Json(json!({"status": "ERROR", "message": error}))).into_response()
        }
    }
}
