//! What the probe of an image's security scan is asked to look at.

use std::fmt;

use jiff::civil::Date;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

/// The report of a scan, and what it may say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// The file: JSON of Trivy or Grype, or SARIF.
    pub report: String,
    /// The image that it must be of: `name:tag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The file that the build has put the image's id into: where the report names an id, it must be this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// From which severity on a finding is wrong.
    #[serde(default = "high")]
    pub fail_at: Severity,
    /// Findings that are accepted, for a reason and a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// How old the report may be, in hours.
    #[serde(default = "day")]
    pub max_age_hours: u64,
}

fn high() -> Severity {
    Severity::High
}

const fn day() -> u64 {
    24
}

/// How bad a finding is, from the least.
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

/// A finding that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Its id: `CVE-2026-0001`.
    pub id: String,
    /// Why.
    pub reason: String,
    /// The last day on which it counts, in UTC.
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
