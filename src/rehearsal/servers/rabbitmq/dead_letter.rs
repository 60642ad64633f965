//! The headers of dead-lettered messages.

use std::time::{SystemTime, UNIX_EPOCH};

use amq_protocol::types::{AMQPValue, FieldArray, FieldTable};

use super::model::Message;
use super::table;

/// The headers of a message that is dead-lettered once more: `x-death` has an entry for each queue and reason, newest
/// first.
pub(super) fn dead_letter_headers(
    mut headers: FieldTable,
    queue: &str,
    message: &Message,
    reason: &str,
) -> FieldTable {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let deaths = headers.inner().get("x-death").and_then(|value| match value {
        AMQPValue::FieldArray(deaths) => Some(deaths.as_slice().to_vec()),
        _ => None,
    });
    let mut deaths = deaths.unwrap_or_default();
    let is_same = |death: &AMQPValue| match death {
        AMQPValue::FieldTable(death) => {
            table::text(death, "queue").as_deref() == Some(queue)
                && table::text(death, "reason").as_deref() == Some(reason)
        }
        _ => false,
    };
    let previous = deaths.iter().position(is_same).map(|at| deaths.remove(at));
    let count = previous.and_then(|death| match death {
        AMQPValue::FieldTable(death) => table::number(&death, "count"),
        _ => None,
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut death = FieldTable::default();
    let count = i64::try_from(count.unwrap_or_default() + 1).unwrap_or(i64::MAX);
    death.insert("count".into(), AMQPValue::LongLongInt(count));
    death.insert("reason".into(), text(reason));
    death.insert("queue".into(), text(queue));
    death.insert("time".into(), AMQPValue::Timestamp(now));
    death.insert("exchange".into(), text(&message.exchange));
    death.insert(
        "routing-keys".into(),
        AMQPValue::FieldArray(FieldArray::from(vec![text(&message.routing_key)])),
    );
    deaths.insert(0, AMQPValue::FieldTable(death));
    for (name, value) in [
        ("x-first-death-queue", queue),
        ("x-first-death-reason", reason),
        ("x-first-death-exchange", &message.exchange),
    ] {
        if !headers.contains_key(name) {
            headers.insert(name.into(), text(value));
        }
    }
    headers.insert("x-death".into(), AMQPValue::FieldArray(FieldArray::from(deaths)));
    headers
}
