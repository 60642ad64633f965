//! What must hold of a body, or of what a program prints.

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::{JsonPath, Scalar};
use crate::text;

/// The largest pattern, in bytes of its compiled form (some 4000 characters or repetitions).
const LARGEST: usize = 128 << 10;
/// The most that a search may come to: bytes of the pattern's compiled form, times those of the text. One takes at most some
/// 0.4 ns for each, 3 s in all, which is within the 10 s that a probe has unless its profile says otherwise.
const MOST: usize = 8 << 30;
/// From this size on it is found out how large a pattern is: a smaller one is searched for in all that is kept of a body or
/// an output (1 MiB).
const SMALL: usize = 8 << 10;
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
pub struct Pattern {
    regex: Regex,
    /// The most bytes of a text that it is searched for in.
    pub longest: usize,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is no regular expression.
    #[error("`{0}` is not a regular expression: {1}")]
    Form(String, String),
    /// A search for it would take too long.
    #[error(
        "`{0}` is too large a regular expression: expected at most some 4000 characters and repetitions; \
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
        let mut size = SMALL;
        loop {
            match RegexBuilder::new(text).size_limit(size).build() {
                Ok(regex) => return Ok(Self { regex, longest: MOST / size }),
                // The error has no kind of its own for this.
                Err(error) if error.to_string().contains("size limit") => size *= 2,
                Err(error) => return Err(PatternError::Form(text::clip(text, SHOWN), error.to_string())),
            }
            if size > LARGEST {
                return Err(PatternError::Large(text::clip(text, SHOWN)));
            }
        }
    }

    /// Whether it is found in a text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
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
        let large = refused("((a?){300}a{300}b){50}");
        assert!(
            large.starts_with("`((a?){300}a{300}b){50}` is too large a regular expression: expected at most"),
            "{large}"
        );
        for large in ["[a-z]{1,9000}", "((a{40}){40}){40}", "(?:){1000000}", &"x".repeat(9000)] {
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
            assert_eq!(Pattern::new(fine).unwrap().longest, 1 << 20, "{fine}");
        }
    }

    #[test]
    fn a_larger_pattern_is_searched_for_in_a_shorter_text() {
        for large in [
            r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$",
            r"(?i)(password|secret|token)[=:]\s*\S{8,128}",
            r"[^<>]{1,100}",
            r".{0,200}",
            r"^\S{1,255}$",
            "(a?){300}a{300}b",
        ] {
            let longest = Pattern::new(large).unwrap().longest;
            assert!((64 << 10..1 << 20).contains(&longest), "{large}: {longest}");
        }
    }
}
