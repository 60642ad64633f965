//! The probe of continuous integration: its result for the commit that the release's tag names.

mod forge;
mod judge;
mod junit;

use self::forge::CommitChecks;
use super::api_client::ApiClient;
use super::deadline::Deadline;
use super::error::ProbeResult;
use super::{curl, git};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{self, CiSource, CiSpec};
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text::shell_word;

/// A check and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CiCheck {
    name: String,
    state: CiState,
    /// The forge's own word for its state.
    detail: String,
}

/// From the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum CiState {
    Passed,
    Skipped,
    Running,
    Failed,
}

pub(super) async fn run(spec: &CiSpec, deadline: &Deadline, secret_store: &SecretStore) -> Outcome {
    let what = format!("commit of tag {}", spec.tag);
    let expected = "a commit";
    let seen = match git::tagged(&spec.repository, &spec.tag, secret_store.permit(), deadline).await {
        Ok(Some(commit)) => {
            let mut seen = vec![Observation::new(what, expected, &commit, true)];
            seen.extend(of_commit(spec, &commit, deadline, secret_store).await);
            seen
        }
        Ok(None) => {
            let message =
                git::missing_tag(&spec.repository, &spec.tag, secret_store.permit(), deadline).await;
            vec![Observation::new(what, expected, message, false)]
        }
        Err(why) => vec![Observation::unknown(what, expected, why)],
    };
    Outcome::of(seen, reproduce(spec))
}

async fn of_commit(
    spec: &CiSpec,
    commit: &str,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> Vec<Observation> {
    let api = async || ApiClient::new(&api(spec), deadline, secret_store).await;
    match &spec.source {
        CiSource::JUnit(file) => junit::run(&file.report, commit, deadline).await,
        CiSource::GitHub(forge) => {
            let checks = async { forge::github::checks(&api().await?, &forge.project, commit).await };
            judge_source("GitHub", &forge.checks, checks.await)
        }
        CiSource::GitLab(forge) => {
            let checks =
                async { forge::gitlab::checks(&api().await?, &forge.project, commit, &forge.checks).await };
            judge_source("GitLab", &forge.checks, checks.await)
        }
    }
}

fn judge_source(
    who: &str,
    required: &[String],
    checks: ProbeResult<Option<CommitChecks>>,
) -> Vec<Observation> {
    let expected = "known, with checks";
    match checks {
        Ok(Some(checks)) => judge::judge(required, &checks),
        Ok(None) => {
            vec![Observation::new(format!("commit at {who}"), expected, "unknown commit", false)]
        }
        Err(why) => vec![Observation::unknown(format!("commit at {who}"), expected, why)],
    }
}

/// Where the forge's API is.
fn api(spec: &CiSpec) -> spec::ApiSpec {
    let public = match &spec.source {
        CiSource::GitHub(_) => "https://api.github.com",
        CiSource::GitLab(_) | CiSource::JUnit(_) => "https://gitlab.com",
    };
    let mut api = spec.api().cloned().unwrap_or_else(|| spec::ApiSpec::at(public));
    // GitLab's address is often given with the path of its API.
    if let (CiSource::GitLab(_), Some(base)) =
        (&spec.source, api.url.trim_end_matches('/').strip_suffix("/api/v4"))
    {
        api.url = base.to_owned();
    }
    api
}

fn reproduce(spec: &CiSpec) -> String {
    let command = |before: String, after: &str| {
        let commit = git::rev_parse(&spec.repository, &spec.tag);
        format!("commit=$({commit}) && {}\"$commit\"{}", curl::get(&api(spec), &before), shell_word(after))
    };
    match &spec.source {
        CiSource::GitHub(forge) => command(forge::github::path(&forge.project), "/check-runs?per_page=100"),
        CiSource::GitLab(forge) => command(forge::gitlab::path(&forge.project), "/statuses?per_page=100"),
        CiSource::JUnit(file) => format!(
            "grep -rho '<\\(testsuite\\|property\\|failure\\|error\\) [^>]*' {}",
            shell_word(&file.report)
        ),
    }
}
