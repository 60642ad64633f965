//! A Vault: the part of its API that reads a key-value store, version 2, mounted at `secret`.
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

use super::server::LoopbackServer;

/// A running Vault with one token, which may read everything.
#[derive(Debug)]
pub struct VaultServer {
    server: LoopbackServer,
    state: SharedVault,
}

#[derive(Debug)]
struct VaultContents {
    token: String,
    /// The versions of each secret, by path: creation time and value.
    secrets: BTreeMap<String, Vec<(jiff::Timestamp, Value)>>,
}

type SharedVault = Arc<Mutex<VaultContents>>;

impl VaultServer {
    /// Starts an empty Vault that requires this token.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start(token: &str) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(VaultContents { token: token.to_owned(), secrets: BTreeMap::new() }));
        let routes = Router::new()
            .route("/v1/secret/metadata/{*path}", get(metadata))
            .route("/v1/secret/data/{*path}", get(data))
            .fallback(|| async { error_response(StatusCode::NOT_FOUND, &["no handler for route"]) })
            .method_not_allowed_fallback(|| async {
                error_response(StatusCode::METHOD_NOT_ALLOWED, &["unsupported operation"])
            })
            .layer(middleware::from_fn_with_state(Arc::clone(&state), require_token))
            .with_state(Arc::clone(&state));
        Ok(Self { server: LoopbackServer::start(routes)?, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Adds a version of a secret that was created at a time.
    pub fn put(&self, path: &str, value: Value, created: jiff::Timestamp) {
        lock(&self.state).secrets.entry(path.to_owned()).or_default().push((created, value));
    }

    /// Deletes all versions of a secret.
    pub fn delete(&self, path: &str) {
        lock(&self.state).secrets.remove(path);
    }
}

fn lock(state: &Mutex<VaultContents>) -> MutexGuard<'_, VaultContents> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn error_response(status: StatusCode, errors: &[&str]) -> Response {
    (status, Json(json!({"errors": errors}))).into_response()
}

async fn require_token(State(state): State<SharedVault>, request: Request, next: Next) -> Response {
    let token = request.headers().get("x-vault-token").and_then(|value| value.to_str().ok());
    let is_valid = token == Some(lock(&state).token.as_str());
    if is_valid {
        next.run(request).await
    } else {
        error_response(StatusCode::FORBIDDEN, &["permission denied"])
    }
}

fn version_metadata(version: usize, created: &jiff::Timestamp) -> Value {
    json!({"created_time": created.to_string(), "deletion_time": "", "destroyed": false, "version": version})
}

async fn metadata(State(state): State<SharedVault>, Path(path): Path<String>) -> Response {
    let state = lock(&state);
    let Some(versions) = state.secrets.get(&path) else { return error_response(StatusCode::NOT_FOUND, &[]) };
    let by_number = versions
        .iter()
        .enumerate()
        .map(|(at, (created, _))| ((at + 1).to_string(), version_metadata(at + 1, created)));
    let by_number: Map<String, Value> = by_number.collect();
    let data = json!({"current_version": versions.len(), "oldest_version": 1, "versions": by_number});
    Json(json!({"data": data})).into_response()
}

async fn data(State(state): State<SharedVault>, Path(path): Path<String>) -> Response {
    let state = lock(&state);
    let newest = state.secrets.get(&path).and_then(|versions| Some((versions.len(), versions.last()?)));
    let Some((version, (created, value))) = newest else { return error_response(StatusCode::NOT_FOUND, &[]) };
    Json(json!({"data": {"data": value, "metadata": version_metadata(version, created)}})).into_response()
}
