//! What must hold of a body, or of what a program prints.

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use super::Scalar;

/// What must hold of a text that is JSON. With nothing but a path: exactly one node must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonCheck {
    /// A JSON path (RFC 9535).
    pub path: String,
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Scalar>,
    /// The least number it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<i64>,
}

/// What must hold of a text. Lines are those that are not blank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextCheck {
    /// It is this, line ends and blanks around it aside.
    Equals(String),
    /// This is a part of it.
    Contains(String),
    /// This pattern is found in it.
    Matches(Pattern),
    /// This pattern is not found in it.
    Lacks(Pattern),
    /// This pattern is found in every line.
    EachLine(Pattern),
    /// It has so many lines.
    LinesAtLeast(u64),
}

/// A regular expression (<https://docs.rs/regex-lite>); `^` and `$` stand for the ends of the text.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, regex_lite::Error> {
        Regex::new(text).map(Self)
    }

    /// Whether it is found in a text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let wrong =
            |error| serde::de::Error::custom(format_args!("`{text}` is not a regular expression: {error}"));
        Regex::new(&text).map(Self).map_err(wrong)
    }
}
