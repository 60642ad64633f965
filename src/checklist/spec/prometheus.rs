//! What a Prometheus probe is asked to look at.

use serde::{Deserialize, Serialize};

use super::{Api, Decimal};

/// A Prometheus server, and what it must have seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Where it is.
    pub api: Api,
    /// Rules that must be loaded and healthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Scrape jobs whose targets must be up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<Job>,
    /// Alerts that must not be firing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiet: Vec<String>,
    /// Instant queries, and between what their values must be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Query>,
    /// Counters that must have risen since the look that this one counts from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risen: Vec<Risen>,
    /// Range queries, shown as lines over time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trends: Vec<Trend>,
}

/// A rule that must be there: its name, or the name and what its expression must be about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a rule's name, or { name = \"…\", metric = \"…\" }")]
pub enum Rule {
    /// Its name.
    Name(String),
    /// Its name, and a metric that its expression names.
    About(RuleAbout),
}

/// A rule, and the metric that its expression names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleAbout {
    /// The alert's or the recorded series' name.
    pub name: String,
    /// A metric that must stand in its expression.
    pub metric: String,
}

impl Rule {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::About(rule) => &rule.name,
        }
    }

    /// The metric that its expression must name.
    #[must_use]
    pub fn metric(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::About(rule) => Some(&rule.metric),
        }
    }
}

/// A scrape job: all its targets must be up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The fewest targets.
    #[serde(default = "one")]
    pub at_least: u64,
}

const fn one() -> u64 {
    1
}

/// An instant query. Every series of its result must be within the limits; with none, one series must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What it tells, in a few words.
    pub what: String,
    /// `PromQL`.
    pub expr: String,
    /// The least value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Decimal>,
    /// The largest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Decimal>,
}

/// A counter, summed over its series, that must have risen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Risen {
    /// A selector of series, `events_total{status="ok"}`.
    pub series: String,
    /// By how much at least.
    #[serde(default = "one")]
    pub by: u64,
}

/// A range query, shown as a line over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trend {
    /// What it tells, in a few words.
    pub what: String,
    /// `PromQL`.
    pub expr: String,
    /// How far back it goes, in minutes.
    #[serde(default = "half_an_hour")]
    pub minutes: u64,
    /// The largest value that the newest may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Decimal>,
}

const fn half_an_hour() -> u64 {
    30
}
