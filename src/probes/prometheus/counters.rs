//! Counters that must have increased since another probe result.

use std::collections::BTreeMap;

use super::series::{QueriedSeries, instant};
use super::{display_value, server_time};
use crate::probes::ProbeContext;
use crate::probes::api_client::ApiClient;
use crate::probes::error::ProbeResult;
use gonogo_core::checklist::spec::IncreaseCheck;
use gonogo_core::outcome::Observation;
use gonogo_core::time::Utc;

pub(super) async fn run(check: &IncreaseCheck, api: &ApiClient, context: &ProbeContext) -> Observation {
    let what = format!("counter {}", check.series);
    let Some(since) = context.since else {
        let expected = format!("risen by {} or more", check.by);
        return Observation::unknown(what, expected, context.no_start());
    };
    let expected = format!("risen by {} or more since {}", check.by, since.time_of_day());
    match rise(check, api, since).await {
        Ok(CounterIncrease { by, fresh: 0, newest }) if by <= 0.0 => {
            let newest = newest.map_or_else(
                || "no series".to_owned(),
                |at| format!("the newest sample is from {}", at.time_of_day()),
            );
            Observation::new(what, expected, format!("no sample since then; {newest}"), false).as_measured()
        }
        Ok(CounterIncrease { by, fresh, .. }) => {
            let series = gonogo_core::text::count(fresh, "series").replace("seriess", "series");
            let seen = format!("risen by {} in {series} with newer samples", display_value(by));
            #[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
            let ok = by >= check.by as f64;
            Observation::new(what, expected, seen, ok).as_measured()
        }
        Err(why) => Observation::unknown(what, expected, why),
    }
}

/// By how much a counter has risen, in how many series with samples that are new; and the newest sample.
struct CounterIncrease {
    by: f64,
    fresh: usize,
    newest: Option<Utc>,
}

/// Compares the values of now with those at the time. That is by Prometheus' clock, which may differ from
/// this host's.
async fn rise(check: &IncreaseCheck, api: &ApiClient, since: Utc) -> ProbeResult<CounterIncrease> {
    let now = server_time(api).await?;
    let own_now = seconds(Utc::from_millis(jiff::Timestamp::now().as_millisecond()));
    let since = seconds(since) + (now - own_now);
    let window = (now - since).ceil().max(1.0);
    let before = by_name(instant(api, &check.series, Some(since)).await?);
    let after = by_name(instant(api, &check.series, Some(now)).await?);
    // Functions drop the metric's name, so these are matched without it.
    let sampled = by_labels(instant(api, &format!("timestamp({})", check.series), Some(now)).await?);
    let resets = by_labels(instant(api, &format!("resets({}[{window}s])", check.series), Some(now)).await?);
    let mut rise = CounterIncrease { by: 0.0, fresh: 0, newest: None };
    let mut newest = f64::NEG_INFINITY;
    for (name, value) in &after {
        let at = sampled.get(labels(name)).copied().unwrap_or(f64::NEG_INFINITY);
        newest = newest.max(at);
        if at <= since {
            continue;
        }
        let was_reset = resets.get(labels(name)).is_some_and(|resets| *resets > 0.0);
        // A new series starts at zero; so does one whose process was restarted.
        let begin = before.get(name).copied().filter(|begin| !was_reset && begin <= value).unwrap_or(0.0);
        rise.by += value - begin;
        rise.fresh += 1;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a time of day in milliseconds")]
    let moment = |seconds: f64| Utc::from_millis((seconds * 1000.0) as i64);
    rise.newest = newest.is_finite().then(|| moment(newest - (now - own_now)));
    Ok(rise)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this age are far below 2^53")]
fn seconds(at: Utc) -> f64 {
    at.millis() as f64 / 1000.0
}

fn by_name(series: Vec<QueriedSeries>) -> BTreeMap<String, f64> {
    let value = |series: &QueriedSeries| series.last().filter(|value| !value.is_nan());
    series.into_iter().filter_map(|series| value(&series).map(|value| (series.name, value))).collect()
}

fn by_labels(series: Vec<QueriedSeries>) -> BTreeMap<String, f64> {
    by_name(series).into_iter().map(|(name, value)| (labels(&name).to_owned(), value)).collect()
}

fn labels(name: &str) -> &str {
    name.find('{').map_or("", |at| &name[at..])
}
