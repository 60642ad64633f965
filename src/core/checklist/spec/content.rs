//! Checks of JSON, and regular expressions.

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::{Bound, Decimal, JsonPath, Range, Scalar, is_false, number};
use crate::text;

/// The maximum size of a compiled pattern, in bytes (about 4000 characters or repetitions).
const MAX_COMPILED: usize = 128 << 10;
/// The limit for the work of a search: the size of the compiled pattern times the size of the text, in bytes. A search
/// takes at most about 0.4 ns for each, 3 s in all: less than the default deadline of a probe, 10 s.
const MAX_WORK: usize = 8 << 30;
/// The size up to which a pattern is not measured exactly: smaller ones are searched for in the whole stored body or output
/// (1 MiB).
const MIN_COMPILED: usize = 8 << 10;
/// How much of a wrong pattern is shown, in bytes.
const MAX_SHOWN: usize = 80;

/// A check of JSON. With only a path: exactly one node must exist.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonCheck {
    /// The path to the values.
    pub path: JsonPath,
    /// The expected value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Scalar>,
    /// The minimum number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Decimal>,
    /// The maximum number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Decimal>,
    /// The number must be below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less_than: Option<Decimal>,
    /// The minimum and the maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<Range>,
    /// Whether it is where the answer reports errors beside its data: if there are any, the query has failed, at least in
    /// part.
    #[serde(default, skip_serializing_if = "is_false")]
    pub errors: bool,
    /// Whether another value is a warning instead of a failure.
    #[serde(default, skip_serializing_if = "is_false")]
    pub warn: bool,
}

impl JsonCheck {
    /// Whether nothing is checked besides the errors that an answer reports.
    #[must_use]
    pub fn has_only_errors(&self) -> bool {
        self.errors && self.equals.is_none() && self.bounds().is_empty()
    }

    /// The bounds of its number.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound<'_>> {
        number::bounds(
            self.at_least.as_ref(),
            self.at_most.as_ref(),
            self.less_than.as_ref(),
            self.between.as_ref(),
        )
    }
}

/// A regular expression (<https://docs.rs/regex-lite>); `^` and `$` match the ends of the text. Its size is limited, so
/// that a search takes a limited time.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    /// The maximum length of a searched text, in bytes.
    pub max_text: usize,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is not a regular expression.
    #[error("`{0}` is not a regular expression: {1}")]
    Form(String, String),
    /// A search for it would take too long.
    #[error(
        "`{0}` is too large a regular expression: expected at most about 4000 characters and repetitions; \
         write it shorter, as .* or x+ for x{{1,300}}, or as several checks"
    )]
    Large(String),
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Why it is not a pattern.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let mut size = MIN_COMPILED;
        loop {
            match RegexBuilder::new(text).size_limit(size).build() {
                Ok(regex) => return Ok(Self { regex, max_text: MAX_WORK / size }),
                // The error type has no kind for this.
                Err(error) if error.to_string().contains("size limit") => size *= 2,
                Err(error) => return Err(PatternError::Form(text::clip(text, MAX_SHOWN), error.to_string())),
            }
            if size > MAX_COMPILED {
                return Err(PatternError::Large(text::clip(text, MAX_SHOWN)));
            }
        }
    }

    /// Whether a text matches.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The pattern as text.
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
    fn a_pattern_that_takes_too_long_is_rejected() {
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
    fn usual_patterns_are_accepted() {
        for fine in [
            r"^sha256:[0-9a-f]{64}$",
            r"[0-9a-f]{64}\s+[0-9a-f]{64}",
            r"^(\d{1,3}\.){3}\d{1,3}$",
            r"(?i)\b(error|warning|fatal|panic|critical)\b",
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
        ] {
            assert_eq!(Pattern::new(fine).unwrap().max_text, 1 << 20, "{fine}");
        }
    }

    #[test]
    fn a_larger_pattern_searches_less_text() {
        for large in [
            r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$",
            r"(?i)(password|secret|token)[=:]\s*\S{8,128}",
            r"[^<>]{1,100}",
            r".{0,200}",
            r"^\S{1,255}$",
            "(a?){300}a{300}b",
        ] {
            let longest = Pattern::new(large).unwrap().max_text;
            assert!((64 << 10..1 << 20).contains(&longest), "{large}: {longest}");
        }
    }
}
