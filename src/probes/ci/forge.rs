//! Checks of a commit as forges report them: <https://docs.github.com/en/rest/checks/runs>,
//! <https://docs.github.com/en/rest/commits/statuses>, <https://docs.gitlab.com/api/commits/#list-commit-statuses>.

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::api_client::{ApiClient, ApiResponse};
use super::super::error::{ProbeError, ProbeResult};
use super::super::http_client::segment;
use super::{CiCheck, CiState};

/// Checks on one page.
const PAGE_SIZE: &str = "100";
/// The maximum number of pages that are read.
const MAX_PAGES: usize = 10;

/// A commit's checks; none if the forge does not know the commit.
type CommitChecks = ProbeResult<Option<Vec<CiCheck>>>;

pub(super) fn github_path(project: &str) -> String {
    let project = project.split('/').map(segment).collect::<Vec<_>>().join("/");
    format!("/repos/{project}/commits/")
}

pub(super) fn gitlab_path(project: &str) -> String {
    format!("/api/v4/projects/{}/repository/commits/", segment(project))
}

pub(super) async fn github(api: &ApiClient, project: &str, commit: &str) -> CommitChecks {
    let path = format!("{}{commit}", github_path(project));
    let mut checks = Vec::new();
    for page in 1.. {
        let page = page_number(page)?;
        let query = [("per_page", PAGE_SIZE), ("filter", "latest"), ("page", &page)];
        let reply = api.get(&format!("{path}/check-runs"), &query).await?;
        // GitHub's answer for a commit that it does not have.
        if reply.status == StatusCode::UNPROCESSABLE_ENTITY {
            return Ok(None);
        }
        let runs: CheckRuns = read(&reply, "GitHub")?;
        let last = runs.check_runs.is_empty();
        for run in runs.check_runs {
            if run.head_sha != commit {
                return Err(ProbeError::new(format!("GitHub answers with a check of {}", run.head_sha)));
            }
            checks.push(run.into());
        }
        if last || checks.len() >= runs.total_count {
            break;
        }
    }
    let reply = api.get(&format!("{path}/status"), &[("per_page", PAGE_SIZE)]).await?;
    let statuses: CombinedStatus = read(&reply, "GitHub")?;
    checks.extend(statuses.statuses.into_iter().map(|status| check(status.context, &status.state)));
    Ok(Some(checks))
}

pub(super) async fn gitlab(api: &ApiClient, project: &str, commit: &str) -> CommitChecks {
    let path = format!("{}{commit}/statuses", gitlab_path(project));
    let mut checks = Vec::new();
    for page in 1.. {
        let page = page_number(page)?;
        let reply = api.get(&path, &[("per_page", PAGE_SIZE), ("page", &page)]).await?;
        if reply.status == StatusCode::NOT_FOUND && reply.body.windows(6).any(|word| word == b"Commit") {
            return Ok(None);
        }
        let jobs: Vec<ForgeJob> = read(&reply, "GitLab")?;
        for job in jobs {
            if job.sha != commit {
                return Err(ProbeError::new(format!("GitLab answers with a job of {}", job.sha)));
            }
            checks.push(check(job.name, &job.status));
        }
        if reply.headers.get("x-next-page").is_none_or(reqwest::header::HeaderValue::is_empty) {
            break;
        }
    }
    Ok(Some(checks))
}

fn page_number(page: usize) -> ProbeResult<String> {
    if page > MAX_PAGES {
        return Err(ProbeError::new(format!("the commit has more than {MAX_PAGES} pages of checks")));
    }
    Ok(page.to_string())
}

fn read<T: DeserializeOwned>(reply: &ApiResponse, who: &str) -> ProbeResult<T> {
    match reply.status {
        StatusCode::NOT_FOUND => {
            Err(ProbeError::new("there is no such project, or these credentials may not see it (404)"))
        }
        _ => serde_json::from_value(reply.json()?).map_err(|error| {
            ProbeError::new(format!("the answer is in no form that {who} documents: {error}"))
        }),
    }
}

#[derive(Deserialize)]
struct CheckRuns {
    total_count: usize,
    check_runs: Vec<CheckRun>,
}

#[derive(Deserialize)]
struct CheckRun {
    name: String,
    head_sha: String,
    status: String,
    conclusion: Option<String>,
}

#[derive(Deserialize)]
struct CombinedStatus {
    statuses: Vec<CommitStatus>,
}

#[derive(Deserialize)]
struct CommitStatus {
    context: String,
    state: String,
}

#[derive(Deserialize)]
struct ForgeJob {
    name: String,
    sha: String,
    status: String,
}

impl From<CheckRun> for CiCheck {
    fn from(run: CheckRun) -> Self {
        check(run.name, &run.conclusion.unwrap_or(run.status))
    }
}

/// The states that both forges give a check. An unknown one is not a success.
fn check(name: String, word: &str) -> CiCheck {
    let state = match word {
        "success" => CiState::Passed,
        "skipped" | "neutral" | "manual" => CiState::Skipped,
        "queued"
        | "in_progress"
        | "pending"
        | "running"
        | "created"
        | "waiting"
        | "requested"
        | "waiting_for_resource"
        | "preparing"
        | "scheduled" => CiState::Running,
        _ => CiState::Failed,
    };
    CiCheck { name, state, told: word.replace('_', " ") }
}
