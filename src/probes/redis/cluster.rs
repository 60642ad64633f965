//! The nodes of a cluster: each master holds a part of the data, and has settings of its own. A channel's message
//! reaches all nodes, and each node counts only its own subscribers.

use gonogo_core::checklist::spec::RedisSpec;

use super::super::address::Address;
use super::super::error::ProbeResult;
use super::facts::{self, NodeFacts, unexpected_answer};
use super::session::{Login, RedisSession};

/// The masters of a cluster that serve slots.
pub(super) struct Masters {
    /// Whether the queried node is one.
    pub(super) queried: bool,
    /// The others, and what they say.
    pub(super) others: Vec<(Address, ProbeResult<NodeFacts>)>,
}

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

/// Asks the other masters what the queried node was asked.
pub(super) async fn masters(
    spec: &RedisSpec,
    session: &mut RedisSession,
    login: &Login,
    address: &Address,
) -> ProbeResult<Masters> {
    let nodes = nodes(session, address).await?;
    let mut masters = Masters { queried: false, others: Vec::new() };
    for node in nodes.into_iter().filter(|node| node.serves_slots) {
        match node.address {
            None => masters.queried = true,
            Some(other) => {
                let facts = ask(&other, spec, session, login).await;
                masters.others.push((other, facts));
            }
        }
    }
    Ok(masters)
}

async fn ask(node: &Address, spec: &RedisSpec, from: &RedisSession, login: &Login) -> ProbeResult<NodeFacts> {
    let mut session = log_in_to_node(node, spec, from, login).await?;
    Ok(NodeFacts::gather(spec, &mut session).await)
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
    Ok(nodes(session, address).await?.into_iter().filter_map(|node| node.address).collect())
}

async fn nodes(session: &mut RedisSession, address: &Address) -> ProbeResult<Vec<ClusterNode>> {
    let command = ["CLUSTER", "NODES"];
    let answer = session.query(&command).await?;
    let text = facts::text(&answer).ok_or_else(|| unexpected_answer(&command))?;
    Ok(text.lines().filter_map(|line| ClusterNode::parse(line, address.tls)).collect())
}

/// A node that the cluster considers alive.
struct ClusterNode {
    /// Where it listens; none for the queried node.
    address: Option<Address>,
    serves_slots: bool,
}

impl ClusterNode {
    /// Reads a line of `CLUSTER NODES`: id, `host:port@bus,name`, flags, primary, ping, pong, epoch, link, slots. The name
    /// is preferred with TLS: certificates rarely name IP addresses.
    /// <https://redis.io/docs/latest/commands/cluster-nodes/>
    fn parse(line: &str, tls: bool) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let flags: Vec<_> = words.get(2)?.split(',').collect();
        let has = |flag| flags.contains(&flag);
        if has("fail") || has("noaddr") || has("handshake") {
            return None;
        }
        // Slots in migration stand in brackets.
        let serves_slots = has("master") && words.iter().skip(8).any(|slot| !slot.starts_with('['));
        if has("myself") {
            return Some(Self { address: None, serves_slots });
        }
        let (place, bus) = words.get(1)?.split_once('@').unwrap_or((words.get(1)?, ""));
        let (host, port) = place.rsplit_once(':')?;
        let name = bus.split(',').nth(1).filter(|name| tls && !name.is_empty() && *name != "?");
        let host = name.unwrap_or(host).to_owned();
        let address = Address { host, port: port.parse().ok()?, tls, rest: String::new() };
        Some(Self { address: Some(address), serves_slots })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(line: &str, tls: bool) -> Option<(Option<String>, bool)> {
        let node = ClusterNode::parse(line, tls)?;
        Some((node.address.map(|address| address.to_string()), node.serves_slots))
    }

    #[test]
    fn living_nodes_are_found() {
        let other = |address: &str, serves_slots| Some((Some(address.to_owned()), serves_slots));
        let line = "07c3 127.0.0.1:30004@31004,host-4 slave e7d1 0 1426238317239 4 connected";
        assert_eq!(node(line, false), other("127.0.0.1:30004", false));
        assert_eq!(node(line, true), other("host-4:30004", false));
        let ipv6 = "292f ::1:30003@31003 master - 0 1426238318243 3 connected 10923-16383";
        assert_eq!(node(ipv6, false), other("[::1]:30003", true));
        let old = "292f 10.0.0.1:30003 master - 0 1426238318243 3 connected 5";
        assert_eq!(node(old, false), other("10.0.0.1:30003", true));
        let shards = "292f 10.0.0.1:30003@31003,,tls-port=0,shard-id=ab master - 0 1 3 connected 5";
        assert_eq!(node(shards, true), other("10.0.0.1:30003", true));
        let empty = "292f 10.0.0.1:30003@31003 master - 0 1426238318243 3 connected";
        assert_eq!(node(empty, false), other("10.0.0.1:30003", false));
        let importing = "292f 10.0.0.1:30003@31003 master - 0 1 3 connected [93-<-07c3]";
        assert_eq!(node(importing, false), other("10.0.0.1:30003", false));
        let queried = "e7d1 :30001@31001 myself,master - 0 0 1 connected 0-5460";
        assert_eq!(node(queried, false), Some((None, true)));
        for line in [
            "824f 127.0.0.1:30005@31005 master,fail - 0 1426238316232 5 disconnected 1-2",
            "824f :0@0 master,noaddr - 0 1426238316232 5 disconnected",
            "",
        ] {
            assert_eq!(node(line, false), None, "{line}");
        }
    }
}
