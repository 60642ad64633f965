//! Decimal numbers as texts: run logs contain no floats.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A decimal number such as `0.25`. Stored as text, so that it is read back unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal(String);

impl Decimal {
    /// Its value.
    #[must_use]
    pub fn value(&self) -> f64 {
        // It was valid when it was parsed.
        self.0.parse().unwrap_or(f64::NAN)
    }
}

impl Decimal {
    /// How a number compares with it: whole numbers exactly. None if the text is no finite number.
    pub(super) fn compare(&self, number: &str) -> Option<Ordering> {
        let number = number.trim();
        if let (Ok(number), Ok(own)) = (number.parse::<i64>(), self.0.parse::<i64>()) {
            return Some(number.cmp(&own));
        }
        let number: f64 = number.parse().ok()?;
        number.is_finite().then(|| number.partial_cmp(&self.value())).flatten()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Decimal;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number such as 0.25 or \"0.25\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => Ok(Decimal(text.to_owned())),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Decimal, E> {
                Ok(Decimal(value.to_string()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Decimal, E> {
                Ok(Decimal(value.to_string()))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Decimal, E> {
                self.visit_str(&value.to_string())
            }
        }
        from.deserialize_any(Number)
    }
}
