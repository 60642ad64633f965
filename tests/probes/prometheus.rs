use std::time::Duration;

use gonogo_core::outcome::Outcome;
use gonogo_core::time::Utc;
use serde_json::{Value, json};

use super::*;
use crate::support::ports::refused_port;
use crate::support::prometheus::{Prometheus, SERVER};
use crate::support::victoria::{self, Victoria};
use crate::support::web::{Reply, Web};
use crate::support::{need, wait};

const COUNTER: &str = "advanced_board_events_published_total";

fn api_spec(prometheus: &Prometheus) -> Value {
    json!({"api": {"url": prometheus.url()}})
}

#[track_caller]
fn run_probe(with: &Value) -> Outcome {
    run_probe_within(DEADLINE, "prometheus", with)
}

fn now() -> Utc {
    Utc::from_millis(jiff::Timestamp::now().as_millisecond())
}

fn context_since(start: Utc) -> ProbeContext {
    ProbeContext { since: Some(start), ..ProbeContext::default() }
}

#[test]
fn rules_jobs_alerts_and_queries_pass_and_fail() {
    need!(SERVER);
    let app = Web::start();
    app.route("/metrics", Reply::ok("temperature 21.5\n"));
    let rules = [
        ("Hot", "temperature > 100"),
        ("Warm", "temperature > 20"),
        ("Broken", "temperature / on() group_left() up"),
    ];
    let prometheus = Prometheus::start(&rules, &[("app", app.port()), ("gone", refused_port())]);
    let passing = json!({
        "rules": ["Hot", {"name": "Warm", "metric": "temperature"}],
        "jobs": [{"name": "app"}],
        "quiet": ["Hot"],
        "queries": [{"what": "the temperature", "expr": "temperature", "at_least": "20.5", "at_most": 22}],
    });
    assert_pass(
        &run_probe(&plus(&api_spec(&prometheus), &passing)),
        &[
            "✓ rule Hot | loaded and healthy | healthy",
            "✓ rule Warm | loaded, healthy, uses temperature | healthy",
            "✓ job app | 1 or more targets, all up | 1 target up",
            "✓ alert Hot | not firing | not firing",
            "✓ the temperature | from 20.5 to 22 | 21.5",
        ],
    );
    let failing = json!({
        "rules": ["Hott", {"name": "Warm", "metric": "temperatur"}],
        "jobs": [{"name": "gone"}, {"name": "app", "at_least": 2}, {"name": "unknown"}],
        "queries": [{"what": "the temperature", "expr": "temperature", "at_most": 20}, {"what": "nothing", "expr": "absent_metric"}],
    });
    assert_fail(
        &run_probe(&plus(&api_spec(&prometheus), &failing)),
        &[
            "✗ rule Hott | loaded and healthy | no such rule among 3; similar name: Hot",
            "✗ rule Warm | loaded, healthy, uses temperatur | its expression is temperature > 20",
            "✗ job gone | 1 or more targets, all up | http://127.0.0.1:",
            "✗ job app | 2 or more targets, all up | 1 target up",
            "✗ job unknown | 1 or more targets, all up | 0 targets up",
            "✗ the temperature | at most 20 | 21.5",
            "✗ nothing | one series or more | no series",
        ],
    );
    let firing = plus(&api_spec(&prometheus), &json!({"quiet": ["Warm"]}));
    let outcome = wait::until("the alert fires", || {
        Some(run_probe(&firing)).filter(|outcome| describe(outcome).contains("firing since"))
    });
    assert_fail(&outcome, &["✗ alert Warm | not firing | firing since 20"]);
    let query = json!({"rules": ["Hot"], "queries": [{"what": "q", "expr": "sum("}]});
    let outcome = run_probe(&plus(&api_spec(&prometheus), &query));
    assert_error(&outcome, &["Prometheus rejects the query"]);
    // The command is that of what is wrong.
    assert!(outcome.reproduce.ends_with("/api/v1/query?query=sum%28'"), "{}", outcome.reproduce);
}

