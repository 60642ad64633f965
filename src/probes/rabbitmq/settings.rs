//! The settings of a queue that are in force: by its arguments, and by the policies that match it. Pure.
//! <https://www.rabbitmq.com/docs/policies>

use serde_json::Value;

use gonogo_core::checklist::spec::{QueueCheck, QueueLimits};
use gonogo_core::outcome::Observation;

use super::super::error::ProbeResult;
use super::management::ManagementObject;

/// Settings that make a broker drop messages, as arguments; in a policy they have no `x-`.
const LIMITS: [&str; 5] = ["x-message-ttl", "x-max-length", "x-max-length-bytes", "x-expires", "x-max-age"];

/// A queue's merged policies in the management API.
pub(super) const EFFECTIVE_POLICY: &str = "effective_policy_definition";

/// The names of all policies of the virtual host.
pub(super) type Policies = ProbeResult<Vec<String>>;

/// A value, and where it comes from.
struct Setting {
    value: String,
    origin: String,
}

/// The expected arguments of a queue, and the limits that nobody expects.
pub(super) fn judge(
    name: &str,
    check: &QueueCheck,
    item: Option<&ProbeResult<ManagementObject>>,
    policies: &Policies,
) -> Vec<Observation> {
    let Some(item) = item.filter(|_| is_checked(check)) else { return Vec::new() };
    let mut seen: Vec<_> =
        expected(check).map(|(key, value)| argument(name, key, &value, item, policies)).collect();
    if let Ok(Some(item)) = item {
        seen.push(limits(name, check, item, policies));
    }
    seen
}

/// Whether a check is about a queue's settings, and not only about its depth.
pub(super) fn is_checked(check: &QueueCheck) -> bool {
    check.durable.is_some() || expected(check).next().is_some()
}

fn expected(check: &QueueCheck) -> impl Iterator<Item = (&'static str, String)> {
    let ttl = check.message_ttl_ms.map(|ms| ms.to_string());
    let arguments = [
        ("x-message-ttl", ttl),
        ("x-dead-letter-exchange", check.dead_letter_exchange.clone()),
        ("x-dead-letter-routing-key", check.dead_letter_routing_key.clone()),
    ];
    arguments.into_iter().filter_map(|(key, value)| Some((key, value?)))
}

fn argument(
    name: &str,
    key: &str,
    expected: &str,
    item: &ProbeResult<ManagementObject>,
    policies: &Policies,
) -> Observation {
    let what = format!("{name}: {key}");
    match item {
        Ok(Some(item)) => match in_force(item, key, policies) {
            Ok(Some(setting)) => {
                let ok = setting.value == expected;
                Observation::new(what, expected, format!("{}{}", setting.value, setting.origin), ok)
            }
            Ok(None) => Observation::new(what, expected, "not set", false),
            Err(why) => match own(item, key).and_then(Value::as_u64) {
                // A policy could only lower it further.
                Some(own) if expected.parse().is_ok_and(|expected: u64| own < expected) => {
                    Observation::new(what, expected, own.to_string(), false)
                }
                _ => Observation::unknown(what, expected, why),
            },
        },
        Ok(None) => Observation::new(what, expected, "not declared", false),
        Err(why) => Observation::unknown(what, expected, why.clone()),
    }
}

fn limits(name: &str, check: &QueueCheck, item: &Value, policies: &Policies) -> Observation {
    let (what, expected_text) = (format!("{name}: other limits"), "none");
    let is_expected = |key: &str| expected(check).any(|(known, _)| known == key);
    let mut found = Vec::new();
    for key in LIMITS.into_iter().filter(|key| !is_expected(key)) {
        match in_force(item, key, policies) {
            Ok(Some(setting)) => found.push(format!("{key} {}{}", setting.value, setting.origin)),
            Ok(None) => {}
            Err(why) => return Observation::unknown(what, expected_text, why),
        }
    }
    match check.limits {
        _ if found.is_empty() => Observation::new(what, expected_text, "none", true),
        QueueLimits::None => {
            let seen = format!("{}: the broker drops messages", found.join(", "));
            Observation::new(what, expected_text, seen, false)
        }
        QueueLimits::Recorded => Observation::recorded(what, found.join(", ")),
    }
}

