//! Where the exchanges of a broker send an event, followed through exchanges that are bound to exchanges. Pure.
//! <https://www.rabbitmq.com/tutorials/amqp-concepts#exchanges>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use gonogo_core::checklist::spec::BindingCheck;
use gonogo_core::outcome::Observation;

use super::super::error::{ProbeError, ProbeResult};

/// What the management API says of exchanges and of queues: absent if not declared.
#[derive(Default)]
pub(super) struct Routing {
    pub(super) exchanges: BTreeMap<String, ProbeResult<Option<ExchangeRoutes>>>,
    /// The bindings of each queue, from all exchanges.
    pub(super) queues: BTreeMap<String, ProbeResult<Vec<Binding>>>,
}

/// An exchange, and what is bound to it.
pub(super) struct ExchangeRoutes {
    /// `topic`, `direct`, `fanout`, `headers`, or a plugin's.
    pub(super) kind: String,
    pub(super) bindings: Vec<Binding>,
}

/// A binding of the management API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) source: String,
    pub(super) destination: String,
    /// Whether the destination is an exchange.
    pub(super) to_exchange: bool,
    pub(super) routing_key: String,
}

impl Binding {
    /// Reads a list of bindings; those of the default exchange are implied, and left out.
    pub(super) fn list(items: &Value) -> Vec<Self> {
        let bindings = items.as_array().into_iter().flatten().map(Self::parse);
        bindings.filter(|binding| !binding.source.is_empty()).collect()
    }

    fn parse(item: &Value) -> Self {
        let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            source: text("source"),
            destination: text("destination"),
            to_exchange: text("destination_type") == "exchange",
            routing_key: text("routing_key"),
        }
    }

    fn describe(&self) -> String {
        match self.routing_key.as_str() {
            "" => self.source.clone(),
            key => format!("{} ({key})", self.source),
        }
    }
}

/// The observations about the expected bindings, then about the others of the same queues.
pub(super) fn judge(checks: &[BindingCheck], routing: &Routing) -> Vec<Observation> {
    let expected = checks.iter().map(|check| binding(check, routing));
    let queues: BTreeSet<&str> = checks.iter().map(|check| check.queue.as_str()).collect();
    let others = queues.into_iter().filter_map(|queue| others(queue, checks, routing));
    expected.chain(others).collect()
}

fn binding(check: &BindingCheck, routing: &Routing) -> Observation {
    let what = format!("binding of {} to {}", check.exchange, check.queue);
    let expected = format!("routing key {}", check.routing_key);
    match path(check, routing) {
        Ok(Some(path)) => Observation::new(what, expected, path, true),
        Ok(None) => {
            let keys = direct_keys(check, routing);
            let seen =
                if keys.is_empty() { "not bound".into() } else { format!("routing key {}", keys.join(", ")) };
            Observation::new(what, expected, seen, false)
        }
        Err(why) => Observation::unknown(what, expected, why),
    }
}

/// The keys by which an exchange is bound to the queue itself.
fn direct_keys<'a>(check: &BindingCheck, routing: &'a Routing) -> Vec<&'a str> {
    let Some(Ok(Some(routes))) = routing.exchanges.get(&check.exchange) else { return Vec::new() };
    let to_queue = routes.bindings.iter().filter(|one| !one.to_exchange && one.destination == check.queue);
    to_queue.map(|one| one.routing_key.as_str()).collect()
}

/// How an event gets to the queue; none if it does not.
fn path(check: &BindingCheck, routing: &Routing) -> ProbeResult<Option<String>> {
    let (mut visited, mut queue) = (BTreeSet::new(), vec![(check.exchange.as_str(), String::new())]);
    let mut unknown = None;
    while let Some((name, via)) = queue.pop() {
        if !visited.insert(name) {
            continue;
        }
        let routes = match routing.exchanges.get(name) {
            Some(Ok(Some(routes))) => routes,
            Some(Ok(None)) => continue,
            Some(Err(why)) => {
                unknown = Some(why.clone());
                continue;
            }
            None => {
                unknown =
                    Some(ProbeError::new(format!("exchange {name} was not queried: too many exchanges")));
                continue;
            }
        };
        for one in &routes.bindings {
            match (matches(&routes.kind, &one.routing_key, &check.routing_key), one.to_exchange) {
                (Some(true), true) => {
                    queue.push((&one.destination, format!(", through exchange {}", one.destination)));
                }
                (Some(true), false) if one.destination == check.queue => {
                    return Ok(Some(format!("routing key {}{via}", shown_key(one, check))));
                }
                (None, _) => unknown = Some(unknown_kind(name, &routes.kind)),
                _ => {}
            }
        }
    }
    unknown.map_or(Ok(None), Err)
}

