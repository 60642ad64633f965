//! The spec of the git probe.

use serde::{Deserialize, Serialize};

/// A git checkout: its tag must point to the release commit, and its work tree must be clean.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitSpec {
    /// The checkout's directory.
    pub repository: String,
    /// The release's tag.
    pub tag: String,
    /// The release commit, or its first 7 or more digits; by default the checked-out commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}
