//! How an action ended, and what it printed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::outcome::Sha256Hex;

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// By itself, with this exit code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It never began, and why.
    NotStarted(String),
    /// Nobody can know, and why.
    Unknown(String),
}

impl Ended {
    /// Whether it went well.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Exit(0))
    }

    /// Whether it is known that nothing, or not all, was done.
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
            Self::NotStarted(why) => write!(f, "never began: {why}"),
            Self::Unknown(why) => write!(f, "interrupted, outcome unknown: {why}"),
        }
    }
}

/// Why an action was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It took longer than it may.
    Deadline,
    /// Its supervisor was told to stop it (SIGTERM): by a person, whose act stands before, or by the machine.
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

/// What an action printed: kept beside the log, secrets taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Sha256Hex,
    /// The file that they are kept in, relative to the log's directory.
    pub kept: String,
    /// The last lines of it.
    pub tail: String,
    /// Which secrets were taken out, and how often.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub redacted: BTreeMap<String, u64>,
}