#[test]
fn a_counter_must_rise_after_the_probe_it_refers_to() {
    need!(SERVER);
    let app = Web::start();
    let show = |status: &str, count: u64| {
        app.route("/metrics", Reply::ok(&format!("{COUNTER}{{status=\"{status}\"}} {count}\n")))
    };
    show("ok", 5);
    let prometheus = Prometheus::start(&[], &[("app", app.port())]);
    let with = plus(&api_spec(&prometheus), &json!({"risen": [{"series": COUNTER}]}));
    let unknown = run_probe(&with);
    assert_error(&unknown, &["the probe before this one has sent nothing"]);
    wait::until("a first sample", || {
        Some(run_probe(&plus(&api_spec(&prometheus), &json!({"queries": [{"what": "q", "expr": COUNTER}]}))))
            .filter(|outcome| describe(outcome).contains('5'))
    });
    let context = context_since(now());
    let still = wait::until("a sample that has not risen", || {
        Some(run_probe_with_context(DEADLINE, "prometheus", &with, &context))
            .filter(|outcome| describe(outcome).contains("| risen by 0 in"))
    });
    assert_fail(&still, &["risen by 0 in 1 series with newer samples"]);
    show("ok", 6);
    let risen = || Some(run_probe_with_context(DEADLINE, "prometheus", &with, &context));
    let outcome = wait::until("the counter rises", || {
        risen().filter(|outcome| describe(outcome).contains("| risen by 1 in"))
    });
    assert_pass(&outcome, &["risen by 1 in 1 series with newer samples"]);
    // A restarted process counts from zero, and samples from before the other probe do not count.
    show("ok", 2);
    let reset = wait::until("the counter is reset", || {
        risen().filter(|outcome| describe(outcome).contains("| risen by 2 in"))
    });
    assert_pass(&reset, &["risen by 2"]);
    let later = context_since(now().plus(Duration::from_secs(5)));
    assert_fail(
        &run_probe_with_context(DEADLINE, "prometheus", &with, &later),
        &["no sample since then; the newest sample is from"],
    );
}

#[test]
fn a_trend_is_shown_as_a_sparkline() {
    need!(SERVER);
    let app = Web::start();
    app.route("/metrics", Reply::ok("temperature 21.5\n"));
    let prometheus = Prometheus::start(&[], &[("app", app.port())]);
    let trend = |most: &str| json!({"trends": [{"what": "temperature", "expr": "temperature", "minutes": 1, "at_most": most}]});
    let line = || {
        Some(run_probe(&plus(&api_spec(&prometheus), &trend("22"))))
            .filter(|outcome| describe(outcome).contains('▁'))
    };
    let outcome = wait::until("values over time", line);
    assert_pass(&outcome, &["✓ temperature | at most 22 now | ▁", "21.5 now, 21.5 to 21.5 in 1 min"]);
    assert_fail(&run_probe(&plus(&api_spec(&prometheus), &trend("21"))), &["✗ temperature | at most 21 now"]);
    let none = json!({"trends": [{"what": "nothing", "expr": "absent_metric"}]});
    assert_pass(
        &run_probe(&plus(&api_spec(&prometheus), &none)),
        &["✓ nothing | recorded | no values in 30 min"],
    );
}

#[test]
fn no_answer_and_another_server_are_errors() {
    let rules = |url: String| json!({"api": {"url": url}, "rules": ["Hot"]});
    let unreachable = run_probe(&rules(format!("http://127.0.0.1:{}", refused_port())));
    assert_error(&unreachable, &["refuses connections"]);
    let web = Web::start();
    web.route("/api/v1/rules", Reply::ok("<html>"));
    assert_error(&run_probe(&rules(web.url(""))), &["the response is not JSON: <html>"]);
    web.route("/api/v1/rules", Reply::ok("{}"));
    assert_error(&run_probe(&rules(web.url(""))), &["not a response of the Prometheus API"]);
    web.route("/api/v1/rules", Reply::status(401));
    assert_error(&run_probe(&rules(web.url(""))), &["credentials are missing or refused (401"]);
}

