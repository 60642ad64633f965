//! The Prometheus probe: rules, scrape jobs, alerts, queries; counters that increased since another probe result; lines over
//! time.

mod counters;
mod judge;
mod trend;

use serde_json::Value;

use super::api_client::{ApiClient, ApiResponse};
use super::curl;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::{ProbeContext, http_client};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::PrometheusSpec;
use gonogo_core::outcome::{Observation, Outcome};

/// One series of a result: its labels as a selector, its values with their times in seconds.
pub(super) struct QueriedSeries {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// Queries everything and judges it.
pub(super) async fn run(
    spec: &PrometheusSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Outcome {
    let reproduce = reproduce(spec);
    let api = match ApiClient::new(&spec.api, deadline, secret_store).await {
        Ok(api) => api,
        Err(why) => {
            return Outcome::of(vec![Observation::unknown("Prometheus", "an answer", why)], reproduce);
        }
    };
    let mut seen = Vec::new();
    if !spec.rules.is_empty() {
        let rules = list(&api, "/api/v1/rules", &["data", "groups"]).await;
        seen.extend(judge::rules(&spec.rules, rules));
    }
    if !spec.jobs.is_empty() {
        let targets = list(&api, "/api/v1/targets?state=active", &["data", "activeTargets"]).await;
        seen.extend(judge::jobs(&spec.jobs, targets));
    }
    if !spec.quiet.is_empty() {
        let alerts = list(&api, "/api/v1/alerts", &["data", "alerts"]).await;
        seen.extend(judge::quiet(&spec.quiet, &alerts));
    }
    for query in &spec.queries {
        seen.push(judge::query(query, instant(&api, &query.expr, None).await));
    }
    seen.extend(counters::run(&spec.risen, &api, context).await);
    for trend in &spec.trends {
        seen.push(trend::run(trend, &api).await);
    }
    Outcome::of(seen, reproduce)
}

/// A list somewhere in an answer.
async fn list(api: &ApiClient, target: &str, path: &[&str]) -> ProbeResult<Vec<Value>> {
    let (path_of, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let answer = api.get(path_of, &pairs).await?.json()?;
    let list = path.iter().try_fold(&answer, |value, key| value.get(key));
    list.and_then(Value::as_array).cloned().ok_or_else(|| unexpected_answer(api))
}

fn unexpected_answer(api: &ApiClient) -> ProbeError {
    ProbeError::new(format!(
        "the answer is in no form that Prometheus documents; is it one, at {}?",
        api.host_and_port()
    ))
}

/// The result of an instant query, at a time in seconds or now.
async fn instant(api: &ApiClient, expr: &str, at: Option<f64>) -> ProbeResult<Vec<QueriedSeries>> {
    let time = at.map(|at| format!("{at:.3}"));
    let mut query = vec![("query", expr)];
    query.extend(time.as_deref().map(|time| ("time", time)));
    result(api, &api.get("/api/v1/query", &query).await?)
}

/// The result of a range query.
async fn range(
    api: &ApiClient,
    expr: &str,
    from: f64,
    to: f64,
    step: f64,
) -> ProbeResult<Vec<QueriedSeries>> {
    let [start, end, step] = [from, to, step].map(|seconds| format!("{seconds:.3}"));
    let query = [("query", expr), ("start", &*start), ("end", &*end), ("step", &*step)];
    result(api, &api.get("/api/v1/query_range", &query).await?)
}

fn result(api: &ApiClient, reply: &ApiResponse) -> ProbeResult<Vec<QueriedSeries>> {
    let answer = reply.json_of_any_status()?;
    if let (false, Some(error)) = (reply.status.is_success(), answer.get("error").and_then(Value::as_str)) {
        return Err(ProbeError::new(format!("Prometheus refuses the query: {error}")));
    }
    let answer = reply.json()?;
    let data = answer.get("data").ok_or_else(|| unexpected_answer(api))?;
    let result = data.get("result").ok_or_else(|| unexpected_answer(api))?;
    match data.get("resultType").and_then(Value::as_str) {
        // One number without labels.
        Some("scalar") => {
            Ok(vec![QueriedSeries { name: String::new(), points: point(result).into_iter().collect() }])
        }
        Some("vector" | "matrix") => {
            let list = result.as_array().ok_or_else(|| unexpected_answer(api))?;
            list.iter().map(|item| series(item).ok_or_else(|| unexpected_answer(api))).collect()
        }
        _ => Err(unexpected_answer(api)),
    }
}

fn series(item: &Value) -> Option<QueriedSeries> {
    let labels = item.get("metric")?.as_object()?;
    let name = labels.get("__name__").and_then(Value::as_str).unwrap_or_default();
    let rest = labels.iter().filter(|(label, _)| *label != "__name__");
    let rest: Vec<_> = rest.map(|(label, value)| format!("{label}={value}")).collect();
    let name = if rest.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", rest.join(",")) };
    let points = match item.get("value") {
        Some(value) => vec![point(value)?],
        None => item.get("values")?.as_array()?.iter().map(point).collect::<Option<_>>()?,
    };
    Some(QueriedSeries { name, points })
}

fn point(value: &Value) -> Option<(f64, f64)> {
    let [time, value] = value.as_array()?.as_slice() else { return None };
    // `+Inf`, `-Inf` and `NaN` are read by Rust as Prometheus writes them.
    Some((time.as_f64()?, value.as_str()?.parse().ok()?))
}

/// The time that the server's clock shows, in seconds.
async fn server_time(api: &ApiClient) -> ProbeResult<f64> {
    let now = instant(api, "time()", None).await?;
    now.first()
        .and_then(|series| series.points.first())
        .map(|(_, value)| *value)
        .ok_or_else(|| unexpected_answer(api))
}

/// A value for people: four digits that count.
fn display_value(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let places = (3.0 - value.abs().log10().floor()).clamp(0.0, 9.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 9")]
    let text = format!("{value:.*}", places as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn reproduce(spec: &PrometheusSpec) -> String {
    let expr = spec.risen.first().map(|risen| &risen.series);
    let expr = expr.or_else(|| spec.queries.first().map(|query| &query.expr));
    let expr = expr.or_else(|| spec.trends.first().map(|trend| &trend.expr));
    match expr {
        Some(expr) => curl::get(&spec.api, &format!("/api/v1/query?query={}", http_client::segment(expr))),
        None if !spec.rules.is_empty() => curl::get(&spec.api, "/api/v1/rules"),
        None if !spec.jobs.is_empty() => curl::get(&spec.api, "/api/v1/targets?state=active"),
        None => curl::get(&spec.api, "/api/v1/alerts"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_with_the_digits_that_count() {
        let texts = [0.0, 1.0, 12.0, 0.021_234_5, 1234.56, 1e9, 1e-7, f64::NAN].map(display_value);
        assert_eq!(texts, ["0", "1", "12", "0.02123", "1235", "1000000000", "0.0000001", "NaN"]);
    }
}