/// The value of an argument that is in force. Of two numbers it is the lower one; a text of the queue's own arguments
/// precedes one of a policy.
fn in_force(item: &Value, key: &str, policies: &Policies) -> Result<Option<Setting>, String> {
    let argument = own(item, key);
    if let Some(Value::String(text)) = argument {
        return Ok(Some(Setting { value: text.clone(), origin: String::new() }));
    }
    let policy = policy(item, key.trim_start_matches("x-"), policies)?;
    let is_lower =
        policy.and_then(Value::as_u64).zip(argument.and_then(Value::as_u64)).is_some_and(|(a, b)| a < b);
    Ok(match (argument, policy) {
        (None, None) => None,
        (None, Some(policy)) => Some(Setting { value: plain(policy), origin: policy_origin(item) }),
        (Some(own), Some(policy)) if is_lower => {
            let origin = format!("{}; the argument is {own}", policy_origin(item));
            Some(Setting { value: plain(policy), origin })
        }
        (Some(own), _) => Some(Setting { value: plain(own), origin: String::new() }),
    })
}

/// The queue's own argument.
fn own<'a>(item: &'a Value, key: &str) -> Option<&'a Value> {
    item.get("arguments")?.get(key).filter(|value| !value.is_null())
}

/// The value in the merged definition of a queue's policies. It comes with the statistics: a new queue has none yet. An
/// empty one may be written as a list.
fn policy<'a>(item: &'a Value, key: &str, policies: &Policies) -> Result<Option<&'a Value>, String> {
    if let Some(definition) = item.get(EFFECTIVE_POLICY) {
        return Ok(definition.get(key));
    }
    match policies {
        Ok(names) if names.is_empty() => Ok(None),
        Ok(names) => Err(format!(
            "the management API does not list the applied policies yet (defined: {}); it never does while the \
             broker's statistics are disabled",
            names.join(", ")
        )),
        Err(why) => Err(format!("the policies of the virtual host: {why}")),
    }
}

fn policy_origin(item: &Value) -> String {
    named(item).map_or_else(|| " (policy)".to_owned(), |name| format!(" ({name})"))
}

/// The policies that match a queue, by name.
fn named(item: &Value) -> Option<String> {
    let name = |key: &str, word: &str| {
        let name = item.get(key)?.as_str().filter(|name| !name.is_empty())?;
        Some(format!("{word} {name}"))
    };
    let names = [name("policy", "policy"), name("operator_policy", "operator policy")];
    let names: Vec<_> = names.into_iter().flatten().collect();
    (!names.is_empty()).then(|| names.join(" and "))
}

