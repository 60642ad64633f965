//! The exit and the output of an action.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::outcome::Sha256Hex;

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It exited with this code.
    Exit(i32),
    /// A signal ended it.
    Signal(i32),
    /// It never started, and why.
    NotStarted(String),
    /// The outcome is unknown, and why.
    Unknown(String),
}

impl Ended {
    /// Whether it succeeded.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Exit(0))
    }

    /// Whether it certainly failed, in whole or in part.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        !self.is_good() && !matches!(self, Self::Unknown(_))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => write!(f, "ended by signal {number}"),
            Self::NotStarted(why) => write!(f, "did not start: {why}"),
            Self::Unknown(why) => write!(f, "interrupted, outcome unknown: {why}"),
        }
    }
}

/// Why gonogo ended an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It exceeded its deadline.
    Deadline,
    /// Its supervisor received SIGTERM: from a person, with an entry before this one, or from the machine.
    Stopped,
}

impl fmt::Display for Cause {
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
pub struct Output {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Sha256Hex,
    /// The file, relative to the log's directory.
    pub kept: String,
    /// Its last lines.
    pub tail: String,
    /// How often each secret was redacted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub redacted: BTreeMap<String, u64>,
}
