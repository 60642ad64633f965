//! What a broker must be, against what it says. Pure.

use serde_json::Value;

use gonogo_core::checklist::spec::{BindingCheck, ExchangeCheck, QueueCheck, RabbitmqSpec};
use gonogo_core::outcome::Observation;

use super::super::error::ProbeResult;
use super::super::http_client::host_and_port;
use super::BrokerAddresses;
use super::amqp::{self, Presence, QueueDepth};
use super::management::{self, ManagementObject, UNACKNOWLEDGED};

/// All observations of one broker.
pub(super) fn judge(
    spec: &RabbitmqSpec,
    places: &BrokerAddresses,
    declared: &amqp::AmqpResult,
    told: &management::ManagementResult,
) -> Vec<Observation> {
    let mut seen = logins(spec, places, declared, told);
    let (declared, told) = (declared.as_ref().ok(), told.as_ref().and_then(|told| told.as_ref().ok()));
    for (index, wanted) in spec.exchanges.iter().enumerate() {
        let here = declared.and_then(|all| all.exchanges.get(index));
        let item = told.and_then(|all| all.exchanges.get(index)?.as_ref());
        seen.extend(exchange(wanted, here, item));
    }
    for (index, wanted) in spec.queues.iter().enumerate() {
        let here = declared.and_then(|all| all.queues.get(index));
        let item = told.and_then(|all| all.queues.get(index)?.as_ref());
        seen.extend(queue(wanted, here, item));
    }
    let bindings = told.map(|told| &told.bindings).into_iter().flatten();
    seen.extend(spec.bindings.iter().zip(bindings).map(|(wanted, item)| binding(wanted, item)));
    seen
}

/// Who could log in where. What could not be asked for that reason is not listed one by one.
fn logins(
    spec: &RabbitmqSpec,
    places: &BrokerAddresses,
    declared: &amqp::AmqpResult,
    told: &management::ManagementResult,
) -> Vec<Observation> {
    let login = |what: String, expected: String, why: Option<String>| match why {
        None => Observation::new(what, expected, "accepted", true),
        Some(why) => Observation::unknown(what, expected, why),
    };
    let expected = format!("accepts user `{}`", spec.username);
    let at = format!("RabbitMQ at {}", places.amqp);
    let why = declared.as_ref().err().map(ToString::to_string);
    let mut seen = vec![login(at, format!("{expected} on virtual host `{}`", spec.vhost), why)];
    seen.extend(told.as_ref().map(|told| {
        let at =
            places.management.as_ref().map(|base| format!(" at {}", host_and_port(base))).unwrap_or_default();
        login(format!("management API{at}"), expected, told.as_ref().err().map(ToString::to_string))
    }));
    seen
}

fn exchange(
    wanted: &ExchangeCheck,
    here: Option<&ProbeResult<Presence<()>>>,
    item: Option<&ProbeResult<ManagementObject>>,
) -> Vec<Observation> {
    let name = format!("exchange {}", wanted.name);
    let mut seen: Vec<_> = here.map(|here| presence(&name, here)).into_iter().collect();
    if is_missing(here) {
        return seen;
    }
    let type_ = wanted.type_.as_ref().map(|type_| (Property::new("type", &["type"]), type_.clone()));
    let durable = wanted.durable.map(durable);
    seen.extend(properties(&name, item, type_.into_iter().chain(durable)));
    seen
}

fn queue(
    wanted: &QueueCheck,
    here: Option<&ProbeResult<Presence<QueueDepth>>>,
    item: Option<&ProbeResult<ManagementObject>>,
) -> Vec<Observation> {
    let name = format!("queue {}", wanted.name);
    let mut seen: Vec<_> = here.map(|here| presence(&name, here)).into_iter().collect();
    if is_missing(here) {
        return seen;
    }
    seen.extend(properties(&name, item, arguments(wanted)));
    let depth = match here {
        Some(Ok(Presence::Here(depth))) => Some(*depth),
        _ => None,
    };
    if let Some(most) = wanted.depth_at_most {
        seen.extend(depth.map(|depth| ready(&name, most, depth)));
        seen.extend(item.map(|item| unacknowledged(&name, most, depth, item)));
    }
    let consumers = wanted.consumers_at_least.zip(depth).map(|(least, depth)| consumers(&name, least, depth));
    seen.extend(consumers);
    seen
}

fn presence<T>(name: &str, here: &ProbeResult<Presence<T>>) -> Observation {
    match here {
        Ok(Presence::Here(_)) => Observation::new(name, "declared", "declared", true),
        Ok(Presence::Missing(how)) => Observation::new(name, "declared", how, false),
        Err(why) => Observation::unknown(name, "declared", why.clone()),
    }
}

fn is_missing<T>(here: Option<&ProbeResult<Presence<T>>>) -> bool {
    matches!(here, Some(Ok(Presence::Missing(_))))
}

