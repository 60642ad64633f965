//! The spec of the command probe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{JsonCheck, TextCheck, TextOrSecret};

/// A program, run without a shell, with the expected exit code and output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// The program and its arguments.
    #[serde(deserialize_with = "not_empty")]
    pub argv: Vec<String>,
    /// Its working directory; by default gonogo's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Environment variables in addition to gonogo's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, TextOrSecret>,
    /// The expected exit codes.
    #[serde(default = "success")]
    pub exit: Vec<i32>,
    /// Checks of its standard output as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stdout: Vec<TextCheck>,
    /// Checks of its standard output as JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonCheck>,
    /// Messages that mean an error instead of a failure, if the exit code is not an expected one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_patterns: Vec<ErrorPattern>,
}

fn success() -> Vec<i32> {
    vec![0]
}

fn not_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let argv = Vec::<String>::deserialize(from)?;
    match argv.first() {
        Some(program) if !program.is_empty() => Ok(argv),
        _ => Err(serde::de::Error::custom("expected a program and its arguments, found none")),
    }
}

/// A message that means that a program could not check something: a probe error, not a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorPattern {
    /// A part of its standard output or standard error.
    pub pattern: String,
    /// The meaning, and what to do.
    pub meaning: String,
}
