//! Checks of a commit as forges report them.

pub(super) mod github;
pub(super) mod gitlab;
mod rate_limit;
#[cfg(test)]
mod tests;

use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;

use super::super::api_client::{ApiClient, ApiResponse};
use super::super::error::{ProbeError, ProbeResult};
use super::{CiCheck, CiState};
use gonogo_core::text;

/// Checks on one page.
const PAGE_SIZE: &str = "100";
/// The maximum number of pages that are read.
const MAX_PAGES: usize = 10;
/// The longest page, in bytes: GitHub allows 64 KiB each for the summary and the text of a check.
const MAX_PAGE: usize = 16 << 20;

/// What a forge says about a commit.
#[derive(Debug, Default)]
pub(super) struct CommitChecks {
    pub(super) checks: Vec<CiCheck>,
    /// Where checks may be that could not be searched, and why.
    pub(super) gaps: Vec<String>,
}

/// A forge's answer.
enum ForgeAnswer {
    Found(ApiResponse),
    /// These credentials may not see it (403).
    Refused(ProbeError),
    /// There is no such object (404).
    Missing(ApiResponse),
}

/// Asks once. A project that was renamed or moved answers with a redirect, which is followed within the API.
async fn get(api: &ApiClient, path: &str, query: &[(&str, &str)]) -> ProbeResult<ForgeAnswer> {
    let url = api.url(path, query);
    let mut reply = api.send_up_to(api.request(Method::GET, url.clone()), MAX_PAGE).await?;
    if reply.status.is_redirection() {
        let location = reply.headers.get(LOCATION).and_then(|to| to.to_str().ok());
        let moved = location.and_then(|to| url.join(to).ok()).filter(|to| to.origin() == url.origin());
        if let Some(moved) = moved {
            reply = api.send_up_to(api.request(Method::GET, moved), MAX_PAGE).await?;
        }
    }
    if let Some(limited) = rate_limit::reached(reply.status, &reply.headers, &reply.reason()) {
        return Err(limited);
    }
    Ok(match reply.status {
        StatusCode::FORBIDDEN => ForgeAnswer::Refused(reply.error_of_status()),
        StatusCode::NOT_FOUND => ForgeAnswer::Missing(reply),
        _ => ForgeAnswer::Found(reply),
    })
}

fn read<T: DeserializeOwned>(reply: &ApiResponse, who: &str) -> ProbeResult<T> {
    if !reply.status.is_success() {
        return Err(reply.error_of_status());
    }
    serde_json::from_slice(&reply.body).map_err(|error| {
        if error.is_data() {
            return ProbeError::new(format!("not a response of the {who} API: {error}"));
        }
        ProbeError::new(format!("the response is not JSON: {}", reply.reason()))
    })
}

/// Why a project is missing: forges answer so to those who may not see it too.
fn no_project(reply: &ApiResponse, api: &str) -> ProbeError {
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&reply.body).is_ok();
    let hint = if is_json { String::new() } else { format!("; the API's address is {api}") };
    ProbeError::new(format!("no such project, or no permission to read it (404){hint}"))
}

fn page_number(page: usize) -> ProbeResult<String> {
    if page > MAX_PAGES {
        return Err(ProbeError::new(format!("the commit has more than {MAX_PAGES} pages of checks")));
    }
    Ok(page.to_string())
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
        | "waiting_for_callback"
        | "preparing"
        | "canceling"
        | "scheduled" => CiState::Running,
        _ => CiState::Failed,
    };
    CiCheck { name, state, detail: text::excerpt(word.replace('_', " ").as_bytes(), 80) }
}
