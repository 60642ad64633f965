//! What must hold of a body, or of what a program prints.

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::{JsonPath, Scalar};
use crate::text;

/// The largest pattern, in bytes of its compiled form (some 250 characters or repetitions). A search takes at most some
/// 0.4 ns for each of them and each byte of the text, and at most 1 MiB of a body or an output is kept: 3 s, which is within
/// the 10 s that a probe has unless its profile says otherwise.
const LARGEST: usize = 8 << 10;
/// So much of a wrong pattern is shown, in bytes.
const SHOWN: usize = 80;

/// What must hold of a text that is JSON. With nothing but a path: exactly one node must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonCheck {
    /// Which values are meant.
    pub path: JsonPath,
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

/// A regular expression (<https://docs.rs/regex-lite>); `^` and `$` stand for the ends of the text. It is small enough for
/// the largest text to be searched in time.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is no regular expression.
    #[error("`{0}` is not a regular expression: {1}")]
    Form(String, String),
    /// A search for it would take too long.
    #[error(
        "`{0}` is too large a regular expression: expected at most some 250 characters and repetitions; \
         write it shorter, as .* or x+ for x{{1,300}}, or as several checks"
    )]
    Large(String),
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        RegexBuilder::new(text).size_limit(LARGEST).build().map(Self).map_err(|error| {
            let (shown, error) = (text::clip(text, SHOWN), error.to_string());
            // The error has no kind of its own for this.
            if error.contains("size limit") {
                PatternError::Large(shown)
            } else {
                PatternError::Form(shown, error)
            }
        })
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
        Self::new(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_would_be_searched_for_too_long_is_refused() {
        let refused = |text: &str| Pattern::new(text).unwrap_err().to_string();
        let large = refused("(a?){300}a{300}b");
        assert!(
            large.starts_with("`(a?){300}a{300}b` is too large a regular expression: expected at most"),
            "{large}"
        );
        for large in ["(a?){60}a{60}b", "[a-z]{1,300}", "((a{20}){20}){20}", "(?:){100000}", &"x".repeat(400)]
        {
            assert!(matches!(Pattern::new(large), Err(PatternError::Large(_))), "{large}");
        }
        assert!(refused("(").starts_with("`(` is not a regular expression: "));
        // Shown short.
        assert!(refused(&"x".repeat(100_000)).len() < 400);
    }

    #[test]
    fn a_pattern_as_people_write_them_is_read() {
        for fine in [
            r"^sha256:[0-9a-f]{64}$",
            r"[0-9a-f]{64}\s+[0-9a-f]{64}",
            r"^(\d{1,3}\.){3}\d{1,3}$",
            r"(?i)\b(error|warning|fatal|panic|critical)\b",
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
        ] {
            assert!(Pattern::new(fine).is_ok(), "{fine}");
        }
    }
}
