//! Whether a Redis server takes writes: below its memory limit, or able to evict; with the replicas that it requires. Pure.

use gonogo_core::outcome::{Observation, key};
use gonogo_core::text;

use super::super::error::ProbeResult;
use super::facts::{InfoFields, NodeFacts};

/// The observations about writes.
pub(super) fn judge(facts: &NodeFacts) -> Vec<Observation> {
    // The error is reported with the role.
    let Ok(info) = &facts.info else { return Vec::new() };
    let replicas = facts.min_replicas.as_ref().map(|least| required_replicas(info, least));
    std::iter::once(memory(info)).chain(eviction(info)).chain(replicas).collect()
}

/// <https://redis.io/docs/latest/develop/reference/eviction/>
fn memory(info: &InfoFields) -> Observation {
    let (what, expected) = ("memory", "writes accepted");
    let number = |key: &str| info.get(key).and_then(|value| value.parse::<u64>().ok());
    let (Some(used), Some(limit)) = (number("used_memory"), number("maxmemory")) else {
        return Observation::recorded(what, "not checked: INFO has no maxmemory");
    };
    // Buffers of replicas and of the AOF do not count.
    let used = used.saturating_sub(number("mem_not_counted_for_evict").unwrap_or(0));
    if limit == 0 {
        return Observation::new(what, expected, format!("{}, no limit", text::bytes(used)), true)
            .as_measured();
    }
    let policy = info.get("maxmemory_policy").map_or("no policy", String::as_str);
    let seen = format!("{} of {} ({policy})", text::bytes(used), text::bytes(limit));
    if used < limit || can_evict(policy, info) {
        Observation::new(what, expected, seen, true).as_measured()
    } else {
        Observation::new(what, expected, format!("{seen}: the server refuses writes"), false)
    }
}

/// With another policy than `noeviction`, a server at its limit removes keys that are still needed. Whether the application
/// can do without, people know.
fn eviction(info: &InfoFields) -> Option<Observation> {
    let number = |key: &str| info.get(key).and_then(|value| value.parse::<u64>().ok());
    let limit = number("maxmemory").filter(|limit| *limit > 0)?;
    let policy = info.get("maxmemory_policy").filter(|policy| *policy != "noeviction")?;
    let keys = if policy.starts_with("volatile-") { "keys with a time to live" } else { "any key" };
    let evicted = number("evicted_keys").map(|n| format!(", {n} so far")).unwrap_or_default();
    let seen = format!(
        "{policy}: at {} the server removes {keys} early{evicted}; without its idempotency key an event can be handled twice",
        text::bytes(limit)
    );
    Some(Observation::recorded("eviction of keys", seen).with_key(key::NOTICE).as_measured())
}

/// Whether the server can make room: with a `volatile-…` policy by keys that expire only.
fn can_evict(policy: &str, info: &InfoFields) -> bool {
    let is_database = |key: &str| key.strip_prefix("db").is_some_and(|n| n.parse::<u32>().is_ok());
    let expires = |value: &str| !value.contains("expires=0,") && value.contains("expires=");
    policy.starts_with("allkeys-")
        || policy.starts_with("volatile-")
            && info.iter().any(|(key, value)| is_database(key) && expires(value))
}

/// `min-replicas-to-write`: with fewer good replicas the server refuses writes.
fn required_replicas(info: &InfoFields, least: &ProbeResult<u64>) -> Observation {
    let what = "replicas required for writes";
    let good = info.get("min_slaves_good_slaves").map_or("0", String::as_str);
    match least {
        Ok(least) => {
            let is_enough = good.parse::<u64>().is_ok_and(|good| good >= *least);
            Observation::new(what, format!("at least {least}"), good, is_enough).as_measured()
        }
        Err(why) => Observation::unknown(what, "min-replicas-to-write", why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use gonogo_core::time::Utc;

    use super::*;

    fn seen(info: &[(&str, &str)], least: Option<u64>) -> Vec<String> {
        let info = info.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let facts = NodeFacts {
            info: Ok(info),
            asked: Utc::from_millis(0),
            save: None,
            threshold: None,
            spikes: None,
            min_replicas: least.map(Ok),
        };
        let tell = |observation: Observation| format!("{:?} {}", observation.ok, observation.seen);
        let judged = judge(&facts).into_iter().filter(|seen| seen.what != "eviction of keys");
        judged.map(tell).collect()
    }

    #[test]
    fn a_server_at_its_limit_takes_writes_only_if_it_can_evict() {
        let at_limit =
            |policy| [("used_memory", "1048576"), ("maxmemory", "1048576"), ("maxmemory_policy", policy)];
        let refused =
            |policy| vec![format!("Some(false) 1.0 MiB of 1.0 MiB ({policy}): the server refuses writes")];
        let accepted = |policy| vec![format!("Some(true) 1.0 MiB of 1.0 MiB ({policy})")];
        assert_eq!(seen(&at_limit("noeviction"), None), refused("noeviction"));
        assert_eq!(seen(&at_limit("allkeys-lru"), None), accepted("allkeys-lru"));
        let keys = |keys| [&at_limit("volatile-lru")[..], &[("db2", keys)]].concat();
        assert_eq!(seen(&keys("keys=3,expires=0,avg_ttl=0"), None), refused("volatile-lru"));
        assert_eq!(seen(&keys("keys=3,expires=1,avg_ttl=9"), None), accepted("volatile-lru"));
        let buffers = [&at_limit("noeviction")[..], &[("mem_not_counted_for_evict", "524288")]].concat();
        assert_eq!(seen(&buffers, None), ["Some(true) 512.0 KiB of 1.0 MiB (noeviction)"]);
        assert_eq!(
            seen(&[("used_memory", "2048"), ("maxmemory", "0")], None),
            ["Some(true) 2.0 KiB, no limit"]
        );
        assert_eq!(seen(&[], None), ["Some(true) not checked: INFO has no maxmemory"]);
    }

    #[test]
    fn keys_that_can_be_evicted_are_a_notice() {
        let limited = |limit: &str, policy: &str| {
            let fields = [("maxmemory", limit), ("maxmemory_policy", policy), ("evicted_keys", "7")];
            eviction(&fields.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
        };
        for (limit, policy) in [("0", "allkeys-lru"), ("1048576", "noeviction"), ("none", "allkeys-lru")] {
            assert_eq!(limited(limit, policy), None, "{limit} {policy}");
        }
        for (policy, seen) in [
            ("allkeys-lru", "allkeys-lru: at 1.0 MiB the server removes any key early, 7 so far; "),
            (
                "volatile-ttl",
                "volatile-ttl: at 1.0 MiB the server removes keys with a time to live early, 7 so far; ",
            ),
        ] {
            let notice = limited("1048576", policy).unwrap();
            assert!(notice.seen.starts_with(seen) && notice.has_key(key::NOTICE), "{notice:?}");
            assert_eq!(notice.ok, Some(true));
        }
        let fields = [("maxmemory", "1048576")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(eviction(&fields.into()), None, "the policy is not known");
    }

    #[test]
    fn too_few_replicas_stop_the_writes() {
        let good = |n| [("used_memory", "1"), ("maxmemory", "0"), ("min_slaves_good_slaves", n)];
        assert_eq!(seen(&good("1"), Some(2))[1], "Some(false) 1");
        assert_eq!(seen(&good("2"), Some(2))[1], "Some(true) 2");
    }
}
