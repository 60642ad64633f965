//! Compares a broker's state with the checks. Pure.

use serde_json::Value;

use gonogo_core::checklist::spec::{ExchangeCheck, QueueCheck, RabbitmqSpec};
use gonogo_core::outcome::Observation;

use super::super::checked_by::CheckedBy;
use super::super::error::ProbeResult;
use super::super::http_client::host_and_port;
use super::amqp::{self, Presence, QueueDepth};
use super::management::{self, Alarms, ManagementObject, ManagementSnapshot, UNACKNOWLEDGED};
use super::reproduce::Commands;
use super::settings::{self, plain};
use super::{BrokerAddresses, routing};

/// Values that nobody asks for, and that lose messages or refuse them: the key, the value, and why.
const EXCHANGE_HAZARDS: [(&str, &str, &str); 2] = [
    ("auto_delete", "true", "it is deleted when its last binding is"),
    ("internal", "true", "what is published to it is refused"),
];
/// The same of queues. The states are those of classic and quorum queues that serve nobody.
const QUEUE_HAZARDS: [(&str, &str, &str); 6] = [
    ("auto_delete", "true", "it is deleted, with its messages, when its last consumer leaves"),
    ("state", "down", "its node is not there"),
    ("state", "crashed", "it serves nobody"),
    ("state", "stopped", "it serves nobody"),
    ("state", "terminated", "it serves nobody"),
    ("state", "minority", "most of its members are not there"),
];

/// All observations of one broker.
pub(super) fn judge(
    spec: &RabbitmqSpec,
    addresses: &BrokerAddresses,
    declared: &amqp::AmqpResult,
    management: &management::ManagementResult,
) -> Vec<CheckedBy> {
    let commands = Commands::new(spec, addresses);
    let mut checks = logins(spec, addresses, declared, management);
    let mut add = |command, seen| checks.push(CheckedBy { command, seen });
    let (declared, snapshot) =
        (declared.as_ref().ok(), management.as_ref().and_then(|management| management.as_ref().ok()));
    for (index, check) in spec.exchanges.iter().enumerate() {
        let declaration = declared.and_then(|objects| objects.exchanges.get(index));
        let item = snapshot.and_then(|snapshot| snapshot.exchanges.get(index)?.as_ref());
        add(commands.exchange(&check.name), exchange(check, declaration, item));
    }
    for (index, check) in spec.queues.iter().enumerate() {
        let declaration = declared.and_then(|objects| objects.queues.get(index));
        let item = snapshot.and_then(|snapshot| snapshot.queues.get(index)?.as_ref());
        add(commands.queue(&check.name), queue(check, declaration, item, snapshot));
    }
    if let Some(snapshot) = snapshot {
        add(commands.bindings(), routing::judge(&spec.bindings, &snapshot.routing));
        add(commands.alarms(), vec![alarms(&snapshot.alarms)]);
    }
    checks
}

/// The login at each address. Queries that failed for that reason are not listed one by one.
fn logins(
    spec: &RabbitmqSpec,
    addresses: &BrokerAddresses,
    declared: &amqp::AmqpResult,
    management: &management::ManagementResult,
) -> Vec<CheckedBy> {
    let commands = Commands::new(spec, addresses);
    let login = |what: String, expected: String, why: Option<String>| match why {
        None => Observation::new(what, expected, "accepted", true),
        Some(why) => Observation::unknown(what, expected, why),
    };
    let expected = format!("accepts user `{}`", spec.username);
    let at = format!("RabbitMQ at {}", addresses.amqp);
    let why = declared.as_ref().err().map(ToString::to_string);
    let amqp = login(at, format!("{expected} on virtual host `{}`", spec.vhost), why);
    let mut checks = vec![CheckedBy { command: commands.login(), seen: vec![amqp] }];
    checks.extend(management.as_ref().map(|result| {
        let at = addresses
            .management
            .as_ref()
            .map(|base| format!(" at {}", host_and_port(base)))
            .unwrap_or_default();
        let why = result.as_ref().err().map(ToString::to_string);
        let seen = vec![login(format!("management API{at}"), expected, why)];
        CheckedBy { command: commands.management_login(), seen }
    }));
    checks
}

