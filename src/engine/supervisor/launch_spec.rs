//! The launch spec of a supervisor. It is sent through a pipe, because it holds secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::SupervisorFiles;

/// What to run, and how.
#[derive(Serialize, Deserialize)]
pub struct LaunchSpec {
    /// Its files.
    pub files: SupervisorFiles,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The working directory.
    pub cwd: Option<PathBuf>,
    /// Environment variables, secrets among them.
    pub env: BTreeMap<String, Zeroizing<String>>,
    /// The deadline, in milliseconds.
    pub deadline_ms: u64,
    /// The time between SIGTERM and SIGKILL, in milliseconds.
    pub grace_ms: u64,
    /// What is redacted in the output: the rule, and the secret in one of its spellings.
    pub needles: Vec<(String, Zeroizing<String>)>,
}
