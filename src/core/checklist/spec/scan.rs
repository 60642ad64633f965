//! The spec of the scan probe.

use std::fmt;

use jiff::civil::Date;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

/// The report of an image's security scan, and its limits.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanSpec {
    /// The file: JSON of Trivy or Grype, or SARIF.
    pub report: String,
    /// The image that it must be about: `name:tag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The file with the image id from the build: an id in the report must be this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// The severity from which on a finding is a failure.
    #[serde(default = "high")]
    pub fail_at: Severity,
    /// Accepted findings, with a reason and a time limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<ScanException>,
    /// The maximum age of the report, in hours.
    #[serde(default = "day")]
    pub max_age_hours: u64,
}

fn high() -> Severity {
    Severity::High
}

const fn day() -> u64 {
    24
}

/// The severity of a finding, in ascending order.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// An accepted finding.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanException {
    /// Its id: `CVE-2026-0001`.
    pub id: String,
    /// Why.
    pub reason: String,
    /// The last day on which it is accepted, in UTC.
    pub until: Day,
}

/// A day: `2026-12-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub Date);

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let day = text.parse().map(Self);
        day.map_err(|_| de::Error::custom(format!("expected a day such as \"2026-12-31\", found {text:?}")))
    }
}