fn exchange(
    check: &ExchangeCheck,
    declaration: Option<&ProbeResult<Presence<()>>>,
    item: Option<&ProbeResult<ManagementObject>>,
) -> Vec<Observation> {
    let name = format!("exchange {}", check.name);
    let mut seen: Vec<_> = declaration.map(|declaration| presence(&name, declaration)).into_iter().collect();
    if is_missing(declaration) {
        return seen;
    }
    let type_ = check.type_.as_ref().map(|type_| (Property::new("type", &["type"]), type_.clone()));
    let durable = check.durable.map(durable);
    seen.extend(properties(&name, item, type_.into_iter().chain(durable)));
    seen.extend(check.durable.into_iter().flat_map(|_| hazards(&name, item, &EXCHANGE_HAZARDS)));
    seen
}

/// The properties of these that it has.
fn hazards(
    name: &str,
    item: Option<&ProbeResult<ManagementObject>>,
    known: &[(&str, &str, &str)],
) -> Vec<Observation> {
    let Some(Ok(Some(item))) = item else { return Vec::new() };
    let found = known.iter().filter(|(key, value, _)| item.get(key).is_some_and(|own| plain(own) == *value));
    let observation = |(key, value, why): &(&str, &str, &str)| {
        Observation::new(format!("{name}: {key}"), format!("not {value}"), format!("{value}: {why}"), false)
    };
    found.map(observation).collect()
}

fn queue(
    check: &QueueCheck,
    declaration: Option<&ProbeResult<Presence<QueueDepth>>>,
    item: Option<&ProbeResult<ManagementObject>>,
    snapshot: Option<&ManagementSnapshot>,
) -> Vec<Observation> {
    let name = format!("queue {}", check.name);
    let mut seen: Vec<_> = declaration.map(|declaration| presence(&name, declaration)).into_iter().collect();
    if is_missing(declaration) {
        return seen;
    }
    seen.extend(properties(&name, item, check.durable.map(durable).into_iter()));
    seen.extend(check.durable.into_iter().flat_map(|_| hazards(&name, item, &QUEUE_HAZARDS)));
    seen.extend(snapshot.into_iter().flat_map(|all| settings::judge(&name, check, item, &all.policies)));
    let depth = match declaration {
        Some(Ok(Presence::Here(depth))) => Some(*depth),
        _ => None,
    };
    if let Some(most) = check.depth_at_most {
        let has_statistics = snapshot.is_none_or(|snapshot| snapshot.has_statistics);
        seen.extend(depth.map(|depth| ready(&name, most, depth)));
        seen.extend(item.map(|item| unacknowledged(&name, most, depth, item, has_statistics)));
    }
    let consumers = check.consumers_at_least.zip(depth).map(|(least, depth)| consumers(&name, least, depth));
    seen.extend(consumers);
    seen
}

fn presence<T>(name: &str, declaration: &ProbeResult<Presence<T>>) -> Observation {
    match declaration {
        Ok(Presence::Here(_)) => Observation::new(name, "declared", "declared", true),
        Ok(Presence::Missing(how)) => Observation::new(name, "declared", how, false),
        Err(why) => Observation::unknown(name, "declared", why.clone()),
    }
}

