//! A forge: the checks of a commit, in the formats of GitHub's and GitLab's APIs.
//! <https://docs.github.com/en/rest/checks/runs>, <https://docs.gitlab.com/api/commits/>.

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

/// A running forge with one project.
#[derive(Debug)]
pub struct ForgeServer {
    server: LoopbackServer,
    state: Arc<Mutex<ForgeProject>>,
}

/// A project and the checks of its commits.
#[derive(Debug)]
pub struct ForgeProject {
    /// `owner/name`.
    pub name: String,
    /// The checks, by commit.
    pub commits: BTreeMap<String, Vec<ForgeCheck>>,
    /// The commit that responses name, if not the requested one.
    pub reported_commit: Option<String>,
    /// The bearer token that is required, if any.
    pub token: Option<String>,
}

/// A check: completed, running or queued.
#[derive(Clone, Debug)]
pub struct ForgeCheck {
    /// Its name.
    pub name: String,
    /// GitHub's conclusion, or `queued` or `in_progress` while there is none.
    pub conclusion: String,
}

impl ForgeCheck {
    /// A check with this name and conclusion.
    #[must_use]
    pub fn new(name: &str, conclusion: &str) -> Self {
        Self { name: name.into(), conclusion: conclusion.into() }
    }
}

type SharedForge = State<Arc<Mutex<ForgeProject>>>;
type PageParams = Query<BTreeMap<String, String>>;

impl ForgeServer {
    /// Starts a forge with this project, which has no commits.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start(project: &str) -> io::Result<Self> {
        let project = ForgeProject {
            name: project.into(),
            commits: BTreeMap::new(),
            reported_commit: None,
            token: None,
        };
        let state = Arc::new(Mutex::new(project));
        let server = LoopbackServer::start(routes(&state))?;
        Ok(Self { server, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Changes the project.
    pub fn update(&self, change: impl FnOnce(&mut ForgeProject)) {
        change(&mut lock(&self.state));
    }
}

fn lock(state: &Mutex<ForgeProject>) -> MutexGuard<'_, ForgeProject> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn routes(state: &Arc<Mutex<ForgeProject>>) -> Router {
    Router::new()
        .route("/repos/{owner}/{name}/commits/{commit}/check-runs", get(github_check_runs))
        .route("/repos/{owner}/{name}/commits/{commit}/status", get(github_status))
        .route("/api/v4/projects/{project}/repository/commits/{commit}/statuses", get(gitlab_statuses))
        .route_layer(middleware::from_fn_with_state(Arc::clone(state), require_token))
        .with_state(Arc::clone(state))
}

async fn require_token(State(state): SharedForge, request: Request, next: Next) -> Response {
    let admitted = has_bearer_token(&request, lock(&state).token.as_deref());
    if admitted {
        next.run(request).await
    } else {
        message_response(StatusCode::UNAUTHORIZED, "Bad credentials")
    }
}

fn message_response(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

/// A page of a commit's checks, their number on all pages, and the commit that the response names.
fn page(
    project: &ForgeProject,
    commit: &str,
    query: &BTreeMap<String, String>,
) -> Option<(Vec<ForgeCheck>, usize, String)> {
    let number = |key: &str, default| query.get(key).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (size, at): (usize, usize) = (number("per_page", 30).min(100), number("page", 1));
    let checks = project.commits.get(commit)?;
    let items = checks.iter().skip(size * at.saturating_sub(1)).take(size).cloned().collect();
    Some((items, checks.len(), project.reported_commit.clone().unwrap_or_else(|| commit.to_owned())))
}

async fn github_check_runs(
    State(state): SharedForge,
    Path((owner, name, commit)): Path<(String, String, String)>,
    Query(query): PageParams,
) -> Response {
    let project = lock(&state);
    if project.name != format!("{owner}/{name}") {
        return message_response(StatusCode::NOT_FOUND, "Not Found");
    }
    let Some((checks, total, commit)) = page(&project, &commit, &query) else {
        return message_response(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("No commit found for SHA: {commit}"),
        );
    };
    let run = |check: ForgeCheck| {
        let runs = matches!(check.conclusion.as_str(), "queued" | "in_progress");
        let (status, conclusion) = if runs {
            (check.conclusion.as_str(), Value::Null)
        } else {
            ("completed", check.conclusion.as_str().into())
        };
        json!({"name": check.name, "head_sha": commit, "status": status, "conclusion": conclusion})
    };
    let runs: Vec<_> = checks.into_iter().map(run).collect();
    Json(json!({"total_count": total, "check_runs": runs})).into_response()
}

async fn github_status(Path((_, _, commit)): Path<(String, String, String)>) -> Json<Value> {
    Json(json!({"state": "pending", "sha": commit, "total_count": 0, "statuses": []}))
}

async fn gitlab_statuses(
    State(state): SharedForge,
    Path((path, commit)): Path<(String, String)>,
    Query(query): PageParams,
) -> Response {
    let project = lock(&state);
    if project.name != path {
        return message_response(StatusCode::NOT_FOUND, "404 Project Not Found");
    }
    let Some((checks, total, commit)) = page(&project, &commit, &query) else {
        return message_response(StatusCode::NOT_FOUND, "404 Commit Not Found");
    };
    let gitlab_status = |conclusion: &str| match conclusion {
        "failure" => "failed".to_owned(),
        "in_progress" => "running".to_owned(),
        other => other.to_owned(),
    };
    let page_number: usize = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let size: usize = query.get("per_page").and_then(|size| size.parse().ok()).unwrap_or(20);
    let next = if page_number * size < total { (page_number + 1).to_string() } else { String::new() };
    let jobs: Vec<_> = checks
        .into_iter()
        .map(|check| json!({"name": check.name, "sha": commit, "status": gitlab_status(&check.conclusion), "allow_failure": false}))
        .collect();
    ([("x-next-page", next)], Json(Value::Array(jobs))).into_response()
}
