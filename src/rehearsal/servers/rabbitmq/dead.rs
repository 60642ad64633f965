//! What is written on a message that leaves its queue without having been done.

use std::time::{SystemTime, UNIX_EPOCH};

use amq_protocol::types::{AMQPValue, FieldArray, FieldTable};

use super::model::Message;
use super::table;

/// The headers of a message that died once more: `x-death`, newest first, one for each queue and reason.
pub(super) fn died(mut headers: FieldTable, queue: &str, message: &Message, reason: &str) -> FieldTable {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let deaths = headers.inner().get("x-death").and_then(|value| match value {
        AMQPValue::FieldArray(deaths) => Some(deaths.as_slice().to_vec()),
        _ => None,
    });
    let mut deaths = deaths.unwrap_or_default();
    let is_it = |death: &AMQPValue| match death {
        AMQPValue::FieldTable(death) => {
            table::text(death, "queue").as_deref() == Some(queue)
                && table::text(death, "reason").as_deref() == Some(reason)
        }
        _ => false,
    };
    let before = deaths.iter().position(is_it).map(|at| deaths.remove(at));
    let count = before.and_then(|death| match death {
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
    death.insert("routing-keys".into(), AMQPValue::FieldArray(FieldArray::from(vec![text(&message.key)])));
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
