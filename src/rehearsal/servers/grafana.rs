//! The part of Grafana's HTTP API that tells of its health, of dashboards and of data sources:
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

use super::server::{Server, is_admitted};

/// A Grafana with dashboards and data sources.
#[derive(Debug)]
pub struct Grafana {
    server: Server,
    state: Arc<Mutex<Contents>>,
}

/// What there is.
#[derive(Debug)]
pub struct Contents {
    /// What its health says of its database.
    pub database: String,
    /// Dashboards, by uid.
    pub dashboards: BTreeMap<String, Dashboard>,
    /// Data sources, by uid: why one is not healthy, or none if it is.
    pub sources: BTreeMap<String, Option<String>>,
    /// The token that is asked for, if one is.
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

type Shared = State<Arc<Mutex<Contents>>>;

impl Grafana {
    /// Starts one that is healthy and empty.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start() -> io::Result<Self> {
        let (dashboards, sources) = (BTreeMap::new(), BTreeMap::new());
        let contents = Contents { database: "ok".into(), dashboards, sources, token: None };
        let state = Arc::new(Mutex::new(contents));
        let server = Server::start(routes(&state))?;
        Ok(Self { server, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// From now on takes requests and answers none.
    pub fn fall_silent(&self) {
        self.server.fall_silent();
    }

    /// Changes what there is.
    pub fn set(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut lock(&self.state));
    }
}

fn lock(state: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn routes(state: &Arc<Mutex<Contents>>) -> Router {
    Router::new()
        .route("/api/search", get(search))
        .route("/api/dashboards/uid/{uid}", get(dashboard))
        .route("/api/datasources/uid/{uid}/health", get(source))
        .route_layer(middleware::from_fn_with_state(Arc::clone(state), admit))
        // Health is for everybody.
        .route("/api/health", get(health))
        .with_state(Arc::clone(state))
}

async fn admit(State(state): Shared, request: Request, next: Next) -> Response {
    let admitted = is_admitted(&request, lock(&state).token.as_deref());
    if admitted { next.run(request).await } else { told(StatusCode::UNAUTHORIZED, "Invalid API key") }
}

fn told(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

async fn health(State(state): Shared) -> Response {
    let database = lock(&state).database.clone();
    let status = if database == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"commit": "0", "database": database, "version": "11.2.0"}))).into_response()
}

async fn search(State(state): Shared, Query(query): Query<BTreeMap<String, String>>) -> Json<Value> {
    let state = lock(&state);
    let tag = query.get("tag");
    let found =
        state.dashboards.iter().filter(|(_, dashboard)| tag.is_none_or(|tag| dashboard.tags.contains(tag)));
    let one = |(uid, dashboard): (&String, &Dashboard)| json!({"uid": uid, "title": dashboard.title, "type": "dash-db", "tags": dashboard.tags});
    Json(found.map(one).collect())
}

async fn dashboard(State(state): Shared, Path(uid): Path<String>) -> Response {
    let state = lock(&state);
    let Some(found) = state.dashboards.get(&uid) else {
        return told(StatusCode::NOT_FOUND, "Dashboard not found");
    };
    let source =
        |uid: &String| json!({"type": "timeseries", "datasource": {"type": "prometheus", "uid": uid}});
    let panels: Vec<_> = found.sources.iter().map(source).collect();
    let dashboard = json!({"uid": uid, "title": found.title, "tags": found.tags, "panels": panels});
    Json(json!({"meta": {"slug": uid}, "dashboard": dashboard})).into_response()
}

async fn source(State(state): Shared, Path(uid): Path<String>) -> Response {
    match lock(&state).sources.get(&uid) {
        None => told(StatusCode::NOT_FOUND, "Data source not found"),
        Some(None) => Json(json!({"status": "OK", "message": "Successfully queried the Prometheus API."}))
            .into_response(),
        Some(Some(why)) => {
            (StatusCode::BAD_REQUEST, Json(json!({"status": "ERROR", "message": why}))).into_response()
        }
    }
}
