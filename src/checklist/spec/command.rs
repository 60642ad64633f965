//! What a probe that runs a program is asked to look at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{JsonCheck, TextCheck, Value};

/// A program that is run, without a shell, and what must hold of how it ends and what it prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments.
    #[serde(deserialize_with = "not_empty")]
    pub argv: Vec<String>,
    /// The directory that it runs in; that of gonogo unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Environment variables beside those that gonogo has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Value>,
    /// Exit codes that are right.
    #[serde(default = "success")]
    pub exit: Vec<i32>,
    /// What must hold of its standard output as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stdout: Vec<TextCheck>,
    /// What must hold of its standard output as JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonCheck>,
    /// By what it says that it could not look, when its exit code is not right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unable: Vec<Unable>,
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

/// What a program says when it could not look, as against having looked and found it wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unable {
    /// A part of what it prints, to standard output or standard error.
    pub says: String,
    /// What that means, and what to do.
    pub means: String,
}
