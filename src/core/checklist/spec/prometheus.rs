//! The spec of the Prometheus probe.

use serde::{Deserialize, Serialize};

use super::{ApiSpec, Decimal};

/// A Prometheus server, and the checks of its data.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusSpec {
    /// The server.
    pub api: ApiSpec,
    /// Rules that must be loaded and healthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleCheck>,
    /// Scrape jobs whose targets must be up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobCheck>,
    /// Alerts that must not be firing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiet: Vec<String>,
    /// Instant queries, and the limits of their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<QueryCheck>,
    /// Counters that must have increased since the result of the probe in `since`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risen: Vec<IncreaseCheck>,
    /// Range queries, shown as sparklines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trends: Vec<Trend>,
}

impl PrometheusSpec {
    pub(super) fn checks_nothing(&self) -> bool {
        self.rules.is_empty()
            && self.jobs.is_empty()
            && self.quiet.is_empty()
            && self.queries.is_empty()
            && self.risen.is_empty()
            && self.trends.is_empty()
    }
}

/// A required rule: its name, or its name and a metric.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a rule's name, or { name = \"…\" } with metric = \"…\" or alert = true"
)]
pub enum RuleCheck {
    /// Its name.
    Name(String),
    /// Its name, and what it must be.
    Described(DescribedRule),
}

/// A rule, and what it must be.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescribedRule {
    /// The alert's or the recorded series' name.
    pub name: String,
    /// A metric that its expression must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Whether it must be an alert.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alert: bool,
}

impl RuleCheck {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Described(rule) => &rule.name,
        }
    }

    /// The metric that its expression must contain.
    #[must_use]
    pub fn metric(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Described(rule) => rule.metric.as_deref(),
        }
    }

    /// Whether it must be an alert.
    #[must_use]
    pub const fn is_alert(&self) -> bool {
        matches!(self, Self::Described(DescribedRule { alert: true, .. }))
    }
}

/// A scrape job: all its targets must be up.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobCheck {
    /// Its name.
    pub name: String,
    /// The minimum number of targets.
    #[serde(default = "one")]
    pub at_least: u64,
}

const fn one() -> u64 {
    1
}

/// An instant query. Every series of its result must be within the limits; without limits, one series must exist.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryCheck {
    /// What it shows, in a few words.
    pub what: String,
    /// `PromQL`.
    pub expr: String,
    /// The minimum value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Decimal>,
    /// The maximum value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Decimal>,
}

/// A counter, summed over its series, that must have increased.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncreaseCheck {
    /// A selector of series, `events_total{status="ok"}`.
    pub series: String,
    /// The minimum increase.
    #[serde(default = "one")]
    pub by: u64,
}

/// A range query, shown as a sparkline.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trend {
    /// What it shows, in a few words.
    pub what: String,
    /// `PromQL`.
    pub expr: String,
    /// Its range, in minutes.
    #[serde(default = "half_an_hour")]
    pub minutes: u64,
    /// The maximum of the newest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Decimal>,
}

const fn half_an_hour() -> u64 {
    30
}
