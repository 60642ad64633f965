//! Compares jobs, alerts and query results with the checks. Pure.

use serde::Deserialize;

use super::answer::Answer;
use super::quantile::{Edges, QuantileValue};
use super::series::QueriedSeries;
use crate::probes::error::ProbeResult;
use gonogo_core::checklist::spec::{Decimal, JobCheck, QueryCheck};
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// How many of several things are named.
const MAX_NAMED: usize = 4;

/// The targets of a server.
#[derive(Deserialize)]
pub(super) struct Targets {
    #[serde(rename = "activeTargets", deserialize_with = "Option::deserialize")]
    active: Option<Vec<Target>>,
}

#[derive(Deserialize)]
struct Target {
    labels: Option<TargetLabels>,
    health: Option<String>,
    #[serde(rename = "scrapeUrl")]
    url: Option<String>,
    #[serde(rename = "lastError")]
    last_error: Option<String>,
}

#[derive(Deserialize)]
struct TargetLabels {
    job: Option<String>,
}

impl Target {
    fn is_of(&self, job: &str) -> bool {
        self.labels.as_ref().and_then(|labels| labels.job.as_deref()) == Some(job)
    }

    fn describe(&self) -> String {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        format!("{} is {}: {}", part(&self.url), part(&self.health), part(&self.last_error))
    }
}

fn job_name_and_expected(job: &JobCheck) -> (String, String) {
    (format!("job {}", job.name), format!("{} or more targets, all up", job.at_least))
}

pub(super) fn job(job: &JobCheck, targets: &ProbeResult<Answer<Targets>>) -> Observation {
    let (what, expected) = job_name_and_expected(job);
    let targets = match targets {
        Ok(targets) => targets,
        Err(why) => return Observation::unknown(what, expected, why.clone()),
    };
    let of_job: Vec<_> =
        targets.data.active.iter().flatten().filter(|target| target.is_of(&job.name)).collect();
    let with = |health: &str| of_job.iter().find(|target| target.health.as_deref() == Some(health));
    if let Some(down) = with("down") {
        return Observation::new(what, expected, down.describe(), false);
    }
    if let Some(why) = &targets.partial {
        return Observation::unknown(what, expected, why.clone());
    }
    if let Some(other) = of_job.iter().find(|target| target.health.as_deref() != Some("up")) {
        let url = other.url.as_deref().unwrap_or_default();
        return Observation::unknown(what, expected, format!("{url} was not scraped yet"));
    }
    let seen = format!("{} up", text::count(of_job.len(), "target"));
    Observation::new(what, expected, seen, of_job.len() as u64 >= job.at_least)
}

/// Of a job by its `up` series, where its targets are not listed.
pub(super) fn job_by_up(job: &JobCheck, up: &[QueriedSeries]) -> Observation {
    let (what, expected) = job_name_and_expected(job);
    let is_down = |series: &&QueriedSeries| series.last() != Some(1.0);
    if let Some(down) = up.iter().find(is_down) {
        return Observation::new(what, expected, format!("{} is down", down.name), false);
    }
    let seen = format!("{} up, by the metric `up`", text::count(up.len(), "target"));
    Observation::new(what, expected, seen, up.len() as u64 >= job.at_least)
}

/// The alerts of a server.
#[derive(Deserialize)]
pub(super) struct Alerts {
    #[serde(deserialize_with = "Option::deserialize")]
    alerts: Option<Vec<Alert>>,
}

#[derive(Deserialize)]
struct Alert {
    labels: Option<AlertLabels>,
    state: Option<String>,
    #[serde(rename = "activeAt")]
    active_at: Option<String>,
}

#[derive(Deserialize)]
struct AlertLabels {
    alertname: Option<String>,
}

impl Alert {
    fn is_of(&self, name: &str) -> bool {
        self.labels.as_ref().and_then(|labels| labels.alertname.as_deref()) == Some(name)
    }

    /// Its state; Grafana writes `Alerting`, `Normal`, `NoData`.
    fn state(&self) -> String {
        self.state.as_deref().unwrap_or_default().to_lowercase()
    }
}

