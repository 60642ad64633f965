//! The spec of the CI probe.

use serde::{Deserialize, Serialize};

use super::{ApiSpec, SecretRef};

/// The CI results for the commit of a tag.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CiSpec {
    /// The checkout with the tag.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The source of the results.
    pub source: CiSource,
}

/// The source of CI results.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CiSource {
    /// GitHub: check runs and commit statuses.
    GitHub(ForgeProject),
    /// GitLab: the commit statuses, including jobs and those of child pipelines.
    GitLab(ForgeProject),
    /// A `JUnit` report, as `pytest --junitxml` writes it.
    JUnit(JunitFile),
}

/// A project of a forge.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgeProject {
    /// `owner/name`, or a path with more groups at GitLab.
    pub project: String,
    /// The checks or jobs that run the suite: each must have succeeded.
    pub checks: Vec<String>,
    /// Its API; by default the public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ApiSpec>,
}

/// A report in a file, or several in a directory.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JunitFile {
    /// The file, or a directory with a report for each suite. A property of each holds the commit.
    pub report: String,
}

impl CiSpec {
    /// The API, if one is given.
    #[must_use]
    pub fn api(&self) -> Option<&ApiSpec> {
        match &self.source {
            CiSource::GitHub(forge) | CiSource::GitLab(forge) => forge.api.as_ref(),
            CiSource::JUnit(_) => None,
        }
    }

    /// Why it checks nothing, with the key that is wrong.
    #[must_use]
    pub(in crate::checklist) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        match &self.source {
            CiSource::GitHub(forge) | CiSource::GitLab(forge) if forge.checks.is_empty() => {
                Some(("source", "expected one or more `checks`: without any, nothing would be checked"))
            }
            _ => None,
        }
    }

    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        self.api().map(ApiSpec::secrets).unwrap_or_default()
    }
}
