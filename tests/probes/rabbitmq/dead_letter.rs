//! The first dead letter, shown on request.

use serde_json::json;

use super::*;
use crate::support::rabbitmq::SERVER;
use crate::support::topology::Topology;
use crate::support::{need, wait};

#[test]
fn the_first_dead_letter_is_shown_on_request_and_requeued() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let death = json!({
        "x-death": [{"count": 3, "reason": "rejected", "queue": EVENTS, "exchange": EVENTS}],
        "last-error": "no such board",
    });
    let queue = format!("{EVENTS}.dlq");
    vhost.publish_with(&queue, r#"{"board": "b"}"#, &death);
    let spec_with_peek = |peek: bool| {
        plus(
            &connection_spec(&vhost, &vhost.monitor),
            &json!({"queues": [{"name": queue, "depth_at_most": 0, "peek": peek}]}),
        )
    };
    let outcome = run_probe(&spec_with_peek(true));
    let head = format!("✓ first message of queue {queue} | recorded | ");
    assert_fail(&outcome, &[&head, "last-error: no such board; body: {\"board\": \"b\"}"]);
    assert_eq!(
        outcome.effects,
        [format!("got the first message of queue {queue} and requeued it (marked redelivered)")]
    );
    wait::until("the message to be back", || (vhost.depth(&queue).0 == 1).then_some(()));
    let without_peek = run_probe(&spec_with_peek(false));
    assert!(
        without_peek.effects.is_empty() && !describe(&without_peek).contains("first message of queue"),
        "{}",
        describe(&without_peek)
    );
}
