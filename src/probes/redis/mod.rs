//! The Redis probe: role, writes, persistence, latency monitor, replicas, cluster, subscribers.

mod cluster;
mod facts;
mod guard;
mod judge;
mod key_search;
mod persistence;
mod replication;
mod reproduce;
mod session;
mod subscription;
mod writes;

pub(super) use key_search::{KeyPlace, database_of, find_keys};
pub(super) use subscription::RedisSubscription;

use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::RedisSpec;
use gonogo_core::outcome::{Observation, Outcome};

use super::address::{Address, Schemes};
use super::deadline::Deadline;
use facts::RedisFacts;
use session::{Login, RedisSession};

const SCHEMES: Schemes = Schemes { plain: ("redis", 6379), secure: ("rediss", 6379) };

/// Connects, queries everything that the checks need, and judges it.
pub(super) async fn run(spec: &RedisSpec, deadline: &Deadline, secret_store: &SecretStore) -> Outcome {
    let address = match Address::parse(&spec.url, &SCHEMES) {
        Ok(address) => address,
        Err(why) => return Outcome::error("Redis address", "redis://… or rediss://…", why.to_string()),
    };
    let reproduce = reproduce::redis_cli(spec, &address);
    let observations = query_server(spec, &address, deadline, secret_store).await;
    Outcome::of(observations, reproduce)
}

/// The command that asks the server by hand; none without an address.
pub(super) fn command(spec: &RedisSpec) -> Option<String> {
    Address::parse(&spec.url, &SCHEMES).ok().map(|address| reproduce::redis_cli(spec, &address))
}

/// The command that lists the keys with a prefix by hand; none without an address.
pub(super) fn command_for_keys(spec: &RedisSpec, prefix: &str) -> Option<String> {
    Address::parse(&spec.url, &SCHEMES).ok().map(|address| reproduce::list_keys(spec, &address, prefix))
}

async fn query_server(
    spec: &RedisSpec,
    address: &Address,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> Vec<Observation> {
    let what = format!("Redis at {address}");
    let login = match Login::read(spec, secret_store, deadline).await {
        Ok(login) => login,
        Err(why) => return vec![Observation::unknown(what, "a password", why)],
    };
    let mut session = match RedisSession::open(address, &spec.tls, deadline).await {
        Ok(session) => session,
        Err(why) => return vec![Observation::unknown(what, "a connection", why)],
    };
    let mut seen = match session.log_in(&login, address).await {
        Ok(seen) => seen,
        Err(why) => {
            let expected = format!("accepts user `{}`", login.user());
            return vec![Observation::unknown(what, expected, why)];
        }
    };
    let facts = RedisFacts::gather(spec, &mut session, &login, address).await;
    seen.extend(judge::judge(spec, &facts));
    seen
}
