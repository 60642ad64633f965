//! Whether a Redis server's data is persistent: AOF or RDB enabled, and each that is enabled written without errors. Pure.

use gonogo_core::outcome::Observation;

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
    }
    seen
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
