//! What a forge tells of a commit's checks, in GitHub's shapes and in GitLab's:
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

use super::server::{Server, is_admitted};

/// A forge with one project.
#[derive(Debug)]
pub struct Forge {
    server: Server,
    state: Arc<Mutex<Project>>,
}

/// A project and what ran on its commits.
#[derive(Debug)]
pub struct Project {
    /// `owner/name`.
    pub name: String,
    /// What ran, by commit.
    pub commits: BTreeMap<String, Vec<Check>>,
    /// The commit that answers tell, where it is not the one that was asked for.
    pub told: Option<String>,
    /// The token that is asked for, if one is.
    pub token: Option<String>,
}

/// A check that ran, or still runs.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// In GitHub's words what it came to, `in_progress` while it has come to nothing.
    pub word: String,
}

impl Check {
    /// A check of this name that came to this.
    #[must_use]
    pub fn new(name: &str, word: &str) -> Self {
        Self { name: name.into(), word: word.into() }
    }
}

type Shared = State<Arc<Mutex<Project>>>;
type Paging = Query<BTreeMap<String, String>>;

impl Forge {
    /// Starts one with this project, of which no commit is known.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start(project: &str) -> io::Result<Self> {
        let project = Project { name: project.into(), commits: BTreeMap::new(), told: None, token: None };
        let state = Arc::new(Mutex::new(project));
        let server = Server::start(routes(&state))?;
        Ok(Self { server, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Changes what there is.
    pub fn set(&self, change: impl FnOnce(&mut Project)) {
        change(&mut lock(&self.state));
    }
}

fn lock(state: &Mutex<Project>) -> MutexGuard<'_, Project> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn routes(state: &Arc<Mutex<Project>>) -> Router {
    Router::new()
        .route("/repos/{owner}/{name}/commits/{commit}/check-runs", get(runs))
        .route("/repos/{owner}/{name}/commits/{commit}/status", get(status))
        .route("/api/v4/projects/{project}/repository/commits/{commit}/statuses", get(statuses))
        .route_layer(middleware::from_fn_with_state(Arc::clone(state), admit))
        .with_state(Arc::clone(state))
}

async fn admit(State(state): Shared, request: Request, next: Next) -> Response {
    let admitted = is_admitted(&request, lock(&state).token.as_deref());
    if admitted { next.run(request).await } else { told(StatusCode::UNAUTHORIZED, "Bad credentials") }
}

fn told(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

/// A page of a commit's checks, how many there are on all pages, and the commit that they are told to be of.
fn page(
    project: &Project,
    commit: &str,
    query: &BTreeMap<String, String>,
) -> Option<(Vec<Check>, usize, String)> {
    let number =
        |key: &str, otherwise| query.get(key).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (size, at): (usize, usize) = (number("per_page", 30).min(100), number("page", 1));
    let checks = project.commits.get(commit)?;
    let of = checks.iter().skip(size * at.saturating_sub(1)).take(size).cloned().collect();
    Some((of, checks.len(), project.told.clone().unwrap_or_else(|| commit.to_owned())))
}

async fn runs(
    State(state): Shared,
    Path((owner, name, commit)): Path<(String, String, String)>,
    Query(query): Paging,
) -> Response {
    let project = lock(&state);
    if project.name != format!("{owner}/{name}") {
        return told(StatusCode::NOT_FOUND, "Not Found");
    }
    let Some((checks, total, commit)) = page(&project, &commit, &query) else {
        return told(StatusCode::UNPROCESSABLE_ENTITY, &format!("No commit found for SHA: {commit}"));
    };
    let run = |check: Check| {
        let runs = matches!(check.word.as_str(), "queued" | "in_progress");
        let (status, conclusion) =
            if runs { (check.word.as_str(), Value::Null) } else { ("completed", check.word.as_str().into()) };
        json!({"name": check.name, "head_sha": commit, "status": status, "conclusion": conclusion})
    };
    let runs: Vec<_> = checks.into_iter().map(run).collect();
    Json(json!({"total_count": total, "check_runs": runs})).into_response()
}

async fn status(Path((_, _, commit)): Path<(String, String, String)>) -> Json<Value> {
    Json(json!({"state": "pending", "sha": commit, "total_count": 0, "statuses": []}))
}

async fn statuses(
    State(state): Shared,
    Path((path, commit)): Path<(String, String)>,
    Query(query): Paging,
) -> Response {
    let project = lock(&state);
    if project.name != path {
        return told(StatusCode::NOT_FOUND, "404 Project Not Found");
    }
    let Some((checks, total, commit)) = page(&project, &commit, &query) else {
        return told(StatusCode::NOT_FOUND, "404 Commit Not Found");
    };
    let word = |word: &str| match word {
        "failure" => "failed".to_owned(),
        "in_progress" => "running".to_owned(),
        other => other.to_owned(),
    };
    let read: usize = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let size: usize = query.get("per_page").and_then(|size| size.parse().ok()).unwrap_or(20);
    let next = if read * size < total { (read + 1).to_string() } else { String::new() };
    let jobs: Vec<_> = checks
        .into_iter()
        .map(|check| json!({"name": check.name, "sha": commit, "status": word(&check.word), "allow_failure": false}))
        .collect();
    ([("x-next-page", next)], Json(Value::Array(jobs))).into_response()
}