fn is_missing<T>(declaration: Option<&ProbeResult<Presence<T>>>) -> bool {
    matches!(declaration, Some(Ok(Presence::Missing(_))))
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

fn durable(expected: bool) -> (Property, String) {
    (Property::new("durable", &["durable"]), expected.to_string())
}

fn properties(
    name: &str,
    item: Option<&ProbeResult<ManagementObject>>,
    expected: impl Iterator<Item = (Property, String)>,
) -> Vec<Observation> {
    let Some(item) = item else { return Vec::new() };
    let judge_property = |(property, expected): (Property, String)| {
        let what = format!("{name}: {}", property.name);
        match item {
            Ok(Some(item)) => {
                let seen = property.value_in(item).map_or_else(|| "not set".into(), plain);
                let ok = seen == expected;
                Observation::new(what, expected, seen, ok)
            }
            Ok(None) => Observation::new(what, expected, "not declared", false),
            Err(why) => Observation::unknown(what, expected, why.clone()),
        }
    };
    expected.map(judge_property).collect()
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
    has_statistics: bool,
) -> Observation {
    let (what, expected) = (format!("{name}: unacknowledged messages"), at_most(most));
    let unacknowledged = match item {
        Ok(Some(item)) => item.get(UNACKNOWLEDGED).and_then(Value::as_u64),
        Ok(None) => {
            return Observation::unknown(what, expected, "the management API does not list the queue");
        }
        Err(why) => return Observation::unknown(what, expected, why.clone()),
    };
    let Some(unacknowledged) = unacknowledged else {
        return Observation::unknown(what, expected, no_figures(has_statistics));
    };
    let total = unacknowledged.saturating_add(depth.map_or(0, |depth| depth.ready));
    let seen = if total > unacknowledged {
        format!("{unacknowledged} ({total} with ready messages)")
    } else {
        unacknowledged.to_string()
    };
    // With none allowed, the ready ones are reported already.
    let ok = if most == 0 { unacknowledged == 0 } else { total <= most };
    Observation::new(what, expected, seen, ok).as_measured()
}

fn no_figures(has_statistics: bool) -> &'static str {
    if has_statistics {
        "the management API has no statistics of this queue yet"
    } else {
        "the broker's statistics are disabled (management_agent.disable_metrics_collector, or \
         management.disable_stats): unacknowledged messages are not counted"
    }
}

fn at_most(most: u64) -> String {
    if most == 0 { "0".into() } else { format!("at most {most}") }
}

fn consumers(name: &str, least: u64, depth: QueueDepth) -> Observation {
    let (what, seen) = (format!("{name}: consumers"), depth.consumers.to_string());
    Observation::new(what, format!("at least {least}"), seen, depth.consumers >= least).as_measured()
}

/// While an alarm is in force, the broker blocks everybody who publishes.
/// <https://www.rabbitmq.com/docs/alarms>
fn alarms(alarms: &ProbeResult<Alarms>) -> Observation {
    let (what, expected) = ("broker alarms", "none");
    match alarms {
        Ok(Alarms::InForce(alarms)) if alarms.is_empty() => Observation::new(what, expected, "none", true),
        Ok(Alarms::InForce(alarms)) => {
            let seen = format!("{}: publishers are blocked", alarms.join(", "));
            Observation::new(what, expected, seen, false)
        }
        Ok(Alarms::NotOffered) => Observation::recorded(
            what,
            "not checked: needs RabbitMQ 3.8.10 or a user with the monitoring tag",
        ),
        Err(why) => Observation::unknown(what, expected, why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_that_lose_messages_are_named() {
        let good = json!({"durable": true, "auto_delete": false, "internal": false, "state": "running"});
        let with = |key: &str, value: Value| {
            let mut item = good.clone();
            item[key] = value;
            Ok(Some(item))
        };
        let seen = |item: ProbeResult<ManagementObject>, known: &[(&str, &str, &str)]| {
            let seen = hazards("queue q", Some(&item), known);
            seen.into_iter().map(|seen| format!("{}: {}", seen.what, seen.seen)).collect::<Vec<_>>().concat()
        };
        assert_eq!(seen(Ok(Some(good.clone())), &QUEUE_HAZARDS), "");
        assert_eq!(seen(Ok(Some(good.clone())), &EXCHANGE_HAZARDS), "");
        for (key, value, known, part) in [
            ("auto_delete", json!(true), &QUEUE_HAZARDS[..], "queue q: auto_delete: true: it is deleted"),
            ("state", json!("down"), &QUEUE_HAZARDS[..], "queue q: state: down"),
            ("internal", json!(true), &EXCHANGE_HAZARDS[..], "internal: true: what is published to it"),
        ] {
            assert!(seen(with(key, value), known).contains(part), "{key}");
        }
    }
}
