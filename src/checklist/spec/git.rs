//! What a git probe is asked to look at.

use serde::{Deserialize, Serialize};

/// A git checkout: its tag must name the release commit, and its work tree must be clean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// The checkout's directory.
    pub repository: String,
    /// The release's tag.
    pub tag: String,
    /// The release commit, or the first 7 or more digits of it; what is checked out unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}
