mod connection;
mod dead_letter;
mod management;
mod queues;
mod topology;

use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};

use super::*;
use crate::support::rabbitmq::{Broker, User, Vhost};
use crate::support::topology::Topology;

const EVENTS: &str = "advanced.board.events";

#[track_caller]
pub(super) fn run_probe(with: &Value) -> Outcome {
    run_probe_within(DEADLINE, "rabbitmq", with)
}

pub(super) fn vhost(topology: &Topology) -> Vhost {
    let vhost = Broker::shared().vhost();
    vhost.declare(topology);
    vhost
}

/// The address of the broker and the credentials of a user.
pub(super) fn connection_spec(vhost: &Vhost, user: &User) -> Value {
    json!({
        "url": format!("amqp://127.0.0.1:{}", vhost.broker().amqp),
        "vhost": vhost.name,
        "username": user.name,
        "password": secret(&user.password),
        "management": vhost.management_url(),
    })
}

/// The topology checks of the standard checklist.
pub(super) fn topology_spec(vhost: &Vhost) -> Value {
    let names = ["", ".retry", ".dlq"]
        .map(|suffix| (format!("{EVENTS}{suffix}"), format!("boards.activity{suffix}")));
    let exchanges: Vec<_> =
        names.iter().map(|(name, _)| json!({"name": name, "type": "topic", "durable": true})).collect();
    let mut queues: Vec<_> = names.iter().map(|(name, _)| json!({"name": name, "durable": true})).collect();
    let retry = json!({
        "message_ttl_ms": 5000, "dead_letter_exchange": EVENTS, "dead_letter_routing_key": "boards.activity",
    });
    queues[1] = plus(&queues[1], &retry);
    let bindings: Vec<_> = names
        .iter()
        .map(|(name, key)| json!({"exchange": name, "queue": name, "routing_key": key}))
        .collect();
    let checks = json!({"exchanges": exchanges, "queues": queues, "bindings": bindings});
    plus(&connection_spec(vhost, &vhost.monitor), &checks)
}

/// Checks that need only AMQP: whether an exchange and a queue exist.
fn existence_spec(vhost: &Vhost, user: &User) -> Value {
    plus(
        &connection_spec(vhost, user),
        &json!({"exchanges": [{"name": EVENTS}], "queues": [{"name": EVENTS}]}),
    )
}

/// The checks of the standard checklist for drained queues.
pub(super) fn drained_spec(vhost: &Vhost) -> Value {
    let queue = |suffix| json!({"name": format!("{EVENTS}{suffix}"), "depth_at_most": 0});
    let primary = plus(&queue(""), &json!({"consumers_at_least": 1}));
    let queues = json!({"queues": [primary, queue(".retry"), queue(".dlq")]});
    plus(&connection_spec(vhost, &vhost.monitor), &queues)
}
