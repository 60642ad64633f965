//! What the probe of continuous integration is asked to look at.

use serde::{Deserialize, Serialize};

use super::{Api, SecretRef};

/// What CI says of the commit that a tag names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ci {
    /// The checkout that has the tag.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// Who tells.
    pub source: CiSource,
}

/// Who tells what CI says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CiSource {
    /// GitHub: check runs and commit statuses.
    GitHub(Forge),
    /// GitLab: the statuses of a commit, its jobs among them.
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
    /// Where its API is and how it is asked, where that is not the public one.
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
    /// The API that is asked, where one is named.
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
