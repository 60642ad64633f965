//! Values over time, as a line of blocks.

use super::{display_value, range, server_time};
use crate::probes::api_client::ApiClient;
use crate::probes::error::ProbeResult;
use gonogo_core::checklist::spec::Trend;
use gonogo_core::outcome::Observation;

/// The number of values in the line.
const SPARKLINE_CELLS: u64 = 30;
const SPARKLINE_BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(super) async fn run(trend: &Trend, api: &ApiClient) -> Observation {
    let expected =
        trend.at_most.as_ref().map_or_else(|| "recorded".to_owned(), |most| format!("at most {most} now"));
    let values = match values(trend, api).await {
        Ok(values) => values,
        Err(why) => return Observation::unknown(&trend.what, expected, why),
    };
    let Some(now) = values.iter().rev().flatten().next().copied() else {
        let seen = format!("no values in {} min", trend.minutes);
        return Observation::new(&trend.what, expected, seen, trend.at_most.is_none()).as_measured();
    };
    let ok = trend.at_most.as_ref().is_none_or(|most| now <= most.value());
    let (low, high) = bounds(&values);
    let seen = format!(
        "{} {} now, {} to {} in {} min",
        sparkline(&values),
        display_value(now),
        display_value(low),
        display_value(high),
        trend.minutes
    );
    Observation::new(&trend.what, expected, seen, ok).as_measured()
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
    fn a_line_goes_from_the_lowest_to_the_highest() {
        assert_eq!(sparkline(&[None, Some(0.0), Some(5.0), None, Some(10.0)]), "▁▅ █");
        assert_eq!(sparkline(&[Some(3.0), Some(3.0)]), "▁▁");
    }
}
