//! Reads the first message of a queue that should be empty, to show why it is there. It is requeued, and the broker marks
//! it as redelivered.

use reqwest::Url;
use serde_json::{Value, json};

use gonogo_core::checklist::spec::RabbitmqSpec;
use gonogo_core::outcome::Observation;
use gonogo_core::secret::Secret;
use gonogo_core::text;

use super::super::deadline::Deadline;
use super::super::effects::Effects;
use super::amqp::{AmqpResult, Presence};
use super::management;

/// The longest piece of a message that is shown, in bytes.
const MAX_SHOWN: usize = 240;

/// The first message of each non-empty queue with `peek`.
pub(super) async fn heads(
    spec: &RabbitmqSpec,
    base: Option<&Url>,
    password: &Secret,
    declared: &AmqpResult,
    deadline: &Deadline,
    effects: &Effects,
) -> Vec<Observation> {
    let mut seen = Vec::new();
    let (Some(base), Ok(declared)) = (base, declared) else { return seen };
    for (queue, declaration) in spec.queues.iter().zip(&declared.queues) {
        if !queue.peek || !matches!(declaration, Ok(Presence::Here(depth)) if depth.ready > 0) {
            continue;
        }
        let what = format!("first message of queue {}", queue.name);
        let taking = effects.begin(format!("may have got the {what} and requeued it (marked redelivered)"));
        let shown = match management::head(spec, base, password, &queue.name, deadline).await {
            Ok(Some(message)) => {
                taking.succeeded(format!("got the {what} and requeued it (marked redelivered)"));
                describe_message(&message)
            }
            Ok(None) => {
                taking.failed();
                "no longer in the queue".into()
            }
            // The reason is reported if known; that the message exists is wrong already.
            Err(why) => {
                if !deadline.remaining().is_zero() {
                    taking.failed();
                }
                format!("not shown: {why}")
            }
        };
        seen.push(Observation::recorded(what, shown).as_measured());
    }
    seen
}

fn describe_message(message: &Value) -> String {
    let headers = message.pointer("/properties/headers");
    let death = headers.and_then(|headers| headers.pointer("/x-death/0"));
    let word = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
    let death = death.map(|death| {
        let count = death.get("count").and_then(Value::as_u64).unwrap_or(1);
        format!("x-death: {} in {} (×{count})", word(death, "reason"), word(death, "queue"))
    });
    let error = headers.and_then(|headers| headers.get("last-error"));
    let error = error.map(|error| {
        format!("last-error: {}", error.as_str().map_or_else(|| error.to_string(), str::to_owned))
    });
    let body = message.get("payload").and_then(Value::as_str).unwrap_or_default();
    let body = format!("body: {}", text::excerpt(body.as_bytes(), MAX_SHOWN));
    [death, error, Some(body)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The request to the management API for one message, which is requeued.
pub(super) fn request() -> Value {
    json!({"count": 1, "ackmode": "reject_requeue_true", "encoding": "auto", "truncate": 4096})
}
