//! Faults of Redis, RabbitMQ and the worker.

use serde_json::json;

use super::StackFault;
use crate::support::full_stack::{FullStack, RULES};
use crate::support::topology::Topology;
use crate::support::wait;

const QUEUE: &str = "advanced.board.events";

fn redis(whole: &FullStack, arguments: &[&str]) {
    let output = whole.stack.redis.cli(arguments);
    assert_eq!(output, "OK", "{arguments:?}");
}

fn declare(whole: &FullStack, topology: &Topology) {
    whole.stack.vhost.declare(topology);
}

/// Deletes the retry queue and declares it again.
fn redeclare_retry_queue(whole: &FullStack, topology: &Topology) {
    whole.stack.vhost.delete_queue("advanced.board.events.retry");
    declare(whole, topology);
}

fn wait_until_drained(whole: &FullStack) {
    wait::until("drained queues", || (whole.stack.vhost.depth(QUEUE).0 == 0).then_some(()));
}

pub const FAULTS: &[StackFault] = &[
    StackFault {
        name: "Redis without persistence",
        inject: |whole| {
            redis(whole, &["CONFIG", "SET", "appendonly", "no"]);
            redis(whole, &["CONFIG", "SET", "save", ""]);
        },
        fix: |whole| redis(whole, &["CONFIG", "SET", "appendonly", "yes"]),
        points: &["deploy.iac-apply", "infra.redis"],
        messages: &["AOF or RDB on"],
    },
    StackFault {
        name: "Redis latency monitor off",
        inject: |whole| redis(whole, &["CONFIG", "SET", "latency-monitor-threshold", "0"]),
        fix: |whole| redis(whole, &["CONFIG", "SET", "latency-monitor-threshold", "100"]),
        points: &["deploy.iac-apply", "infra.redis"],
        messages: &["latency-monitor-threshold"],
    },
    StackFault {
        name: "Redis at its memory limit",
        inject: |whole| redis(whole, &["CONFIG", "SET", "maxmemory", "1"]),
        fix: |whole| {
            redis(whole, &["CONFIG", "SET", "maxmemory", "0"]);
            wait_until_drained(whole);
        },
        // The worker cannot mark what it has handled.
        points: &["deploy.iac-apply", "infra.redis", "verify.pipeline", "verify.queues-drained"],
        messages: &["memory"],
    },
    StackFault {
        name: "Redis without a primary",
        inject: |whole| redis(whole, &["REPLICAOF", "127.0.0.1", "1"]),
        fix: |whole| {
            redis(whole, &["REPLICAOF", "NO", "ONE"]);
            wait_until_drained(whole);
        },
        points: &["deploy.iac-apply", "infra.redis", "verify.pipeline", "verify.queues-drained"],
        messages: &["role"],
    },
    StackFault {
        name: "latency alert not loaded",
        inject: |whole| whole.prometheus.reload(&RULES[..1]),
        fix: |whole| whole.prometheus.reload(&RULES),
        points: &["infra.redis"],
        messages: &["rule RedisLatencySpike"],
    },
    StackFault {
        name: "required alert not loaded",
        inject: |whole| whole.prometheus.reload(&RULES[1..]),
        fix: |whole| whole.prometheus.reload(&RULES),
        points: &["validate.slo-alerts"],
        messages: &["rule AdvancedPipelineLatency"],
    },
    StackFault {
        name: "dead-letter queue missing",
        inject: |whole| whole.stack.vhost.delete_queue("advanced.board.events.dlq"),
        fix: |whole| declare(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq", "verify.queues-drained"],
        messages: &["advanced.board.events.dlq"],
    },
    StackFault {
        name: "retries dead-letter to the wrong exchange",
        inject: |whole| {
            redeclare_retry_queue(
                whole,
                &Topology::standard().dead_letter("advanced.board.events.dlq", "boards.activity"),
            );
        },
        fix: |whole| redeclare_retry_queue(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        messages: &["dead-letter"],
    },
    StackFault {
        name: "policy discards waiting events",
        inject: |whole| {
            let policy = json!({"max-length": 1, "message-ttl": 1});
            whole.stack.vhost.set_policy("discard", "^advanced.board.events$", &policy);
        },
        fix: |whole| whole.stack.vhost.delete_policy("discard"),
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        messages: &["max-length"],
    },
    StackFault {
        name: "dead-letter queue gets every event",
        inject: |whole| whole.stack.vhost.bind(QUEUE, "advanced.board.events.dlq", "boards.#"),
        fix: |whole| {
            whole.stack.vhost.delete_queue("advanced.board.events.dlq");
            declare(whole, &Topology::standard());
        },
        points: &["deploy.iac-apply", "infra.rabbitmq", "verify.queues-drained"],
        messages: &["boards.#"],
    },
    StackFault {
        name: "retries wait for another time",
        inject: |whole| redeclare_retry_queue(whole, &Topology::standard().retry_ttl(60_000)),
        fix: |whole| redeclare_retry_queue(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        messages: &["60000"],
    },
    StackFault {
        name: "poison message in the dead-letter queue",
        inject: |whole| whole.stack.vhost.publish("advanced.board.events.dlq", "poison"),
        fix: |whole| {
            whole.stack.vhost.delete_queue("advanced.board.events.dlq");
            declare(whole, &Topology::standard());
        },
        points: &["verify.queues-drained"],
        messages: &["advanced.board.events.dlq"],
    },
    StackFault {
        name: "worker stopped",
        inject: |whole| whole.stack.run_worker(false),
        fix: |whole| {
            whole.stack.run_worker(true);
            wait_until_drained(whole);
        },
        points: &["verify.pipeline", "verify.queues-drained"],
        messages: &["event at the Redis channel", "consumer"],
    },
];
