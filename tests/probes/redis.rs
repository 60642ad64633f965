use serde_json::{Value, json};

use gonogo_core::outcome::Outcome;

use super::*;
use crate::bench::certs::Certs;
use crate::bench::ports::refused_port;
use crate::bench::redis::{Builder, RedisServer, SERVER};
use crate::bench::web::{Reply, Silent, Web};
use crate::bench::{need, wait};

const CHANNEL: &str = "advanced:activity";

#[track_caller]
pub(super) fn look(with: &Value) -> Outcome {
    look_within(DEADLINE, "redis", with)
}

fn at(server: &RedisServer) -> Value {
    json!({"url": format!("redis://127.0.0.1:{}", server.port())})
}

pub(super) fn good() -> Builder {
    RedisServer::builder().appendonly(true).save("3600 1").latency_threshold(100)
}

pub(super) fn all(server: &RedisServer) -> Value {
    let asked =
        json!({"persistence": true, "latency_threshold_ms": 100, "spike_limit_ms": 100, "cluster": false});
    plus(&at(server), &asked)
}

#[test]
fn a_server_that_is_as_it_should_be_passes() {
    need!(SERVER);
    let server = good().password("s3cret/pw").start();
    let _subscriber = server.subscribe(CHANNEL);
    let with =
        plus(&all(&server), &json!({"password": secret("s3cret/pw"), "subscribers": [{"channel": CHANNEL}]}));
    let outcome = look(&with);
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
    assert_eq!(outcome.evidence_hash(), look(&with).evidence_hash());
}

