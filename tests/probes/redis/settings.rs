//! The settings and the state of one server.

use serde_json::json;

use super::*;
use crate::support::redis::SERVER;
use crate::support::{need, wait};

#[test]
fn a_well_configured_server_passes() {
    need!(SERVER);
    let server = well_configured().password("s3cret/pw").start();
    let _subscriber = server.subscribe(CHANNEL);
    let with = plus(
        &full_spec(&server),
        &json!({"password": secret("s3cret/pw"), "subscribers": [{"channel": CHANNEL}]}),
    );
    let outcome = run_probe(&with);
    assert_pass(
        &outcome,
        &[
            &format!("✓ Redis at 127.0.0.1:{} | PONG | PONG", server.port()),
            "✓ version | recorded | ",
            "✓ persistence | AOF or RDB on | AOF on, RDB on",
            "✓ AOF last write | ok | ok",
            "✓ AOF last rewrite | ok | ok",
            "✓ RDB last save | ok | ok",
            "✓ latency-monitor-threshold | 1 to 100 ms | 100 ms",
            "✓ latest latency spikes | none above 100 ms | none",
            "✓ cluster mode | off | off",
            "✓ subscribers of advanced:activity | at least 1 | 1",
        ],
    );
    assert_eq!(outcome.evidence_hash(), run_probe(&with).evidence_hash());
}

#[test]
fn the_reproduce_command_contains_everything_but_the_password() {
    need!(SERVER);
    let server = well_configured().start();
    let with = plus(
        &full_spec(&server),
        &json!({
            "url": "rediss://127.0.0.1:1/2", "username": "probe", "password": {"env": "REDIS_PW"},
            "tls": {"roots": "/etc/ca.pem"}, "subscribers": [{"channel": "a b"}],
        }),
    );
    assert_eq!(
        run_probe(&with).reproduce,
        concat!(
            r"printf '%s\n' PING INFO 'CONFIG GET save' 'CONFIG GET latency-monitor-threshold' 'LATENCY LATEST' ",
            r#"'PUBSUB NUMSUB '\''a b'\''' | REDISCLI_AUTH="$REDIS_PW" redis-cli -h 127.0.0.1 -p 1 -n 2 "#,
            r"--user probe --tls --cacert /etc/ca.pem",
        )
    );
}

#[test]
fn one_kind_of_persistence_is_enough_and_none_is_not() {
    need!(SERVER);
    let base = || RedisServer::builder().latency_threshold(100);
    let rdb = base().save("3600 1").start();
    assert_pass(&run_probe(&full_spec(&rdb)), &["| AOF off, RDB on\n✓ RDB last save | ok | ok"]);
    let aof = base().appendonly(true).start();
    assert_pass(&run_probe(&full_spec(&aof)), &["| AOF on, RDB off\n✓ AOF last write | ok | ok"]);
    let none = base().start();
    let outcome = run_probe(&full_spec(&none));
    assert_fail(
        &outcome,
        &["✗ persistence | AOF or RDB on | AOF off, RDB off", "✓ latency-monitor-threshold"],
    );
}

#[test]
fn failed_snapshots_and_aof_rewrites_fail() {
    need!(SERVER);
    let server = well_configured().line("dbfilename taken.rdb").start();
    server.cli(&["SET", "k", "v"]);
    // A directory blocks the file of the snapshot, and a file blocks the directory of the AOF.
    let dir = server.cli(&["CONFIG", "GET", "dir"]).lines().last().unwrap().to_owned();
    std::fs::create_dir(format!("{dir}/taken.rdb")).unwrap();
    std::fs::remove_dir_all(format!("{dir}/appendonlydir")).unwrap();
    std::fs::write(format!("{dir}/appendonlydir"), "").unwrap();
    for command in ["BGSAVE", "BGREWRITEAOF"] {
        server.cli(&[command]);
        wait::until("the background job ends", || {
            server.cli(&["INFO", "persistence"]).contains("in_progress:1").eq(&false).then_some(())
        });
    }
    assert_fail(
        &run_probe(&full_spec(&server)),
        &["✓ AOF last write | ok | ok", "✗ AOF last rewrite | ok | err", "✗ RDB last save | ok | err"],
    );
}

#[test]
fn a_latency_monitor_that_is_off_or_set_too_high_is_reported() {
    need!(SERVER);
    let off = well_configured().latency_threshold(0).start();
    assert_fail(
        &run_probe(&full_spec(&off)),
        &[
            "✗ latency-monitor-threshold | 1 to 100 ms | 0 (off)",
            "? latest latency spikes | none above 100 ms | the latency monitor is off",
        ],
    );
    let too_high = well_configured().latency_threshold(500).start();
    assert_fail(
        &run_probe(&full_spec(&too_high)),
        &[
            "✗ latency-monitor-threshold | 1 to 100 ms | 500 ms",
            "? latest latency spikes | none above 100 ms | none; but the latency monitor records only from 500 ms on",
        ],
    );
}

#[test]
fn a_latency_spike_is_reported() {
    need!(SERVER);
    let server = well_configured().latency_threshold(1).start();
    let busy = "local n = 0 for i = 1, 3000000 do n = n + i end return n";
    server.cli(&["EVAL", busy, "0"]);
    let outcome = run_probe(&plus(&full_spec(&server), &json!({"spike_limit_ms": 2})));
    assert_fail(&outcome, &["✗ latest latency spikes | none above 2 ms | command "]);
    let outcome = run_probe(&plus(&full_spec(&server), &json!({"spike_limit_ms": 20_000})));
    assert_pass(&outcome, &["✓ latest latency spikes | none above 20000 ms | command "]);
}

#[test]
fn a_server_that_refuses_writes_fails() {
    need!(SERVER);
    let full = well_configured().line("maxmemory 500kb").start();
    let line = "(noeviction): the server refuses writes";
    assert_fail(&run_probe(&full_spec(&full)), &["✗ memory | writes accepted | ", line]);
    let without_replica = well_configured().line("min-replicas-to-write 1").start();
    assert_fail(
        &run_probe(&full_spec(&without_replica)),
        &["✗ replicas required for writes | at least 1 | 0"],
    );
}

#[test]
fn a_channel_without_subscribers_fails() {
    need!(SERVER);
    let server = well_configured().start();
    let with = plus(
        &connection_spec(&server),
        &json!({"subscribers": [{"channel": CHANNEL}, {"channel": "other", "at_least": 2}]}),
    );
    let _one = server.subscribe("other");
    assert_fail(
        &run_probe(&with),
        &["✗ subscribers of advanced:activity | at least 1 | 0", "✗ subscribers of other | at least 2 | 1"],
    );
}

#[test]
fn a_missing_database_fails() {
    need!(SERVER);
    let server = well_configured().start();
    let database = |n: &str| json!({"url": format!("redis://127.0.0.1:{}/{n}", server.port())});
    assert_pass(&run_probe(&database("2")), &["✓ database 2 | present | present"]);
    assert_fail(
        &run_probe(&database("99")),
        &["✗ database 99 | present | rejected by the server (ERR DB index is out of range)"],
    );
}
