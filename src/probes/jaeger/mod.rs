//! The Jaeger probe: spans of a service, for each route, newer than the probe result that it counts from.

mod span;
mod tempo;

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::api_client::{ApiClient, ApiResponse};
use super::content::{self, Unreadable};
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::http_client::segment;
use super::servers::{date_of, now};
use super::{ProbeContext, curl};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::JaegerSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;
use gonogo_core::time::Utc;
use span::{Answer, JaegerSpan, Trace};

/// How many traces are read.
const MAX_TRACES: usize = 200;
/// How far Jaeger's clock may differ from ours without being reported: its `Date` header counts whole seconds.
const MIN_SKEW: Duration = Duration::from_secs(3);
/// How far the clock of the application's host may be behind ours.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);
/// How many services or operations are named.
const MAX_NAMED: usize = 5;

/// Which API is asked.
#[derive(Clone, Copy)]
enum Server {
    Jaeger,
    Tempo,
}

/// The spans of a service, and how far they can be trusted.
struct FoundSpans {
    spans: Vec<JaegerSpan>,
    /// Whether there may be more traces than were read.
    is_full: bool,
    /// What the server reports as wrong.
    error: Option<String>,
    /// How far Jaeger's clock is ahead of ours, in milliseconds, if it is.
    skew: Option<i64>,
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
        Err(why) => return Outcome::of(vec![Observation::unknown("Jaeger", "a response", why)], reproduce),
    };
    let reply = api.get("/api/services", &[]).await;
    let services = reply.and_then(|reply| Ok(read(&reply)?.0));
    if services.is_err() && tempo::is_there(&api).await {
        return Outcome::of(routes(spec, &api, context, Server::Tempo).await, reproduce);
    }
    let is_known = services.as_ref().is_ok_and(|answer: &Answer<String>| answer.has(&spec.service));
    let mut seen = vec![judge_service(&spec.service, services)];
    if is_known {
        seen.extend(routes(spec, &api, context, Server::Jaeger).await);
    }
    Outcome::of(seen, reproduce)
}

fn judge_service(service: &str, services: ProbeResult<Answer<String>>) -> Observation {
    let (what, expected) = (format!("service {service}"), "known to Jaeger");
    let answer = match services {
        Ok(answer) => answer,
        Err(why) => return Observation::unknown(what, expected, why),
    };
    let is_known = answer.has(service);
    let error = answer.error();
    // `data` is null when there are none.
    let names = answer.data.unwrap_or_default();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let seen = match (is_known, names.len()) {
        (true, _) => "known".to_owned(),
        (false, 0) => "Jaeger has no services".to_owned(),
        (false, _) => format!("its services are {}", first_names(&names)),
    };
    match error {
        Some(why) if names.is_empty() => Observation::unknown(what, expected, why),
        Some(why) => Observation::unknown(what, expected, in_part(&seen, &why)),
        None => Observation::new(what, expected, seen, is_known),
    }
}

/// What was found in an answer that reports errors, too.
fn in_part(seen: &str, error: &str) -> String {
    format!("{seen}; but the answer may be partial: {error}")
}

/// An answer, and how far the clock behind it is ahead of ours.
fn read<T: DeserializeOwned>(reply: &ApiResponse) -> ProbeResult<(Answer<T>, Option<i64>)> {
    if !reply.status.is_success() {
        return Err(reply.error_of_status());
    }
    let answer = content::skim(&reply.body).map_err(|why| match why {
        Unreadable::Unexpected(_) => ProbeError::new("not a response of the Jaeger API"),
        why => reply.unreadable(&why),
    });
    Ok((answer?, skew(reply, now())))
}

/// How far the clock of a server is ahead of ours, by the date of its answer; nothing below [`MIN_SKEW`].
fn skew(reply: &ApiResponse, now: Utc) -> Option<i64> {
    let ahead = date_of(&reply.headers)?.millis() - now.millis();
    (u128::from(ahead.unsigned_abs()) >= MIN_SKEW.as_millis()).then_some(ahead)
}

fn first_names(names: &[&str]) -> String {
    let first = names.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MAX_NAMED { format!("{first} and {} more", names.len() - MAX_NAMED) } else { first }
}

