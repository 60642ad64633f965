use gonogo_core::outcome::Outcome;
use gonogo_core::time::Utc;
use gonogo_rehearsal::servers::jaeger::{JaegerServer, StoredSpan};
use serde_json::json;

use super::*;
use crate::support::ports::refused_port;
use crate::support::web::{Reply, SilentServer, Web};

const SERVICE: &str = "advanced-realtime";

/// The time since which spans count, in milliseconds.
const SINCE: i64 = 1_790_000_000_000;

fn span(route: &str, seconds: i64) -> StoredSpan {
    StoredSpan {
        service: SERVICE.into(),
        operation: format!("GET {route}"),
        route: route.into(),
        start_micros: (SINCE + seconds * 1000) * 1000,
        duration_micros: 1500,
    }
}

fn run_probe_at(url: &str, since: Option<i64>) -> Outcome {
    let with = json!({"api": {"url": url}, "service": SERVICE, "routes": ["/ws", "/sse"]});
    let context = ProbeContext { since: since.map(Utc::from_millis), ..ProbeContext::default() };
    run_probe_with_context(SHORT * 3, "jaeger", &with, &context)
}

#[test]
fn recent_spans_of_both_routes_pass() {
    let jaeger = JaegerServer::start().unwrap();
    jaeger.add_span(span("/ws/boards/{board}", 2));
    jaeger.add_span(span("/sse/activity", 3));
    let lines = [
        "✓ service advanced-realtime | known to Jaeger | known",
        "✓ spans of /ws | one or more since ",
        "| 1 span: GET /ws/boards/{board}, ",
        "✓ spans of /sse | one or more since ",
    ];
    assert_pass(&run_probe_at(&jaeger.url(), Some(SINCE)), &lines);
}

#[test]
fn routes_without_recent_spans_are_named() {
    let jaeger = JaegerServer::start().unwrap();
    assert_fail(&run_probe_at(&jaeger.url(), Some(SINCE)), &["| known to Jaeger | Jaeger has no services"]);
    jaeger.add_span(StoredSpan { service: "other".into(), ..span("/ws", 2) });
    assert_fail(
        &run_probe_at(&jaeger.url(), Some(SINCE)),
        &["✗ service advanced-realtime | known to Jaeger | its services are other"],
    );
    jaeger.add_span(span("/sse/activity", 2));
    jaeger.add_span(span("/wsx", 2));
    let outcome = run_probe_at(&jaeger.url(), Some(SINCE));
    assert_fail(
        &outcome,
        &["✗ spans of /ws | ", "none; its spans are GET /sse/activity, GET /wsx", "✓ spans of /sse"],
    );
    // Spans older than the canary do not count.
    jaeger.add_span(span("/ws/boards/{board}", -2));
    let outcome = run_probe_at(&jaeger.url(), Some(SINCE));
    assert_fail(&outcome, &["✗ spans of /ws | ", "none since then; the newest is from "]);
}

#[test]
fn a_missing_start_time_and_no_answer_are_errors() {
    let jaeger = JaegerServer::start().unwrap();
    jaeger.add_span(span("/ws", 2));
    assert_error(
        &run_probe_at(&jaeger.url(), None),
        &["the probe before it, whose spans are searched, has sent nothing"],
    );
    let closed = format!("http://127.0.0.1:{}", refused_port());
    assert_error(&run_probe_at(&closed, Some(SINCE)), &["refuses connections"]);
    let silent = SilentServer::start();
    let outcome = run_probe_at(&format!("http://127.0.0.1:{}", silent.port()), Some(SINCE));
    assert_error(&outcome, &["no response within 2100 ms"]);
    let other = Web::start();
    other.route("/api/services", Reply::ok(r#"{"data": 7}"#));
    assert_error(&run_probe_at(&other.url(""), Some(SINCE)), &["not a response of the Jaeger API"]);
}

#[test]
fn an_error_in_a_response_with_data_is_reported() {
    let web = Web::start();
    web.route("/api/services", Reply::ok(r#"{"data": ["advanced-realtime"]}"#));
    let failed = r#"{"data": [], "errors": [{"code": 500, "msg": "storage timed out"}]}"#;
    web.route("/api/traces", Reply::ok(failed));
    assert_error(&run_probe_at(&web.url(""), Some(SINCE)), &["it reports an error: storage timed out"]);
}

#[test]
fn tempo_is_queried_through_its_search_api() {
    let web = Web::start();
    let span = format!(r#"{{"name": "GET /ws", "startTimeUnixNano": "{}000000"}}"#, SINCE + 1000);
    let found = format!(r#"{{"traces": [{{"spanSets": [{{"spans": [{span}]}}]}}]}}"#);
    web.route("/api/echo", Reply::ok("echo")).route("/api/search", Reply::ok(&found));
    let outcome = run_probe_at(&web.url(""), Some(SINCE));
    assert_fail(&outcome, &["✓ spans of /ws | one or more since ", "1 span: GET /ws", "✗ spans of /sse"]);
}
