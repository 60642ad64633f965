//! Bounds of numbers in JSON, in texts and in headers.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Decimal;

/// A bound of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound<'a> {
    /// The minimum.
    AtLeast(&'a Decimal),
    /// The maximum.
    AtMost(&'a Decimal),
    /// Below this.
    LessThan(&'a Decimal),
    /// The minimum and the maximum.
    Between(&'a Range),
}

/// A minimum and a maximum, both included: `[1, 5]`.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[Decimal; 2]", into = "[Decimal; 2]")]
pub struct Range([Decimal; 2]);

impl TryFrom<[Decimal; 2]> for Range {
    type Error = String;

    fn try_from([low, high]: [Decimal; 2]) -> Result<Self, String> {
        if low.value() > high.value() {
            return Err(format!("expected the lower number first, found [{low}, {high}]"));
        }
        Ok(Self([low, high]))
    }
}

impl From<Range> for [Decimal; 2] {
    fn from(Range(ends): Range) -> Self {
        ends
    }
}

/// The bounds of a check, of which each may be absent.
pub(super) fn bounds<'a>(
    at_least: Option<&'a Decimal>,
    at_most: Option<&'a Decimal>,
    less_than: Option<&'a Decimal>,
    between: Option<&'a Range>,
) -> Vec<Bound<'a>> {
    let all = [
        at_least.map(Bound::AtLeast),
        at_most.map(Bound::AtMost),
        less_than.map(Bound::LessThan),
        between.map(Bound::Between),
    ];
    all.into_iter().flatten().collect()
}

/// Whether a text is a number that bounds can be compared with.
#[must_use]
pub fn is_number(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok_and(f64::is_finite)
}

impl Bound<'_> {
    /// Whether a text is a number within the bound.
    #[must_use]
    pub fn holds(&self, number: &str) -> bool {
        let is = |end: &Decimal, accepted: &[Ordering]| {
            end.compare(number).is_some_and(|order| accepted.contains(&order))
        };
        match self {
            Self::AtLeast(low) => is(low, &[Ordering::Greater, Ordering::Equal]),
            Self::AtMost(high) => is(high, &[Ordering::Less, Ordering::Equal]),
            Self::LessThan(high) => is(high, &[Ordering::Less]),
            Self::Between(Range([low, high])) => {
                Bound::AtLeast(low).holds(number) && Bound::AtMost(high).holds(number)
            }
        }
    }
}

impl fmt::Display for Bound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(low) => write!(f, "at least {low}"),
            Self::AtMost(high) => write!(f, "at most {high}"),
            Self::LessThan(high) => write!(f, "less than {high}"),
            Self::Between(Range([low, high])) => write!(f, "between {low} and {high}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn a_number_is_compared_with_a_bound() {
        let (one, five) = (decimal("1"), decimal("5"));
        let range: Range = serde_json::from_str("[1, 5]").unwrap();
        for (bound, inside, outside) in [
            (Bound::AtLeast(&one), &["1", "1.5", "9e3"][..], &["0.99", "-3", "", "one", "NaN", "inf"][..]),
            (Bound::AtMost(&five), &["5", "5.0", "-1"], &["5.01", "six", "-inf"]),
            (Bound::LessThan(&five), &["4.999"], &["5", "5.0"]),
            (Bound::Between(&range), &["1", "5", "3"], &["0", "5.5", "x"]),
        ] {
            assert!(inside.iter().all(|number| bound.holds(number)), "{bound}");
            assert!(outside.iter().all(|number| !bound.holds(number)), "{bound}");
        }
    }

    #[test]
    fn large_whole_numbers_are_compared_exactly() {
        let limit = decimal("9007199254740993");
        assert!(Bound::AtLeast(&limit).holds("9007199254740993"));
        assert!(!Bound::AtLeast(&limit).holds("9007199254740992"));
    }

    #[test]
    fn the_lower_number_is_first() {
        let error = serde_json::from_str::<Range>("[5, 1]").unwrap_err().to_string();
        assert!(error.contains("expected the lower number first, found [5, 1]"), "{error}");
    }
}
