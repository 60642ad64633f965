use serde_json::{Value, json};

use gonogo_core::outcome::Outcome;

use super::*;
use crate::support::collector::{Collector, SERVER};
use crate::support::need;
use crate::support::ports::refused_port;
use crate::support::web::{Reply, Web};

#[track_caller]
fn run_probe(with: &Value) -> Outcome {
    run_probe_within(DEADLINE, "otlp", with)
}

fn header() -> Value {
    json!({"Authorization": {"secret": secret("otlp-token"), "prefix": "Bearer "}})
}

#[test]
fn a_collector_accepts_the_test_span() {
    need!(SERVER);
    let collector = Collector::start();
    let url = collector.url();
    let outcome = run_probe(&json!({"endpoint": url}));
    assert_pass(&outcome, &[&format!("✓ test span at {url}/v1/traces | accepted | accepted")]);
    assert_pass(&run_probe(&json!({"endpoint": format!("{url}/v1/traces")})), &["✓ test span at"]);
    // A collector without authentication accepts a wrong header too.
    let open = run_probe(&json!({"endpoint": url, "headers": header()}));
    assert_fail(&open, &["✗ test span with a wrong header | refused (401 or 403) | accepted"]);
}

#[test]
fn a_collector_with_authentication_refuses_a_wrong_header() {
    let web = Web::start();
    web.sequence("/v1/traces", [Reply::ok(""), Reply::status(401)]);
    let outcome = run_probe(&json!({"endpoint": web.url(""), "headers": header()}));
    assert_pass(&outcome, &["✓ test span with a wrong header | refused (401 or 403) | refused (401)"]);
    let [valid, invalid] = web.requests().try_into().unwrap();
    assert_eq!(valid.headers["authorization"], "Bearer otlp-token");
    assert_eq!(valid.headers["content-type"], "application/x-protobuf");
    assert!(valid.body.contains("gonogo test span"));
    assert_ne!(invalid.headers["authorization"], "Bearer otlp-token");
}

#[test]
fn rejected_spans_fail_and_refused_credentials_are_an_error() {
    let web = Web::start();
    // partial_success { rejected_spans: 1, error_message: "no" }
    web.route("/v1/traces", Reply::ok("\u{a}\u{6}\u{8}\u{1}\u{12}\u{2}no"));
    let rejected = run_probe(&json!({"endpoint": web.url("")}));
    assert_fail(&rejected, &["✗ test span at", "| accepted | rejected: no"]);
    assert!(by_hand(&rejected).contains("HTTP/1.1 200"), "{}", rejected.reproduce);
    assert!(web.requests().last().unwrap().body.contains("gonogo test span"), "{}", rejected.reproduce);
    web.route("/v1/traces", Reply::status(404));
    assert_fail(&run_probe(&json!({"endpoint": web.url("")})), &["HTTP 404"]);
    web.route("/v1/traces", Reply::status(401));
    assert_error(
        &run_probe(&json!({"endpoint": web.url(""), "headers": header()})),
        &["credentials are missing or refused (401"],
    );
    let refused = format!("http://127.0.0.1:{}", refused_port());
    assert_error(&run_probe(&json!({"endpoint": refused})), &["refuses connections"]);
}
