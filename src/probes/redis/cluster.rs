//! Subscribers, summed over the nodes of a cluster: a channel's message reaches all nodes, and each node
//! counts only its own subscribers.

use gonogo_core::checklist::spec::RedisSpec;

use super::super::address::Address;
use super::super::error::ProbeResult;
use super::facts::{self, unexpected_answer};
use super::session::{Login, RedisSession};

/// How many subscribe to a channel.
pub(super) struct SubscriberCounts {
    pub(super) count: u64,
    /// On how many nodes they were counted.
    pub(super) nodes: usize,
    /// Why nodes of the cluster could not be queried.
    pub(super) unasked: Vec<String>,
}

/// The subscribers of each channel of the spec.
pub(super) async fn subscribed(
    spec: &RedisSpec,
    session: &mut RedisSession,
    clustered: bool,
    login: &Login,
    address: &Address,
) -> Vec<ProbeResult<SubscriberCounts>> {
    let mut results = Vec::new();
    for channel in &spec.subscribers {
        let count = facts::subscribers(session, &channel.channel).await;
        results.push(count.map(|count| SubscriberCounts { count, nodes: 1, unasked: Vec::new() }));
    }
    let enough = |(seen, at_least): (&ProbeResult<SubscriberCounts>, u64)| {
        seen.as_ref().is_ok_and(|s| s.count >= at_least)
    };
    let limits = spec.subscribers.iter().map(|channel| channel.at_least);
    if clustered && !results.iter().zip(limits).all(enough) {
        Box::pin(add_other_nodes(spec, session, login, address, &mut results)).await;
    }
    results
}

async fn add_other_nodes(
    spec: &RedisSpec,
    session: &mut RedisSession,
    login: &Login,
    address: &Address,
    results: &mut [ProbeResult<SubscriberCounts>],
) {
    let others = match other_nodes(session, address).await {
        Ok(others) => others,
        Err(why) => {
            let message = format!("other nodes of the cluster: {why}");
            return results.iter_mut().flatten().for_each(|seen| seen.unasked.push(message.clone()));
        }
    };
    for node in others {
        let mut other = log_in_to_node(&node, spec, session, login).await;
        for (channel, seen) in spec.subscribers.iter().zip(results.iter_mut()) {
            let Ok(seen) = seen else { continue };
            let result = match &mut other {
                Ok(other) => facts::subscribers(other, &channel.channel).await,
                Err(why) => Err(why.clone()),
            };
            match result {
                Ok(count) => (seen.count, seen.nodes) = (seen.count.saturating_add(count), seen.nodes + 1),
                Err(why) => seen.unasked.push(format!("node {node}: {why}")),
            }
        }
    }
}

async fn log_in_to_node(
    node: &Address,
    spec: &RedisSpec,
    from: &RedisSession,
    login: &Login,
) -> ProbeResult<RedisSession> {
    let mut session = RedisSession::open(node, &spec.tls, &from.deadline).await?;
    session.log_in(login, node).await?;
    Ok(session)
}

async fn other_nodes(session: &mut RedisSession, address: &Address) -> ProbeResult<Vec<Address>> {
    let command = ["CLUSTER", "NODES"];
    let answer = session.query(&command).await?;
    let text = facts::text(&answer).ok_or_else(|| unexpected_answer(&command))?;
    Ok(text.lines().filter_map(|line| other_node(line, address.tls)).collect())
}

/// The address in a line `<id> <host>:<port>@<bus>[,…] <flags> …` of a node other than the queried one that
/// the cluster considers alive.
fn other_node(line: &str, tls: bool) -> Option<Address> {
    let mut words = line.split(' ').skip(1);
    let (place, flags) = (words.next()?, words.next()?);
    let is_excluded = |flag| matches!(flag, "myself" | "fail" | "noaddr" | "handshake");
    let (host, port) = place.split('@').next()?.rsplit_once(':')?;
    let address =
        || Some(Address { host: host.to_owned(), port: port.parse().ok()?, tls, rest: String::new() });
    if flags.split(',').any(is_excluded) { None } else { address() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn living_nodes_other_than_the_queried_one_are_found() {
        let address = |line| other_node(line, false).map(|node| node.to_string());
        let line = "07c3 127.0.0.1:30004@31004,host-4 slave e7d1 0 1426238317239 4 connected";
        assert_eq!(address(line).as_deref(), Some("127.0.0.1:30004"));
        let ipv6 = "292f ::1:30003@31003 master - 0 1426238318243 3 connected 10923-16383";
        assert_eq!(address(ipv6).as_deref(), Some("[::1]:30003"));
        for line in [
            "e7d1 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460",
            "824f 127.0.0.1:30005@31005 master,fail - 0 1426238316232 5 disconnected",
            "824f :0@0 master,noaddr - 0 1426238316232 5 disconnected",
            "",
        ] {
            assert_eq!(address(line), None, "{line}");
        }
    }
}
