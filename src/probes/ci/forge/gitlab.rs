//! GitLab: <https://docs.gitlab.com/api/commits/#list-commit-statuses>, and the jobs of downstream pipelines, which are
//! not among them: <https://docs.gitlab.com/api/jobs/#list-all-trigger-jobs-for-a-pipeline>.

use std::collections::BTreeSet;

use reqwest::header::{HeaderMap, LINK};
use serde::Deserialize;

use super::{CommitChecks, ForgeAnswer, PAGE_SIZE, check, get, no_project, page_number, read};
use crate::probes::api_client::ApiClient;
use crate::probes::ci::{CiCheck, CiState};
use crate::probes::error::{ProbeError, ProbeResult};
use crate::probes::http_client::segment;
use gonogo_core::text;

/// Where the API is.
const API: &str = "https://HOST, without /api/v4";
/// The maximum number of pipelines whose downstream pipelines are searched.
const MAX_PIPELINES: usize = 10;

/// The path of a project.
fn project_path(project: &str) -> String {
    format!("/api/v4/projects/{}", segment(project))
}

/// The path of a project's commits.
pub(in crate::probes::ci) fn path(project: &str) -> String {
    format!("{}/repository/commits/", project_path(project))
}

/// A commit's jobs and statuses; none if GitLab does not know the commit. Of a job that was retried, only the last
/// run is listed.
pub(in crate::probes::ci) async fn checks(
    api: &ApiClient,
    project: &str,
    commit: &str,
    required: &[String],
) -> ProbeResult<Option<CommitChecks>> {
    let path = format!("{}{commit}/statuses", path(project));
    let mut found = CommitChecks::default();
    let mut pipelines = BTreeSet::new();
    for page in 1.. {
        let page = page_number(page)?;
        let reply = match get(api, &path, &[("per_page", PAGE_SIZE), ("page", &page)]).await? {
            ForgeAnswer::Found(reply) => reply,
            ForgeAnswer::Refused(why) => return Err(why),
            ForgeAnswer::Missing(reply) if reply.body.windows(6).any(|word| word == b"Commit") => {
                return Ok(None);
            }
            ForgeAnswer::Missing(reply) => return Err(no_project(&reply, API)),
        };
        let jobs: Vec<CommitJob> = read(&reply, "GitLab")?;
        for job in jobs {
            if job.sha != commit {
                return Err(ProbeError::new(format!("GitLab returned a job of {}", job.sha)));
            }
            pipelines.extend(job.pipeline_id);
            found.checks.push(job.job.into());
        }
        if !has_more(&reply.headers) {
            break;
        }
    }
    Downstream { api, commit, required }.search(project, pipelines, &mut found).await?;
    Ok(Some(found))
}

/// Whether there is another page: by either of GitLab's headers.
fn has_more(headers: &HeaderMap) -> bool {
    let has_number = headers.get("x-next-page").is_some_and(|page| !page.is_empty());
    let links = headers.get_all(LINK).iter().filter_map(|link| link.to_str().ok());
    has_number || links.into_iter().any(|link| link.contains("rel=\"next\""))
}

/// The search through the pipelines that a commit's pipelines have triggered.
struct Downstream<'a> {
    api: &'a ApiClient,
    commit: &'a str,
    required: &'a [String],
}

