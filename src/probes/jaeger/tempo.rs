//! Grafana Tempo, which has no query API of Jaeger's form: its search, in `TraceQL`.
//! See <https://grafana.com/docs/tempo/latest/api_docs/#search>.

use serde::Deserialize;
use serde_json::Value;

use super::span::{JaegerSpan, reported};
use super::{FoundSpans, MAX_TRACES, now, skew};
use crate::probes::api_client::{ApiClient, ApiResponse};
use crate::probes::content;
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::text;
use gonogo_core::time::Utc;

/// The most spans of each trace that are answered.
const SPANS_OF_TRACE: &str = "100";

#[derive(Deserialize)]
struct SearchAnswer {
    #[serde(deserialize_with = "Option::deserialize")]
    traces: Option<Vec<FoundTrace>>,
    /// `PARTIAL` where a part was left out, with a message.
    status: Option<String>,
    message: Option<String>,
    errors: Option<Value>,
}

#[derive(Deserialize)]
struct FoundTrace {
    #[serde(rename = "rootTraceName")]
    root_name: Option<String>,
    #[serde(rename = "spanSets")]
    sets: Option<Vec<SpanSet>>,
    /// The only one, before Tempo 2.2.
    #[serde(rename = "spanSet")]
    set: Option<SpanSet>,
}

#[derive(Deserialize)]
struct SpanSet {
    spans: Option<Vec<FoundSpan>>,
}

#[derive(Deserialize)]
struct FoundSpan {
    name: Option<String>,
    #[serde(rename = "startTimeUnixNano")]
    begun: Option<Value>,
    attributes: Option<Vec<Attribute>>,
}

#[derive(Deserialize)]
struct Attribute {
    key: String,
    value: Option<AttributeValue>,
}

#[derive(Deserialize)]
struct AttributeValue {
    #[serde(rename = "stringValue")]
    text: Option<String>,
}

/// Whether a server is Tempo: it answers `echo`.
pub(super) async fn is_there(api: &ApiClient) -> bool {
    let reply = api.get("/api/echo", &[]).await;
    reply.is_ok_and(|reply| reply.status.is_success() && reply.body.trim_ascii() == b"echo")
}

/// The spans of a service since a time.
pub(super) async fn spans(service: &str, api: &ApiClient, since: Utc, until: Utc) -> ProbeResult<FoundSpans> {
    let seconds = |at: Utc| (at.millis() / 1000).to_string();
    let (start, end, limit) = (seconds(since), seconds(until), MAX_TRACES.to_string());
    let attributes = "span.http.route, span.url.path, span.http.target, span.url.full, span.http.url";
    let query = format!("{{ resource.service.name = {service:?} && kind != client }} | select({attributes})");
    let query = [
        ("q", query.as_str()),
        ("start", &start),
        ("end", &end),
        ("limit", &limit),
        ("spss", SPANS_OF_TRACE),
    ];
    read(&api.get_long("/api/search", &query).await?)
}

fn read(reply: &ApiResponse) -> ProbeResult<FoundSpans> {
    if !reply.status.is_success() {
        return Err(reply.error_of_status());
    }
    let answer: SearchAnswer =
        content::skim(&reply.body).map_err(|_| ProbeError::new("not a response of the Tempo API"))?;
    let error = answer.error();
    let traces = answer.traces.unwrap_or_default();
    let spans = traces.iter().flat_map(FoundTrace::spans).collect();
    Ok(FoundSpans { spans, is_full: traces.len() >= MAX_TRACES, error, skew: skew(reply, now()) })
}

impl SearchAnswer {
    /// What it reports as wrong, if anything.
    fn error(&self) -> Option<String> {
        let is_partial = self.status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("partial"));
        let partial = || {
            let why = self.message.as_deref().filter(|why| !why.is_empty()).unwrap_or("no reason is given");
            format!("it reports a partial result: {}", text::clip(why, 200))
        };
        self.errors.as_ref().and_then(reported).or_else(|| is_partial.then(partial))
    }
}

impl FoundTrace {
    fn spans(&self) -> Vec<JaegerSpan> {
        let sets = self.sets.iter().flatten().chain(&self.set);
        let spans = sets.flat_map(|set| set.spans.iter().flatten());
        spans.filter_map(|span| span.read(self.root_name.as_deref().unwrap_or_default())).collect()
    }
}

impl FoundSpan {
    fn read(&self, root: &str) -> Option<JaegerSpan> {
        let tag = |key: &str| {
            let attribute = self.attributes.iter().flatten().find(|attribute| attribute.key == key)?;
            attribute.value.as_ref()?.text.as_deref()
        };
        JaegerSpan::new(self.name.as_deref().unwrap_or(root), tag, self.begun.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_search_is_read() {
        let span = |route: &str| {
            json!({"spanID": "a", "startTimeUnixNano": "1790000000000000000", "durationNanos": "5",
                "attributes": [{"key": "http.route", "value": {"stringValue": route}}]})
        };
        let traces = json!([
            {"traceID": "1", "rootTraceName": "GET /ws", "spanSets": [{"spans": [span("/ws")], "matched": 1}]},
            {"traceID": "2", "rootTraceName": "GET", "spanSet": {"spans": [span("/sse/activity")]}},
        ]);
        let read_body = |body: Value| {
            let (status, headers) = (StatusCode::OK, HeaderMap::new());
            read(&ApiResponse { status, headers, body: body.to_string().into_bytes() })
        };
        let found = read_body(json!({"traces": traces, "metrics": {}})).ok().unwrap();
        let routes =
            ["/ws", "/sse", "/other"].map(|route| found.spans.iter().any(|span| span.is_of_route(route)));
        assert_eq!(routes, [true, true, false]);
        assert_eq!(found.spans[0].begun, Utc::from_millis(1_790_000_000_000));
        assert!(read_body(json!({"traces": null})).ok().unwrap().spans.is_empty());
        assert!(read_body(json!({"data": []})).is_err());
        for (body, error) in [
            (json!({"traces": traces, "status": "COMPLETE"}), None),
            (json!({"traces": traces, "errors": []}), None),
            (
                json!({"traces": traces, "status": "PARTIAL", "message": "a block is missing"}),
                Some("it reports a partial result: a block is missing"),
            ),
            (json!({"traces": null, "errors": [{"msg": "x"}]}), Some("it reports an error: x")),
        ] {
            assert_eq!(read_body(body).ok().unwrap().error.as_deref(), error);
        }
    }
}