/// A property: its name for people, and its path in the API.
struct Property {
    name: &'static str,
    path: &'static [&'static str],
}

impl Property {
    const fn new(name: &'static str, path: &'static [&'static str]) -> Self {
        Self { name, path }
    }

    fn value_in<'a>(&self, item: &'a Value) -> Option<&'a Value> {
        self.path.iter().try_fold(item, |value, key| value.get(key)).filter(|value| !value.is_null())
    }
}

fn durable(wanted: bool) -> (Property, String) {
    (Property::new("durable", &["durable"]), wanted.to_string())
}

fn arguments(wanted: &QueueCheck) -> impl Iterator<Item = (Property, String)> {
    let ttl = wanted.message_ttl_ms.map(|ms| ms.to_string());
    let arguments = [
        (Property::new("x-message-ttl", &["arguments", "x-message-ttl"]), ttl),
        (
            Property::new("x-dead-letter-exchange", &["arguments", "x-dead-letter-exchange"]),
            wanted.dead_letter_exchange.clone(),
        ),
        (
            Property::new("x-dead-letter-routing-key", &["arguments", "x-dead-letter-routing-key"]),
            wanted.dead_letter_routing_key.clone(),
        ),
    ];
    let arguments = arguments.into_iter().filter_map(|(property, wanted)| Some((property, wanted?)));
    wanted.durable.map(durable).into_iter().chain(arguments)
}

fn properties(
    name: &str,
    item: Option<&ProbeResult<ManagementObject>>,
    wanted: impl Iterator<Item = (Property, String)>,
) -> Vec<Observation> {
    let Some(item) = item else { return Vec::new() };
    let one = |(property, wanted): (Property, String)| {
        let what = format!("{name}: {}", property.name);
        match item {
            Ok(Some(item)) => {
                let seen = property.value_in(item).map_or_else(|| "not set".into(), plain);
                let ok = seen == wanted;
                Observation::new(what, wanted, seen, ok)
            }
            Ok(None) => Observation::new(what, wanted, "not declared", false),
            Err(why) => Observation::unknown(what, wanted, why.clone()),
        }
    };
    wanted.map(one).collect()
}

/// A JSON value without the quotes of a text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn ready(name: &str, most: u64, depth: QueueDepth) -> Observation {
    let what = format!("{name}: ready messages");
    Observation::new(what, at_most(most), depth.ready.to_string(), depth.ready <= most).as_measured()
}

fn unacknowledged(
    name: &str,
    most: u64,
    depth: Option<QueueDepth>,
    item: &ProbeResult<ManagementObject>,
) -> Observation {
    let (what, expected) = (format!("{name}: unacknowledged messages"), at_most(most));
    let figure = match item {
        Ok(Some(item)) => item.get(UNACKNOWLEDGED).and_then(Value::as_u64),
        Ok(None) => {
            return Observation::unknown(what, expected, "the management API does not know the queue");
        }
        Err(why) => return Observation::unknown(what, expected, why.clone()),
    };
    let Some(figure) = figure else {
        let why = "the management API has no figures for this queue yet";
        return Observation::unknown(what, expected, why);
    };
    let all = figure.saturating_add(depth.map_or(0, |depth| depth.ready));
    let seen =
        if all > figure { format!("{figure} ({all} with the ready ones)") } else { figure.to_string() };
    // With none allowed, the ready ones are reported already.
    let ok = if most == 0 { figure == 0 } else { all <= most };
    Observation::new(what, expected, seen, ok).as_measured()
}

fn at_most(most: u64) -> String {
    if most == 0 { "0".into() } else { format!("at most {most}") }
}

fn consumers(name: &str, least: u64, depth: QueueDepth) -> Observation {
    let (what, seen) = (format!("{name}: consumers"), depth.consumers.to_string());
    Observation::new(what, format!("at least {least}"), seen, depth.consumers >= least).as_measured()
}

fn binding(wanted: &BindingCheck, item: &ProbeResult<ManagementObject>) -> Observation {
    let what = format!("binding of {} to {}", wanted.exchange, wanted.queue);
    let expected = format!("routing key {}", wanted.routing_key);
    let bindings = match item {
        Ok(item) => item.as_ref().and_then(Value::as_array),
        Err(why) => return Observation::unknown(what, expected, why.clone()),
    };
    let keys = bindings.into_iter().flatten().filter_map(|binding| binding.get("routing_key")?.as_str());
    let keys: Vec<_> = keys.collect();
    let ok = keys.contains(&wanted.routing_key.as_str());
    let seen = match keys.as_slice() {
        [] => "not bound".into(),
        _ if ok => expected.clone(),
        keys => format!("routing key {}", keys.join(", ")),
    };
    Observation::new(what, expected, seen, ok)
}
