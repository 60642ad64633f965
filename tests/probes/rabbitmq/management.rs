//! The management API: access, alarms and statistics.

use serde_json::{Value, json};

use super::*;
use crate::support::need;
use crate::support::ports::refused_port;
use crate::support::rabbitmq::SERVER;
use crate::support::web::{Reply, Web};

#[test]
fn a_refused_or_missing_management_api_is_an_error() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let all = topology_spec(&vhost);
    let plain = json!({"username": vhost.plain.name, "password": secret(&vhost.plain.password)});
    let line = format!("permission denied for user `{}` (401: ", vhost.plain.name);
    assert_error(
        &run_probe(&plus(&all, &plain)),
        &["✓ queue advanced.board.events | declared | declared", &line],
    );
    let unreachable = json!({"management": format!("http://127.0.0.1:{}", refused_port())});
    assert_error(
        &run_probe(&plus(&all, &unreachable)),
        &["? management API at 127.0.0.1:", "refuses connections"],
    );
    let none = json!({"management": null});
    assert_error(
        &run_probe(&plus(&all, &none)),
        &[
            "? management API | accepts user ",
            "| no management address is configured, which these checks need",
        ],
    );
    let web = Web::start();
    web.route("/api/whoami", Reply::ok("<html>"));
    assert_error(
        &run_probe(&plus(&all, &json!({"management": web.url("")}))),
        &["| the response is not JSON: <html>"],
    );
    let other = json!({"management": web.url("/elsewhere")});
    assert_error(&run_probe(&plus(&all, &other)), &["| no management API at 127.0.0.1:"]);
}

#[test]
fn objects_hidden_from_the_user_are_errors() {
    need!(SERVER);
    let (vhost, other) = (vhost(&Topology::standard()), Broker::shared().vhost());
    let with = plus(
        &topology_spec(&vhost),
        &json!({
            "username": other.monitor.name, "password": secret(&other.monitor.password),
        }),
    );
    assert_error(
        &run_probe(&with),
        &[
            "| no access to virtual host `",
            "? queue advanced.board.events: durable | true | permission denied for user `",
        ],
    );
}

#[test]
fn a_wrong_management_password_is_reported_once() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let outcome = run_probe(&plus(&topology_spec(&vhost), &json!({"password": secret("wrong one")})));
    assert_error(&outcome, &["| credentials refused for user `"]);
    assert_eq!(describe(&outcome).lines().count(), 3, "{}", describe(&outcome));
}

/// A management API with this queue and this response for alarms, and the spec for it.
fn fake_management(queue: &str, alarms: Reply) -> (Web, Value) {
    let web = Web::start();
    web.route("/api/whoami", Reply::ok(r#"{"name": "u"}"#));
    web.route("/api/queues/%2F/q", Reply::ok(queue));
    web.route("/api/overview", Reply::ok(r#"{"disable_stats": true}"#));
    web.route("/api/health/checks/alarms", alarms);
    let with = json!({
        "url": format!("amqp://127.0.0.1:{}", refused_port()), "username": "u", "password": secret("pw12"),
        "management": web.url(""), "queues": [{"name": "q", "depth_at_most": 0}],
    });
    (web, with)
}

#[test]
fn a_broker_alarm_fails() {
    let queue = r#"{"messages_unacknowledged": 0}"#;
    let alarms = r#"{"status": "failed", "alarms": [{"node": "rabbit@b1", "resource": "memory"}]}"#;
    let (_web, with) = fake_management(queue, Reply::status(503).body(alarms));
    assert_fail(&run_probe(&with), &["✗ broker alarms | none | memory on rabbit@b1: publishers are blocked"]);
    let (web, with) = fake_management(queue, Reply::status(404));
    assert_error(&run_probe(&with), &["✓ broker alarms | recorded | not checked: needs RabbitMQ 3.8.10"]);
    let nodes = r#"[{"name": "rabbit@b1", "mem_alarm": false, "disk_free_alarm": true}]"#;
    web.route("/api/nodes", Reply::ok(nodes));
    assert_fail(&run_probe(&with), &["✗ broker alarms | none | disk on rabbit@b1: publishers are blocked"]);
}

#[test]
fn disabled_statistics_are_not_waited_for() {
    let (web, with) = fake_management("{}", Reply::ok(r#"{"status": "ok"}"#));
    let outcome = run_probe(&with);
    let line = "? queue q: unacknowledged messages | 0 | the broker's statistics are disabled";
    assert_error(&outcome, &[line]);
    let count = web.requests().iter().filter(|request| request.target == "/api/queues/%2F/q").count();
    assert_eq!(count, 1);
}
