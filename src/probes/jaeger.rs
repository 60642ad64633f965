//! The Jaeger probe: spans of a service, for each route, newer than the probe result that it counts from.

use std::time::Duration;

use serde_json::Value;

use super::api_client::ApiClient;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::http_client::segment;
use super::{ProbeContext, curl};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::JaegerSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;
use gonogo_core::time::Utc;

/// How many traces are read.
const MAX_TRACES: &str = "200";
/// How far the clock of the application's host may be behind ours.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);
/// How many services or operations are named.
const MAX_NAMED: usize = 5;

/// The fields of a span that are checked.
struct JaegerSpan {
    name: String,
    route: String,
    begun: Utc,
}

pub(super) async fn run(
    spec: &JaegerSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Outcome {
    let reproduce = curl::get(&spec.api, &format!("/api/traces?service={}&limit=20", segment(&spec.service)));
    let api = match ApiClient::new(&spec.api, deadline, secret_store).await {
        Ok(api) => api,
        Err(why) => return Outcome::of(vec![Observation::unknown("Jaeger", "an answer", why)], reproduce),
    };
    let service = service(spec, &api).await;
    let is_known = service.ok == Some(true);
    let mut seen = vec![service];
    if is_known {
        seen.extend(routes(spec, &api, context).await);
    }
    Outcome::of(seen, reproduce)
}

async fn service(spec: &JaegerSpec, api: &ApiClient) -> Observation {
    let what = format!("service {}", spec.service);
    let answer = match api.get("/api/services", &[]).await.and_then(|reply| reply.json()) {
        Ok(answer) => answer,
        Err(why) => return Observation::unknown(what, "known to Jaeger", why),
    };
    let names: Vec<&str> = match answer.get("data") {
        // Jaeger's answer when there are none.
        Some(Value::Null) => Vec::new(),
        Some(Value::Array(services)) => services.iter().filter_map(Value::as_str).collect(),
        _ => {
            return Observation::unknown(
                what,
                "known to Jaeger",
                "the answer is in no form that Jaeger documents",
            );
        }
    };
    let is_known = names.contains(&spec.service.as_str());
    let seen = match (is_known, names.len()) {
        (true, _) => "known".to_owned(),
        (false, 0) => "it knows no service at all".to_owned(),
        (false, _) => format!("it knows {}", first_names(&names)),
    };
    Observation::new(what, "known to Jaeger", seen, is_known)
}

fn first_names(names: &[&str]) -> String {
    let first = names.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MAX_NAMED { format!("{first} and {} more", names.len() - MAX_NAMED) } else { first }
}

async fn routes(spec: &JaegerSpec, api: &ApiClient, context: &ProbeContext) -> Vec<Observation> {
    let what = |route: &str| format!("spans of {route}");
    let Some(since) = context.since else {
        let why = "the probe that this one counts from has sent nothing";
        return spec
            .routes
            .iter()
            .map(|route| Observation::unknown(what(route), "one or more", why))
            .collect();
    };
    let expected = format!("one or more since {}", since.time_of_day());
    match spans(spec, api, since).await {
        Ok(spans) => {
            spec.routes.iter().map(|route| judge(what(route), &expected, route, &spans, since)).collect()
        }
        Err(why) => {
            let unknown = |route: &String| Observation::unknown(what(route), &expected, why.clone());
            spec.routes.iter().map(unknown).collect()
        }
    }
}

fn judge(what: String, expected: &str, route: &str, spans: &[JaegerSpan], since: Utc) -> Observation {
    let matching: Vec<_> = spans.iter().filter(|span| span.is_of_route(route)).collect();
    let newest = matching.iter().max_by_key(|span| span.begun);
    let fresh_count = matching.iter().filter(|span| span.begun >= since.minus(CLOCK_TOLERANCE)).count();
    let seen = match newest {
        Some(newest) if fresh_count > 0 => {
            format!("{}: {}, {}", text::count(fresh_count, "span"), newest.name, newest.begun.time_of_day())
        }
        Some(newest) => format!("none since then; the newest is of {}", newest.begun.time_of_day()),
        None if spans.is_empty() => "none; the service has no span since then".to_owned(),
        None => {
            let mut names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            format!("none; its spans are {}", first_names(&names))
        }
    };
    Observation::new(what, expected, seen, fresh_count > 0).as_measured()
}

/// The spans of a service since a time. Jaeger has them by the clock of the application's host, so a little is
/// requested that is older, and filtered out.
async fn spans(spec: &JaegerSpec, api: &ApiClient, since: Utc) -> ProbeResult<Vec<JaegerSpan>> {
    let micros = |at: Utc| format!("{}000", at.millis());
    let start = micros(since.minus(Duration::from_mins(10)));
    let end = micros(Utc::from_millis(jiff::Timestamp::now().as_millisecond()).plus(Duration::from_hours(1)));
    let query = [("service", spec.service.as_str()), ("start", &start), ("end", &end), ("limit", MAX_TRACES)];
    let reply = api.get("/api/traces", &query).await?;
    let answer = reply.json()?;
    let unexpected = || ProbeError::new("the answer is in no form that Jaeger documents");
    let traces = match answer.get("data") {
        Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(traces)) => traces,
        _ => return Err(unexpected()),
    };
    let spans = traces.iter().filter_map(|trace| trace.get("spans")?.as_array()).flatten();
    spans.map(|span| JaegerSpan::read(span).ok_or_else(unexpected)).collect()
}

impl JaegerSpan {
    fn read(span: &Value) -> Option<Self> {
        let begun = Utc::from_millis(span.get("startTime")?.as_i64()? / 1000);
        let name = span.get("operationName")?.as_str()?.to_owned();
        let tags = span.get("tags").and_then(Value::as_array);
        let tag = |key: &str| {
            let tag = tags?.iter().find(|tag| tag.get("key").and_then(Value::as_str) == Some(key));
            tag?.get("value")?.as_str().map(str::to_owned)
        };
        // By name: `<METHOD> <route>`.
        let named = || name.split_once(' ').map_or_else(|| name.clone(), |(_, route)| route.to_owned());
        let route = tag("http.route").or_else(|| tag("http.target")).unwrap_or_else(named);
        Some(Self { name, route, begun })
    }

    /// Whether it is of a route: of `/ws` are `/ws` and `/ws/boards/{board}`, not `/wsx`.
    fn is_of_route(&self, route: &str) -> bool {
        let rest = self.route.strip_prefix(route.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    }
}