/// Whether an alert fires. `is_loaded` is whether there is such a rule, where that is known: without one, nothing
/// can fire, and a server that only stores metrics has no alerts.
pub(super) fn quiet(
    name: &str,
    alerts: &ProbeResult<Answer<Alerts>>,
    is_loaded: Option<bool>,
) -> Observation {
    let (what, expected) = (format!("alert {name}"), "not firing");
    let alerts = match alerts {
        Ok(alerts) => alerts,
        Err(why) => return Observation::unknown(what, expected, why.clone()),
    };
    let own: Vec<_> = alerts.data.alerts.iter().flatten().filter(|alert| alert.is_of(name)).collect();
    let with = |states: &[&str]| {
        own.iter().find(|alert| states.iter().any(|state| alert.state().starts_with(state)))
    };
    if let Some(firing) = with(&["firing", "alerting"]) {
        let since = firing.active_at.as_deref().map(|at| format!(" since {at}")).unwrap_or_default();
        return Observation::new(what, expected, format!("firing{since}"), false);
    }
    if let Some(why) = &alerts.partial {
        return Observation::unknown(what, expected, why.clone());
    }
    if let Some(alert) = with(&["nodata", "error", "unknown"]) {
        return Observation::unknown(what, expected, format!("its state is {}", alert.state()));
    }
    match (with(&["pending"]), is_loaded) {
        (Some(_), _) => Observation::new(what, expected, "pending", true),
        (None, Some(false)) if own.is_empty() => {
            Observation::unknown(what, expected, "no rule of that name is loaded")
        }
        (None, None) if own.is_empty() => {
            Observation::unknown(what, expected, "whether such a rule is loaded is not known")
        }
        (None, _) => Observation::new(what, expected, "not firing", true),
    }
}

/// The limits of a value.
pub(super) struct Limits {
    pub(super) least: Option<f64>,
    pub(super) most: Option<f64>,
}

impl Limits {
    /// Whether a value is within them, if that can be said: NaN is what a ratio without data gives.
    pub(super) fn allow(&self, value: f64) -> Option<bool> {
        let is_within =
            self.least.is_none_or(|least| value >= least) && self.most.is_none_or(|most| value <= most);
        (!value.is_nan()).then_some(is_within)
    }
}

pub(super) fn query(
    check: &QueryCheck,
    result: ProbeResult<Vec<QueriedSeries>>,
    edges: Option<Edges>,
) -> Observation {
    let expected = limits(check);
    let series = match result {
        Ok(series) => series,
        Err(why) => return Observation::unknown(&check.what, expected, why),
    };
    let unknown = |why: String| Observation::unknown(&check.what, &expected, why).as_measured();
    let (least, most) = (check.at_least.as_ref(), check.at_most.as_ref());
    let limits = Limits { least: least.map(Decimal::value), most: most.map(Decimal::value) };
    let is_limited = limits.least.is_some() || limits.most.is_some();
    if is_limited && series.iter().any(|series| series.is_histogram) {
        return unknown("native histograms: query histogram_quantile() or histogram_count() of them".into());
    }
    let values: Vec<(QuantileValue, &str)> = series
        .iter()
        .filter_map(|series| Some((QuantileValue::new(series.last()?, edges), series.name.as_str())))
        .collect();
    let with = |ok: Option<bool>| values.iter().find(|(value, _)| value.is_within(&limits) == ok);
    let name = |(value, name): &(QuantileValue, &str)| format!("{value} {name}").trim_end().to_owned();
    let seen = match (with(Some(false)), with(None)) {
        (Some(worst), _) => name(worst),
        (None, Some(open)) if is_limited => return unknown(open.0.why_open(&name(open))),
        _ if series.is_empty() => "no series".to_owned(),
        _ if values.is_empty() => text::count(series.len(), "native histogram"),
        _ => values.iter().take(MAX_NAMED).map(|(value, _)| value.to_string()).collect::<Vec<_>>().join(", "),
    };
    let ok = !series.is_empty() && with(Some(false)).is_none();
    Observation::new(&check.what, &expected, seen, ok).as_measured()
}

