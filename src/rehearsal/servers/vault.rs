//! The part of Vault's API that reads secrets of a key-value store, version 2, mounted at `secret`:
//! <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::server::Server;

/// A store with one token that may read all of it.
#[derive(Debug)]
pub struct Vault {
    server: Server,
    state: Shared,
}

#[derive(Debug)]
struct Contents {
    token: String,
    /// The versions of each secret: when it was made, and what it is.
    secrets: BTreeMap<String, Vec<(jiff::Timestamp, Value)>>,
}

type Shared = Arc<Mutex<Contents>>;

impl Vault {
    /// Starts an empty one.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start(token: &str) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(Contents { token: token.to_owned(), secrets: BTreeMap::new() }));
        let routes = Router::new()
            .route("/v1/secret/metadata/{*path}", get(metadata))
            .route("/v1/secret/data/{*path}", get(data))
            .fallback(|| async { told(StatusCode::NOT_FOUND, &["no handler for route"]) })
            .method_not_allowed_fallback(|| async {
                told(StatusCode::METHOD_NOT_ALLOWED, &["unsupported operation"])
            })
            .layer(middleware::from_fn_with_state(Arc::clone(&state), admit))
            .with_state(Arc::clone(&state));
        Ok(Self { server: Server::start(routes)?, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Writes a new version of a secret, as of a time.
    pub fn put(&self, path: &str, value: Value, made: jiff::Timestamp) {
        lock(&self.state).secrets.entry(path.to_owned()).or_default().push((made, value));
    }

    /// Forgets all versions of a secret.
    pub fn forget(&self, path: &str) {
        lock(&self.state).secrets.remove(path);
    }
}

fn lock(state: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn told(status: StatusCode, errors: &[&str]) -> Response {
    (status, Json(json!({"errors": errors}))).into_response()
}

async fn admit(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let given = request.headers().get("x-vault-token").and_then(|value| value.to_str().ok());
    let admitted = given == Some(lock(&state).token.as_str());
    if admitted { next.run(request).await } else { told(StatusCode::FORBIDDEN, &["permission denied"]) }
}

fn about(version: usize, made: &jiff::Timestamp) -> Value {
    json!({"created_time": made.to_string(), "deletion_time": "", "destroyed": false, "version": version})
}

async fn metadata(State(state): State<Shared>, Path(path): Path<String>) -> Response {
    let state = lock(&state);
    let Some(versions) = state.secrets.get(&path) else { return told(StatusCode::NOT_FOUND, &[]) };
    let all = versions.iter().enumerate().map(|(at, (made, _))| ((at + 1).to_string(), about(at + 1, made)));
    let all: Map<String, Value> = all.collect();
    let told = json!({"current_version": versions.len(), "oldest_version": 1, "versions": all});
    Json(json!({"data": told})).into_response()
}

async fn data(State(state): State<Shared>, Path(path): Path<String>) -> Response {
    let state = lock(&state);
    let newest = state.secrets.get(&path).and_then(|versions| Some((versions.len(), versions.last()?)));
    let Some((version, (made, value))) = newest else { return told(StatusCode::NOT_FOUND, &[]) };
    Json(json!({"data": {"data": value, "metadata": about(version, made)}})).into_response()
}
