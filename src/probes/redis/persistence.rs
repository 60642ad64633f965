//! Whether a Redis server's data is persistent: AOF or RDB enabled, and each that is enabled written without errors. Pure.

use std::time::Duration;

use gonogo_core::outcome::{Observation, key};
use gonogo_core::text::count;
use gonogo_core::time::{Utc, span};

use super::facts::{InfoFields, NodeFacts};

/// The observations about persistence.
pub(super) fn judge(facts: &NodeFacts) -> Vec<Observation> {
    let expected = "AOF or RDB on";
    let info = match &facts.info {
        Ok(info) => info,
        Err(why) => return vec![Observation::unknown("persistence", expected, why.clone())],
    };
    let Some(aof) = info.get("aof_enabled").map(|on| on == "1") else {
        let why = "INFO has no section on persistence";
        return vec![Observation::unknown("persistence", expected, why)];
    };
    let rdb = facts.save.as_ref().map(|save| save.as_ref().map(|save| !save.trim().is_empty()));
    let mut seen = vec![judge_enabled(aof, rdb.as_ref())];
    seen.extend(loading(info));
    if aof {
        seen.push(status(info, "AOF last write", "aof_last_write_status"));
        seen.push(status(info, "AOF last rewrite", "aof_last_bgrewrite_status"));
    }
    if matches!(rdb, Some(Ok(true))) {
        seen.push(status(info, "RDB last save", "rdb_last_bgsave_status"));
    } else {
        seen.extend(failed_save(info));
    }
    if !matches!(rdb, Some(Ok(false))) {
        let rules = facts.save.as_ref().and_then(|save| save.as_deref().ok()).unwrap_or_default();
        seen.extend(snapshot(info, rules, facts.asked));
    }
    seen
}

/// A save that failed where none is configured, or where that cannot be read: by hand, or by a backup.
fn failed_save(info: &InfoFields) -> Option<Observation> {
    let status = info.get("rdb_last_bgsave_status").filter(|status| *status != "ok")?;
    let seen = format!("{status}, and whether RDB is on is not known, or it is off");
    Some(Observation::recorded("RDB last save", seen).with_key(key::NOTICE))
}

/// The age of the last snapshot, for people: a notice if one is overdue by the rules of `save`. Redis counts from its start
/// until it has made one. <https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/>
fn snapshot(info: &InfoFields, rules: &str, asked: Utc) -> Option<Observation> {
    let number = |key: &str| info.get(key).and_then(|value| value.parse::<i64>().ok());
    let saved = number("rdb_last_save_time").filter(|saved| *saved > 0)?;
    let now = number("server_time_usec").map_or_else(|| asked.seconds(), |micros| micros / 1_000_000);
    let age = u64::try_from(now - saved).ok()?;
    let is_start = number("uptime_in_seconds").is_some_and(|up| (now - saved - up).abs() <= 1);
    let when = text_of_age(age, is_start);
    let changes = number("rdb_changes_since_last_save").and_then(|n| usize::try_from(n).ok());
    let since = changes.map(|n| format!(", {} since", count(n, "change"))).unwrap_or_default();
    let is_saving = info.get("rdb_bgsave_in_progress").is_some_and(|saving| saving == "1");
    let overdue = changes.filter(|_| !is_saving).and_then(|changes| overdue(rules, age, changes));
    let is_overdue = overdue.is_some();
    let late = overdue.map(|rule| format!(": overdue by `save {rule}`")).unwrap_or_default();
    let seen = Observation::recorded("RDB snapshot", format!("{when}{since}{late}")).as_measured();
    Some(if is_overdue { seen.with_key(key::NOTICE) } else { seen })
}

fn text_of_age(seconds: u64, is_start: bool) -> String {
    let age = span(Duration::from_secs(seconds));
    if is_start { format!("none since the server started {age} ago") } else { format!("{age} ago") }
}

/// The rule, `seconds changes`, by which a save should have begun long ago. Redis tries a failed one again after 5 s.
fn overdue(rules: &str, age: u64, changes: usize) -> Option<String> {
    let numbers: Vec<u64> = rules.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let is_due =
        |rule: &&[u64]| changes as u64 >= rule[1] && age > rule[0].saturating_mul(2).saturating_add(60);
    numbers.chunks_exact(2).find(is_due).map(|rule| format!("{} {}", rule[0], rule[1]))
}

