//! Role and replication of a Redis server. Pure.

use gonogo_core::checklist::spec::RedisRole;
use gonogo_core::outcome::Observation;

use super::super::error::ProbeResult;
use super::facts::InfoFields;

/// The lag of a replica that is in step, in seconds: Redis' own default for `min-replicas-max-lag`.
const MAX_LAG: u64 = 10;

/// A replica that is connected.
struct Replica<'a> {
    at: String,
    state: &'a str,
    /// Seconds since its last acknowledgement; none in old versions.
    lag: Option<u64>,
}

/// The role, and what a replica says of its link.
pub(super) fn role(expected: RedisRole, info: &ProbeResult<InfoFields>) -> Vec<Observation> {
    let word = match expected {
        RedisRole::Primary => "master",
        RedisRole::Replica => "slave",
    };
    let info = match info {
        Ok(info) => info,
        Err(why) => return vec![Observation::unknown("role", word, why.clone())],
    };
    let Some(role) = info.get("role") else {
        return vec![Observation::unknown("role", word, "INFO has no section on replication")];
    };
    let seen = if role == "slave" { format!("slave (a replica of {})", primary(info)) } else { role.clone() };
    let role_observation = Observation::new("role", word, seen, role == word);
    std::iter::once(role_observation).chain((role == "slave").then(|| link(info))).collect()
}

fn primary(info: &InfoFields) -> String {
    match (info.get("master_host"), info.get("master_port")) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        _ => "another server".into(),
    }
}

fn link(info: &InfoFields) -> Observation {
    let (what, expected) = ("link to the primary", "up");
    let is_loading = info.get("master_sync_in_progress").is_some_and(|flag| flag == "1");
    match info.get("master_link_status") {
        Some(status) if is_loading => {
            Observation::new(what, expected, format!("{status}; initial sync not complete"), false)
        }
        Some(status) => Observation::new(what, expected, status, status == "up"),
        None => Observation::unknown(what, expected, "INFO has no master_link_status"),
    }
}

/// The replicas, compared with the minimum number, if there is one.
pub(super) fn replicas(at_least: Option<u64>, info: &ProbeResult<InfoFields>) -> Option<Observation> {
    let what = "replicas in sync";
    let expected = at_least.map(|least| format!("at least {least}"));
    let info = match (info, expected.clone()) {
        (Ok(info), _) => info,
        (Err(why), Some(expected)) => return Some(Observation::unknown(what, expected, why.clone())),
        (Err(_), None) => return None,
    };
    let connected = connected(info);
    let late: Vec<_> = connected.iter().filter_map(Replica::complaint).collect();
    let in_step = (connected.len() - late.len()) as u64;
    let mut seen = format!("{in_step} online of {} connected", connected.len());
    if !late.is_empty() {
        seen = format!("{seen}; {}", late.join("; "));
    }
    match (at_least, expected) {
        (Some(least), Some(expected)) => Some(Observation::new(what, expected, seen, in_step >= least)),
        _ => (!late.is_empty()).then(|| Observation::recorded(what, seen).as_measured()),
    }
}

/// `slave0:ip=…,port=…,state=online,offset=…,lag=0`.
fn connected(info: &InfoFields) -> Vec<Replica<'_>> {
    let is_index = |key: &str| {
        key.strip_prefix("slave").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    info.iter().filter(|(key, _)| is_index(key)).map(|(_, fields)| Replica::parse(fields)).collect()
}

impl<'a> Replica<'a> {
    fn parse(fields: &'a str) -> Self {
        let field =
            |name: &str| fields.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let part = |name| field(name).unwrap_or("?");
        Self {
            at: format!("{}:{}", part("ip"), part("port")),
            state: part("state"),
            lag: field("lag").and_then(|lag| lag.parse().ok()),
        }
    }

    /// Why it is not in step.
    fn complaint(&self) -> Option<String> {
        match self.lag {
            _ if self.state != "online" => Some(format!("{} is in state {}", self.at, self.state)),
            Some(lag) if lag > MAX_LAG => Some(format!("{} lags {lag} s (at most {MAX_LAG} s)", self.at)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(lines: &[(&str, &str)]) -> InfoFields {
        lines.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn described(seen: impl IntoIterator<Item = Observation>) -> Vec<String> {
        seen.into_iter().map(|seen| format!("{:?} {}", seen.ok, seen.seen)).collect()
    }

    #[test]
    fn a_replica_is_no_primary_and_its_link_is_shown() {
        let down = [
            ("role", "slave"),
            ("master_host", "db1"),
            ("master_port", "6379"),
            ("master_link_status", "down"),
        ];
        let seen = ["Some(false) slave (a replica of db1:6379)", "Some(false) down"];
        assert_eq!(described(role(RedisRole::Primary, &Ok(info(&down)))), seen);
        let up = [("role", "slave"), ("master_link_status", "up")];
        let seen = ["Some(true) slave (a replica of another server)", "Some(true) up"];
        assert_eq!(described(role(RedisRole::Replica, &Ok(info(&up)))), seen);
        let copying = [&up[..], &[("master_sync_in_progress", "1")]].concat();
        assert_eq!(
            described(role(RedisRole::Replica, &Ok(info(&copying))))[1],
            "Some(false) up; initial sync not complete"
        );
        assert_eq!(
            described(role(RedisRole::Primary, &Ok(info(&[("role", "master")])))),
            ["Some(true) master"]
        );
        assert_eq!(
            described(role(RedisRole::Replica, &Ok(info(&[("role", "master")])))),
            ["Some(false) master"]
        );
        assert_eq!(
            described(role(RedisRole::Primary, &Ok(info(&[])))),
            ["None INFO has no section on replication"]
        );
    }

    #[test]
    fn a_replica_that_lags_or_copies_is_not_in_step() {
        let replica =
            |state: &str, lag: &str| format!("ip=10.0.0.2,port=6379,state={state},offset=10,lag={lag}");
        let of = |fields: &str, least| {
            described(replicas(least, &Ok(info(&[("connected_slaves", "1"), ("slave0", fields)]))))
        };
        assert_eq!(of(&replica("online", "1"), Some(1)), ["Some(true) 1 online of 1 connected"]);
        let late = "0 online of 1 connected; 10.0.0.2:6379 lags 900 s (at most 10 s)";
        assert_eq!(of(&replica("online", "900"), Some(1)), [format!("Some(false) {late}")]);
        let copying = "0 online of 1 connected; 10.0.0.2:6379 is in state send_bulk";
        assert_eq!(of(&replica("send_bulk", "0"), Some(1)), [format!("Some(false) {copying}")]);
        // Without a minimum it is shown, and decides nothing.
        assert_eq!(of(&replica("online", "900"), None), [format!("Some(true) {late}")]);
        assert_eq!(of(&replica("online", "0"), None), [""; 0]);
    }
}
