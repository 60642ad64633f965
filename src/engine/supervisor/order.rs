//! What a supervisor is told to do. It comes by a pipe: it holds secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Files;

/// What is to be run, and how.
#[derive(Serialize, Deserialize)]
pub struct Order {
    /// Where its files are.
    pub files: Files,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The directory that it runs in.
    pub cwd: Option<PathBuf>,
    /// Environment variables, secrets among them.
    pub env: BTreeMap<String, Zeroizing<String>>,
    /// How long it may take, in milliseconds.
    pub deadline_ms: u64,
    /// How long it has to end once it was asked to, in milliseconds.
    pub grace_ms: u64,
    /// What is taken out of what it prints: the rule, and the secret in one of its spellings.
    pub needles: Vec<(String, Zeroizing<String>)>,
}