impl Downstream<'_> {
    /// Adds the results of downstream pipelines. A trigger job succeeds as soon as it has triggered, unless it waits.
    async fn search(
        &self,
        project: &str,
        pipelines: BTreeSet<u64>,
        found: &mut CommitChecks,
    ) -> ProbeResult<()> {
        let mut left: Vec<_> = pipelines.into_iter().map(|id| (project_path(project), id)).collect();
        let mut searched = 0;
        while let Some((project, id)) = left.pop() {
            searched += 1;
            if searched > MAX_PIPELINES {
                let rest = text::count(left.len() + 1, "pipeline");
                found.gaps.push(format!(
                    "downstream pipelines of {rest} more (at most {MAX_PIPELINES} are searched)"
                ));
                return Ok(());
            }
            let path = format!("{project}/pipelines/{id}/bridges");
            let Some(bridges) = self.list::<Bridge>(&path, found).await? else { continue };
            for bridge in bridges {
                let Some(triggered) = bridge.downstream_pipeline else { continue };
                found.checks.push(triggered.check(bridge.name));
                // A pipeline of another project is of another commit.
                if triggered.sha == self.commit {
                    let project = project_path(&triggered.project_id.to_string());
                    self.add_jobs(&project, triggered.id, found).await?;
                    left.push((project, triggered.id));
                }
            }
        }
        Ok(())
    }

    /// Adds the jobs of a pipeline, where a required one has not been found.
    async fn add_jobs(&self, project: &str, id: u64, found: &mut CommitChecks) -> ProbeResult<()> {
        let is_found = |name: &String| found.checks.iter().any(|check| check.name == *name);
        if self.required.iter().all(is_found) {
            return Ok(());
        }
        let path = format!("{project}/pipelines/{id}/jobs");
        let jobs = self.list::<Job>(&path, found).await?;
        found.checks.extend(jobs.into_iter().flatten().map(CiCheck::from));
        Ok(())
    }

    /// All of a list; none if these credentials may not see it.
    async fn list<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        found: &mut CommitChecks,
    ) -> ProbeResult<Option<Vec<T>>> {
        let mut list = Vec::new();
        for page in 1.. {
            let page = page_number(page)?;
            let reply = match get(self.api, path, &[("per_page", PAGE_SIZE), ("page", &page)]).await? {
                ForgeAnswer::Found(reply) => reply,
                ForgeAnswer::Refused(why) => {
                    found.gaps.push(format!("downstream pipelines, {path}: {why}"));
                    return Ok(None);
                }
                ForgeAnswer::Missing(_) => {
                    found.gaps.push(format!(
                        "downstream pipelines, {path}: not found, or no permission to read it (404)"
                    ));
                    return Ok(None);
                }
            };
            list.extend(read::<Vec<T>>(&reply, "GitLab")?);
            if !has_more(&reply.headers) {
                break;
            }
        }
        Ok(Some(list))
    }
}

#[derive(Deserialize)]
struct CommitJob {
    sha: String,
    pipeline_id: Option<u64>,
    #[serde(flatten)]
    job: Job,
}

#[derive(Deserialize)]
struct Job {
    name: String,
    status: String,
    allow_failure: Option<bool>,
}

/// A trigger job.
#[derive(Deserialize)]
struct Bridge {
    name: String,
    downstream_pipeline: Option<TriggeredPipeline>,
}

#[derive(Deserialize)]
struct TriggeredPipeline {
    id: u64,
    project_id: u64,
    sha: String,
    status: String,
}

impl From<Job> for CiCheck {
    fn from(job: Job) -> Self {
        let check = check(job.name, &job.status);
        if check.state == CiState::Failed && job.allow_failure == Some(true) {
            let detail = format!("{} (allow_failure: its pipeline can succeed all the same)", check.detail);
            return Self { detail, ..check };
        }
        check
    }
}

impl TriggeredPipeline {
    /// The result of the trigger job by what it has triggered.
    fn check(&self, name: String) -> CiCheck {
        let check = check(name, &self.status);
        CiCheck { detail: format!("{} (downstream pipeline {})", check.detail, self.id), ..check }
    }
}

#[cfg(test)]
mod tests {
    use gonogo_core::outcome::{Class, Outcome};
    use serde_json::json;

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use crate::probes::ci::judge;

    #[test]
    fn no_altered_list_passes_without_the_result_of_the_job() {
        let json = json!([{"sha": "c", "pipeline_id": 1, "name": "build", "status": "success", "allow_failure": false}]);
        GoodDocument { json, carriers: &["/0", "/0/sha", "/0/name", "/0/status"], maps: &[] }.check(
            |bytes| {
                let Ok(jobs) = serde_json::from_slice::<Vec<CommitJob>>(bytes) else { return Class::Error };
                let checks = jobs.into_iter().map(|job| job.job.into()).collect();
                Outcome::of(judge::judge(&["build".into()], &CommitChecks { checks, gaps: Vec::new() }), "")
                    .class
            },
        );
    }
}
