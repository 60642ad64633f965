//! Values over time, as a line of blocks.

use super::judge::Limits;
use super::quantile::{self, QuantileValue};
use super::series::range;
use super::{display_value, server_time};
use crate::probes::api_client::ApiClient;
use crate::probes::error::ProbeResult;
use gonogo_core::checklist::spec::{Decimal, Trend};
use gonogo_core::outcome::Observation;

/// The number of values in the line.
const SPARKLINE_CELLS: u64 = 30;
const SPARKLINE_BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(super) async fn run(trend: &Trend, api: &ApiClient) -> Vec<Observation> {
    let values = match values(trend, api).await {
        Ok(values) => values,
        Err(why) => return vec![Observation::unknown(&trend.what, expected(trend), why)],
    };
    let edges = quantile::edges(&trend.expr, api).await;
    let now = values.iter().rev().flatten().next().map(|now| QuantileValue::new(*now, edges));
    let mut seen = vec![judge(trend, &values, now)];
    if now.is_some() {
        seen.extend(quantile::mean(&trend.what, &trend.expr, api).await);
    }
    seen
}

fn expected(trend: &Trend) -> String {
    trend.at_most.as_ref().map_or_else(|| "recorded".to_owned(), |most| format!("at most {most} now"))
}

fn judge(trend: &Trend, values: &[Option<f64>], now: Option<QuantileValue>) -> Observation {
    let (expected, most) = (expected(trend), trend.at_most.as_ref().map(Decimal::value));
    let Some(now) = now else {
        let seen = format!("no values in {} min", trend.minutes);
        // Nothing was measured: that is recorded, and never within a limit.
        let ok = most.is_none().then_some(true);
        return Observation { ok, ..Observation::new(&trend.what, expected, seen, true) }.as_measured();
    };
    let (low, high) = bounds(values);
    let line = sparkline(values);
    let (low, high) = (display_value(low), display_value(high));
    let seen = format!("{line} {now} now, {low} to {high} in {} min", trend.minutes);
    match now.is_within(&Limits { least: None, most }) {
        None => Observation::unknown(&trend.what, expected, now.why_open(&seen)).as_measured(),
        Some(ok) => Observation::new(&trend.what, expected, seen, ok).as_measured(),
    }
}

/// The values, evenly spaced, with gaps; of several series, the largest value at each time.
async fn values(trend: &Trend, api: &ApiClient) -> ProbeResult<Vec<Option<f64>>> {
    let now = server_time(api).await?;
    #[expect(clippy::cast_precision_loss, reason = "minutes far below 2^53")]
    let (span, cells) = (trend.minutes as f64 * 60.0, SPARKLINE_CELLS as f64);
    let step = (span / cells).max(1.0);
    let series = range(api, &trend.expr, now - span, now, step).await?;
    let mut values = vec![None; usize::try_from(SPARKLINE_CELLS).unwrap_or(0) + 1];
    for (at, value) in series.into_iter().flat_map(|series| series.points) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to CELLS")]
        let cell = ((at - (now - span)) / step).round().clamp(0.0, cells) as usize;
        if value.is_finite() {
            values[cell] = Some(values[cell].map_or(value, |previous: f64| previous.max(value)));
        }
    }
    Ok(values)
}
fn bounds(values: &[Option<f64>]) -> (f64, f64) {
    let finite = || values.iter().flatten().copied();
    (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max))
}

fn sparkline(values: &[Option<f64>]) -> String {
    let (low, high) = bounds(values);
    let block = |value: &Option<f64>| {
        let Some(value) = value else { return ' ' };
        let height = if high > low { (value - low) / (high - low) } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 7")]
        SPARKLINE_BLOCKS[(height * 7.0).round().clamp(0.0, 7.0) as usize]
    };
    values.iter().map(block).collect::<String>().trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_needs_a_value_and_a_bucket_near_it() {
        use crate::probes::prometheus::quantile::Edges;
        let trend = |most: Option<&str>| -> Trend {
            let mut trend = serde_json::json!({"what": "w", "expr": "e"});
            if let Some(most) = most {
                trend["at_most"] = serde_json::json!(most);
            }
            serde_json::from_value(trend).unwrap()
        };
        let edges = Some(Edges { low: 5.0, high: 10.0 });
        let cases = [
            (Some("1"), Some(0.5), None, Some(true)),
            (Some("1"), Some(2.5), None, Some(false)),
            (Some("1"), Some(2.5), edges, None),
            (Some("5"), Some(2.5), edges, Some(true)),
            (Some("10"), Some(10.0), edges, Some(false)),
            (Some("1"), None, None, None),
            (None, None, None, Some(true)),
            (None, Some(2.5), edges, Some(true)),
        ];
        for (most, value, edges, ok) in cases {
            let now = value.map(|value| QuantileValue::new(value, edges));
            let one = judge(&trend(most), &[value], now);
            assert_eq!(one.ok, ok, "{most:?} {value:?} {edges:?}: {one:?}");
        }
    }

    #[test]
    fn a_line_goes_from_the_lowest_to_the_highest() {
        assert_eq!(sparkline(&[None, Some(0.0), Some(5.0), None, Some(10.0)]), "▁▅ █");
        assert_eq!(sparkline(&[Some(3.0), Some(3.0)]), "▁▁");
    }
}
