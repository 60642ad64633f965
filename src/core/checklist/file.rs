//! The format of checklist files, parts of which profiles use, too.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::plan::{Confirm, PointId, ProbeKey};
use super::source::SourceFile;
use super::spec::Scalar;
use super::spec::syntax::{self, Id};
use crate::error::Problem;
use crate::time::parse_span;

/// The built-in checklist.
pub const STANDARD: &str = include_str!("../../../config/checklist.toml");
/// The name of the standard checklist.
pub const STANDARD_NAME: &str = "advanced-realtime";

/// A checklist file.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistFile {
    /// The checklist's name.
    #[serde(deserialize_with = "syntax::one::<Id, _>")]
    pub name: String,
    /// Default values.
    #[serde(default)]
    #[cfg_attr(
        any(test, feature = "testing"),
        schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")
    )]
    pub values: toml::Table,
    /// The sections.
    #[serde(rename = "section")]
    pub sections: Vec<SectionFile>,
    /// The steps of the rollback, in order.
    #[serde(rename = "rollback", default)]
    pub rollback: Vec<ActionFile>,
}

/// A section.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionFile {
    /// Its id.
    #[serde(deserialize_with = "syntax::one::<Id, _>")]
    pub id: String,
    /// Its title.
    pub title: String,
    /// Sections that must be done before its actions.
    #[serde(default)]
    pub actions_after: Vec<String>,
    /// Whether its points verify a rollback.
    #[serde(default)]
    pub verifies_rollback: bool,
    /// Its control points.
    #[serde(rename = "point", default)]
    pub points: Vec<PointFile>,
}

/// A control point.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointFile {
    /// Its id: the section's id, a dot, a name.
    #[serde(deserialize_with = "syntax::one::<Id, _>")]
    pub id: PointId,
    /// Its title: what must be true.
    pub title: String,
    /// Why it matters, and what exactly is required.
    pub why: String,
    /// Whether a waiver needs two people.
    #[serde(default)]
    pub mandatory: bool,
    /// How many people confirm it.
    #[serde(default)]
    pub confirm: Confirm,
    /// How long results of its probes stay fresh.
    #[serde(default = "half_an_hour")]
    pub fresh: PositiveDuration,
    /// Points that must be done before it.
    #[serde(default)]
    pub after: Vec<PointId>,
    /// The point that must be done before it is due.
    pub due: Option<PointId>,
    /// Why it does not apply unless a profile enables it.
    pub not_applicable: Option<String>,
    /// When it applies, by the profile's values; always without it.
    pub when: Option<Condition>,
    /// The link to what to do if it is not as it must be.
    pub runbook: Option<String>,
    /// Who can help with it, and how to reach them.
    #[serde(default)]
    pub contacts: Vec<String>,
    /// What is different in a new environment.
    #[serde(default)]
    pub when_new: WhenNew,
    /// The point whose first action freezes its state.
    pub frozen_after: Option<PointId>,
    /// Whether it verifies a rollback, as all points of a section with this key do.
    #[serde(default)]
    pub verifies_rollback: bool,
    /// Its actions, in order.
    #[serde(rename = "action", default)]
    pub actions: Vec<ActionFile>,
    /// Its probes.
    #[serde(rename = "probe", default)]
    pub probes: Vec<ProbeFile>,
}

/// A condition on a value. With only its name: it must be set, and not false.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The full name of the value.
    pub value: String,
    /// What it must be: this, or one of these.
    pub is: Option<OneOrMore>,
    /// What it must not be.
    pub is_not: Option<OneOrMore>,
}

/// One value, or a list.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string, a whole number, true or false, or a list of them")]
pub enum OneOrMore {
    /// One.
    One(Scalar),
    /// A list.
    More(Vec<Scalar>),
}

impl OneOrMore {
    /// All of them.
    pub(super) fn all(&self) -> &[Scalar] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::More(values) => values,
        }
    }
}

/// What is different for a point or a probe in a new environment (`previous = "none"`).
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhenNew {
    /// It is due later.
    pub due: Option<PointId>,
    /// It does not apply.
    pub not_applicable: Option<String>,
}

