//! The messages and consumers of queues.

use serde_json::json;

use super::*;
use crate::support::rabbitmq::SERVER;
use crate::support::{need, wait};

#[test]
fn empty_queues_with_a_consumer_are_drained() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let consumer = vhost.consume(EVENTS, 16);
    assert_pass(
        &run_probe(&drained_spec(&vhost)),
        &[
            "✓ queue advanced.board.events: ready messages | 0 | 0",
            "✓ queue advanced.board.events: unacknowledged messages | 0 | 0",
            "✓ queue advanced.board.events: consumers | at least 1 | 1",
            "✓ queue advanced.board.events.dlq: ready messages | 0 | 0",
        ],
    );
    drop(consumer);
    wait::until("the consumer is gone", || (vhost.depth(EVENTS).1 == 0).then_some(()));
    assert_fail(
        &run_probe(&drained_spec(&vhost)),
        &["✗ queue advanced.board.events: consumers | at least 1 | 0"],
    );
}

#[test]
fn ready_and_unacknowledged_messages_fail() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    vhost.publish("advanced.board.events.dlq", "poison");
    assert_fail(
        &run_probe(&drained_spec(&vhost)),
        &["✗ queue advanced.board.events.dlq: ready messages | 0 | 1"],
    );
    vhost.publish(EVENTS, "taken");
    let _consumer = vhost.consume(EVENTS, 16);
    wait::until("the API counts it", || (vhost.queue(EVENTS)["messages_unacknowledged"] == 1).then_some(()));
    assert_fail(
        &run_probe(&drained_spec(&vhost)),
        &[
            "✓ queue advanced.board.events: ready messages | 0 | 0",
            "✗ queue advanced.board.events: unacknowledged messages | 0 | 1",
        ],
    );
}

#[test]
fn a_depth_limit_counts_ready_and_unacknowledged_messages() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    for body in ["a", "b", "c"] {
        vhost.publish(EVENTS, body);
    }
    let _consumer = vhost.consume(EVENTS, 2);
    wait::until("the API counts them", || {
        (vhost.queue(EVENTS)["messages_unacknowledged"] == 2).then_some(())
    });
    let at_most = |n: u64| {
        plus(
            &connection_spec(&vhost, &vhost.monitor),
            &json!({"queues": [{"name": EVENTS, "depth_at_most": n}]}),
        )
    };
    let lines = |mark, n| {
        format!(
            "✓ queue advanced.board.events: ready messages | at most {n} | 1\n\
             {mark} queue advanced.board.events: unacknowledged messages | at most {n} | 2 (3 with ready messages)"
        )
    };
    assert_pass(&run_probe(&at_most(3)), &[&lines('✓', 3)]);
    assert_fail(&run_probe(&at_most(2)), &[&lines('✗', 2)]);
}
