//! Spans as Jaeger's query API writes them, and the routes that they are of. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::probes::json::reported_errors;
use gonogo_core::time::Utc;

/// The attributes that name a route, newest semantic conventions first: the route, or the path that was requested.
/// See <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>.
const ROUTE_TAGS: [&str; 5] = ["http.route", "url.path", "http.target", "url.full", "http.url"];

/// An answer of the query API. Errors may stand beside data, which is then a part of it.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Answer<T> {
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) data: Option<Vec<T>>,
    errors: Option<Value>,
}

impl<T> Answer<T> {
    /// What it reports as wrong, if anything.
    pub(super) fn error(&self) -> Option<String> {
        self.errors.as_ref().and_then(reported)
    }
}

/// What is said of the errors that an answer reports, if there are any.
pub(super) fn reported(errors: &Value) -> Option<String> {
    Some(format!("it reports an error: {}", reported_errors(errors)?))
}

impl Answer<String> {
    /// Whether a name is among its data.
    pub(super) fn has(&self, name: &str) -> bool {
        self.data.iter().flatten().any(|other| other == name)
    }
}

#[derive(Deserialize)]
pub(super) struct Trace {
    spans: Option<Vec<RawSpan>>,
    processes: Option<BTreeMap<String, Process>>,
}

#[derive(Deserialize)]
struct Process {
    #[serde(rename = "serviceName")]
    service: Option<String>,
}

#[derive(Deserialize)]
struct RawSpan {
    #[serde(rename = "operationName")]
    name: Option<String>,
    #[serde(rename = "startTime")]
    begun: Option<Value>,
    tags: Option<Vec<Tag>>,
    #[serde(rename = "processID")]
    process_id: Option<String>,
    process: Option<Process>,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    value: Option<Value>,
}

/// The fields of a span that are checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct JaegerSpan {
    pub(super) name: String,
    paths: Vec<String>,
    pub(super) begun: Utc,
}

impl Trace {
    /// The spans of a service, without the requests that it makes itself. A trace holds those of others, too.
    pub(super) fn spans_of(&self, service: &str) -> Vec<JaegerSpan> {
        let is_own = |span: &&RawSpan| {
            let by_id = || self.processes.as_ref()?.get(span.process_id.as_ref()?);
            let process = span.process.as_ref().or_else(by_id);
            process.and_then(|process| process.service.as_deref()).is_none_or(|name| name == service)
        };
        let spans = self.spans.iter().flatten().filter(is_own);
        spans.filter(|span| !span.is_outgoing()).filter_map(RawSpan::read).collect()
    }
}

impl RawSpan {
    fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().flatten().find(|tag| tag.key == key)?.value.as_ref()?.as_str()
    }

    fn is_outgoing(&self) -> bool {
        self.tag("span.kind").is_some_and(|kind| matches!(kind, "client" | "producer"))
    }

    fn read(&self) -> Option<JaegerSpan> {
        JaegerSpan::new(self.name.as_deref()?, |key| self.tag(key), self.begun.as_ref()?)
    }
}

impl JaegerSpan {
    /// A span by its name, its attributes and its start.
    pub(super) fn new<'a>(
        name: &'a str,
        tag: impl Fn(&str) -> Option<&'a str>,
        begun: &Value,
    ) -> Option<Self> {
        let tags = ROUTE_TAGS.iter().filter_map(|key| tag(key)).filter_map(path_of);
        let paths = tags.chain(name.split_whitespace().filter_map(path_of)).map(str::to_owned).collect();
        Some(Self { name: name.to_owned(), paths, begun: time(begun)? })
    }

    /// Whether it is of a route: of `/ws` are `/ws` and `/ws/boards/{board}`, not `/wsx`.
    pub(super) fn is_of_route(&self, route: &str) -> bool {
        let route = route.trim_end_matches('/');
        self.paths.iter().any(|path| {
            let rest = path.strip_prefix(route);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
        })
    }
}

