//! Actions: commands that change something, started by a person from the checklist.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::plan::{PointId, Probe};
use super::spec::TextOrSecret;
use crate::secret::SecretRef;
use crate::text;

/// Stands in place of a point for the steps of the rollback.
pub const ROLLBACK: &str = "rollback";

/// In an argument of a rollback step: the number of replicas that the check of an earlier step has noted.
pub const NOTED_PLACEHOLDER: &str = "{{ noted.replicas }}";

/// A command that a person starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Its id within the point.
    pub id: String,
    /// What it does, in a few words.
    pub title: String,
    /// Its deadline, in milliseconds; then it is stopped.
    pub deadline_ms: u64,
    /// Checks that must pass right before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Probe>,
    /// Whether the point, or the rollback, is complete without it.
    pub optional: bool,
    /// For a step of the rollback: the points whose actions it reverts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<PointId>,
    /// Missing profile values; it cannot run without them.
    pub missing: Vec<String>,
    /// The command; absent while values are missing.
    pub program: Option<ActionCommand>,
}

impl Action {
    /// Whether a rollback is incomplete without this step: it is optional only if the profile has no command for it.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        self.program.is_some() || !self.optional
    }
}

/// The command of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionCommand {
    /// The program and its arguments, without a shell.
    pub argv: Vec<String>,
    /// Its working directory; by default gonogo's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Environment variables in addition to gonogo's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, TextOrSecret>,
    /// The command of the dry run, which changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<String>,
}

impl ActionCommand {
    /// The program and arguments of the command, or of its dry run.
    #[must_use]
    pub fn argv(&self, dry: bool) -> &[String] {
        if dry { &self.dry_run } else { &self.argv }
    }

    /// The same with the noted number of replicas instead of [`NOTED_PLACEHOLDER`], if one was noted.
    #[must_use]
    pub fn argv_with_noted(&self, dry: bool, replicas: Option<u32>) -> Vec<String> {
        let argv = self.argv(dry).iter();
        let fill = |word: &String| match replicas {
            Some(replicas) => word.replace(NOTED_PLACEHOLDER, &replicas.to_string()),
            None => word.clone(),
        };
        argv.map(fill).collect()
    }

    /// The command line as a person could type it; secrets as references.
    #[must_use]
    pub fn command_line(&self, dry: bool, noted_replicas: Option<u32>) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={}", value.shell_word()));
        let argv = self.argv_with_noted(dry, noted_replicas);
        let words = argv.iter().map(|word| text::shell_word(word));
        env.chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The secrets in its environment.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.env.values().filter_map(TextOrSecret::secret)
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

    /// Whether it is a step of the rollback.
    #[must_use]
    pub fn is_rollback(&self) -> bool {
        self.point == ROLLBACK
    }
}

impl FromStr for ActionKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (point, action) =
            text.split_once('/').ok_or_else(|| format!("expected POINT/ACTION, found {text:?}"))?;
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
