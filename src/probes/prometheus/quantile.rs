//! Quantiles of classic histograms. In the lowest and in the highest bucket, a quantile is a guess: only the bucket's
//! bound is known. See <https://prometheus.io/docs/practices/histograms/#errors-of-quantile-estimation>.

use std::fmt;

use super::display_value;
use super::judge::Limits;
use super::series::{QueriedSeries, instant};
use crate::probes::api_client::ApiClient;
use gonogo_core::outcome::Observation;

/// The upper bounds of a histogram's lowest bucket above zero, and of its highest finite one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edges {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// A value, which may be a quantile of a histogram with these edges.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuantileValue {
    value: f64,
    edges: Option<Edges>,
}

impl QuantileValue {
    pub(super) const fn new(value: f64, edges: Option<Edges>) -> Self {
        Self { value, edges }
    }

    fn is_below(&self) -> Option<f64> {
        self.edges.map(|edges| edges.low).filter(|low| self.value < *low)
    }

    fn is_above(&self) -> Option<f64> {
        self.edges.map(|edges| edges.high).filter(|high| self.value >= *high)
    }

    /// Whether the true value is within limits, if that can be said.
    pub(super) fn is_within(&self, limits: &Limits) -> Option<bool> {
        let could_be = match (self.is_below(), self.is_above()) {
            (Some(low), _) => [0.0, low],
            (None, Some(high)) => [high, f64::INFINITY],
            (None, None) => [self.value, self.value],
        };
        match could_be.map(|value| limits.allow(value)) {
            [least, most] if least == most => least,
            // The bound itself is not above: `le` includes it.
            [Some(true), Some(false)] if self.is_above().is_some_and(|high| limits.most == Some(high)) => {
                Some(false)
            }
            _ => None,
        }
    }

    /// Why it is open whether the value is within limits.
    pub(super) fn why_open(&self, shown: &str) -> String {
        if self.value.is_nan() {
            format!("{shown}: no data to compute it from")
        } else {
            format!("{shown}: the histogram has no bucket near the limit")
        }
    }
}

impl fmt::Display for QuantileValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_below(), self.is_above()) {
            (Some(low), _) => write!(f, "below {}", display_value(low)),
            (None, Some(high)) => write!(f, "above {}", display_value(high)),
            (None, None) => f.write_str(&display_value(self.value)),
        }
    }
}

/// The edges of the histogram behind a quantile, if an expression is one.
pub(super) async fn edges(expr: &str, api: &ApiClient) -> Option<Edges> {
    let buckets = instant(api, buckets(expr)?, None).await.ok()?;
    edges_of(&buckets)
}

fn edges_of(buckets: &[QueriedSeries]) -> Option<Edges> {
    let bounds = buckets.iter().filter_map(|bucket| bucket.le).filter(|le| le.is_finite() && *le > 0.0);
    let bounds: Vec<f64> = bounds.collect();
    let low = bounds.iter().copied().reduce(f64::min)?;
    Some(Edges { low, high: bounds.iter().copied().reduce(f64::max)? })
}

/// The second argument of `histogram_quantile(φ, …)`, if the expression is nothing but that.
fn buckets(expr: &str) -> Option<&str> {
    let inside = expr.trim().strip_prefix("histogram_quantile")?.trim_start().strip_prefix('(')?;
    let (mut depth, mut comma) = (0, None);
    for (at, c) in inside.char_indices() {
        match c {
            '(' | '{' | '[' => depth += 1,
            ')' if depth == 0 => {
                let is_all = inside[at + 1..].trim().is_empty();
                return comma.filter(|_| is_all).map(|comma: usize| inside[comma + 1..at].trim());
            }
            ')' | '}' | ']' => depth -= 1,
            ',' if depth == 0 => comma = comma.or(Some(at)),
            _ => {}
        }
    }
    None
}

/// The mean, which is true whatever the buckets: the sum's increase over the count's.
pub(super) async fn mean(what: &str, expr: &str, api: &ApiClient) -> Option<Observation> {
    let series = instant(api, &mean_expr(buckets(expr)?)?, None).await.ok()?;
    let mean = series.first().and_then(QueriedSeries::last).filter(|mean| mean.is_finite())?;
    let seen = format!("{}, by sum and count", display_value(mean));
    Some(Observation::recorded(format!("{what}: mean"), seen).as_measured())
}

/// `rate(x_bucket{…}[5m])` within an expression, as the mean of `x`.
fn mean_expr(buckets: &str) -> Option<String> {
    let at = buckets.find("rate(").or_else(|| buckets.find("increase("))?;
    let begin = at + buckets[at..].find('(')? + 1;
    let selector = &buckets[begin..=begin + buckets[begin..].find(']')?];
    let (before, after) = selector.split_once("_bucket")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let is_plain = before.trim().chars().all(is_name) && after.starts_with(['{', '[']);
    is_plain.then(|| format!("sum(rate({before}_sum{after})) / sum(rate({before}_count{after}))"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: &str = "sum by (le) (rate(publish_seconds_bucket{job=\"app\"}[5m]))";

    #[test]
    fn the_histogram_behind_a_quantile_is_found() {
        assert_eq!(buckets(&format!("histogram_quantile(0.95, {RATE})")), Some(RATE));
        assert_eq!(buckets(&format!(" histogram_quantile (0.95,\n {RATE} ) ")), Some(RATE));
        for other in [
            "up",
            "histogram_quantile(0.9, x) * 1000",
            "max(histogram_quantile(0.9, x))",
            "histogram_quantile(0.9",
        ] {
            assert_eq!(buckets(other), None, "{other}");
        }
        let mean = "sum(rate(publish_seconds_sum{job=\"app\"}[5m])) / sum(rate(publish_seconds_count{job=\"app\"}[5m]))";
        assert_eq!(mean_expr(RATE).as_deref(), Some(mean));
        assert_eq!(mean_expr("sum(rate(native_seconds[5m]))"), None);
    }

    #[test]
    fn the_edges_are_the_bounds_that_say_something() {
        let bucket = |le: f64| QueriedSeries {
            name: String::new(),
            le: Some(le),
            points: vec![(0.0, 1.0)],
            is_histogram: false,
        };
        let buckets: Vec<_> = [0.0, 5.0, 10.0, f64::INFINITY].map(bucket).into();
        assert_eq!(edges_of(&buckets), Some(Edges { low: 5.0, high: 10.0 }));
        assert_eq!(edges_of(&[]), None);
    }

    #[test]
    fn a_guess_within_a_bucket_is_shown_as_its_bound() {
        let edges = Some(Edges { low: 5.0, high: 100.0 });
        let shown = [2.5, 5.0, 40.0, 100.0].map(|value| QuantileValue::new(value, edges).to_string());
        assert_eq!(shown, ["below 5", "5", "40", "above 100"]);
        assert_eq!(QuantileValue::new(2.5, None).to_string(), "2.5");
    }
}
