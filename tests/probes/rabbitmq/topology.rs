//! Exchanges, queues and bindings, and their effective settings.

use std::process::Command;

use serde_json::json;

use super::*;
use crate::support::need;
use crate::support::rabbitmq::SERVER;

#[test]
fn the_standard_topology_passes() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let outcome = run_probe(&topology_spec(&vhost));
    assert_pass(
        &outcome,
        &[
            &format!(
                "✓ RabbitMQ at 127.0.0.1:{} | accepts user `{}` on virtual host `{}` | accepted",
                vhost.broker().amqp,
                vhost.monitor.name,
                vhost.name
            ),
            &format!(
                "✓ management API at 127.0.0.1:{} | accepts user `{}` | accepted",
                vhost.broker().management,
                vhost.monitor.name
            ),
            "✓ exchange advanced.board.events | declared | declared\n✓ exchange advanced.board.events: type | topic | topic\n✓ exchange advanced.board.events: durable | true | true",
            "✓ queue advanced.board.events.retry: x-message-ttl | 5000 | 5000",
            "✓ queue advanced.board.events.retry: x-dead-letter-exchange | advanced.board.events | advanced.board.events",
            "✓ queue advanced.board.events.retry: x-dead-letter-routing-key | boards.activity | boards.activity",
            "✓ binding of advanced.board.events.dlq to advanced.board.events.dlq | routing key boards.activity.dlq | routing key boards.activity.dlq",
        ],
    );
    assert_eq!(outcome.evidence_hash(), run_probe(&topology_spec(&vhost)).evidence_hash());
    assert!(!serde_json::to_string(&outcome).unwrap().contains("p@ss"));
}

#[test]
fn all_observations_are_reported_right_and_wrong() {
    need!(SERVER);
    let wrong = Topology::standard()
        .exchange_type(EVENTS, "direct")
        .transient_queue(EVENTS)
        .retry_ttl(1)
        .dead_letter("elsewhere", "lost")
        .without_queue("advanced.board.events.dlq")
        .without_binding("advanced.board.events.retry");
    let outcome = run_probe(&topology_spec(&vhost(&wrong)));
    assert_fail(
        &outcome,
        &[
            "✓ exchange advanced.board.events | declared | declared\n✗ exchange advanced.board.events: type | topic | direct\n",
            "✓ queue advanced.board.events | declared | declared\n✗ queue advanced.board.events: durable | true | false\n",
            "✗ queue advanced.board.events.retry: x-message-ttl | 5000 | 1\n",
            "✗ queue advanced.board.events.retry: x-dead-letter-exchange | advanced.board.events | elsewhere\n",
            "✗ queue advanced.board.events.retry: x-dead-letter-routing-key | boards.activity | lost\n",
            "✗ queue advanced.board.events.dlq | declared | not declared\n",
            "✗ binding of advanced.board.events.retry to advanced.board.events.retry | routing key boards.activity.retry | not bound\n",
            "✗ binding of advanced.board.events.dlq to advanced.board.events.dlq | routing key boards.activity.dlq | not bound\n",
            "✓ binding of advanced.board.events to advanced.board.events | ",
        ],
    );
}

#[test]
fn each_topology_error_alone_fails() {
    need!(SERVER);
    let dlq = "advanced.board.events.dlq";
    for (wrong, line) in [
        (
            Topology::standard().without_exchange(dlq),
            "✗ exchange advanced.board.events.dlq | declared | not declared",
        ),
        (
            Topology::standard().without_queue(dlq),
            "✗ queue advanced.board.events.dlq | declared | not declared",
        ),
        (Topology::standard().without_binding(dlq), "| routing key boards.activity.dlq | not bound"),
        (
            Topology::standard().exchange_type(dlq, "fanout"),
            "✗ exchange advanced.board.events.dlq: type | topic | fanout",
        ),
        (
            Topology::standard().retry_ttl(4999),
            "✗ queue advanced.board.events.retry: x-message-ttl | 5000 | 4999",
        ),
        (Topology::standard().dead_letter(EVENTS, "x"), "x-dead-letter-routing-key | boards.activity | x"),
    ] {
        assert_fail(&run_probe(&topology_spec(&vhost(&wrong))), &[line]);
    }
}

#[test]
fn effective_limits_from_policies_are_checked() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    vhost.set_policy("cap", "events$", &json!({"message-ttl": 1, "max-length": 1}));
    let dropped = "x-message-ttl 1 (policy cap), x-max-length 1 (policy cap): the broker drops messages";
    let outcome = run_probe(&topology_spec(&vhost));
    assert_fail(&outcome, &[&format!("✗ queue {EVENTS}: other limits | none | {dropped}")]);
    let mut recorded = topology_spec(&vhost);
    recorded["queues"][0]["limits"] = json!("recorded");
    assert_pass(&run_probe(&recorded), &["other limits | recorded | x-message-ttl 1 (policy cap)"]);
    vhost.set_policy("cap", "retry$", &json!({"message-ttl": 100}));
    let lower = "100 (policy cap); the argument is 5000";
    assert_fail(
        &run_probe(&topology_spec(&vhost)),
        &[&format!("✗ queue {EVENTS}.retry: x-message-ttl | 5000 | {lower}")],
    );
}

#[test]
fn a_binding_that_routes_other_events_fails() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    vhost.bind(EVENTS, EVENTS, "boards.archive");
    let recorded = format!("✓ other bindings of queue {EVENTS} | recorded | {EVENTS} (boards.archive)");
    assert_pass(&run_probe(&topology_spec(&vhost)), &[&recorded]);
    vhost.bind(EVENTS, "advanced.board.events.dlq", "boards.#");
    let wrong =
        format!("other bindings of queue {EVENTS}.dlq | none that routes other events | {EVENTS} (boards.#)");
    assert_fail(&run_probe(&topology_spec(&vhost)), &[&wrong]);
}

#[test]
fn the_reproduce_command_works_and_contains_no_password() {
    need!(SERVER, "curl");
    let vhost = vhost(&Topology::standard());
    let (_file, password) = secret_file(&vhost.monitor.password);
    let with = plus(&topology_spec(&vhost), &json!({"password": password}));
    let command = run_probe(&with).reproduce;
    assert!(command.contains("| curl -sS ") && !command.contains(&vhost.monitor.password), "{command}");
    let run = |command: &str| {
        let output = Command::new("sh").args(["-c", command]).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let printed = run(&command);
    assert!(printed.starts_with("AMQP") && printed.contains(&vhost.name), "{command}\n{printed}");
    let mut wrong = with.clone();
    wrong["queues"][1]["message_ttl_ms"] = json!(1);
    let command = run_probe(&wrong).reproduce;
    let printed = run(&command);
    assert!(
        command.starts_with("curl -sS -u ") && printed.contains("\"x-message-ttl\":5000"),
        "{command}\n{printed}"
    );
    let without = plus(
        &existence_spec(&vhost, &vhost.plain),
        &json!({"management": null, "queues": [{"name": "no.such"}]}),
    );
    let command = run_probe(&without).reproduce;
    assert_eq!(command, format!("rabbitmqctl -p {} list_queues name messages_ready consumers", vhost.name));
}
