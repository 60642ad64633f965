//! The spec of the CI probe.

use serde::{Deserialize, Serialize};

use super::{Api, SecretRef};

/// The CI results for the commit of a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ci {
    /// The checkout with the tag.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The source of the results.
    pub source: CiSource,
}

/// The source of CI results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CiSource {
    /// GitHub: check runs and commit statuses.
    GitHub(Forge),
    /// GitLab: the commit statuses, including jobs.
    GitLab(Forge),
    /// A `JUnit` report, as `pytest --junitxml` writes it.
    JUnit(JunitFile),
}

/// A project of a forge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forge {
    /// `owner/name`, or a path with more groups at GitLab.
    pub project: String,
    /// The checks or jobs that run the suite: each must have succeeded.
    pub checks: Vec<String>,
    /// Its API; by default the public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
}

/// A report in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JunitFile {
    /// The file. One of its properties holds the commit.
    pub report: String,
}

impl Ci {
    /// The API, if one is given.
    #[must_use]
    pub(crate) fn api(&self) -> Option<&Api> {
        match &self.source {
            CiSource::GitHub(forge) | CiSource::GitLab(forge) => forge.api.as_ref(),
            CiSource::JUnit(_) => None,
        }
    }

    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        self.api().map(Api::secrets).unwrap_or_default()
    }
}
