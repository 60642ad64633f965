//! AMQP tables (arguments and headers): conversion from and to JSON, and typed access.

use amq_protocol::types::{AMQPValue, FieldTable};
use serde_json::{Map, Value};

/// A table from a JSON object. Values other than strings, booleans and numbers are left out.
pub(super) fn from_json(object: &Value) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in object.as_object().into_iter().flatten() {
        let value = match value {
            Value::String(text) => AMQPValue::LongString(text.as_str().into()),
            Value::Bool(truth) => AMQPValue::Boolean(*truth),
            Value::Number(number) => AMQPValue::LongLongInt(number.as_i64().unwrap_or_default()),
            _ => continue,
        };
        table.insert(name.as_str().into(), value);
    }
    table
}

/// A table as the management API shows it.
pub(super) fn to_json(table: &FieldTable) -> Value {
    let all = table.inner().iter().map(|(name, value)| (name.as_str().to_owned(), value_to_json(value)));
    Value::Object(all.collect::<Map<_, _>>())
}

fn value_to_json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(truth) => (*truth).into(),
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into(),
        AMQPValue::ShortString(text) => text.as_str().into(),
        AMQPValue::FieldTable(table) => to_json(table),
        AMQPValue::FieldArray(items) => items.as_slice().iter().map(value_to_json).collect(),
        AMQPValue::Timestamp(seconds) => (*seconds).into(),
        AMQPValue::Float(number) => f64::from(*number).into(),
        AMQPValue::Double(number) => (*number).into(),
        other => integer(other).map_or(Value::Null, Value::from),
    }
}

fn integer(value: &AMQPValue) -> Option<i64> {
    Some(match value {
        AMQPValue::ShortShortInt(number) => i64::from(*number),
        AMQPValue::ShortShortUInt(number) => i64::from(*number),
        AMQPValue::ShortInt(number) => i64::from(*number),
        AMQPValue::ShortUInt(number) => i64::from(*number),
        AMQPValue::LongInt(number) => i64::from(*number),
        AMQPValue::LongUInt(number) => i64::from(*number),
        AMQPValue::LongLongInt(number) => *number,
        _ => return None,
    })
}

/// A non-negative integer argument.
pub(super) fn number(table: &FieldTable, name: &str) -> Option<u64> {
    u64::try_from(integer(table.inner().get(name)?)?).ok()
}

/// A string argument.
pub(super) fn text(table: &FieldTable, name: &str) -> Option<String> {
    match table.inner().get(name)? {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

/// Whether two tables are equal, whatever the width of their integers.
pub(super) fn is_same(one: &FieldTable, other: &FieldTable) -> bool {
    to_json(one) == to_json(other)
}