fn limits(check: &QueryCheck) -> String {
    match (&check.at_least, &check.at_most) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "one series or more".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::probes::error::ProbeError;

    fn answer<T: serde::de::DeserializeOwned>(data: Value, is_partial: bool) -> Answer<T> {
        let partial = is_partial.then(|| ProbeError::new("partial response"));
        Answer { data: serde_json::from_value(data).unwrap(), partial }
    }

    #[test]
    fn the_targets_of_a_job() {
        let check: JobCheck = serde_json::from_value(json!({"name": "app"})).unwrap();
        let target = |health: &str| json!({"labels": {"job": "app"}, "health": health, "scrapeUrl": "u", "lastError": "e"});
        let other = || json!({"labels": {"job": "other"}, "health": "down"});
        let cases = [
            (json!([target("up"), other()]), false, Some(true), "1 target up"),
            (json!([target("up"), target("down")]), false, Some(false), "u is down: e"),
            (json!([target("up"), target("unknown")]), false, None, "u was not scraped yet"),
            (json!([other()]), false, Some(false), "0 targets up"),
            (json!(null), false, Some(false), "0 targets up"),
            (json!([target("up")]), true, None, "partial response"),
            (json!([target("down")]), true, Some(false), "u is down"),
        ];
        for (active, is_partial, ok, seen) in cases {
            let one = job(&check, &Ok(answer(json!({"activeTargets": active.clone()}), is_partial)));
            assert_eq!(one.ok, ok, "{active}: {one:?}");
            assert!(one.seen.contains(seen), "{one:?}");
        }
        assert!(serde_json::from_value::<Targets>(json!({"groups": []})).is_err(), "another answer");
    }

    #[test]
    fn a_job_by_the_metric_up() {
        let check: JobCheck = serde_json::from_value(json!({"name": "app"})).unwrap();
        for (values, ok) in [(vec![1.0, 1.0], true), (vec![1.0, 0.0], false), (vec![], false)] {
            let up: Vec<_> = values.into_iter().map(series).collect();
            assert_eq!(job_by_up(&check, &up).ok, Some(ok));
        }
    }

    fn series(value: f64) -> QueriedSeries {
        QueriedSeries {
            name: "up{job=app}".into(),
            le: None,
            points: vec![(1.0, value)],
            is_histogram: false,
        }
    }

    #[test]
    fn an_alert_fires_or_not() {
        let alert = |state: &str| json!([{"labels": {"alertname": "A"}, "state": state, "activeAt": "t"}]);
        let other = json!([{"labels": {"alertname": "B"}, "state": "firing"}]);
        let cases = [
            (alert("firing"), false, Some(true), Some(false), "firing since t"),
            (alert("Alerting"), false, Some(true), Some(false), "firing since t"),
            (alert("pending"), false, Some(true), Some(true), "pending"),
            (alert("Normal"), false, Some(true), Some(true), "not firing"),
            (alert("NoData"), false, Some(true), None, "its state is nodata"),
            (other.clone(), false, Some(true), Some(true), "not firing"),
            (other.clone(), false, Some(false), None, "no rule of that name is loaded"),
            (other, false, None, None, "whether such a rule is loaded is not known"),
            (json!(null), false, Some(true), Some(true), "not firing"),
            (json!([]), true, Some(true), None, "partial response"),
            (alert("firing"), true, None, Some(false), "firing"),
        ];
        for (alerts, is_partial, is_loaded, ok, seen) in cases {
            let one = quiet("A", &Ok(answer(json!({"alerts": alerts.clone()}), is_partial)), is_loaded);
            assert_eq!(one.ok, ok, "{alerts} {is_partial} {is_loaded:?}: {one:?}");
            assert!(one.seen.contains(seen), "{one:?}");
        }
    }

    #[test]
    fn a_value_is_within_limits_or_cannot_be_compared() {
        let check = |more: Value| -> QueryCheck {
            let mut check = json!({"what": "w", "expr": "e"});
            for (key, value) in more.as_object().unwrap() {
                check[key] = value.clone();
            }
            serde_json::from_value(check).unwrap()
        };
        let native = || QueriedSeries { points: Vec::new(), is_histogram: true, ..series(0.0) };
        let edges = |low, high| Some(Edges { low, high });
        let most = || check(json!({"at_most": "1"}));
        let cases = [
            (most(), vec![series(1.0)], None, Some(true), "1"),
            (most(), vec![series(0.5), series(2.0)], None, Some(false), "2 up{job=app}"),
            (most(), vec![series(f64::INFINITY)], None, Some(false), "inf"),
            (most(), vec![series(f64::NAN)], None, None, "NaN"),
            (most(), vec![series(f64::NAN), series(2.0)], None, Some(false), "2"),
            (most(), vec![], None, Some(false), "no series"),
            (most(), vec![native()], None, None, "native histograms"),
            (check(json!({})), vec![native()], None, Some(true), "1 native histogram"),
            (check(json!({})), vec![series(f64::NAN)], None, Some(true), "NaN"),
            (most(), vec![series(2.5)], edges(5.0, 100.0), None, "below 5"),
            (most(), vec![series(0.2)], edges(0.5, 10.0), Some(true), "below 0.5"),
            (most(), vec![series(10.0)], edges(0.5, 10.0), Some(false), "above 10"),
            (check(json!({"at_most": "60"})), vec![series(10.0)], edges(0.5, 10.0), None, "above 10"),
        ];
        for (check, series, edges, ok, seen) in cases {
            let said = format!("{series:?} {edges:?}");
            let one = query(&check, Ok(series), edges);
            assert_eq!(one.ok, ok, "{said}: {one:?}");
            assert!(one.seen.contains(seen), "{one:?}");
        }
    }
}
