use serde_json::{Value, json};

use gonogo_core::outcome::Outcome;

use super::*;
use crate::bench::collector::{Collector, SERVER};
use crate::bench::need;
use crate::bench::ports::refused_port;
use crate::bench::web::{Reply, Web};

#[track_caller]
fn look(with: &Value) -> Outcome {
    look_within(DEADLINE, "otlp", with)
}

fn header() -> Value {
    json!({"Authorization": {"secret": secret("otlp-token"), "prefix": "Bearer "}})
}

#[test]
fn a_collector_takes_the_test_span() {
    need!(SERVER);
    let collector = Collector::start();
    let url = collector.url();
    let outcome = look(&json!({"endpoint": url}));
    assert_pass(&outcome, &[&format!("✓ test span at {url}/v1/traces | accepted | accepted")]);
    assert_pass(&look(&json!({"endpoint": format!("{url}/v1/traces")})), &["✓ test span at"]);
    // An open one takes a wrong header too.
    let open = look(&json!({"endpoint": url, "headers": header()}));
    assert_fail(&open, &["✗ test span with a wrong header | refused (401 or 403) | accepted"]);
}

#[test]
fn a_guarded_collector_refuses_a_wrong_header() {
    let web = Web::start();
    web.sequence("/v1/traces", [Reply::ok(""), Reply::status(401)]);
    let outcome = look(&json!({"endpoint": web.url(""), "headers": header()}));
    assert_pass(&outcome, &["✓ test span with a wrong header | refused (401 or 403) | refused (401)"]);
    let [right, wrong] = web.requests().try_into().unwrap();
    assert_eq!(right.headers["authorization"], "Bearer otlp-token");
    assert_eq!(right.headers["content-type"], "application/x-protobuf");
    assert!(right.body.contains("gonogo test span"));
    assert_ne!(wrong.headers["authorization"], "Bearer otlp-token");
}

#[test]
fn what_is_rejected_and_what_is_refused_are_told_apart() {
    let web = Web::start();
    // partial_success { rejected_spans: 1, error_message: "no" }
    web.route("/v1/traces", Reply::ok("\u{a}\u{6}\u{8}\u{1}\u{12}\u{2}no"));
    assert_fail(&look(&json!({"endpoint": web.url("")})), &["✗ test span at", "| accepted | rejected: no"]);
    web.route("/v1/traces", Reply::status(404));
    assert_fail(&look(&json!({"endpoint": web.url("")})), &["it answers 404"]);
    web.route("/v1/traces", Reply::status(401));
    assert_error(
        &look(&json!({"endpoint": web.url(""), "headers": header()})),
        &["credentials are missing or refused (401"],
    );
    let closed = format!("http://127.0.0.1:{}", refused_port());
    assert_error(&look(&json!({"endpoint": closed})), &["refuses connections"]);
}
