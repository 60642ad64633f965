//! What a person lets run from the checklist: commands that change the world, in their order.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::plan::{PointId, Probe};
use super::spec::Value;
use crate::secret::SecretRef;
use crate::text;

/// Where the steps of the way back belong, in place of a point.
pub const ROLLBACK: &str = "rollback";

/// A command that a person lets run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Its id within the point.
    pub id: String,
    /// What it does, in a few words.
    pub title: String,
    /// How long it may take, in milliseconds; then it is stopped.
    pub deadline_ms: u64,
    /// What must be so right before it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Probe>,
    /// Whether the point, or the way back, is whole without it.
    pub optional: bool,
    /// Profile values that it needs and that are missing; it cannot run until they are there.
    pub missing: Vec<String>,
    /// What is run; absent while values are missing.
    pub program: Option<Program>,
}

/// A program, and how it is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The program and its arguments; no shell, unless it is one.
    pub argv: Vec<String>,
    /// The directory that it runs in; that of gonogo unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Environment variables beside those that gonogo has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Value>,
    /// What is run to try it, and changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<String>,
}

impl Program {
    /// What is run, or what is run to try it.
    #[must_use]
    pub fn argv(&self, dry: bool) -> &[String] {
        if dry { &self.dry_run } else { &self.argv }
    }

    /// It as a person could type it; secrets as references.
    #[must_use]
    pub fn shown(&self, dry: bool) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={}", value.shell()));
        let words = self.argv(dry).iter().map(|word| text::shell_word(word));
        env.chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The secrets that it is given.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.env.values().filter_map(Value::secret)
    }
}

/// Names one action of the plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionKey {
    /// Its point, or [`ROLLBACK`].
    pub point: PointId,
    /// Its id there.
    pub action: String,
}

impl ActionKey {
    /// The key of `action` of `point`.
    pub fn new(point: impl Into<String>, action: impl Into<String>) -> Self {
        Self { point: point.into(), action: action.into() }
    }

    /// Whether it is a step of the way back.
    #[must_use]
    pub fn is_way_back(&self) -> bool {
        self.point == ROLLBACK
    }
}

impl FromStr for ActionKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (point, action) = text
            .split_once('/')
            .ok_or_else(|| format!("expected a point and an action of it, found {text:?}"))?;
        Ok(Self::new(point, action))
    }
}

impl fmt::Display for ActionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.point, self.action)
    }
}

impl Serialize for ActionKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ActionKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
