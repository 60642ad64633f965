//! The exit and the output of an action.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::outcome::Sha256Hex;

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionExit {
    /// It exited with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It never started, and why.
    NotStarted(String),
    /// The outcome is unknown, and why.
    Unknown(String),
}

impl ActionExit {
    /// Whether it succeeded.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Code(0))
    }

    /// Whether it certainly failed, in whole or in part.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        !self.is_success() && !matches!(self, Self::Unknown(_))
    }
}

impl fmt::Display for ActionExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => write!(f, "ended by signal {number}"),
            Self::NotStarted(why) => write!(f, "did not start: {why}"),
            Self::Unknown(why) => write!(f, "interrupted, outcome unknown: {why}"),
        }
    }
}

/// Why gonogo ended an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopCause {
    /// It exceeded its deadline.
    Deadline,
    /// Its supervisor received SIGTERM: from a person, with an entry before this one, or from the machine.
    Stopped,
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "past its deadline",
            Self::Stopped => "stopped",
        })
    }
}

/// The output of an action, in a file next to the log, redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionOutput {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Sha256Hex,
    /// The file, relative to the log's directory.
    pub file: String,
    /// Its last lines.
    pub tail: String,
    /// How often each secret was redacted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub redacted: BTreeMap<String, u64>,
}