async fn routes(
    spec: &JaegerSpec,
    api: &ApiClient,
    context: &ProbeContext,
    server: Server,
) -> Vec<Observation> {
    let what = |route: &str| format!("spans of {route}");
    let Some(since) = context.since else {
        let unknown = |route: &String| Observation::unknown(what(route), "one or more", context.no_start());
        return spec.routes.iter().map(unknown).collect();
    };
    let expected = format!("one or more since {}", since.time_of_day());
    match spans(spec, api, since, server).await {
        Ok(found) => {
            spec.routes.iter().map(|route| judge(what(route), &expected, route, &found, since)).collect()
        }
        Err(why) => {
            let unknown = |route: &String| Observation::unknown(what(route), &expected, why.clone());
            spec.routes.iter().map(unknown).collect()
        }
    }
}

fn judge(what: String, expected: &str, route: &str, found: &FoundSpans, since: Utc) -> Observation {
    let matching: Vec<_> = found.spans.iter().filter(|span| span.is_of_route(route)).collect();
    let newest = matching.iter().copied().max_by_key(|span| span.begun);
    let fresh_since =
        |since: Utc| matching.iter().filter(|span| span.begun >= since.minus(CLOCK_TOLERANCE)).count();
    let fresh_count = fresh_since(since);
    // By the clock that Jaeger's host shows, it may be otherwise.
    let differs =
        |skew: &i64| (fresh_since(Utc::from_millis(since.millis() + skew)) > 0) != (fresh_count > 0);
    if let (Some(skew), Some(newest)) = (found.skew.filter(differs), newest) {
        return Observation::unknown(what, expected, why_unclear(newest, skew)).as_measured();
    }
    if let (0, Some(why)) = (fresh_count, found.why_partial()) {
        return Observation::unknown(what, expected, why).as_measured();
    }
    let seen = match newest {
        Some(newest) if fresh_count > 0 => {
            format!("{}: {}, {}", text::count(fresh_count, "span"), newest.name, newest.begun.time_of_day())
        }
        Some(newest) => format!("none since then; the newest is from {}", newest.begun.time_of_day()),
        None => found.without_match(),
    };
    match &found.error {
        Some(error) => Observation::unknown(what, expected, in_part(&seen, error)).as_measured(),
        None => Observation::new(what, expected, seen, fresh_count > 0).as_measured(),
    }
}

fn why_unclear(newest: &JaegerSpan, skew: i64) -> String {
    let (newest, seconds) = (newest.begun.time_of_day(), skew.abs() / 1000);
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    format!(
        "the newest is from {newest}, but Jaeger's clock is {seconds} s {direction} this machine's: whether it is newer is unknown"
    )
}

impl FoundSpans {
    /// Why there may be more spans.
    fn why_partial(&self) -> Option<String> {
        let full = || format!("none in the first {MAX_TRACES} traces; more were not read");
        self.error.clone().or_else(|| self.is_full.then(full))
    }

    fn without_match(&self) -> String {
        if self.spans.is_empty() {
            return "none; the service has no spans since then".to_owned();
        }
        let mut names: Vec<&str> = self.spans.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        format!("none; its spans are {}", first_names(&names))
    }
}

/// The spans of a service since a time. Jaeger has them by the clock of the application's host, so a little is
/// requested that is older, and filtered out; but not where there are too many.
async fn spans(spec: &JaegerSpec, api: &ApiClient, since: Utc, server: Server) -> ProbeResult<FoundSpans> {
    let wide = spans_from(spec, api, since.minus(Duration::from_mins(10)), server).await?;
    if wide.is_full {
        return spans_from(spec, api, since.minus(CLOCK_TOLERANCE), server).await;
    }
    Ok(wide)
}

