//! Checks of a text: a response body, the output of a program, a banner.

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::{Bound, Decimal, Pattern, Range};

/// A check of a text: its rules must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextCheck {
    /// One or more rules.
    pub rules: Vec<TextRule>,
    /// Whether a text that breaks a rule is a warning instead of a failure.
    pub warn: bool,
}

/// A rule for a text. Blank lines are not counted.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextRule {
    /// It equals this, ignoring surrounding white space.
    Equals(String),
    /// It contains this.
    Contains(String),
    /// It matches this pattern, with or without the line end at its end.
    Matches(Pattern),
    /// It does not match this pattern.
    Lacks(Pattern),
    /// Every line matches this pattern.
    EachLine(Pattern),
    /// It has at least so many lines.
    LinesAtLeast(u64),
    /// It is a number of at least this.
    AtLeast(Decimal),
    /// It is a number of at most this.
    AtMost(Decimal),
    /// It is a number below this.
    LessThan(Decimal),
    /// It is a number within these.
    Between(Range),
}

/// The keys of a check.
const KEYS: [&str; 11] = [
    "equals",
    "contains",
    "matches",
    "lacks",
    "each_line",
    "lines_at_least",
    "at_least",
    "at_most",
    "less_than",
    "between",
    WARN,
];
const WARN: &str = "warn";

impl TextRule {
    /// The bound of its number, if it is about one.
    #[must_use]
    pub const fn bound(&self) -> Option<Bound<'_>> {
        match self {
            Self::AtLeast(low) => Some(Bound::AtLeast(low)),
            Self::AtMost(high) => Some(Bound::AtMost(high)),
            Self::LessThan(high) => Some(Bound::LessThan(high)),
            Self::Between(range) => Some(Bound::Between(range)),
            _ => None,
        }
    }

    fn read<'de, M: MapAccess<'de>>(key: &str, map: &mut M) -> Result<Self, M::Error> {
        Ok(match key {
            "equals" => Self::Equals(map.next_value()?),
            "contains" => Self::Contains(map.next_value()?),
            "matches" => Self::Matches(map.next_value()?),
            "lacks" => Self::Lacks(map.next_value()?),
            "each_line" => Self::EachLine(map.next_value()?),
            "lines_at_least" => Self::LinesAtLeast(map.next_value()?),
            "at_least" => Self::AtLeast(map.next_value()?),
            "at_most" => Self::AtMost(map.next_value()?),
            "less_than" => Self::LessThan(map.next_value()?),
            "between" => Self::Between(map.next_value()?),
            key => return Err(de::Error::unknown_field(key, &KEYS)),
        })
    }

    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Equals(text) => map.serialize_entry("equals", text),
            Self::Contains(part) => map.serialize_entry("contains", part),
            Self::Matches(pattern) => map.serialize_entry("matches", pattern),
            Self::Lacks(pattern) => map.serialize_entry("lacks", pattern),
            Self::EachLine(pattern) => map.serialize_entry("each_line", pattern),
            Self::LinesAtLeast(least) => map.serialize_entry("lines_at_least", least),
            Self::AtLeast(low) => map.serialize_entry("at_least", low),
            Self::AtMost(high) => map.serialize_entry("at_most", high),
            Self::LessThan(high) => map.serialize_entry("less_than", high),
            Self::Between(range) => map.serialize_entry("between", range),
        }
    }
}

impl Serialize for TextCheck {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.rules.len() + usize::from(self.warn)))?;
        self.rules.iter().try_for_each(|rule| rule.write(&mut map))?;
        if self.warn {
            map.serialize_entry(WARN, &true)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for TextCheck {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Check;
        impl<'de> Visitor<'de> for Check {
            type Value = TextCheck;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a check such as { contains = \"…\" }")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<TextCheck, M::Error> {
                let mut check = TextCheck { rules: Vec::new(), warn: false };
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        WARN => check.warn = map.next_value()?,
                        key => check.rules.push(TextRule::read(key, &mut map)?),
                    }
                }
                if check.rules.is_empty() {
                    let keys = KEYS.map(|key| format!("`{key}`")).join(", ");
                    return Err(de::Error::custom(format!("the check is empty: expected one of {keys}")));
                }
                Ok(check)
            }
        }
        from.deserialize_map(Check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_written_as_it_is_read() {
        for text in [
            r#"{"equals":"a"}"#,
            r#"{"at_least":"1","at_most":"5"}"#,
            r#"{"lacks":"x","warn":true}"#,
            r#"{"lines_at_least":3}"#,
            r#"{"between":["1","2"]}"#,
        ] {
            let check: TextCheck = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&check).unwrap(), text);
        }
    }

    #[test]
    fn a_check_that_checks_nothing_or_something_unknown_is_rejected() {
        let wrong = |text: &str| serde_json::from_str::<TextCheck>(text).unwrap_err().to_string();
        assert!(wrong("{}").starts_with("the check is empty: expected one of `equals`"));
        assert!(wrong(r#"{"warn":true}"#).starts_with("the check is empty"));
        assert!(wrong(r#"{"contain":"a"}"#).starts_with("unknown field `contain`, expected one of `equals`"));
        assert!(wrong(r#""a""#).contains("expected a check such as { contains"));
    }
}