/// A probe.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeFile {
    /// Its id within the point.
    #[serde(deserialize_with = "syntax::one::<Id, _>")]
    pub id: String,
    /// Its title: what it checks.
    pub title: String,
    /// Its kind; by default that of the probe in `like`.
    #[serde(default)]
    pub kind: String,
    /// A probe with the same kind and settings.
    pub like: Option<ProbeKey>,
    /// When it is made, by the profile's values; always without it.
    pub when: Option<Condition>,
    /// A list, or `{{ value }}` of one: there is one probe for each `{{ item }}`, with the id `ID[item]`.
    #[cfg_attr(any(test, feature = "testing"), schemars(with = "Option<Vec<String>>"))]
    pub for_each: Option<toml::Value>,
    /// The action of its point whose result it checks: it runs after that action.
    pub after_action: Option<String>,
    /// The probe whose observed digest is expected here.
    pub digest_of: Option<ProbeKey>,
    /// The point that must be done before it is due.
    pub due: Option<PointId>,
    /// The time limit of one attempt.
    #[serde(default = "ten_seconds")]
    pub deadline: PositiveDuration,
    /// How often an attempt that does not pass is retried.
    #[serde(default)]
    pub retries: u32,
    /// The time between two attempts.
    #[serde(default = "one_second")]
    pub retry_delay: PositiveDuration,
    /// How long it is retried until it passes.
    #[serde(default)]
    pub within: DurationOrZero,
    /// How long it must then keep passing.
    #[serde(default)]
    pub hold: DurationOrZero,
    /// The probe whose newest result is its starting point.
    pub since: Option<ProbeKey>,
    /// Whether it changes anything.
    #[serde(default)]
    pub effects: bool,
    /// Whether it may run before it is due, against the current release.
    #[serde(default)]
    pub early: bool,
    /// Whether a profile may leave it out, for a reason.
    #[serde(default)]
    pub optional: bool,
    /// Observations, by name, that people confirm where the probe cannot make them.
    #[serde(default)]
    pub people: Vec<String>,
    /// What is different in a new environment.
    #[serde(default)]
    pub when_new: WhenNew,
    /// Its settings, depending on its kind.
    #[serde(default)]
    #[cfg_attr(
        any(test, feature = "testing"),
        schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")
    )]
    pub with: toml::Table,
    /// Alternatives: the first one for which the profile has all values is used.
    #[serde(default)]
    pub or: Vec<Alternative>,
}

/// A command that a person starts.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionFile {
    /// Its id within the point.
    #[serde(deserialize_with = "syntax::one::<Id, _>")]
    pub id: String,
    /// Its title: what it does.
    pub title: String,
    /// Its deadline.
    #[serde(default = "half_an_hour")]
    pub deadline: PositiveDuration,
    /// Whether the point is complete without it.
    #[serde(default)]
    pub optional: bool,
    /// For a step of the rollback: the points whose actions it reverts.
    #[serde(default)]
    pub reverts: Vec<PointId>,
    /// Checks that must pass right before it starts.
    #[serde(rename = "check", default)]
    pub checks: Vec<ProbeFile>,
    /// Its command.
    #[cfg_attr(
        any(test, feature = "testing"),
        schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")
    )]
    pub with: toml::Table,
}

/// An alternative to a probe.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// Its kind.
    pub kind: String,
    /// Its settings, depending on its kind.
    #[serde(default)]
    #[cfg_attr(
        any(test, feature = "testing"),
        schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")
    )]
    pub with: toml::Table,
}

/// A duration longer than zero, such as `30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PositiveDuration(pub Duration);

/// A duration that may be zero, which is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DurationOrZero(pub Duration);

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a time such as \"10s\", \"30m\", \"2h\" or \"1d\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse_span(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for PositiveDuration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let span = from.deserialize_str(DurationVisitor)?;
        if span.is_zero() {
            return Err(de::Error::custom("expected a time longer than zero, such as \"500ms\" or \"10s\""));
        }
        Ok(Self(span))
    }
}

impl<'de> Deserialize<'de> for DurationOrZero {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(DurationVisitor).map(Self)
    }
}

fn half_an_hour() -> PositiveDuration {
    PositiveDuration(Duration::from_mins(30))
}

fn ten_seconds() -> PositiveDuration {
    PositiveDuration(Duration::from_secs(10))
}

fn one_second() -> PositiveDuration {
    PositiveDuration(Duration::from_secs(1))
}

/// A checklist file and its source.
#[derive(Clone, Debug)]
pub struct Checklist {
    /// Its source.
    pub source: SourceFile,
    /// Its contents.
    pub file: ChecklistFile,
}

impl Checklist {
    /// Parses a checklist, without checking it.
    ///
    /// # Errors
    /// The first syntax error or wrong key.
    pub fn parse(source: SourceFile) -> Result<Self, Problem> {
        let file = source.parse()?;
        Ok(Self { source, file })
    }

    /// The built-in checklist.
    ///
    /// # Errors
    /// None in a released program; a test ensures that.
    pub fn standard() -> Result<Self, Problem> {
        Self::parse(SourceFile::new("checklist.toml (built in)", STANDARD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_too_long_is_reported_with_its_location() {
        let long = "a".repeat(101);
        let read = |what: &str, id: &str| {
            let at = |part: &str| if part == what { id.to_owned() } else { "x".to_owned() };
            let text = format!(
                "name = \"{}\"\n[[section]]\nid = \"{}\"\ntitle = \"t\"\n[[section.point]]\nid = \"{}\"\n\
                 title = \"t\"\nwhy = \"w\"\nprobe = [{{ id = \"{}\", title = \"t\" }}]\n\
                 action = [{{ id = \"{}\", title = \"t\", with = {{}} }}]\n",
                at("name"),
                at("section"),
                at("point"),
                at("probe"),
                at("action")
            );
            Checklist::parse(SourceFile::new("c", text)).map(|_| ()).map_err(|problem| problem.to_string())
        };
        for (what, place) in [
            ("name", "c:1:8: name"),
            ("section", "c:3:6: id"),
            ("point", "c:6:6: id"),
            ("probe", "c:9:17: id"),
            ("action", "c:10:18: id"),
        ] {
            let message = read(what, &long).unwrap_err();
            assert!(
                message.starts_with(&format!("{place}: expected at most 100 bytes, found \"aaa")),
                "{message}"
            );
            assert_eq!(read(what, &long[1..]), Ok(()), "{what}");
        }
    }
}
