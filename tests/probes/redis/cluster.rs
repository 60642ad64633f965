//! Clusters, replicas and Sentinels.

use serde_json::json;

use super::*;
use crate::support::redis::SERVER;
use crate::support::{need, wait};

#[test]
fn replicas_are_counted() {
    need!(SERVER);
    let primary = well_configured().start();
    let replica = RedisServer::builder().replica_of(&primary).start();
    // The replica is in sync a moment before the primary reports it.
    wait::until("the primary reports it", || {
        primary.cli(&["INFO", "replication"]).contains("state=online").then_some(())
    });
    let expected = |n: u64| json!({"replicas": n});
    let outcome = run_probe(&plus(&full_spec(&primary), &expected(1)));
    assert_pass(
        &outcome,
        &["✓ role | master | master", "✓ replicas in sync | at least 1 | 1 online of 1 connected"],
    );
    let outcome = run_probe(&plus(&full_spec(&primary), &expected(2)));
    assert_fail(&outcome, &["✗ replicas in sync | at least 2 | 1 online of 1 connected"]);
    let outcome = run_probe(&plus(&connection_spec(&replica), &expected(1)));
    assert_fail(
        &outcome,
        &["✗ role | master | slave", "✗ replicas in sync | at least 1 | 0 online of 0 connected"],
    );
}

#[test]
fn a_replica_fails_unless_a_replica_is_expected() {
    need!(SERVER);
    let primary = well_configured().start();
    let replica = well_configured().replica_of(&primary).start();
    let seen = format!("slave (a replica of 127.0.0.1:{})", primary.port());
    let up = format!("✗ role | master | {seen}\n✓ link to the primary | up | up");
    assert_fail(&run_probe(&full_spec(&replica)), &[&up]);
    let as_replica = plus(&full_spec(&replica), &json!({"role": "replica"}));
    assert_pass(&run_probe(&as_replica), &[&format!("✓ role | slave | {seen}")]);
    drop(primary);
    wait::until("the replica reports it", || {
        replica.cli(&["INFO", "replication"]).contains("master_link_status:down").then_some(())
    });
    assert_fail(&run_probe(&as_replica), &["✗ link to the primary | up | down"]);
}

#[test]
fn cluster_mode_state_and_slots_are_checked() {
    need!(SERVER);
    let server = well_configured().cluster().start();
    let cluster = json!({"cluster": true, "subscribers": [{"channel": CHANNEL}]});
    assert_fail(
        &run_probe(&plus(&full_spec(&server), &cluster)),
        &[
            "✓ cluster mode | on | on",
            "✓ cluster state | ok | ok",
            "✓ cluster slots served | 16384 | 16384",
            "✗ subscribers of advanced:activity | at least 1 | 0",
        ],
    );
    assert_fail(&run_probe(&full_spec(&server)), &["✗ cluster mode | off | on"]);
    server.cli(&["CLUSTER", "DELSLOTS", "7"]);
    wait::until("the cluster reports it", || {
        server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:fail").then_some(())
    });
    let outcome = run_probe(&plus(&connection_spec(&server), &json!({"cluster": true})));
    assert_fail(&outcome, &["✗ cluster state | ok | fail", "✗ cluster slots served | 16384 | 16383"]);
    let alone = well_configured().start();
    assert_fail(
        &run_probe(&plus(&connection_spec(&alone), &json!({"cluster": true}))),
        &["✗ cluster mode | on | off"],
    );
}

/// A cluster of two nodes; the first serves all slots.
fn cluster_of_two() -> [RedisServer; 2] {
    let [first, second] = [(); 2].map(|()| well_configured().cluster().start());
    second.cli(&["CLUSTER", "FLUSHSLOTS"]);
    second.cli(&["CLUSTER", "RESET", "HARD"]);
    let bus = second.cli(&["CONFIG", "GET", "cluster-port"]).lines().last().unwrap().to_owned();
    first.cli(&["CLUSTER", "MEET", "127.0.0.1", &second.port().to_string(), &bus]);
    wait::until("the nodes have met", || {
        let is_met = |node: &RedisServer| {
            let nodes = node.cli(&["CLUSTER", "NODES"]);
            nodes.lines().count() == 2 && !nodes.contains("handshake")
        };
        (is_met(&first) && is_met(&second)).then_some(())
    });
    [first, second]
}

#[test]
fn every_master_of_a_cluster_is_checked() {
    need!(SERVER);
    let [first, second] = cluster_of_two();
    first.cli(&["CLUSTER", "DELSLOTS", "7"]);
    second.cli(&["CLUSTER", "DELSLOTS", "7"]);
    second.cli(&["CLUSTER", "ADDSLOTS", "7"]);
    wait::until("both nodes agree", || {
        let agrees = |node: &RedisServer| node.cli(&["CLUSTER", "INFO"]).contains("cluster_slots_ok:16384");
        (agrees(&first) && agrees(&second)).then_some(())
    });
    let with = plus(&full_spec(&first), &json!({"cluster": true}));
    let other = format!("master 127.0.0.1:{}", second.port());
    assert_pass(&run_probe(&with), &[&format!("✓ {other} | as this node | passes the same checks")]);
    second.cli(&["CONFIG", "SET", "save", ""]);
    second.cli(&["CONFIG", "SET", "appendonly", "no"]);
    let line = format!("✗ {other}: persistence | AOF or RDB on | AOF off, RDB off");
    assert_fail(&run_probe(&with), &[&line]);
    drop(second);
    let line = format!("? {other} | as this node | ");
    assert_error(&run_probe(&plus(&connection_spec(&first), &json!({"persistence": true}))), &[&line]);
}

#[test]
fn subscribers_are_summed_over_the_nodes_of_a_cluster() {
    need!(SERVER);
    let [first, second] = cluster_of_two();
    let spec_for = |n: u64| {
        plus(&connection_spec(&first), &json!({"subscribers": [{"channel": CHANNEL, "at_least": n}]}))
    };
    let _subscriber = second.subscribe(CHANNEL);
    assert_pass(
        &run_probe(&spec_for(1)),
        &["✓ subscribers of advanced:activity | at least 1 | 1 on 2 nodes"],
    );
    assert_fail(
        &run_probe(&spec_for(2)),
        &["✗ subscribers of advanced:activity | at least 2 | 1 on 2 nodes"],
    );
    drop(second);
    let line = "? subscribers of advanced:activity | at least 2 | 0 so far; node 127.0.0.1:";
    assert_error(&run_probe(&spec_for(2)), &[line, "refuses connections"]);
}

#[test]
fn observations_made_before_the_deadline_are_kept() {
    need!(SERVER);
    let [first, second] = cluster_of_two();
    let stop = std::process::Command::new("kill").args(["-STOP", &second.pid().to_string()]).status();
    assert!(stop.unwrap().success());
    let with =
        plus(&connection_spec(&first), &json!({"persistence": true, "subscribers": [{"channel": CHANNEL}]}));
    let outcome = run_probe_within(SHORT, "redis", &with);
    let node =
        format!("0 so far; node 127.0.0.1:{}: no response within 700 ms (response to PING)", second.port());
    assert_error(
        &outcome,
        &[
            "✓ persistence | AOF or RDB on | AOF on, RDB on",
            &format!("? subscribers of advanced:activity | at least 1 | {node}"),
        ],
    );
}

#[test]
fn a_sentinel_is_recognized() {
    need!(SERVER);
    let sentinel = RedisServer::builder().sentinel().start();
    assert_error(
        &run_probe(&full_spec(&sentinel)),
        &["| this is a Sentinel: configure the address of the server"],
    );
}
