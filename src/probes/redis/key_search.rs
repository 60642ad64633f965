//! Finding a key: in the database that a profile names, or in another one of the same server.

use std::time::Duration;

use redis::Value;

use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::RedisSpec;

use super::super::address::Address;
use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use super::SCHEMES;
use super::facts::{read_info, text, unexpected_answer};
use super::session::{Login, RedisRefusal, RedisSession};

/// How often a missing key is looked up, and how long after each other: it may be written a moment later.
const TRIES: u32 = 5;
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::probes) enum KeyPlace {
    /// In the database of the profile.
    Here,
    /// In another database of the server.
    Elsewhere(String),
    /// In no database that could be searched.
    Nowhere,
    /// The user may not look it up.
    NotPermitted,
}

/// Finds keys, each for itself.
pub(in crate::probes) async fn find_keys(
    spec: &RedisSpec,
    keys: &[String],
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<Vec<KeyPlace>> {
    let address = Address::parse(&spec.url, &SCHEMES)?;
    let login = Login::read(spec, secret_store, deadline).await?;
    let mut session = open(spec, &login, &address, deadline).await?;
    let database = database(&address);
    if !is_selected(&mut session, database).await? {
        return Ok(vec![KeyPlace::NotPermitted; keys.len()]);
    }
    let mut places = Vec::new();
    for key in keys {
        let mut place = find(spec, &login, &mut session, key).await?;
        if place == KeyPlace::Nowhere {
            place = search_others(&mut session, database, key).await;
        }
        places.push(place);
    }
    Ok(places)
}

/// The database that an address names; the first one by default.
pub(in crate::probes) fn database_of(url: &str) -> String {
    Address::parse(url, &SCHEMES).map_or_else(|_| "0".to_owned(), |address| database(&address).to_owned())
}

fn database(address: &Address) -> &str {
    if address.rest.is_empty() { "0" } else { &address.rest }
}

/// A session in the first database.
async fn open(
    spec: &RedisSpec,
    login: &Login,
    address: &Address,
    deadline: &Deadline,
) -> ProbeResult<RedisSession> {
    let first = Address { rest: String::new(), ..address.clone() };
    let mut session = RedisSession::open(&first, &spec.tls, deadline).await?;
    session.log_in(login, &first).await?;
    Ok(session)
}

/// Selects a database; false if the user may not.
async fn is_selected(session: &mut RedisSession, database: &str) -> ProbeResult<bool> {
    if database == "0" {
        return Ok(true);
    }
    match session.query(&["SELECT", database]).await {
        Ok(_) => Ok(true),
        Err(refusal) if is_denied(&refusal) => Ok(false),
        Err(refusal) => Err(refusal.into()),
    }
}

/// The place of a key in the selected database.
async fn find(
    spec: &RedisSpec,
    login: &Login,
    session: &mut RedisSession,
    key: &str,
) -> ProbeResult<KeyPlace> {
    for attempt in 1..=TRIES {
        let found = match exists(session, key).await {
            Err(RedisRefusal::Server { code, message }) if code == "MOVED" => {
                exists_at_node(spec, login, session, &message, key).await?
            }
            Err(refusal) if is_denied(&refusal) => return Ok(KeyPlace::NotPermitted),
            found => found?,
        };
        if found {
            return Ok(KeyPlace::Here);
        }
        if attempt < TRIES {
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }
    Ok(KeyPlace::Nowhere)
}

async fn exists(session: &mut RedisSession, key: &str) -> Result<bool, RedisRefusal> {
    match session.query(&["EXISTS", key]).await? {
        Value::Int(count) => Ok(count > 0),
        _ => Err(RedisRefusal::NoAnswer(unexpected_answer(&["EXISTS"]).to_string())),
    }
}

/// Asks the node of a cluster that has the key.
async fn exists_at_node(
    spec: &RedisSpec,
    login: &Login,
    from: &RedisSession,
    moved: &str,
    key: &str,
) -> ProbeResult<bool> {
    let node = moved_to(moved, from.is_over_tls())
        .ok_or_else(|| ProbeError::new(format!("the server names no node that has the key: {moved}")))?;
    let mut session = open(spec, login, &node, &from.deadline).await?;
    Ok(exists(&mut session, key).await?)
}

/// The node in `MOVED 3999 127.0.0.1:6381` (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>).
fn moved_to(message: &str, tls: bool) -> Option<Address> {
    let (host, port) = message.split_whitespace().nth(2)?.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    let port = port.parse().ok()?;
    (!host.is_empty()).then(|| Address { host: host.to_owned(), port, tls, rest: String::new() })
}

/// Searches the other databases. One that cannot be searched has nothing to say.
async fn search_others(session: &mut RedisSession, but: &str, key: &str) -> KeyPlace {
    let keyspace = session.query(&["INFO", "keyspace"]).await.ok().and_then(|answer| text(&answer));
    for database in databases(&keyspace.unwrap_or_default()).filter(|database| database != but) {
        if session.query(&["SELECT", &database]).await.is_ok() && exists(session, key).await.unwrap_or(false)
        {
            return KeyPlace::Elsewhere(database);
        }
    }
    // The next key is searched for in the database of the profile first.
    let _ = session.query(&["SELECT", but]).await;
    KeyPlace::Nowhere
}

/// The databases that have keys: `db2:keys=1,expires=1,avg_ttl=0`.
fn databases(keyspace: &str) -> impl Iterator<Item = String> {
    let numbers = read_info(keyspace).into_keys().filter_map(|key| key.strip_prefix("db").map(str::to_owned));
    numbers.filter(|number| number.parse::<u32>().is_ok())
}

fn is_denied(refusal: &RedisRefusal) -> bool {
    matches!(refusal, RedisRefusal::Server { code, .. } if code == "NOPERM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_read_from_what_the_server_says() {
        let node = |message: &str| moved_to(message, false).map(|node| node.to_string());
        assert_eq!(node("MOVED 3999 127.0.0.1:6381").as_deref(), Some("127.0.0.1:6381"));
        assert_eq!(node("MOVED 3999 cache.example.com:6381").as_deref(), Some("cache.example.com:6381"));
        assert_eq!(node("MOVED 3999 ::1:6381").as_deref(), Some("[::1]:6381"));
        for message in ["MOVED 3999 :6381", "MOVED 3999", "MOVED"] {
            assert_eq!(node(message), None, "{message}");
        }
    }

    #[test]
    fn only_databases_with_keys_are_searched() {
        let keyspace = "# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\ndb12:keys=1,expires=1,avg_ttl=9\r\ndbx:keys=1\r\n";
        assert_eq!(databases(keyspace).collect::<Vec<_>>(), ["0", "12"]);
    }

    #[test]
    fn an_address_without_a_database_means_the_first() {
        for (url, database) in
            [("redis://h", "0"), ("redis://h:6379/", "0"), ("redis://h:6379/2", "2"), ("rediss://h/0", "0")]
        {
            assert_eq!(database_of(url), database, "{url}");
        }
    }
}