/// The key of the binding; that of the event where the last exchange ignores it.
fn shown_key<'a>(one: &'a Binding, check: &'a BindingCheck) -> &'a str {
    if one.routing_key.is_empty() { &check.routing_key } else { &one.routing_key }
}

fn unknown_kind(name: &str, kind: &str) -> ProbeError {
    ProbeError::new(format!("exchange {name} is of type {kind}: its routing is not known"))
}

/// Whether an exchange of this kind sends an event with `key` to a binding; none where the key does not decide.
fn matches(kind: &str, pattern: &str, key: &str) -> Option<bool> {
    match kind {
        "topic" => {
            let (pattern, key): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), key.split('.').collect());
            Some(topic_matches(&pattern, &key))
        }
        "direct" => Some(pattern == key),
        "fanout" => Some(true),
        _ => None,
    }
}

/// `*` is one word, `#` any number of words.
fn topic_matches(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, None) => true,
        (Some((&"#", rest)), _) => {
            (0..=key.len()).any(|skipped| topic_matches(rest, key.get(skipped..).unwrap_or_default()))
        }
        (Some((&"*", rest)), Some((_, words))) => topic_matches(rest, words),
        (Some((word, rest)), Some((first, words))) => word == first && topic_matches(rest, words),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Bindings of a queue that no check expects: wrong from another exchange, and where they take another queue's events.
fn others(queue: &str, checks: &[BindingCheck], routing: &Routing) -> Option<Observation> {
    let (what, expected) = (format!("other bindings of queue {queue}"), "none that routes other events");
    let bindings = match routing.queues.get(queue)? {
        Ok(bindings) => bindings,
        Err(why) => return Some(Observation::unknown(what, expected, why.clone())),
    };
    let own: Vec<_> = checks.iter().filter(|check| check.queue == queue).collect();
    let sources = sources(&own, routing);
    let is_expected = |one: &&Binding| {
        !own.iter().any(|check| check.exchange == one.source && check.routing_key == one.routing_key)
    };
    let (mut wrong, mut recorded) = (Vec::new(), Vec::new());
    for one in bindings.iter().filter(is_expected) {
        if !sources.contains(one.source.as_str()) || takes_others(one, queue, checks, routing) {
            wrong.push(one.describe());
        } else if own.iter().any(|check| check.exchange == one.source) {
            recorded.push(one.describe());
        }
    }
    Some(match (wrong.is_empty(), recorded.is_empty()) {
        (false, _) => Observation::new(what, expected, wrong.join(", "), false),
        (true, false) => Observation::recorded(what, recorded.join(", ")),
        (true, true) => Observation::new(what, expected, "none", true),
    })
}

/// The exchanges that the checks of a queue name, and those that are bound to them.
fn sources<'a>(own: &[&'a BindingCheck], routing: &'a Routing) -> BTreeSet<&'a str> {
    let mut sources = BTreeSet::new();
    let mut next: Vec<&str> = own.iter().map(|check| check.exchange.as_str()).collect();
    while let Some(name) = next.pop() {
        if let (true, Some(Ok(Some(routes)))) = (sources.insert(name), routing.exchanges.get(name)) {
            next.extend(
                routes.bindings.iter().filter(|one| one.to_exchange).map(|one| one.destination.as_str()),
            );
        }
    }
    sources
}

