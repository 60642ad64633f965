//! Servers start, serve and stop.

use serde_json::json;

use crate::support::certs::Certs;
use crate::support::rabbitmq::{self, Broker};
use crate::support::redis::{self, RedisServer};
use crate::support::supervisor::is_running;
use crate::support::topology::Topology;
use crate::support::web::{Reply, SilentServer, Web};
use crate::support::{http, need, ports, wait};

const EVENTS: &str = "advanced.board.events";

#[test]
fn a_redis_server_answers_and_leaves_no_process_and_no_open_port() {
    need!(redis::SERVER);
    let redis = RedisServer::start();
    assert_eq!(redis.cli(&["PING"]), "PONG");
    let (pid, port) = (redis.pid(), redis.port());
    assert!(is_running(pid) && ports::is_open(port));
    drop(redis);
    assert!(!is_running(pid) && !ports::is_open(port));
}

#[test]
fn a_redis_server_has_the_configured_settings() {
    need!(redis::SERVER);
    let redis = RedisServer::builder()
        .password("s3cret")
        .acl_user("reader", "pw", "~* +@read +ping")
        .appendonly(true)
        .save("3600 1")
        .latency_threshold(100)
        .start();
    let config = |key: &str| redis.cli(&["CONFIG", "GET", key]).lines().last().unwrap_or_default().to_owned();
    assert_eq!(["appendonly", "save", "latency-monitor-threshold"].map(config), ["yes", "3600 1", "100"]);
    let at = format!("127.0.0.1:{}/0", redis.port());
    assert_eq!(redis.url(), format!("redis://:s3cret@{at}"));
    assert_eq!(redis.url_as("reader", "pw"), format!("redis://reader:pw@{at}"));
    assert!(redis.cli(&["--user", "reader", "--pass", "pw", "SET", "k", "v"]).contains("NOPERM"));
}

#[test]
fn a_redis_replica_connects_with_the_password_of_its_primary() {
    need!(redis::SERVER);
    let primary = RedisServer::builder().password("s3cret").start();
    let replica = RedisServer::builder().replica_of(&primary).start();
    assert!(replica.cli(&["ROLE"]).contains("connected"));
    assert!(primary.cli(&["INFO", "replication"]).contains("connected_slaves:1"));
}

#[test]
fn a_redis_cluster_of_one_node_is_ready_and_counts_subscribers() {
    need!(redis::SERVER);
    let redis = RedisServer::builder().cluster().start();
    let subscriber = redis.subscribe("advanced:activity");
    assert_eq!(redis.subscribers("advanced:activity"), 1);
    drop(subscriber);
    wait::until("no subscriber", || (redis.subscribers("advanced:activity") == 0).then_some(()));
}

#[test]
fn a_redis_server_with_tls_accepts_only_tls() {
    need!(redis::SERVER);
    let redis = RedisServer::builder().tls().start();
    assert_eq!(redis.cli(&["PING"]), "PONG");
    assert!(redis.url().starts_with("rediss://"));
    assert!(http::call("GET", redis.port(), "/", None, "").is_err());
}

#[test]
fn a_virtual_host_has_the_standard_topology() {
    need!(rabbitmq::SERVER);
    let vhost = Broker::shared().vhost();
    vhost.declare(&Topology::standard());
    let retry = vhost.queue(&format!("{EVENTS}.retry"));
    let arguments = json!({"x-message-ttl": 5000, "x-dead-letter-exchange": EVENTS,
                           "x-dead-letter-routing-key": "boards.activity"});
    assert_eq!((&retry["arguments"], &retry["durable"]), (&arguments, &json!(true)));
    let bindings = vhost.api_as(&vhost.monitor, &vhost.path("bindings", "")).json();
    let keys = bindings.as_array().unwrap().iter().filter(|b| b["source"] != "").map(|b| &b["routing_key"]);
    assert_eq!(keys.count(), 3);
}

#[test]
fn a_topology_can_have_every_error_that_the_checklist_detects() {
    need!(rabbitmq::SERVER);
    let wrong = Topology::named("board", "activity")
        .retry_ttl(1)
        .dead_letter("elsewhere", "lost")
        .exchange_type("board", "direct")
        .without_queue("board.dlq")
        .without_exchange("board.dlq")
        .without_binding("board.retry")
        .transient_queue("board");
    let vhost = Broker::shared().vhost();
    vhost.declare(&wrong);
    let (queue, retry) = (vhost.queue("board"), vhost.queue("board.retry"));
    assert_eq!((&queue["durable"], &retry["arguments"]["x-message-ttl"]), (&json!(false), &json!(1)));
    assert_eq!(retry["arguments"]["x-dead-letter-exchange"], "elsewhere");
    let status = |what: &str, name: &str| vhost.api_as(&vhost.admin, &vhost.path(what, name)).status;
    assert_eq!([status("queues", "/board.dlq"), status("exchanges", "/board.dlq")], [404, 404]);
    vhost.delete_queue("board");
    assert_eq!(status("queues", "/board"), 404);
}