#[test]
fn the_command_to_type_names_everything_but_the_password() {
    need!(SERVER);
    let server = good().start();
    let with = plus(
        &all(&server),
        &json!({
            "url": "rediss://127.0.0.1:1/2", "username": "probe", "password": {"env": "REDIS_PW"},
            "tls": {"roots": "/etc/ca.pem"}, "subscribers": [{"channel": "a b"}],
        }),
    );
    assert_eq!(
        look(&with).reproduce,
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
    assert_pass(&look(&all(&rdb)), &["| AOF off, RDB on\n✓ RDB last save | ok | ok"]);
    let aof = base().appendonly(true).start();
    assert_pass(&look(&all(&aof)), &["| AOF on, RDB off\n✓ AOF last write | ok | ok"]);
    let none = base().start();
    let outcome = look(&all(&none));
    assert_fail(
        &outcome,
        &["✗ persistence | AOF or RDB on | AOF off, RDB off", "✓ latency-monitor-threshold"],
    );
}

#[test]
fn a_write_that_failed_is_wrong() {
    need!(SERVER);
    let server = good().line("dbfilename taken.rdb").start();
    server.cli(&["SET", "k", "v"]);
    // A directory stands where the snapshot is to be written, and a file where the AOF's directory was.
    let dir = server.cli(&["CONFIG", "GET", "dir"]).lines().last().unwrap().to_owned();
    std::fs::create_dir(format!("{dir}/taken.rdb")).unwrap();
    std::fs::remove_dir_all(format!("{dir}/appendonlydir")).unwrap();
    std::fs::write(format!("{dir}/appendonlydir"), "").unwrap();
    for command in ["BGSAVE", "BGREWRITEAOF"] {
        server.cli(&[command]);
        wait::until("the background job to end", || {
            server.cli(&["INFO", "persistence"]).contains("in_progress:1").eq(&false).then_some(())
        });
    }
    assert_fail(
        &look(&all(&server)),
        &["✓ AOF last write | ok | ok", "✗ AOF last rewrite | ok | err", "✗ RDB last save | ok | err"],
    );
}

#[test]
fn a_latency_monitor_that_is_off_or_deaf_is_told() {
    need!(SERVER);
    let off = good().latency_threshold(0).start();
    assert_fail(
        &look(&all(&off)),
        &[
            "✗ latency-monitor-threshold | 1 to 100 ms | 0 (off)",
            "? latest latency spikes | none above 100 ms | the latency monitor is off: it records none",
        ],
    );
    let deaf = good().latency_threshold(500).start();
    assert_fail(
        &look(&all(&deaf)),
        &[
            "✗ latency-monitor-threshold | 1 to 100 ms | 500 ms",
            "? latest latency spikes | none above 100 ms | none; but the latency monitor records only from 500 ms on",
        ],
    );
}

#[test]
fn a_latency_spike_is_seen() {
    need!(SERVER);
    let server = good().latency_threshold(1).start();
    let busy = "local n = 0 for i = 1, 3000000 do n = n + i end return n";
    server.cli(&["EVAL", busy, "0"]);
    let outcome = look(&plus(&all(&server), &json!({"spike_limit_ms": 2})));
    assert_fail(&outcome, &["✗ latest latency spikes | none above 2 ms | command "]);
    let outcome = look(&plus(&all(&server), &json!({"spike_limit_ms": 20_000})));
    assert_pass(&outcome, &["✓ latest latency spikes | none above 20000 ms | command "]);
}

#[test]
fn refused_credentials_are_told_from_no_answer() {
    need!(SERVER);
    let server = good().password("s3cret").acl_user("app", "app-pw", "+@all").start();
    let at = format!("? Redis at 127.0.0.1:{} | accepts user ", server.port());
    let none = look(&all(&server));
    assert_error(&none, &[&format!("{at}`default` | the server asks for credentials and got none (NOAUTH ")]);
    let wrong = plus(&all(&server), &json!({"password": secret("not it")}));
    let refused = "credentials refused: wrong password, or no such user, or the user is off";
    assert_error(&look(&wrong), &[&format!("{at}`default` | {refused}: `default` (WRONGPASS)")]);
    let user = plus(&wrong, &json!({"username": "app"}));
    assert_error(&look(&user), &[&format!("{at}`app` | {refused}: `app` (WRONGPASS)")]);
    assert_pass(&look(&plus(&user, &json!({"password": secret("app-pw")}))), &["| PONG | PONG"]);
    let unread = look(&plus(&all(&server), &json!({"password": {"env": "GONOGO_NO_SUCH"}})));
    assert_error(&unread, &["| a password to log in with | environment variable GONOGO_NO_SUCH is not set"]);
}

#[test]
fn a_server_open_to_everybody_is_wrong_where_a_password_is_given() {
    need!(SERVER);
    let server = good().start();
    let outcome = look(&plus(&all(&server), &json!({"password": secret("s3cret")})));
    assert_fail(
        &outcome,
        &[
            "✗ password of user `default` | asked for | the server asks for none: it is open to everybody",
            "✓ persistence | ",
        ],
    );
}

#[test]
fn what_an_acl_forbids_could_not_be_looked_at() {
    need!(SERVER);
    let acl = "+ping +info +latency|latest +pubsub|numsub &*";
    let start = |aof| good().appendonly(aof).acl_user("probe", "probe-pw", acl).start();
    let user = json!({"username": "probe", "password": secret("probe-pw")});
    let server = start(true);
    let outcome = look(&plus(&all(&server), &user));
    assert_error(
        &outcome,
        &[
            "✓ persistence | AOF or RDB on | AOF on\n✓ AOF last write",
            "? latency-monitor-threshold | 1 to 100 ms | the user may not ask this (NOPERM ",
            "? latest latency spikes | none above 100 ms | none; but whether the latency monitor is on cannot be read: ",
        ],
    );
    let server = start(false);
    let outcome = look(&plus(&plus(&at(&server), &user), &json!({"persistence": true})));
    assert_error(
        &outcome,
        &["? persistence | AOF or RDB on | AOF off; whether RDB is on cannot be read: the user may not "],
    );
    let mute = good().acl_user("probe", "probe-pw", "-@all +info +config|get").start();
    let outcome = look(&plus(&plus(&at(&mute), &user), &json!({"persistence": true})));
    assert_pass(&outcome, &["| recorded | it answers; PING is not permitted", "| AOF on, RDB on"]);
    let outcome = look(&plus(&plus(&at(&server), &user), &json!({"subscribers": [{"channel": CHANNEL}]})));
    assert_fail(&outcome, &["✗ subscribers of advanced:activity | at least 1 | 0"]);
}

#[test]
fn replicas_are_counted() {
    need!(SERVER);
    let primary = good().start();
    let replica = RedisServer::builder().replica_of(&primary).start();
    // The replica knows that it is in step a moment before the primary does.
    wait::until("the primary to notice", || {
        primary.cli(&["INFO", "replication"]).contains("state=online").then_some(())
    });
    let wanted = |n: u64| json!({"replicas": n});
    let outcome = look(&plus(&all(&primary), &wanted(1)));
    assert_pass(
        &outcome,
        &["✓ role | master | master", "✓ replicas in step | at least 1 | 1 online of 1 connected"],
    );
    let outcome = look(&plus(&all(&primary), &wanted(2)));
    assert_fail(&outcome, &["✗ replicas in step | at least 2 | 1 online of 1 connected"]);
    let outcome = look(&plus(&at(&replica), &wanted(1)));
    assert_fail(
        &outcome,
        &["✗ role | master | slave", "✗ replicas in step | at least 1 | 0 online of 0 connected"],
    );
}

#[test]
fn a_replica_is_no_primary() {
    need!(SERVER);
    let primary = good().start();
    let replica = good().replica_of(&primary).start();
    let seen = format!("slave (a replica of 127.0.0.1:{})", primary.port());
    let up = format!("✗ role | master | {seen}\n✓ link to the primary | up | up");
    assert_fail(&look(&all(&replica)), &[&up]);
    let meant = plus(&all(&replica), &json!({"role": "replica"}));
    assert_pass(&look(&meant), &[&format!("✓ role | slave | {seen}")]);
    drop(primary);
    wait::until("the replica to notice", || {
        replica.cli(&["INFO", "replication"]).contains("master_link_status:down").then_some(())
    });
    assert_fail(&look(&meant), &["✗ link to the primary | up | down"]);
}

#[test]
fn a_server_that_refuses_writes_is_wrong() {
    need!(SERVER);
    let full = good().line("maxmemory 500kb").start();
    let line = "(noeviction): the server refuses writes";
    assert_fail(&look(&all(&full)), &["✗ memory | writes accepted | ", line]);
    let lonely = good().line("min-replicas-to-write 1").start();
    assert_fail(&look(&all(&lonely)), &["✗ replicas required for writes | at least 1 | 0"]);
}

#[test]
fn every_master_of_a_cluster_is_judged() {
    need!(SERVER);
    let [first, second] = cluster_of_two();
    first.cli(&["CLUSTER", "DELSLOTS", "7"]);
    second.cli(&["CLUSTER", "DELSLOTS", "7"]);
    second.cli(&["CLUSTER", "ADDSLOTS", "7"]);
    wait::until("both to agree", || {
        let agrees = |node: &RedisServer| node.cli(&["CLUSTER", "INFO"]).contains("cluster_slots_ok:16384");
        (agrees(&first) && agrees(&second)).then_some(())
    });
    let with = plus(&all(&first), &json!({"cluster": true}));
    let other = format!("master 127.0.0.1:{}", second.port());
    assert_pass(&look(&with), &[&format!("✓ {other} | as this node | passes the same checks")]);
    second.cli(&["CONFIG", "SET", "save", ""]);
    second.cli(&["CONFIG", "SET", "appendonly", "no"]);
    let line = format!("✗ {other}: persistence | AOF or RDB on | AOF off, RDB off");
    assert_fail(&look(&with), &[&line]);
    drop(second);
    let line = format!("? {other} | as this node | ");
    assert_error(&look(&plus(&at(&first), &json!({"persistence": true}))), &[&line]);
}

#[test]
fn a_sentinel_is_named() {
    need!(SERVER);
    let sentinel = RedisServer::builder().sentinel().start();
    assert_error(&look(&all(&sentinel)), &["| a Sentinel answers here: give the address of the server"]);
}

#[test]
fn a_cluster_is_judged_as_one() {
    need!(SERVER);
    let server = good().cluster().start();
    let cluster = json!({"cluster": true, "subscribers": [{"channel": CHANNEL}]});
    assert_fail(
        &look(&plus(&all(&server), &cluster)),
        &[
            "✓ cluster mode | on | on",
            "✓ cluster state | ok | ok",
            "✓ cluster slots served | 16384 | 16384",
            "✗ subscribers of advanced:activity | at least 1 | 0",
        ],
    );
    assert_fail(&look(&all(&server)), &["✗ cluster mode | off | on"]);
    server.cli(&["CLUSTER", "DELSLOTS", "7"]);
    wait::until("the cluster to notice", || {
        server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:fail").then_some(())
    });
    let outcome = look(&plus(&at(&server), &json!({"cluster": true})));
    assert_fail(&outcome, &["✗ cluster state | ok | fail", "✗ cluster slots served | 16384 | 16383"]);
    let alone = good().start();
    assert_fail(&look(&plus(&at(&alone), &json!({"cluster": true}))), &["✗ cluster mode | on | off"]);
}

/// Two nodes that know each other; the first holds all slots.
fn cluster_of_two() -> [RedisServer; 2] {
    let [first, second] = [(); 2].map(|()| good().cluster().start());
    second.cli(&["CLUSTER", "FLUSHSLOTS"]);
    second.cli(&["CLUSTER", "RESET", "HARD"]);
    let bus = second.cli(&["CONFIG", "GET", "cluster-port"]).lines().last().unwrap().to_owned();
    first.cli(&["CLUSTER", "MEET", "127.0.0.1", &second.port().to_string(), &bus]);
    wait::until("the nodes to know each other", || {
        let known = |node: &RedisServer| {
            let nodes = node.cli(&["CLUSTER", "NODES"]);
            nodes.lines().count() == 2 && !nodes.contains("handshake")
        };
        (known(&first) && known(&second)).then_some(())
    });
    [first, second]
}

#[test]
fn subscribers_are_summed_over_the_nodes_of_a_cluster() {
    need!(SERVER);
    let [first, second] = cluster_of_two();
    let wanted = |n: u64| plus(&at(&first), &json!({"subscribers": [{"channel": CHANNEL, "at_least": n}]}));
    let _there = second.subscribe(CHANNEL);
    assert_pass(&look(&wanted(1)), &["✓ subscribers of advanced:activity | at least 1 | 1 on 2 nodes"]);
    assert_fail(&look(&wanted(2)), &["✗ subscribers of advanced:activity | at least 2 | 1 on 2 nodes"]);
    drop(second);
    let told = "? subscribers of advanced:activity | at least 2 | 0 so far; node 127.0.0.1:";
    assert_error(&look(&wanted(2)), &[told, "refuses connections"]);
}

#[test]
fn what_was_seen_before_the_deadline_is_kept() {
    need!(SERVER);
    let [first, second] = cluster_of_two();
    let stop = std::process::Command::new("kill").args(["-STOP", &second.pid().to_string()]).status();
    assert!(stop.unwrap().success());
    let with = plus(&at(&first), &json!({"persistence": true, "subscribers": [{"channel": CHANNEL}]}));
    let outcome = look_within(SHORT, "redis", &with);
    let node =
        format!("0 so far; node 127.0.0.1:{}: no answer within 700 ms (answer to PING)", second.port());
    assert_error(
        &outcome,
        &[
            "✓ persistence | AOF or RDB on | AOF on, RDB on",
            &format!("? subscribers of advanced:activity | at least 1 | {node}"),
        ],
    );
}

#[test]
fn a_channel_without_subscribers_is_wrong() {
    need!(SERVER);
    let server = good().start();
    let wanted = plus(
        &at(&server),
        &json!({"subscribers": [{"channel": CHANNEL}, {"channel": "other", "at_least": 2}]}),
    );
    let _one = server.subscribe("other");
    assert_fail(
        &look(&wanted),
        &["✗ subscribers of advanced:activity | at least 1 | 0", "✗ subscribers of other | at least 2 | 1"],
    );
}

#[test]
fn a_database_that_is_not_there_is_wrong() {
    need!(SERVER);
    let server = good().start();
    let database = |n: &str| json!({"url": format!("redis://127.0.0.1:{}/{n}", server.port())});
    assert_pass(&look(&database("2")), &["✓ database 2 | there | there"]);
    assert_fail(
        &look(&database("99")),
        &["✗ database 99 | there | the server refuses (ERR DB index is out of range)"],
    );
}

#[test]
fn a_server_that_cannot_be_asked_is_told_apart() {
    let port = refused_port();
    let refused = look(&json!({"url": format!("redis://127.0.0.1:{port}")}));
    assert_error(
        &refused,
        &[&format!("a connection | 127.0.0.1:{port} refuses connections: nothing listens there")],
    );
    let nowhere = told(&look(&json!({"url": "redis://no-such-host.invalid"})));
    assert!(
        ["no such host: no-", "cannot resolve host no-"].iter().any(|why| nowhere.contains(why)),
        "{nowhere}"
    );
    let silent = Silent::start();
    let with = json!({"url": format!("redis://127.0.0.1:{}", silent.port()), "persistence": true});
    assert_error(&look_within(SHORT, "redis", &with), &["| no answer within 700 ms (answer to PING)"]);
    let credentials = look(&json!({"url": "redis://:hunter22@127.0.0.1"}));
    assert_error(
        &credentials,
        &["? Redis address | redis://… or rediss://… | the address holds a user or a password"],
    );
    assert!(!format!("{credentials:?}").contains("hunter22"));
}

#[test]
fn another_kind_of_server_is_named() {
    let web = Web::start();
    web.route("/", Reply::ok(""));
    let outcome = look_within(
        Duration::from_secs(2),
        "redis",
        &json!({"url": format!("redis://127.0.0.1:{}", web.port())}),
    );
    assert_error(&outcome, &["| this is not a Redis server: an HTTP server answers here"]);
}

#[test]
fn tls_is_judged_by_the_roots_that_are_named() {
    need!(SERVER);
    let certs = Certs::shared();
    let server = good().tls().start();
    let (right, wrong) = (roots(&certs.ca), roots(&certs.other_ca));
    let url = |scheme: &str, server: &RedisServer| format!("{scheme}://127.0.0.1:{}", server.port());
    let with = |roots: &NamedTempFile| json!({"url": url("rediss", &server), "tls": {"roots": roots.path()}});
    assert_pass(&look(&with(&right)), &["| PONG | PONG"]);
    let line =
        format!("certificate not trusted: no root certificate in {} has signed it", wrong.path().display());
    assert_error(&look(&with(&wrong)), &[&line]);
    let plain_to_tls = look(&json!({"url": url("redis", &server)}));
    assert_error(&plain_to_tls, &["TLS", "rediss://"]);
    let plain = good().start();
    let tls_to_plain = json!({"url": url("rediss", &plain), "tls": {"roots": right.path()}});
    assert_error(&look_within(Duration::from_secs(1), "redis", &tls_to_plain), &["TLS"]);
}
