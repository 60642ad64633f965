//! GitHub: <https://docs.github.com/en/rest/checks/runs>, <https://docs.github.com/en/rest/commits/statuses>.

use reqwest::StatusCode;
use serde::Deserialize;

use super::{CommitChecks, ForgeAnswer, PAGE_SIZE, check, get, no_project, page_number, read};
use crate::probes::api_client::ApiClient;
use crate::probes::ci::CiCheck;
use crate::probes::error::{ProbeError, ProbeResult};
use crate::probes::http_client::segment;

/// Where the API is.
const API: &str = "https://api.github.com or https://HOST/api/v3";

/// A kind of checks, as far as they may be seen.
enum Listing {
    Checks(Vec<CiCheck>),
    Refused(ProbeError),
    NoCommit,
}

/// The path of a project's commits.
pub(in crate::probes::ci) fn path(project: &str) -> String {
    let project = project.split('/').map(segment).collect::<Vec<_>>().join("/");
    format!("/repos/{project}/commits/")
}

/// A commit's check runs and statuses; none if GitHub does not know the commit. A fine-grained token may see one kind
/// only.
pub(in crate::probes::ci) async fn checks(
    api: &ApiClient,
    project: &str,
    commit: &str,
) -> ProbeResult<Option<CommitChecks>> {
    let path = format!("{}{commit}", path(project));
    let runs = check_runs(api, &path, commit).await?;
    if matches!(runs, Listing::NoCommit) {
        return Ok(None);
    }
    let statuses = statuses(api, &path, commit).await?;
    Ok(match (runs, statuses) {
        (Listing::Refused(why), Listing::Refused(_)) => return Err(why),
        (Listing::NoCommit, _) | (_, Listing::NoCommit) => None,
        (Listing::Checks(checks), Listing::Refused(why)) => {
            Some(CommitChecks { checks, gaps: vec![format!("commit statuses: {why}")] })
        }
        (Listing::Refused(why), Listing::Checks(checks)) => {
            Some(CommitChecks { checks, gaps: vec![format!("check runs: {why}")] })
        }
        (Listing::Checks(runs), Listing::Checks(statuses)) => {
            Some(CommitChecks { checks: [runs, statuses].concat(), gaps: Vec::new() })
        }
    })
}

async fn check_runs(api: &ApiClient, path: &str, commit: &str) -> ProbeResult<Listing> {
    let mut checks = Vec::new();
    for page in 1.. {
        let page = page_number(page)?;
        let query = [("per_page", PAGE_SIZE), ("filter", "latest"), ("page", &page)];
        let reply = match get(api, &format!("{path}/check-runs"), &query).await? {
            // GitHub's answer for a commit that it does not have.
            ForgeAnswer::Found(reply) if reply.status == StatusCode::UNPROCESSABLE_ENTITY => {
                return Ok(Listing::NoCommit);
            }
            ForgeAnswer::Found(reply) => reply,
            ForgeAnswer::Refused(why) => return Ok(Listing::Refused(why)),
            ForgeAnswer::Missing(reply) => return Err(no_project(&reply, API)),
        };
        let runs: CheckRuns = read(&reply, "GitHub")?;
        if runs.check_runs.is_empty() && checks.len() < runs.total_count {
            return Err(not_all(checks.len(), runs.total_count));
        }
        for run in runs.check_runs {
            if run.head_sha != commit {
                return Err(ProbeError::new(format!("GitHub returned a check of {}", run.head_sha)));
            }
            checks.push(run.into());
        }
        if checks.len() >= runs.total_count {
            break;
        }
    }
    Ok(Listing::Checks(checks))
}

/// The latest status of each context.
async fn statuses(api: &ApiClient, path: &str, commit: &str) -> ProbeResult<Listing> {
    let mut checks = Vec::new();
    for page in 1.. {
        let page = page_number(page)?;
        let query = [("per_page", PAGE_SIZE), ("page", &page)];
        let reply = match get(api, &format!("{path}/status"), &query).await? {
            ForgeAnswer::Found(reply) => reply,
            ForgeAnswer::Refused(why) => return Ok(Listing::Refused(why)),
            ForgeAnswer::Missing(reply) => return Err(no_project(&reply, API)),
        };
        let combined: CombinedStatus = read(&reply, "GitHub")?;
        if let Some(other) = combined.sha.filter(|sha| sha != commit) {
            return Err(ProbeError::new(format!("GitHub returned statuses of {other}")));
        }
        if combined.statuses.is_empty() && checks.len() < combined.total_count {
            return Err(not_all(checks.len(), combined.total_count));
        }
        checks.extend(combined.statuses.into_iter().map(|status| check(status.context, &status.state)));
        if checks.len() >= combined.total_count {
            break;
        }
    }
    Ok(Listing::Checks(checks))
}

fn not_all(listed: usize, counted: usize) -> ProbeError {
    ProbeError::new(format!("GitHub counts {counted} checks and lists {listed}"))
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
    sha: Option<String>,
    total_count: usize,
    statuses: Vec<CommitStatus>,
}

#[derive(Deserialize)]
struct CommitStatus {
    context: String,
    state: String,
}

impl From<CheckRun> for CiCheck {
    fn from(run: CheckRun) -> Self {
        match run.conclusion {
            Some(conclusion) if run.status == "completed" => check(run.name, &conclusion),
            None if run.status == "completed" => check(run.name, "completed without a conclusion"),
            _ => check(run.name, &run.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use gonogo_core::outcome::{Class, Outcome};
    use serde_json::json;

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use crate::probes::ci::judge;

    /// The class of one required check among these.
    fn class<T: Into<CiCheck>>(checks: Option<Vec<T>>) -> Class {
        let Some(checks) = checks else { return Class::Error };
        let checks = checks.into_iter().map(Into::into).collect();
        Outcome::of(judge::judge(&["build".into()], &CommitChecks { checks, gaps: Vec::new() }), "").class
    }

    #[test]
    fn no_altered_list_passes_without_the_result_of_the_check() {
        let run = json!({"name": "build", "head_sha": "c", "status": "completed", "conclusion": "success"});
        let json = json!({"total_count": 1, "check_runs": [run]});
        let carriers = ["name", "head_sha", "status", "conclusion"].map(|key| format!("/check_runs/0/{key}"));
        let mut carriers: Vec<_> = carriers.iter().map(String::as_str).collect();
        carriers.extend(["/total_count", "/check_runs"]);
        GoodDocument { json, carriers: &carriers, maps: &[] }.check(|bytes| {
            class(serde_json::from_slice::<CheckRuns>(bytes).ok().map(|runs| runs.check_runs))
        });
        let json =
            json!({"total_count": 1, "sha": "c", "statuses": [{"context": "build", "state": "success"}]});
        let carriers = ["/total_count", "/statuses", "/statuses/0/context", "/statuses/0/state"];
        GoodDocument { json, carriers: &carriers, maps: &[] }.check(|bytes| {
            let combined = serde_json::from_slice::<CombinedStatus>(bytes).ok();
            class(combined.map(|combined| {
                combined.statuses.into_iter().map(|status| check(status.context, &status.state)).collect()
            }))
        });
    }

    #[test]
    fn a_run_that_is_not_completed_has_no_result_yet() {
        let run = json!({"name": "build", "head_sha": "c", "status": "in_progress", "conclusion": "success"});
        let run: CheckRun = serde_json::from_value(run).unwrap();
        assert_eq!(class(Some(vec![run])), Class::Fail);
    }
}