#[test]
fn servers_with_a_partial_api_are_supported() {
    let web = Web::start();
    let run_on_web = |with: &Value| run_probe(&plus(&json!({"api": {"url": web.url("")}}), with));
    let rule = r#"{"name": "Hot", "health": "ok", "state": "firing", "query": "depth > 9"}"#;
    let rules = format!(r#"{{"status": "success", "data": {{"groups": [{{"rules": [{rule}]}}]}}}}"#);
    // The request for one rule is refused, the request for all rules is not.
    web.sequence("/api/v1/rules", [Reply::status(400), Reply::ok(&rules)]);
    let hot = run_on_web(&json!({"rules": ["Hot"]}));
    assert_pass(&hot, &["✓ rule Hot | loaded and healthy | healthy", "✓ alert Hot | recorded | firing"]);
    web.route("/api/v1/rules", Reply::ok(r#"{"status": "success", "data": {"groups": null}}"#));
    assert_fail(&run_on_web(&json!({"rules": ["Hot"]})), &["no such rule among 0"]);
    // Mimir and Cortex have no list of targets, only the series `up`.
    let up = |value: u8| {
        let series = format!(r#"{{"metric": {{"__name__": "up", "job": "app"}}, "value": [1, "{value}"]}}"#);
        Reply::ok(&format!(
            r#"{{"status": "success", "data": {{"resultType": "vector", "result": [{series}]}}}}"#
        ))
    };
    web.route("/api/v1/query", up(1));
    let job = json!({"jobs": [{"name": "app"}]});
    assert_pass(
        &run_on_web(&job),
        &["✓ job app | 1 or more targets, all up | 1 target up, by the metric `up`"],
    );
    web.route("/api/v1/query", up(0));
    assert_fail(&run_on_web(&job), &["✗ job app | 1 or more targets, all up | up{job=app} is down"]);
    web.route("/api/v1/query", Reply::status(404));
    assert_error(&run_on_web(&job), &["HTTP 404"]);
}

#[test]
fn an_alert_without_a_rule_is_an_error() {
    let web = Web::start();
    web.route("/api/v1/alerts", Reply::ok(r#"{"status": "success", "data": {"alerts": []}}"#));
    let run_quiet = || run_probe(&json!({"api": {"url": web.url("")}, "quiet": ["Hot"]}));
    assert_error(&run_quiet(), &["whether such a rule is loaded is not known"]);
    web.route("/api/v1/rules", Reply::ok(r#"{"status": "success", "data": {"groups": []}}"#));
    assert_error(&run_quiet(), &["no rule of that name is loaded"]);
}

#[test]
fn a_partial_answer_is_an_error() {
    let web = Web::start();
    let partial = r#"{"status": "success", "data": {"resultType": "scalar", "result": [1, "0"]}, "warnings": ["store-2 is gone"]}"#;
    web.route("/api/v1/query", Reply::ok(partial));
    let query =
        json!({"api": {"url": web.url("")}, "queries": [{"what": "errors", "expr": "errors", "at_most": 0}]});
    assert_error(&run_probe(&query), &["partial response; warning: store-2 is gone"]);
}

/// It serves the same API, except that vmalert evaluates the rules: its lists of rules and alerts are always empty.
#[test]
fn victoria_metrics_is_a_prometheus_without_rules() {
    need!(victoria::SERVER);
    let app = Web::start();
    app.route("/metrics", Reply::ok(&format!("temperature 21.5\n{COUNTER} 5\n")));
    let victoria = Victoria::start(&[("app", app.port()), ("gone", refused_port())]);
    let run_on_victoria = |with: &Value| run_probe(&plus(&json!({"api": {"url": victoria.url()}}), with));
    let passing = json!({
        "jobs": [{"name": "app"}],
        "queries": [{"what": "the temperature", "expr": "temperature", "at_least": "20.5", "at_most": 22}],
        "trends": [{"what": "temperature", "expr": "temperature", "minutes": 1, "at_most": "22"}],
    });
    assert_pass(
        &run_on_victoria(&passing),
        &[
            "✓ job app | 1 or more targets, all up | 1 target up",
            "✓ the temperature | from 20.5 to 22 | 21.5",
            "✓ temperature | at most 22 now | ",
        ],
    );
    let failing = json!({
        "jobs": [{"name": "gone"}, {"name": "unknown"}],
        "queries": [{"what": "nothing", "expr": "absent_metric"}],
    });
    assert_fail(
        &run_on_victoria(&failing),
        &[
            "✗ job gone | 1 or more targets, all up | http://127.0.0.1:",
            "✗ job unknown | 1 or more targets, all up | 0 targets up",
            "✗ nothing | one series or more | no series",
        ],
    );
    let query = json!({"queries": [{"what": "q", "expr": "sum("}]});
    assert_error(&run_on_victoria(&query), &["rejects the query", "unexpected token"]);
    assert_error(
        &run_on_victoria(&json!({"rules": ["Hot"], "quiet": ["Hot"]})),
        &[
            "? rule Hot | loaded and healthy | VictoriaMetrics lists no rules: vmalert evaluates them",
            "? alert Hot | not firing | whether such a rule is loaded is not known",
        ],
    );
    let (context, risen) = (context_since(now()), json!({"risen": [{"series": COUNTER}]}));
    app.route("/metrics", Reply::ok(&format!("{COUNTER} 6\n")));
    let with = plus(&json!({"api": {"url": victoria.url()}}), &risen);
    let outcome = wait::until("the counter rises", || {
        Some(run_probe_with_context(DEADLINE, "prometheus", &with, &context))
            .filter(|outcome| describe(outcome).contains("| risen by 1 in 1 series"))
    });
    assert_pass(&outcome, &["risen by 1 in 1 series with newer samples"]);
}