/// Whether a binding takes events that are expected in another queue.
fn takes_others(one: &Binding, queue: &str, checks: &[BindingCheck], routing: &Routing) -> bool {
    let Some(Ok(Some(routes))) = routing.exchanges.get(&one.source) else { return false };
    let is_own = |key: &str| {
        checks
            .iter()
            .any(|check| check.queue == queue && check.exchange == one.source && check.routing_key == key)
    };
    checks.iter().filter(|check| check.queue != queue && check.exchange == one.source).any(|check| {
        !is_own(&check.routing_key)
            && matches(&routes.kind, &one.routing_key, &check.routing_key) == Some(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `source key destination`, an exchange if it starts with `>`.
    fn routing(kinds: &[(&str, &str)], bindings: &[&str]) -> Routing {
        let parse = |line: &&str| {
            let [source, routing_key, destination] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            Binding {
                source: source.into(),
                destination: destination.trim_start_matches('>').into(),
                to_exchange: destination.starts_with('>'),
                routing_key: routing_key.into(),
            }
        };
        let bindings: Vec<_> = bindings.iter().map(parse).collect();
        let exchange = |(name, kind): &(&str, &str)| {
            let of = bindings.iter().filter(|one| one.source == *name).cloned().collect();
            ((*name).to_owned(), Ok(Some(ExchangeRoutes { kind: (*kind).into(), bindings: of })))
        };
        let of_queue = |queue: &str| {
            let of = bindings.iter().filter(|one| !one.to_exchange && one.destination == queue);
            (queue.to_owned(), Ok(of.cloned().collect()))
        };
        Routing {
            exchanges: kinds.iter().map(exchange).collect(),
            queues: ["main", "dlq"].into_iter().map(of_queue).collect(),
        }
    }

    fn described(kinds: &[(&str, &str)], bindings: &[&str]) -> Vec<String> {
        let check = |exchange: &str, queue: &str, key: &str| BindingCheck {
            exchange: exchange.into(),
            queue: queue.into(),
            routing_key: key.into(),
        };
        let checks = [check("ev", "main", "boards.activity"), check("ev.dlq", "dlq", "dead")];
        let seen = judge(&checks, &routing(kinds, bindings));
        seen.into_iter().map(|seen| format!("{:?} {}", seen.ok, seen.seen)).collect()
    }

    const TOPICS: [(&str, &str); 2] = [("ev", "topic"), ("ev.dlq", "topic")];
    const DLQ: &str = "ev.dlq dead dlq";

    #[test]
    fn a_binding_counts_if_its_exchange_sends_the_key() {
        for (kind, key, ok) in [
            ("topic", "boards.activity", "Some(true) routing key boards.activity"),
            ("topic", "*.activity", "Some(true) routing key *.activity"),
            ("topic", "#", "Some(true) routing key #"),
            ("topic", "boards.#", "Some(true) routing key boards.#"),
            ("topic", "boards.activity.#", "Some(true) routing key boards.activity.#"),
            ("topic", "*", "Some(false) routing key *"),
            ("topic", "boards.activity.*", "Some(false) routing key boards.activity.*"),
            ("topic", "#.retry", "Some(false) routing key #.retry"),
            ("direct", "*.activity", "Some(false) routing key *.activity"),
            ("fanout", "anything", "Some(true) routing key anything"),
            ("headers", "x", "None exchange ev is of type headers: its routing is not known"),
        ] {
            let seen = described(&[("ev", kind), TOPICS[1]], &[&format!("ev {key} main"), DLQ]);
            assert_eq!(seen[0], ok, "{kind} {key}");
        }
        assert_eq!(described(&TOPICS, &[DLQ])[0], "Some(false) not bound");
    }

    #[test]
    fn exchanges_between_are_followed() {
        let kinds = [TOPICS[0], TOPICS[1], ("fan", "fanout")];
        let through = ["ev boards.activity >fan", "fan x main", DLQ];
        let seen = described(&kinds, &through);
        assert_eq!(seen[0], "Some(true) routing key x, through exchange fan");
        assert_eq!(seen[3], "Some(true) none");
        let cycle = ["ev # >fan", "fan x >ev", DLQ];
        assert_eq!(described(&kinds, &cycle)[0], "Some(false) not bound");
        let unqueried = ["ev # >far", DLQ];
        assert_eq!(
            described(&TOPICS, &unqueried)[0],
            "None exchange far was not queried: too many exchanges"
        );
    }

    #[test]
    fn bindings_that_bring_other_events_are_wrong() {
        let main = "ev boards.activity main";
        let others = |more: &str| described(&TOPICS, &[main, DLQ, more]).split_off(2);
        assert_eq!(others("ev x.y main"), ["Some(true) none", "Some(true) ev (x.y)"]);
        assert_eq!(others("amq.topic # main"), ["Some(true) none", "Some(false) amq.topic (#)"]);
        assert_eq!(others("ev boards.# dlq"), ["Some(false) ev (boards.#)", "Some(true) none"]);
        // The same exchange for both: a pattern of the one takes the other's events.
        let check = |queue: &str, key: &str| BindingCheck {
            exchange: "ev".into(),
            queue: queue.into(),
            routing_key: key.into(),
        };
        let checks = [check("main", "a.b"), check("dlq", "a.dead")];
        let bindings = ["ev a.b main", "ev a.dead dlq", "ev a.# dlq"];
        let seen = judge(&checks, &routing(&TOPICS, &bindings));
        let seen: Vec<_> = seen[2..].iter().map(|seen| (seen.ok, seen.seen.as_str())).collect();
        assert_eq!(seen, [(Some(false), "ev (a.#)"), (Some(true), "none")]);
    }
}