/// A JSON value without the quotes of a text.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use gonogo_core::outcome::{Class, Outcome};

    use super::super::super::error::ProbeError;
    use super::*;
    use crate::probes::altered_json::GoodDocument;

    fn described(check: &Value, item: Value) -> Vec<String> {
        told_with(check, item, &Ok(vec![]))
    }

    fn told_with(check: &Value, item: Value, policies: &Policies) -> Vec<String> {
        let mut whole = json!({"name": "q", "durable": true});
        whole.as_object_mut().unwrap().extend(check.as_object().unwrap().clone());
        let check: QueueCheck = serde_json::from_value(whole).unwrap();
        let seen = judge("queue q", &check, Some(&Ok(Some(item))), policies);
        seen.into_iter().map(|seen| format!("{:?} {}", seen.ok, seen.seen)).collect()
    }

    fn retry(item: Value) -> Vec<String> {
        described(&json!({"message_ttl_ms": 5000, "dead_letter_exchange": "ev"}), item)
    }

    #[test]
    fn policies_count_as_much_as_arguments() {
        let policy = json!({"message-ttl": 5000, "dead-letter-exchange": "ev"});
        let item = json!({"arguments": {}, "policy": "retry", "effective_policy_definition": policy});
        assert_eq!(
            retry(item),
            ["Some(true) 5000 (policy retry)", "Some(true) ev (policy retry)", "Some(true) none"]
        );
        let own = json!({"x-message-ttl": 5000, "x-dead-letter-exchange": "ev"});
        let nothing = json!({"arguments": own, "policy": null, "effective_policy_definition": []});
        assert_eq!(retry(nothing), ["Some(true) 5000", "Some(true) ev", "Some(true) none"]);
    }

    #[test]
    fn the_lower_number_and_the_own_text_are_in_force() {
        let own = json!({"x-message-ttl": 5000, "x-dead-letter-exchange": "ev"});
        let item = |ttl: u64| {
            let policy = json!({"message-ttl": ttl, "dead-letter-exchange": "elsewhere"});
            json!({"arguments": own, "operator_policy": "cap", "effective_policy_definition": policy})
        };
        let lower = "Some(false) 100 (operator policy cap); the argument is 5000";
        assert_eq!(retry(item(100)), [lower, "Some(true) ev", "Some(true) none"]);
        assert_eq!(retry(item(9000)), ["Some(true) 5000", "Some(true) ev", "Some(true) none"]);
    }

    #[test]
    fn no_altered_queue_has_a_setting_that_it_does_not_state() {
        let check = json!({"name": "q", "durable": true, "message_ttl_ms": 5000});
        let check: QueueCheck = serde_json::from_value(check).unwrap();
        let json = json!({"name": "q", "arguments": {"x-message-ttl": 5000}, "policy": "retry",
            "effective_policy_definition": {"max-priority": 3}});
        let carriers = ["/arguments", "/arguments/x-message-ttl"];
        GoodDocument { json, carriers: &carriers, maps: &["/arguments", "/effective_policy_definition"] }
            .check(|bytes| {
                let Ok(item) = serde_json::from_slice(bytes) else { return Class::Error };
                Outcome::of(judge("queue q", &check, Some(&Ok(Some(item))), &Ok(vec![])), "").class
            });
    }

    #[test]
    fn a_limit_that_nobody_expects_drops_messages() {
        let policy = json!({"message-ttl": 1, "max-length": 1});
        let item =
            json!({"arguments": {"x-expires": 60000}, "policy": "p", "effective_policy_definition": policy});
        let all = "x-message-ttl 1 (policy p), x-max-length 1 (policy p), x-expires 60000";
        assert_eq!(
            described(&json!({}), item.clone()),
            [format!("Some(false) {all}: the broker drops messages")]
        );
        assert_eq!(described(&json!({"limits": "recorded"}), item.clone()), [format!("Some(true) {all}")]);
        // A check of the depth alone is about nothing else.
        assert_eq!(described(&json!({"durable": null, "depth_at_most": 0}), item), [""; 0]);
    }

    #[test]
    fn a_policy_that_is_not_shown_is_unknown() {
        let item = json!({"arguments": {}});
        let seen = |policies: Policies| told_with(&json!({}), item.clone(), &policies);
        let some = || Ok(vec!["cap".to_owned()]);
        assert_eq!(seen(Ok(vec![])), ["Some(true) none"]);
        let why = "None the management API does not list the applied policies yet (defined: cap)";
        assert!(seen(some())[0].starts_with(why), "{:?}", seen(some()));
        assert_eq!(seen(Err(ProbeError::new("no"))), ["None the policies of the virtual host: no"]);
        // What no policy can change is known all the same.
        let own = |ttl: u64| json!({"arguments": {"x-message-ttl": ttl, "x-dead-letter-exchange": "ev"}});
        let check = json!({"message_ttl_ms": 5000, "dead_letter_exchange": "ev"});
        let retry = |ttl| told_with(&check, own(ttl), &some());
        assert_eq!(retry(100)[..2], ["Some(false) 100", "Some(true) ev"]);
        assert!(retry(5000)[0].starts_with("None ") && retry(9000)[0].starts_with("None "));
    }
}