/// The path of a path or an address.
fn path_of(text: &str) -> Option<&str> {
    let after_scheme = text.split_once("://").map(|(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    after_scheme.or_else(|| text.starts_with('/').then_some(text))
}

/// A time since 1970, in the unit that its size suggests: Jaeger writes microseconds, others milli- or nanoseconds.
fn time(value: &Value) -> Option<Utc> {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    let millis = match number {
        100_000_000_000_000_000.. => number / 1_000_000,
        100_000_000_000_000.. => number / 1000,
        100_000_000_000.. => number,
        _ => number.checked_mul(1000)?,
    };
    Some(Utc::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AT: i64 = 1_790_000_000_000;

    fn read(span: Value) -> Vec<JaegerSpan> {
        let processes = json!({"own": {"serviceName": "shop"}, "proxy": {"serviceName": "gateway"}});
        let mut trace = json!({"processes": processes});
        trace["spans"] = Value::Array(vec![span]);
        serde_json::from_value::<Trace>(trace).unwrap().spans_of("shop")
    }

    fn span(name: &str, tags: &[(&str, &str)]) -> Value {
        let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        json!({"operationName": name, "startTime": AT * 1000, "tags": tags, "processID": "own"})
    }

    #[test]
    fn a_route_is_found_in_tags_or_name() {
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], bool, &'a str);
        let cases: [Case<'_>; 14] = [
            ("GET", &[("http.route", "/sse/activity")], true, "the route"),
            ("GET", &[("url.path", "/sse/activity")], true, "its path since semantic conventions 1.23"),
            ("GET", &[("http.target", "/sse?x=1")], true, "its path before"),
            ("HTTP GET", &[("http.url", "https://shop.example/sse/activity?x=1")], true, "an address"),
            ("GET", &[("url.full", "http://shop.example/sse")], true, "the same, newer"),
            ("GET /sse/activity", &[], true, "its name"),
            ("HTTP GET /sse", &[], true, "its name, with the protocol"),
            ("/sse/activity http send", &[], true, "an ASGI event"),
            ("GET /sse/activity http send", &[("http.route", "/")], true, "mounted below another"),
            ("GET", &[("http.route", "/ssex")], false, "another route"),
            ("GET /other", &[("http.url", "https://shop.example")], false, "no path"),
            ("GET", &[("http.url", "https://sse/other")], false, "a host of that name"),
            ("GET", &[], false, "nothing names it"),
            ("GET", &[("http.route", "/sse"), ("span.kind", "client")], false, "a request of its own"),
        ];
        for (name, tags, is_of, why) in cases {
            let found = read(span(name, tags)).iter().any(|span| span.is_of_route("/sse"));
            assert_eq!(found, is_of, "{why}");
        }
    }

    /// Jaeger 2 stores what OTLP brings: the scope, typed tags, the process by its id, and no flags.
    #[test]
    fn a_trace_of_jaeger_2_is_read() {
        let text = r#"{"traceID": "6f1c", "spans": [{"traceID": "6f1c", "spanID": "a1", "operationName": "GET /sse/activity",
            "references": [{"refType": "CHILD_OF", "traceID": "6f1c", "spanID": "00"}],
            "startTime": 1790000000000000, "duration": 1500, "logs": [], "processID": "p1", "warnings": null,
            "tags": [{"key": "otel.scope.name", "type": "string", "value": "opentelemetry.instrumentation.fastapi"},
                     {"key": "http.response.status_code", "type": "int64", "value": 200},
                     {"key": "http.route", "type": "string", "value": "/sse/activity"},
                     {"key": "span.kind", "type": "string", "value": "server"}]}],
            "processes": {"p1": {"serviceName": "shop", "tags": [{"key": "host.name", "type": "string", "value": "h"}]}},
            "warnings": null}"#;
        let spans = serde_json::from_str::<Trace>(text).unwrap().spans_of("shop");
        assert_eq!(spans.iter().map(|span| span.is_of_route("/sse")).collect::<Vec<_>>(), [true]);
    }

    #[test]
    fn spans_of_other_services_do_not_count() {
        let mut foreign = span("GET /sse", &[]);
        foreign["processID"] = json!("proxy");
        assert!(read(foreign).is_empty());
        let mut unknown = span("GET /sse", &[]);
        unknown["processID"] = Value::Null;
        assert_eq!(read(unknown).len(), 1);
    }

    #[test]
    fn a_time_is_read_in_any_unit() {
        let times = [
            json!(AT),
            json!(AT * 1000),
            json!(AT * 1_000_000),
            json!(AT / 1000),
            json!((AT * 1000).to_string()),
        ];
        for value in times {
            assert_eq!(time(&value), Some(Utc::from_millis(AT)), "{value}");
        }
        assert_eq!(time(&json!(null)), None);
    }

    #[test]
    fn an_error_beside_data_is_reported() {
        let error = |json: Value| serde_json::from_value::<Answer<Trace>>(json).unwrap().error();
        assert_eq!(error(json!({"data": [], "errors": null})), None);
        assert_eq!(error(json!({"data": null, "errors": []})), None);
        let failed = json!({"data": [], "errors": [{"code": 500, "msg": "storage timed out"}]});
        assert_eq!(error(failed).as_deref(), Some("it reports an error: storage timed out"));
        let without_text = json!({"data": null, "errors": [{"code": 500}]});
        assert_eq!(error(without_text).as_deref(), Some("it reports an error: {\"code\":500}"));
        let text = json!({"data": null, "errors": "storage timed out"});
        assert_eq!(error(text).as_deref(), Some("it reports an error: storage timed out"));
        assert!(serde_json::from_value::<Answer<Trace>>(json!({"traces": []})).is_err(), "another API");
    }
}
