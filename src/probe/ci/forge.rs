//! Checks of a commit as forges tell them: <https://docs.github.com/en/rest/checks/runs>,
//! <https://docs.github.com/en/rest/commits/statuses>, <https://docs.gitlab.com/api/commits/#list-commit-statuses>.

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::api::{Api, Reply};
use super::super::blind::{Blind, Fact};
use super::super::web::segment;
use super::{Check, State};

/// How many checks a page has.
const PAGE: &str = "100";
/// How many pages are read.
const PAGES: usize = 10;

/// A commit's checks; none if the forge does not know the commit.
type Checks = Fact<Option<Vec<Check>>>;

pub(super) fn github_path(project: &str) -> String {
    let project = project.split('/').map(segment).collect::<Vec<_>>().join("/");
    format!("/repos/{project}/commits/")
}

pub(super) fn gitlab_path(project: &str) -> String {
    format!("/api/v4/projects/{}/repository/commits/", segment(project))
}

pub(super) async fn github(api: &Api, project: &str, commit: &str) -> Checks {
    let path = format!("{}{commit}", github_path(project));
    let mut checks = Vec::new();
    for page in 1.. {
        let page = page_number(page)?;
        let query = [("per_page", PAGE), ("filter", "latest"), ("page", &page)];
        let reply = api.get(&format!("{path}/check-runs"), &query).await?;
        // That is how it says that it has no such commit.
        if reply.status == StatusCode::UNPROCESSABLE_ENTITY {
            return Ok(None);
        }
        let runs: Runs = read(&reply, "GitHub")?;
        let last = runs.check_runs.is_empty();
        for run in runs.check_runs {
            if run.head_sha != commit {
                return Err(Blind::new(format!("GitHub answers with a check of {}", run.head_sha)));
            }
            checks.push(run.into());
        }
        if last || checks.len() >= runs.total_count {
            break;
        }
    }
    let reply = api.get(&format!("{path}/status"), &[("per_page", PAGE)]).await?;
    let statuses: Statuses = read(&reply, "GitHub")?;
    checks.extend(statuses.statuses.into_iter().map(|status| check(status.context, &status.state)));
    Ok(Some(checks))
}

pub(super) async fn gitlab(api: &Api, project: &str, commit: &str) -> Checks {
    let path = format!("{}{commit}/statuses", gitlab_path(project));
    let mut checks = Vec::new();
    for page in 1.. {
        let page = page_number(page)?;
        let reply = api.get(&path, &[("per_page", PAGE), ("page", &page)]).await?;
        if reply.status == StatusCode::NOT_FOUND && reply.body.windows(6).any(|word| word == b"Commit") {
            return Ok(None);
        }
        let jobs: Vec<Job> = read(&reply, "GitLab")?;
        for job in jobs {
            if job.sha != commit {
                return Err(Blind::new(format!("GitLab answers with a job of {}", job.sha)));
            }
            checks.push(check(job.name, &job.status));
        }
        if reply.headers.get("x-next-page").is_none_or(reqwest::header::HeaderValue::is_empty) {
            break;
        }
    }
    Ok(Some(checks))
}

fn page_number(page: usize) -> Fact<String> {
    if page > PAGES {
        return Err(Blind::new(format!("the commit has more than {PAGES} pages of checks")));
    }
    Ok(page.to_string())
}

fn read<T: DeserializeOwned>(reply: &Reply, who: &str) -> Fact<T> {
    match reply.status {
        StatusCode::NOT_FOUND => {
            Err(Blind::new("there is no such project, or these credentials may not see it (404)"))
        }
        _ => serde_json::from_value(reply.json()?)
            .map_err(|error| Blind::new(format!("the answer is in no form that {who} documents: {error}"))),
    }
}

#[derive(Deserialize)]
struct Runs {
    total_count: usize,
    check_runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    name: String,
    head_sha: String,
    status: String,
    conclusion: Option<String>,
}

#[derive(Deserialize)]
struct Statuses {
    statuses: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    state: String,
}

#[derive(Deserialize)]
struct Job {
    name: String,
    sha: String,
    status: String,
}

impl From<Run> for Check {
    fn from(run: Run) -> Self {
        check(run.name, &run.conclusion.unwrap_or(run.status))
    }
}

/// The words of both forges for what a check came to. One that is not known is no success.
fn check(name: String, word: &str) -> Check {
    let state = match word {
        "success" => State::Passed,
        "skipped" | "neutral" | "manual" => State::Skipped,
        "queued"
        | "in_progress"
        | "pending"
        | "running"
        | "created"
        | "waiting"
        | "requested"
        | "waiting_for_resource"
        | "preparing"
        | "scheduled" => State::Running,
        _ => State::Failed,
    };
    Check { name, state, told: word.replace('_', " ") }
}
