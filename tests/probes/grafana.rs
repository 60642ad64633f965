use gonogo_core::outcome::Outcome;
use gonogo_rehearsal::servers::grafana::{Dashboard, GrafanaServer};
use serde_json::json;

use super::*;
use crate::support::ports::refused_port;
use crate::support::web::{Reply, SilentServer, Web};

const BOARD: &str = "advanced-observability";
const TOKEN: &str = "token-of-grafana";

fn grafana_with_dashboard() -> GrafanaServer {
    let grafana = GrafanaServer::start().unwrap();
    let sources = vec!["prom".to_owned()];
    grafana.update(|state| {
        let board = Dashboard { title: "Observability".into(), tags: vec!["realtime".into()], sources };
        state.dashboards.insert(BOARD.into(), board);
        state.sources.insert("prom".into(), None);
        state.token = Some(TOKEN.into());
    });
    grafana
}

fn run_probe_at(url: &str, dashboard: &str, token: &str) -> Outcome {
    let headers = json!({"Authorization": {"secret": secret(token), "prefix": "Bearer "}});
    let with = json!({"api": {"url": url, "headers": headers}, "dashboard": dashboard});
    run_probe_within(SHORT * 3, "grafana", &with)
}

#[test]
fn a_dashboard_is_found_by_uid_and_by_tag() {
    let grafana = grafana_with_dashboard();
    let lines = [
        "| its database ok | its database ok",
        "| present (by uid or tag) | present: Observability",
        "✓ data source prom | healthy | healthy",
    ];
    assert_pass(&run_probe_at(&grafana.url(), BOARD, TOKEN), &lines);
    assert_pass(&run_probe_at(&grafana.url(), "realtime", TOKEN), &lines);
}

#[test]
fn missing_dashboards_and_unhealthy_data_sources_fail() {
    let grafana = grafana_with_dashboard();
    let line = "| present (by uid or tag) | no dashboard has that uid or tag";
    assert_fail(&run_probe_at(&grafana.url(), "other", TOKEN), &[line]);
    grafana.update(|state| drop(state.sources.insert("prom".into(), Some("bad gateway".into()))));
    assert_fail(
        &run_probe_at(&grafana.url(), BOARD, TOKEN),
        &["✗ data source prom | healthy | ERROR: bad gateway"],
    );
    grafana.update(|state| state.sources.clear());
    assert_fail(
        &run_probe_at(&grafana.url(), BOARD, TOKEN),
        &["✗ data source prom | healthy | no such data source"],
    );
    grafana.update(|state| state.dashboards.get_mut(BOARD).unwrap().sources.clear());
    assert_fail(
        &run_probe_at(&grafana.url(), BOARD, TOKEN),
        &["✗ data sources | one or more, healthy | none in its panels"],
    );
    grafana.update(|state| state.database = "failing".into());
    assert_fail(&run_probe_at(&grafana.url(), BOARD, TOKEN), &["| its database ok | its database failing"]);
}

#[test]
fn refused_credentials_and_no_answer_are_errors() {
    let grafana = grafana_with_dashboard();
    let refused = run_probe_at(&grafana.url(), BOARD, "wrong");
    assert_error(&refused, &["✓ Grafana at ", "credentials are missing or refused (401"]);
    assert!(!describe(&refused).contains("wrong"));
    let closed = format!("http://127.0.0.1:{}", refused_port());
    assert_error(&run_probe_at(&closed, BOARD, TOKEN), &["refuses connections"]);
    let silent = SilentServer::start();
    let outcome = run_probe_at(&format!("http://127.0.0.1:{}", silent.port()), BOARD, TOKEN);
    assert_error(&outcome, &["no response within 2100 ms"]);
    let page = Web::start();
    page.route("/api/health", Reply::ok("<html>"))
        .route("/api/dashboards/uid/advanced-observability", Reply::ok("{}"));
    assert_error(&run_probe_at(&page.url(""), BOARD, TOKEN), &["the response is not JSON: <html>"]);
}

#[test]
fn a_data_source_is_found_by_its_name() {
    let web = Web::start();
    let board = r#"{"dashboard": {"title": "Old", "panels": [{"datasource": "Prometheus"}]}}"#;
    web.route("/api/health", Reply::ok(r#"{"database": "ok"}"#))
        .route("/api/dashboards/uid/advanced-observability", Reply::ok(board))
        .route("/api/datasources/uid/Prometheus/health", Reply::status(404))
        .route("/api/datasources/name/Prometheus", Reply::ok(r#"{"uid": "prom-1"}"#))
        .route("/api/datasources/uid/prom-1/health", Reply::ok(r#"{"status": "OK"}"#));
    assert_pass(&run_probe_at(&web.url(""), BOARD, TOKEN), &["✓ data source Prometheus | healthy | healthy"]);
    web.route("/api/datasources/name/Prometheus", Reply::status(403));
    assert_error(&run_probe_at(&web.url(""), BOARD, TOKEN), &["permission denied (403"]);
}

#[test]
fn a_dashboard_in_schema_v2_is_read() {
    let web = Web::start();
    let spec = r#"{"spec": {"title": "New", "elements": {"a": {"datasource": {"name": "prom"}}}}}"#;
    web.route("/api/health", Reply::ok(r#"{"database": "ok"}"#))
        .route("/api/dashboards/uid/advanced-observability", Reply::status(406))
        .route(
            "/apis/dashboard.grafana.app/v2alpha1/namespaces/default/dashboards/advanced-observability",
            Reply::ok(spec),
        )
        .route("/api/datasources/uid/prom/health", Reply::ok(r#"{"status": "OK"}"#));
    let outcome = run_probe_at(&web.url(""), BOARD, TOKEN);
    assert_pass(&outcome, &["| present: New", "✓ data source prom | healthy | healthy"]);
}
