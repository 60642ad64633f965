//! The shapes of checklist files and of what profiles may say in the same words.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::plan::{Confirm, PointId, ProbeKey};
use super::source::Source;
use super::spec::form::{self, Id};
use crate::error::Problem;
use crate::time::parse_span;

/// The checklist that is built into the program.
pub const STANDARD: &str = include_str!("../../config/checklist.toml");
/// What the standard checklist is called.
pub const STANDARD_NAME: &str = "advanced-realtime";

/// A checklist file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChecklistFile {
    /// The checklist's name.
    #[serde(deserialize_with = "form::one::<Id, _>")]
    pub name: String,
    /// What a profile need not say.
    #[serde(default)]
    pub values: toml::Table,
    /// The sections.
    #[serde(rename = "section")]
    pub sections: Vec<SectionFile>,
    /// The way back, in its order.
    #[serde(rename = "rollback", default)]
    pub rollback: Vec<ActionFile>,
}

/// A section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionFile {
    /// Its id.
    #[serde(deserialize_with = "form::one::<Id, _>")]
    pub id: String,
    /// Its title.
    pub title: String,
    /// Sections that come before its actions.
    #[serde(default)]
    pub actions_after: Vec<String>,
    /// Whether its points tell how the way back went.
    #[serde(default)]
    pub judges_rollback: bool,
    /// Its control points.
    #[serde(rename = "point", default)]
    pub points: Vec<PointFile>,
}

/// A control point.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointFile {
    /// Its id: the section's id, a dot, a name.
    #[serde(deserialize_with = "form::one::<Id, _>")]
    pub id: PointId,
    /// What must be true.
    pub title: String,
    /// Why, and what exactly.
    pub why: String,
    /// Whether a waiver needs two people.
    #[serde(default)]
    pub mandatory: bool,
    /// Who confirms.
    #[serde(default)]
    pub confirm: Confirm,
    /// How long its probes stay fresh.
    #[serde(default = "half_an_hour")]
    pub fresh: Span,
    /// Points that come first.
    #[serde(default)]
    pub after: Vec<PointId>,
    /// The point that must be closed before it is due.
    pub due: Option<PointId>,
    /// Why it does not apply unless a profile says so.
    pub not_applicable: Option<String>,
    /// What is different where nothing runs yet.
    #[serde(default)]
    pub when_new: WhenNew,
    /// The point whose first action freezes it.
    pub frozen_by: Option<PointId>,
    /// What a person lets run, in order.
    #[serde(rename = "action", default)]
    pub actions: Vec<ActionFile>,
    /// Its probes.
    #[serde(rename = "probe", default)]
    pub probes: Vec<ProbeFile>,
}

/// What is different for a point or a probe in a new environment (`previous = "none"`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhenNew {
    /// It is due later.
    pub due: Option<PointId>,
    /// It does not apply.
    pub not_applicable: Option<String>,
}

/// A probe.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeFile {
    /// Its id within the point.
    #[serde(deserialize_with = "form::one::<Id, _>")]
    pub id: String,
    /// What it looks at.
    pub title: String,
    /// Its kind; where it looks as another probe does, that one's.
    #[serde(default)]
    pub kind: String,
    /// The probe that it looks as.
    pub like: Option<ProbeKey>,
    /// The action of its point that it looks at the result of.
    pub of: Option<String>,
    /// The probe that saw the digest that must be seen here.
    pub digest_of: Option<ProbeKey>,
    /// The point that must be closed before it is due.
    pub due: Option<PointId>,
    /// How long one look may take.
    #[serde(default = "ten_seconds")]
    pub deadline: Span,
    /// How often a look that is not good is repeated.
    #[serde(default)]
    pub retries: u32,
    /// The time between two such looks.
    #[serde(default = "one_second")]
    pub retry_delay: Span,
    /// How long it is waited for until a look is good.
    #[serde(default)]
    pub within: SpanOrZero,
    /// For how long the looks must then stay good.
    #[serde(default)]
    pub hold: SpanOrZero,
    /// The probe whose newest look it counts from.
    pub since: Option<ProbeKey>,
    /// Whether it changes anything.
    #[serde(default)]
    pub effects: bool,
    /// Whether it may look at the running release before it is due.
    #[serde(default)]
    pub before: bool,
    /// Whether a profile may leave it out, for a reason.
    #[serde(default)]
    pub optional: bool,
    /// What is different in a new environment.
    #[serde(default)]
    pub when_new: WhenNew,
    /// What it looks at, by its kind.
    #[serde(default)]
    pub with: toml::Table,
    /// Other ways to look at the same: the first for which the profile has all values is taken.
    #[serde(default)]
    pub or: Vec<Alternative>,
}

/// A command that a person lets run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionFile {
    /// Its id within the point.
    #[serde(deserialize_with = "form::one::<Id, _>")]
    pub id: String,
    /// What it does.
    pub title: String,
    /// How long it may take.
    #[serde(default = "half_an_hour")]
    pub deadline: Span,
    /// Whether the point is whole without it.
    #[serde(default)]
    pub optional: bool,
    /// What must be so right before it begins.
    #[serde(rename = "check", default)]
    pub checks: Vec<ProbeFile>,
    /// What is run.
    pub with: toml::Table,
}

/// Another way to look at the same thing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// Its kind.
    pub kind: String,
    /// What it looks at, by its kind.
    #[serde(default)]
    pub with: toml::Table,
}

/// A time longer than zero that a person wrote, `30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A time that a person wrote and that may be zero, which is the same as saying nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpanOrZero(pub Duration);

struct SpanText;

impl Visitor<'_> for SpanText {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a time such as \"10s\", \"30m\", \"2h\" or \"1d\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        parse_span(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let span = from.deserialize_str(SpanText)?;
        if span.is_zero() {
            return Err(de::Error::custom("expected a time longer than zero, such as \"500ms\" or \"10s\""));
        }
        Ok(Self(span))
    }
}

impl<'de> Deserialize<'de> for SpanOrZero {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(SpanText).map(Self)
    }
}

fn half_an_hour() -> Span {
    Span(Duration::from_mins(30))
}

fn ten_seconds() -> Span {
    Span(Duration::from_secs(10))
}

fn one_second() -> Span {
    Span(Duration::from_secs(1))
}

/// A checklist file and where it comes from.
#[derive(Clone, Debug)]
pub struct Checklist {
    /// Its text.
    pub source: Source,
    /// Its contents.
    pub file: ChecklistFile,
}

impl Checklist {
    /// Reads a checklist, without judging it.
    ///
    /// # Errors
    /// Where it does not have the shape of a checklist.
    pub fn parse(source: Source) -> Result<Self, Problem> {
        let file = source.parse()?;
        Ok(Self { source, file })
    }

    /// The checklist that is built in.
    ///
    /// # Errors
    /// None in a released program; a test holds that.
    pub fn standard() -> Result<Self, Problem> {
        Self::parse(Source::new("checklist.toml (built in)", STANDARD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_too_long_is_told_with_its_place() {
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
            Checklist::parse(Source::new("c", text)).map(|_| ()).map_err(|problem| problem.to_string())
        };
        for (what, place) in [
            ("name", "c:1:8: name"),
            ("section", "c:3:6: id"),
            ("point", "c:6:6: id"),
            ("probe", "c:9:17: id"),
            ("action", "c:10:18: id"),
        ] {
            let told = read(what, &long).unwrap_err();
            assert!(told.starts_with(&format!("{place}: expected at most 100 bytes, found \"aaa")), "{told}");
            assert_eq!(read(what, &long[1..]), Ok(()), "{what}");
        }
    }
}