/// INFO reports AOF; only the `save` setting reports RDB, and ACLs and managed servers may hide it.
fn judge_enabled(aof: bool, rdb: Option<&Result<bool, &super::super::error::ProbeError>>) -> Observation {
    let (what, expected) = ("persistence", "AOF or RDB on");
    let word = |on| if on { "on" } else { "off" };
    match rdb {
        Some(Ok(rdb)) => {
            let seen = format!("AOF {}, RDB {}", word(aof), word(*rdb));
            Observation::new(what, expected, seen, aof || *rdb)
        }
        _ if aof => Observation::new(what, expected, "AOF on", true),
        Some(Err(why)) => {
            Observation::unknown(what, expected, format!("AOF off; whether RDB is on cannot be read: {why}"))
        }
        None => Observation::unknown(what, expected, "AOF off; RDB was not checked"),
    }
}

fn loading(info: &InfoFields) -> Option<Observation> {
    let loading = info.get("loading").is_some_and(|loading| loading != "0");
    loading.then(|| Observation::new("data loaded", "yes", "still loading", false))
}

fn status(info: &InfoFields, what: &str, key: &str) -> Observation {
    match info.get(key) {
        Some(status) => Observation::new(what, "ok", status, status == "ok"),
        None => Observation::unknown(what, "ok", format!("INFO has no {key}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::error::ProbeError;
    use super::super::facts::read_info;
    use super::*;

    const HOUR: i64 = 3600;

    fn info(saved_ago: i64, more: &str) -> InfoFields {
        let now = 1_790_000_000;
        read_info(&format!(
            "uptime_in_seconds:90000\r\nserver_time_usec:{now}000000\r\nrdb_last_save_time:{}\r\n{more}",
            now - saved_ago
        ))
    }

    #[test]
    fn the_age_of_a_snapshot_is_for_people_and_an_overdue_one_is_a_notice() {
        let rules = "3600 1 300 100";
        for (saved_ago, more, seen, is_notice) in [
            (2 * HOUR, "rdb_changes_since_last_save:0", "2h 00m ago, 0 changes since", false),
            (HOUR, "rdb_changes_since_last_save:1", "1h 00m ago, 1 change since", false),
            (
                3 * HOUR,
                "rdb_changes_since_last_save:1",
                "3h 00m ago, 1 change since: overdue by `save 3600 1`",
                true,
            ),
            (
                900,
                "rdb_changes_since_last_save:100",
                "15m 00s ago, 100 changes since: overdue by `save 300 100`",
                true,
            ),
            (
                900,
                "rdb_changes_since_last_save:100\r\nrdb_bgsave_in_progress:1",
                "15m 00s ago, 100 changes since",
                false,
            ),
            (900, "", "15m 00s ago", false),
            (
                90_000,
                "rdb_changes_since_last_save:0",
                "none since the server started 1d 1h ago, 0 changes since",
                false,
            ),
        ] {
            let judged = snapshot(&info(saved_ago, more), rules, Utc::from_millis(0)).unwrap();
            assert_eq!((judged.seen.as_str(), judged.has_key(key::NOTICE)), (seen, is_notice));
            assert_eq!((judged.ok, judged.measured), (Some(true), true));
        }
        assert_eq!(snapshot(&info(-60, ""), rules, Utc::from_millis(0)), None, "another clock");
        assert_eq!(snapshot(&read_info("aof_enabled:1"), rules, Utc::from_millis(0)), None, "not shown");
        let by_our_clock = read_info("rdb_last_save_time:1790000000");
        let judged = snapshot(&by_our_clock, "", Utc::from_millis(1_790_000_060_000)).unwrap();
        assert_eq!(judged.seen, "1m 00s ago");
    }

    #[test]
    fn a_failed_save_is_wrong_where_rdb_is_on_and_else_a_notice() {
        let failed = || {
            Ok(read_info(
                "aof_enabled:1\r\naof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\nrdb_last_bgsave_status:err",
            ))
        };
        let hidden = || Err(ProbeError::new("hidden"));
        for (save, ok, is_notice) in [
            (Some(Ok("3600 1".to_owned())), Some(false), false),
            (Some(Ok(String::new())), Some(true), true),
            (Some(hidden()), Some(true), true),
        ] {
            let (info, asked) = (failed(), Utc::from_millis(0));
            let facts = NodeFacts { info, asked, save, threshold: None, spikes: None, min_replicas: None };
            let seen = judge(&facts);
            let save = seen.iter().find(|seen| seen.what == "RDB last save").unwrap();
            assert_eq!((save.ok, save.has_key(key::NOTICE)), (ok, is_notice), "{save:?}");
        }
    }
}
