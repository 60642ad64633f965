//! Faults of Redis and RabbitMQ.

use serde_json::json;

use super::StackFault;
use crate::support::full_stack::FullStack;
use crate::support::redis::RedisServer;
use crate::support::stack::PASSWORD;
use crate::support::topology::Topology;
use crate::support::wait;

pub const QUEUE: &str = "advanced.board.events";
const RETRY_QUEUE: &str = "advanced.board.events.retry";
const DLQ: &str = "advanced.board.events.dlq";

fn redis(whole: &FullStack, arguments: &[&str]) {
    let output = whole.stack.redis.cli(arguments);
    assert_eq!(output, "OK", "{arguments:?}");
}

fn declare(whole: &FullStack, topology: &Topology) {
    whole.stack.vhost.declare(topology);
}

/// Deletes the retry queue and declares it again.
pub fn redeclare_retry_queue(whole: &FullStack, topology: &Topology) {
    whole.stack.vhost.delete_queue(RETRY_QUEUE);
    declare(whole, topology);
}

/// Deletes the queue of the worker and declares it again.
fn redeclare_queue(whole: &FullStack, topology: &Topology) {
    whole.stack.vhost.delete_queue(QUEUE);
    declare(whole, topology);
    whole.stack.wait_ready();
}

/// Deletes the queue of dead letters, with what is in it, and declares it again.
pub fn empty_dlq(whole: &FullStack) {
    whole.stack.vhost.delete_queue(DLQ);
    declare(whole, &Topology::standard());
}

pub fn wait_until_drained(whole: &FullStack) {
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
            redeclare_retry_queue(whole, &Topology::standard());
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
            redeclare_retry_queue(whole, &Topology::standard());
        },
        points: &["deploy.iac-apply", "infra.redis", "verify.pipeline", "verify.queues-drained"],
        messages: &["role"],
    },
    StackFault {
        name: "dead-letter queue missing",
        inject: |whole| whole.stack.vhost.delete_queue(DLQ),
        fix: |whole| declare(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq", "verify.queues-drained"],
        messages: &[DLQ],
    },
    StackFault {
        name: "retries dead-letter to the wrong exchange",
        inject: |whole| {
            redeclare_retry_queue(whole, &Topology::standard().dead_letter(DLQ, "boards.activity"));
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
        inject: |whole| whole.stack.vhost.bind(QUEUE, DLQ, "boards.#"),
        fix: |whole| empty_dlq(whole),
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
        inject: |whole| whole.stack.vhost.publish(DLQ, "poison"),
        fix: |whole| empty_dlq(whole),
        points: &["verify.queues-drained"],
        messages: &[DLQ],
    },
    StackFault {
        name: "Redis refuses to show its settings",
        inject: |whole| redis(whole, &["ACL", "SETUSER", "default", "-config"]),
        fix: |whole| redis(whole, &["ACL", "SETUSER", "default", "+@all"]),
        points: &["deploy.iac-apply", "infra.redis"],
        messages: &["NOPERM"],
    },
    StackFault {
        name: "Redis replicates another server",
        inject: |whole| {
            let primary = RedisServer::builder().password(PASSWORD).start();
            redis(whole, &["CONFIG", "SET", "masterauth", PASSWORD]);
            redis(whole, &["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
            wait::until("the replica", || {
                whole
                    .stack
                    .redis
                    .cli(&["INFO", "replication"])
                    .contains("master_link_status:up")
                    .then_some(())
            });
            whole.held.push(Box::new(primary));
        },
        fix: |whole| {
            redis(whole, &["REPLICAOF", "NO", "ONE"]);
            whole.held.clear();
            redeclare_retry_queue(whole, &Topology::standard());
        },
        points: &["deploy.iac-apply", "infra.redis", "verify.pipeline", "verify.queues-drained"],
        messages: &["role"],
    },
    StackFault {
        name: "wrong password of Redis",
        inject: |whole| whole.edit_profile("\"REDIS_PASSWORD\"", "\"OLD_TOKEN\""),
        fix: FullStack::restore_profile,
        points: &["deploy.iac-apply", "infra.redis", "verify.pipeline", "verify.queues-drained"],
        messages: &["password"],
    },
    StackFault {
        name: "wrong password of RabbitMQ",
        inject: |whole| whole.edit_profile("\"RABBITMQ_PASSWORD\"", "\"OLD_TOKEN\""),
        fix: FullStack::restore_profile,
        points: &["deploy.iac-apply", "infra.rabbitmq", "verify.pipeline", "verify.queues-drained"],
        messages: &["credentials refused"],
    },
    StackFault {
        name: "queue not bound to its exchange",
        inject: |whole| redeclare_queue(whole, &Topology::standard().without_binding(QUEUE)),
        fix: |whole| declare(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq", "verify.pipeline"],
        messages: &["boards.activity", "event at the Redis channel"],
    },
    StackFault {
        name: "exchange missing",
        inject: |whole| whole.stack.vhost.delete_exchange(QUEUE),
        fix: |whole| declare(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq", "verify.metrics", "verify.pipeline"],
        messages: &["exchange advanced.board.events", "event_bus_failure"],
    },
    StackFault {
        name: "queue also gets messages of another exchange",
        inject: |whole| whole.stack.vhost.bind("amq.topic", QUEUE, "boards.activity"),
        fix: |whole| whole.stack.vhost.unbind("amq.topic", QUEUE, "boards.activity"),
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        messages: &["amq.topic"],
    },
    StackFault {
        name: "retries return by another routing key",
        inject: |whole| {
            redeclare_retry_queue(whole, &Topology::standard().dead_letter(QUEUE, "boards.other"));
        },
        fix: |whole| redeclare_retry_queue(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        messages: &["x-dead-letter-routing-key", "boards.other"],
    },
    StackFault {
        name: "queue lost at a restart",
        inject: |whole| redeclare_queue(whole, &Topology::standard().transient_queue(QUEUE)),
        fix: |whole| redeclare_queue(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        messages: &["durable"],
    },
    StackFault {
        name: "retry exchange of another type",
        inject: |whole| {
            whole.stack.vhost.delete_exchange(RETRY_QUEUE);
            declare(whole, &Topology::standard().exchange_type(RETRY_QUEUE, "direct"));
        },
        fix: |whole| {
            whole.stack.vhost.delete_exchange(RETRY_QUEUE);
            declare(whole, &Topology::standard());
        },
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        messages: &["exchange advanced.board.events.retry: type", "direct"],
    },
    StackFault {
        name: "policy discards dead letters",
        inject: |whole| {
            let policy = json!({"max-length": 1});
            whole.stack.vhost.set_policy("keep-one", "dlq$", &policy);
        },
        fix: |whole| whole.stack.vhost.delete_policy("keep-one"),
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        messages: &["queue advanced.board.events.dlq: other limits", "keep-one"],
    },
    StackFault {
        name: "policy deletes an unused queue",
        inject: |whole| {
            whole.stack.vhost.set_policy("unused", "retry$", &json!({"expires": 600_000}));
        },
        fix: |whole| whole.stack.vhost.delete_policy("unused"),
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        messages: &["x-expires 600000"],
    },
];
