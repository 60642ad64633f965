//! Faults of the worker, of the application's subscription, and of what Prometheus scrapes and evaluates.

use std::time::Duration;

use gonogo_rehearsal::servers::app::{AppConfig, AppServer, AppWorker, WorkerFaults};

use super::StackFault;
use super::brokers::{QUEUE, empty_dlq, redeclare_retry_queue, wait_until_drained};
use crate::support::full_stack::RULES;
use crate::support::topology::Topology;

pub const FAULTS: &[StackFault] = &[
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
        name: "worker stopped",
        inject: |whole| whole.stack.run_worker(false),
        fix: |whole| {
            whole.stack.run_worker(true);
            wait_until_drained(whole);
        },
        points: &["verify.pipeline", "verify.queues-drained"],
        messages: &["event at the Redis channel", "consumer"],
    },
    StackFault {
        name: "application subscribed to another channel",
        inject: |whole| {
            whole.stack.app.set_faults(|faults| faults.wrong_channel = true);
            whole.stack.resubscribe(0);
        },
        fix: |whole| {
            whole.stack.app.set_faults(|faults| faults.wrong_channel = false);
            whole.stack.resubscribe(1);
        },
        points: &["verify.pipeline", "verify.queues-drained"],
        messages: &["subscribers of advanced:activity", "event received over server-sent events"],
    },
    StackFault {
        name: "worker stuck with its messages",
        inject: |whole| {
            whole.stack.run_worker(false);
            let stuck = whole.stack.vhost.consume(QUEUE, 16);
            whole.held.push(Box::new(stuck));
        },
        fix: |whole| {
            whole.held.clear();
            whole.stack.run_worker(true);
            wait_until_drained(whole);
        },
        points: &["verify.pipeline", "verify.queues-drained"],
        messages: &["event at the Redis channel", "unacknowledged messages"],
    },
    StackFault {
        name: "second consumer takes a part of the events",
        inject: |whole| {
            let thief = whole.stack.vhost.consume(QUEUE, 16);
            whole.held.push(Box::new(thief));
        },
        fix: |whole| {
            whole.held.clear();
            wait_until_drained(whole);
        },
        points: &["verify.pipeline", "verify.queues-drained"],
        messages: &["event at the Redis channel", "unacknowledged messages"],
    },
    StackFault {
        name: "worker on another virtual host",
        inject: |whole| {
            whole.stack.run_worker(false);
            let vhost = whole.stack.vhost.broker().vhost();
            vhost.declare(&Topology::standard());
            let config = AppConfig { amqp: vhost.amqp_url(&vhost.admin), ..whole.stack.config.clone() };
            let worker = AppWorker::start(config).unwrap();
            whole.held.push(Box::new((worker, vhost)));
        },
        fix: |whole| {
            whole.held.clear();
            whole.stack.run_worker(true);
            wait_until_drained(whole);
        },
        points: &["verify.pipeline", "verify.queues-drained"],
        messages: &["event at the Redis channel", "advanced.board.events: consumers"],
    },
    StackFault {
        name: "message that the worker cannot read",
        inject: |whole| whole.stack.vhost.publish(QUEUE, "no event"),
        fix: |whole| redeclare_retry_queue(whole, &Topology::standard()),
        points: &["verify.queues-drained"],
        messages: &["queue advanced.board.events.retry: ready messages"],
    },
    StackFault {
        name: "events dead-lettered after they were delivered",
        inject: |whole| {
            whole.edit_profile("hold = \"0s\"", "hold = \"3s\"");
            let dead_letters_after = Some(Duration::from_secs(1));
            whole.stack.run_faulty_worker(WorkerFaults { dead_letters_after, ..Default::default() });
        },
        fix: |whole| {
            whole.restore_profile();
            whole.stack.run_worker(false);
            whole.stack.run_worker(true);
            wait_until_drained(whole);
            empty_dlq(whole);
        },
        points: &["verify.queues-drained"],
        messages: &["queue advanced.board.events.dlq: ready messages"],
    },
    StackFault {
        name: "events published twice, and a worker that passes both on",
        inject: |whole| {
            whole.stack.app.set_faults(|faults| faults.publishes_twice = true);
            whole.stack.run_faulty_worker(WorkerFaults { passes_duplicates: true, ..Default::default() });
        },
        fix: |whole| {
            whole.stack.app.set_faults(|faults| faults.publishes_twice = false);
            whole.stack.run_worker(false);
            whole.stack.run_worker(true);
        },
        points: &["verify.pipeline"],
        messages: &["2 over server-sent events, 2 at the exchange, 2 at the Redis channel"],
    },
    StackFault {
        name: "alert rule about another metric",
        inject: |whole| whole.prometheus.reload(&[(RULES[0].0, "up == 0"), RULES[1]]),
        fix: |whole| whole.prometheus.reload(&RULES),
        points: &["validate.slo-alerts"],
        messages: &["advanced_board_event_publish_duration_seconds_bucket"],
    },
    StackFault {
        name: "alert rule that cannot be evaluated",
        inject: |whole| {
            let metric = "advanced_board_event_publish_duration_seconds_bucket";
            let expression = format!("{metric} / on() {metric} > 1");
            whole.prometheus.reload(&[(RULES[0].0, &expression), RULES[1]]);
            whole.prometheus.wait_for_failed_rule();
        },
        fix: |whole| whole.prometheus.reload(&RULES),
        points: &["validate.slo-alerts"],
        messages: &["duplicate series"],
    },
    StackFault {
        name: "application scraped under another job",
        inject: |whole| whole.prometheus.scrape(&[("board-app", whole.stack.app.port())]),
        fix: |whole| whole.prometheus.scrape(&[("advanced-app", whole.stack.app.port())]),
        points: &["verify.metrics"],
        messages: &["job advanced-app"],
    },
    StackFault {
        name: "another instance scraped",
        inject: |whole| {
            let other = AppServer::start(whole.stack.config.clone(), None).unwrap();
            whole.prometheus.scrape(&[("advanced-app", other.port())]);
            whole.held.push(Box::new(other));
        },
        fix: |whole| {
            whole.held.clear();
            whole.prometheus.scrape(&[("advanced-app", whole.stack.app.port())]);
        },
        points: &["verify.metrics"],
        messages: &["advanced_board_events_published_total"],
    },
];