#[test]
fn messages_and_consumers_are_counted_without_delay() {
    need!(rabbitmq::SERVER);
    let vhost = Broker::shared().vhost();
    vhost.declare(&Topology::standard());
    vhost.publish(EVENTS, "one");
    vhost.publish_with(EVENTS, "two", &json!({"x-retry-count": 2}));
    assert_eq!(vhost.depth(EVENTS), (2, 0));
    let consumer = vhost.consume(EVENTS, 16);
    wait::until("the consumer to take both", || (vhost.depth(EVENTS) == (0, 1)).then_some(()));
    drop(consumer);
    wait::until("both to be back", || (vhost.depth(EVENTS) == (2, 0)).then_some(()));
}

#[test]
fn users_of_a_virtual_host_have_their_own_rights_and_are_deleted_with_it() {
    need!(rabbitmq::SERVER);
    let broker = Broker::shared();
    let vhost = broker.vhost();
    let status =
        [&vhost.admin, &vhost.monitor, &vhost.plain].map(|u| vhost.api_as(u, "/api/overview").status);
    assert_eq!(status, [200, 200, 401]);
    assert_eq!(vhost.management_url(), format!("http://127.0.0.1:{}", vhost.broker().management));
    assert!(vhost.amqps_url(&vhost.plain).contains(&format!("@127.0.0.1:{}/bench%2F", broker.amqps)));
    assert!([broker.amqp, broker.amqps, broker.management_tls].into_iter().all(ports::is_open));
    assert!(is_running(broker.pid()));
    let (name, password) = (vhost.admin.name.clone(), vhost.admin.password.clone());
    drop(vhost);
    let gone = http::call("GET", broker.management, "/api/overview", Some((&name, &password)), "").unwrap();
    assert_eq!(gone.status, 401);
}

#[test]
fn routes_of_a_web_server_can_change_and_requests_are_recorded() {
    let web = Web::start();
    web.route("/readyz", Reply::ok("starting").header("X-Board", "7"));
    web.sequence("/flaky", [Reply::status(503), Reply::status(503), Reply::ok("fine")]);
    let get = |path: &str| http::call("GET", web.port(), path, Some(("bob", "pw")), "").unwrap();
    assert_eq!(get("/readyz?full=1").body, "starting");
    web.route("/readyz", Reply::ok("ready"));
    assert_eq!(get("/readyz").body, "ready");
    assert_eq!([(); 4].map(|()| get("/flaky").status), [503, 503, 200, 200]);
    assert_eq!(http::call("POST", web.port(), "/none", None, "hello").unwrap().status, 404);
    let (first, last) = (&web.requests()[0], &web.requests()[6]);
    assert_eq!((&*first.target, &*first.headers["authorization"]), ("/readyz?full=1", "Basic Ym9iOnB3"));
    assert_eq!((&*last.method, &*last.body), ("POST", "hello"));
}

#[test]
fn a_tls_web_server_is_trusted_only_with_its_own_authority() {
    let certs = Certs::shared();
    let web = Web::start_tls(&certs.server);
    web.route("/healthz", Reply::ok("ok"));
    let get = |ca: &str| {
        let ca = reqwest::Certificate::from_pem(ca.as_bytes()).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { client.get(web.url("/healthz")).send().await?.text().await })
    };
    assert_eq!(get(&certs.ca).unwrap(), "ok");
    assert!(get(&certs.other_ca).is_err());
}

#[test]
fn a_silent_server_accepts_connections_and_a_refused_port_does_not() {
    let silent = SilentServer::start();
    let port = silent.port();
    assert!(ports::is_open(port));
    wait::until("the connection to be accepted", || (silent.accepted() == 1).then_some(()));
    drop(silent);
    // A child process of another test keeps the inherited socket open until it executes its program.
    wait::until("the port to be closed", || (!ports::is_open(port)).then_some(()));
    assert!(!ports::is_open(ports::refused_port()));
}
