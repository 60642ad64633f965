//! The Prometheus probe: rules, scrape jobs, alerts, queries; counters that increased since another probe result; lines over
//! time.

mod answer;
mod counters;
mod expression;
mod judge;
mod quantile;
mod rules;
mod series;
mod trend;

use super::api_client::ApiClient;
use super::checked_by::{self, CheckedBy};
use super::curl;
use super::deadline::Deadline;
use super::error::ProbeResult;
use super::{ProbeContext, http_client};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{JobCheck, PrometheusSpec, QueryCheck};
use gonogo_core::outcome::{Observation, Outcome};
use series::{QueriedSeries, instant};

/// Queries everything and judges it.
pub(super) async fn run(
    spec: &PrometheusSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Outcome {
    let api = match ApiClient::new(&spec.api, deadline, secret_store).await {
        Ok(api) => api,
        Err(why) => {
            let command = curl::get(&spec.api, "/api/v1/query?query=up");
            return Outcome::of(vec![Observation::unknown("Prometheus", "a response", why)], command);
        }
    };
    let command = |path: &str| curl::get(&spec.api, path);
    let query_command = |expr: &str| command(&format!("/api/v1/query?query={}", http_client::segment(expr)));
    let mut checks = Vec::new();
    let mut add = |command, seen| checks.push(CheckedBy { command, seen });
    if !spec.rules.is_empty() {
        add(command("/api/v1/rules"), rules::run(&spec.rules, &api, deadline).await);
    }
    if !spec.jobs.is_empty() {
        add(command("/api/v1/targets?state=active"), jobs(&spec.jobs, &api, deadline).await);
    }
    if !spec.quiet.is_empty() {
        add(command("/api/v1/alerts"), quiet(&spec.quiet, &api, deadline).await);
    }
    for check in &spec.queries {
        add(query_command(&check.expr), vec![query(check, &api).await]);
    }
    for check in &spec.risen {
        add(query_command(&check.series), vec![counters::run(check, &api, context).await]);
    }
    for trend in &spec.trends {
        add(query_command(&trend.expr), trend::run(trend, &api).await);
    }
    checked_by::outcome(checks)
}

/// Jobs by their targets; where a server does not list those (Mimir, Cortex), or has too many, by `up`.
async fn jobs(checks: &[JobCheck], api: &ApiClient, deadline: &Deadline) -> Vec<Observation> {
    let targets = answer::get(api, "/api/v1/targets", &[("state", "active")], deadline).await;
    let mut seen = Vec::new();
    for check in checks {
        let by_targets = judge::job(check, &targets);
        let up = match &targets {
            Ok(_) => None,
            Err(_) => instant(api, &format!("up{{job={:?}}}", check.name), None).await.ok(),
        };
        let up = up.filter(|up| !up.is_empty());
        seen.push(up.map_or(by_targets, |up| judge::job_by_up(check, &up)));
    }
    seen
}

async fn quiet(names: &[String], api: &ApiClient, deadline: &Deadline) -> Vec<Observation> {
    let alerts = answer::get(api, "/api/v1/alerts", &[], deadline).await;
    let rules = match alerts {
        Ok(_) => rules::list(names.iter().map(String::as_str), api, deadline).await.ok(),
        Err(_) => None,
    };
    let is_loaded = |name: &str| {
        let list = rules.as_ref().filter(|list| list.partial.is_none() || list.has(name))?;
        Some(list.has(name))
    };
    names.iter().map(|name| judge::quiet(name, &alerts, is_loaded(name))).collect()
}

async fn query(check: &QueryCheck, api: &ApiClient) -> Observation {
    let result = instant(api, &check.expr, None).await;
    let edges = if result.is_ok() { quantile::edges(&check.expr, api).await } else { None };
    judge::query(check, result, edges)
}

/// The time that the server's clock shows, in seconds.
async fn server_time(api: &ApiClient) -> ProbeResult<f64> {
    let now = instant(api, "time()", None).await?;
    now.first().and_then(QueriedSeries::last).ok_or_else(|| answer::unexpected(&api.host_and_port()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_with_the_digits_that_count() {
        let texts = [0.0, 1.0, 12.0, 0.021_234_5, 1234.56, 1e9, 1e-7, f64::NAN].map(display_value);
        assert_eq!(texts, ["0", "1", "12", "0.02123", "1235", "1000000000", "0.0000001", "NaN"]);
    }
}