async fn spans_from(
    spec: &JaegerSpec,
    api: &ApiClient,
    from: Utc,
    server: Server,
) -> ProbeResult<FoundSpans> {
    let until = now().plus(Duration::from_hours(1));
    if let Server::Tempo = server {
        return tempo::spans(&spec.service, api, from, until).await;
    }
    let micros = |at: Utc| format!("{}000", at.millis());
    let (start, end, limit) = (micros(from), micros(until), MAX_TRACES.to_string());
    let query = [("service", spec.service.as_str()), ("start", &start), ("end", &end), ("limit", &limit)];
    let (answer, skew): (Answer<Trace>, _) = read(&api.get_long("/api/traces", &query).await?)?;
    let error = answer.error();
    let traces = answer.data.unwrap_or_default();
    let spans = traces.iter().flat_map(|trace| trace.spans_of(&spec.service)).collect();
    Ok(FoundSpans { spans, is_full: traces.len() >= MAX_TRACES, error, skew })
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderValue};
    use serde_json::json;

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use gonogo_core::outcome::Class;

    /// 2026-09-21 14:13:20 UTC.
    const SINCE: i64 = 1_790_000_000_000;

    fn found(seconds: &[i64], error: Option<&str>, skew: Option<i64>) -> FoundSpans {
        let span =
            |seconds: &i64| json!({"operationName": "GET /ws", "startTime": (SINCE + seconds * 1000) * 1000});
        let spans: Vec<_> = seconds.iter().map(span).collect();
        let trace: Trace = serde_json::from_value(json!({"spans": spans})).unwrap();
        let (spans, error) = (trace.spans_of("shop"), error.map(str::to_owned));
        FoundSpans { spans, is_full: false, error, skew }
    }

    #[test]
    fn spans_are_new_or_old_or_it_is_unknown() {
        let cases = [
            (found(&[2], None, None), Some(true), "1 span: GET /ws"),
            (found(&[-20], None, None), Some(false), "none since then"),
            (found(&[], None, None), Some(false), "no spans since then"),
            (found(&[], Some("timed out"), None), None, "timed out"),
            (found(&[-20], Some("timed out"), None), None, "timed out"),
            (
                found(&[2], Some("timed out"), None),
                None,
                "1 span: GET /ws, 14:13:22; but the answer may be partial: ",
            ),
            (FoundSpans { is_full: true, ..found(&[-20], None, None) }, None, "more were not read"),
            (FoundSpans { is_full: true, ..found(&[2], None, None) }, Some(true), "1 span"),
            (found(&[-20], None, Some(-30_000)), None, "30 s behind this machine's"),
            (found(&[20], None, Some(30_000)), None, "30 s ahead of this machine's"),
            (found(&[40], None, Some(30_000)), Some(true), "1 span"),
            (found(&[-40], None, Some(-30_000)), Some(false), "none since then"),
        ];
        for (found, ok, seen) in cases {
            let one = judge("spans of /ws".into(), "one or more", "/ws", &found, Utc::from_millis(SINCE));
            assert_eq!(one.ok, ok, "{one:?}");
            assert!(one.seen.contains(seen), "{one:?}");
        }
    }

    #[test]
    fn a_service_is_known_or_not_or_the_query_failed() {
        for (answer, ok, seen) in [
            (json!({"data": ["shop"], "errors": null}), Some(true), "known"),
            (json!({"data": ["shop"], "errors": []}), Some(true), "known"),
            (json!({"data": null, "errors": null}), Some(false), "Jaeger has no services"),
            (json!({"data": ["other"]}), Some(false), "its services are other"),
            (json!({"data": null, "errors": [{"msg": "timed out"}]}), None, "it reports an error: timed out"),
            (json!({"data": [], "errors": [{"code": 500}]}), None, "it reports an error: {\"code\":500}"),
            (
                json!({"data": ["shop"], "errors": [{"msg": "timed out"}]}),
                None,
                "known; but the answer may be partial: it reports an error: timed out",
            ),
        ] {
            let judged = judge_service("shop", Ok(serde_json::from_value(answer).unwrap()));
            assert_eq!((judged.ok, judged.seen.as_str()), (ok, seen));
        }
    }

    #[test]
    fn the_date_shows_a_clock_that_differs() {
        let at = |date: &'static str| {
            let headers = HeaderMap::from_iter([("date".parse().unwrap(), HeaderValue::from_static(date))]);
            let reply = ApiResponse { status: StatusCode::OK, headers, body: Vec::new() };
            skew(&reply, Utc::from_millis(SINCE))
        };
        assert_eq!(at("Mon, 21 Sep 2026 14:14:20 GMT"), Some(60_000));
        assert_eq!(at("Mon, 21 Sep 2026 14:13:19 GMT"), None);
        assert_eq!(at("yesterday"), None);
    }

    #[test]
    fn an_altered_trace_is_never_new_for_nothing() {
        let json = json!({"spans": [{"operationName": "GET /ws", "startTime": (SINCE + 2000) * 1000}]});
        let carriers = ["/spans", "/spans/0", "/spans/0/operationName", "/spans/0/startTime"];
        GoodDocument { json, carriers: &carriers, maps: &[] }.check(|body| {
            let Ok(trace) = serde_json::from_slice::<Trace>(body) else { return Class::Error };
            let found = FoundSpans { spans: trace.spans_of("shop"), is_full: false, error: None, skew: None };
            let seen = judge("spans of /ws".into(), "one or more", "/ws", &found, Utc::from_millis(SINCE));
            Outcome::of(vec![seen], "").class
        });
    }
}
