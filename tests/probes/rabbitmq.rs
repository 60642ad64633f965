use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::DirEntry;
use std::process::Command;

use serde_json::{Value, json};

use gonogo_core::outcome::Outcome;

use super::*;
use crate::bench::certs::Certs;
use crate::bench::ports::refused_port;
use crate::bench::rabbitmq::{Broker, SERVER, User, Vhost};
use crate::bench::topology::Topology;
use crate::bench::web::{Reply, Silent, Web};
use crate::bench::{need, wait};

const EVENTS: &str = "advanced.board.events";

#[track_caller]
pub(super) fn look(with: &Value) -> Outcome {
    look_within(DEADLINE, "rabbitmq", with)
}

pub(super) fn vhost(topology: &Topology) -> Vhost {
    let vhost = Broker::shared().vhost();
    vhost.declare(topology);
    vhost
}

/// Where the broker is, and a user of the virtual host.
pub(super) fn at(vhost: &Vhost, user: &User) -> Value {
    json!({
        "url": format!("amqp://127.0.0.1:{}", vhost.broker().amqp),
        "vhost": vhost.name,
        "username": user.name,
        "password": secret(&user.password),
        "management": vhost.management_url(),
    })
}

/// The topology as the standard checklist asks for it.
pub(super) fn topology(vhost: &Vhost) -> Value {
    let names = ["", ".retry", ".dlq"]
        .map(|suffix| (format!("{EVENTS}{suffix}"), format!("boards.activity{suffix}")));
    let exchanges: Vec<_> =
        names.iter().map(|(name, _)| json!({"name": name, "type": "topic", "durable": true})).collect();
    let mut queues: Vec<_> = names.iter().map(|(name, _)| json!({"name": name, "durable": true})).collect();
    let retry = json!({
        "message_ttl_ms": 5000, "dead_letter_exchange": EVENTS, "dead_letter_routing_key": "boards.activity",
    });
    queues[1] = plus(&queues[1], &retry);
    let bindings: Vec<_> = names
        .iter()
        .map(|(name, key)| json!({"exchange": name, "queue": name, "routing_key": key}))
        .collect();
    let asked = json!({"exchanges": exchanges, "queues": queues, "bindings": bindings});
    plus(&at(vhost, &vhost.monitor), &asked)
}

/// Existence only: AMQP alone tells it.
fn existence(vhost: &Vhost, user: &User) -> Value {
    plus(&at(vhost, user), &json!({"exchanges": [{"name": EVENTS}], "queues": [{"name": EVENTS}]}))
}

/// The queues drained, as the standard checklist asks for it.
pub(super) fn drained(vhost: &Vhost) -> Value {
    let queue = |suffix| json!({"name": format!("{EVENTS}{suffix}"), "depth_at_most": 0});
    let primary = plus(&queue(""), &json!({"consumers_at_least": 1}));
    let queues = json!({"queues": [primary, queue(".retry"), queue(".dlq")]});
    plus(&at(vhost, &vhost.monitor), &queues)
}

#[test]
fn the_standard_topology_passes() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let outcome = look(&topology(&vhost));
    assert_pass(
        &outcome,
        &[
            &format!(
                "✓ RabbitMQ at 127.0.0.1:{} | accepts user `{}` on virtual host `{}` | accepted",
                vhost.broker().amqp,
                vhost.monitor.name,
                vhost.name
            ),
            &format!(
                "✓ management API at 127.0.0.1:{} | accepts user `{}` | accepted",
                vhost.broker().management,
                vhost.monitor.name
            ),
            "✓ exchange advanced.board.events | declared | declared\n✓ exchange advanced.board.events: type | topic | topic\n✓ exchange advanced.board.events: durable | true | true",
            "✓ queue advanced.board.events.retry: x-message-ttl | 5000 | 5000",
            "✓ queue advanced.board.events.retry: x-dead-letter-exchange | advanced.board.events | advanced.board.events",
            "✓ queue advanced.board.events.retry: x-dead-letter-routing-key | boards.activity | boards.activity",
            "✓ binding of advanced.board.events.dlq to advanced.board.events.dlq | routing key boards.activity.dlq | routing key boards.activity.dlq",
        ],
    );
    assert_eq!(outcome.evidence_hash(), look(&topology(&vhost)).evidence_hash());
    assert!(!serde_json::to_string(&outcome).unwrap().contains("p@ss"));
}

#[test]
fn every_wrong_thing_is_told_and_the_right_ones_too() {
    need!(SERVER);
    let wrong = Topology::standard()
        .exchange_type(EVENTS, "direct")
        .transient_queue(EVENTS)
        .retry_ttl(1)
        .dead_letter("elsewhere", "lost")
        .without_queue("advanced.board.events.dlq")
        .without_binding("advanced.board.events.retry");
    let outcome = look(&topology(&vhost(&wrong)));
    assert_fail(
        &outcome,
        &[
            "✓ exchange advanced.board.events | declared | declared\n✗ exchange advanced.board.events: type | topic | direct\n",
            "✓ queue advanced.board.events | declared | declared\n✗ queue advanced.board.events: durable | true | false\n",
            "✗ queue advanced.board.events.retry: x-message-ttl | 5000 | 1\n",
            "✗ queue advanced.board.events.retry: x-dead-letter-exchange | advanced.board.events | elsewhere\n",
            "✗ queue advanced.board.events.retry: x-dead-letter-routing-key | boards.activity | lost\n",
            "✗ queue advanced.board.events.dlq | declared | not declared\n",
            "✗ binding of advanced.board.events.retry to advanced.board.events.retry | routing key boards.activity.retry | not bound\n",
            "✗ binding of advanced.board.events.dlq to advanced.board.events.dlq | routing key boards.activity.dlq | not bound\n",
            "✓ binding of advanced.board.events to advanced.board.events | ",
        ],
    );
}

#[test]
fn each_wrong_thing_alone_is_a_fail() {
    need!(SERVER);
    let dlq = "advanced.board.events.dlq";
    for (wrong, line) in [
        (
            Topology::standard().without_exchange(dlq),
            "✗ exchange advanced.board.events.dlq | declared | not declared",
        ),
        (
            Topology::standard().without_queue(dlq),
            "✗ queue advanced.board.events.dlq | declared | not declared",
        ),
        (Topology::standard().without_binding(dlq), "| routing key boards.activity.dlq | not bound"),
        (
            Topology::standard().exchange_type(dlq, "fanout"),
            "✗ exchange advanced.board.events.dlq: type | topic | fanout",
        ),
        (
            Topology::standard().retry_ttl(4999),
            "✗ queue advanced.board.events.retry: x-message-ttl | 5000 | 4999",
        ),
        (Topology::standard().dead_letter(EVENTS, "x"), "x-dead-letter-routing-key | boards.activity | x"),
    ] {
        assert_fail(&look(&topology(&vhost(&wrong))), &[line]);
    }
}

#[test]
fn queues_are_drained_when_nothing_lies_in_them_and_someone_consumes() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let consumer = vhost.consume(EVENTS, 16);
    assert_pass(
        &look(&drained(&vhost)),
        &[
            "✓ queue advanced.board.events: ready messages | 0 | 0",
            "✓ queue advanced.board.events: unacknowledged messages | 0 | 0",
            "✓ queue advanced.board.events: consumers | at least 1 | 1",
            "✓ queue advanced.board.events.dlq: ready messages | 0 | 0",
        ],
    );
    drop(consumer);
    wait::until("the consumer to be gone", || (vhost.depth(EVENTS).1 == 0).then_some(()));
    assert_fail(&look(&drained(&vhost)), &["✗ queue advanced.board.events: consumers | at least 1 | 0"]);
}

#[test]
fn a_poison_message_is_seen_ready_or_taken() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    vhost.publish("advanced.board.events.dlq", "poison");
    assert_fail(&look(&drained(&vhost)), &["✗ queue advanced.board.events.dlq: ready messages | 0 | 1"]);
    vhost.publish(EVENTS, "taken");
    let _consumer = vhost.consume(EVENTS, 16);
    wait::until("the API to count it", || {
        (vhost.queue(EVENTS)["messages_unacknowledged"] == 1).then_some(())
    });
    assert_fail(
        &look(&drained(&vhost)),
        &[
            "✓ queue advanced.board.events: ready messages | 0 | 0",
            "✗ queue advanced.board.events: unacknowledged messages | 0 | 1",
        ],
    );
}

#[test]
fn a_limit_above_none_counts_both_kinds_of_messages() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    for body in ["a", "b", "c"] {
        vhost.publish(EVENTS, body);
    }
    let _consumer = vhost.consume(EVENTS, 2);
    wait::until("the API to count them", || {
        (vhost.queue(EVENTS)["messages_unacknowledged"] == 2).then_some(())
    });
    let at_most = |n: u64| {
        plus(&at(&vhost, &vhost.monitor), &json!({"queues": [{"name": EVENTS, "depth_at_most": n}]}))
    };
    let lines = |mark, n| {
        format!(
            "✓ queue advanced.board.events: ready messages | at most {n} | 1\n\
             {mark} queue advanced.board.events: unacknowledged messages | at most {n} | 2 (3 with the ready ones)"
        )
    };
    assert_pass(&look(&at_most(3)), &[&lines('✓', 3)]);
    assert_fail(&look(&at_most(2)), &[&lines('✗', 2)]);
}

#[test]
fn refused_credentials_and_virtual_hosts_are_told_apart() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let with = existence(&vhost, &vhost.plain);
    let user = &vhost.plain.name;
    assert_pass(&look(&with), &["✓ queue advanced.board.events | declared | declared"]);
    let wrong = look(&plus(&with, &json!({"password": secret("not it")})));
    assert_error(
        &wrong,
        &[&format!("| credentials refused for user `{user}` (ACCESS_REFUSED - Login was refused")],
    );
    let elsewhere = look(&plus(&with, &json!({"vhost": "no/such"})));
    assert_error(
        &elsewhere,
        &[&format!("| virtual host `no/such` is not open to user `{user}` (NOT_ALLOWED - ")],
    );
    let unread = look(&plus(&with, &json!({"password": {"env": "GONOGO_NO_SUCH"}})));
    assert_error(&unread, &["| readable | environment variable GONOGO_NO_SUCH is not set"]);
}

#[test]
fn a_management_api_that_refuses_is_no_pass() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let all = topology(&vhost);
    let plain = json!({"username": vhost.plain.name, "password": secret(&vhost.plain.password)});
    let line = format!("user `{}` may not see this (401: ", vhost.plain.name);
    assert_error(&look(&plus(&all, &plain)), &["✓ queue advanced.board.events | declared | declared", &line]);
    let nowhere = json!({"management": format!("http://127.0.0.1:{}", refused_port())});
    assert_error(&look(&plus(&all, &nowhere)), &["? management API at 127.0.0.1:", "refuses connections"]);
    let none = json!({"management": null});
    assert_error(
        &look(&plus(&all, &none)),
        &["? management API | accepts user ", "| no address is given, and only the management API "],
    );
    let web = Web::start();
    web.route("/api/whoami", Reply::ok("<html>"));
    assert_error(
        &look(&plus(&all, &json!({"management": web.url("")}))),
        &["| the answer is not JSON: <html>"],
    );
    let other = json!({"management": web.url("/elsewhere")});
    assert_error(&look(&plus(&all, &other)), &["| there is no management API at 127.0.0.1:"]);
}

#[test]
fn what_a_user_may_not_see_is_an_error() {
    need!(SERVER);
    let (vhost, other) = (vhost(&Topology::standard()), Broker::shared().vhost());
    let with = plus(
        &topology(&vhost),
        &json!({
            "username": other.monitor.name, "password": secret(&other.monitor.password),
        }),
    );
    assert_error(
        &look(&with),
        &["| virtual host `", "? queue advanced.board.events: durable | true | user `"],
    );
}

#[test]
fn a_wrong_management_password_is_told_once() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let outcome = look(&plus(&topology(&vhost), &json!({"password": secret("wrong one")})));
    assert_error(&outcome, &["| credentials refused for user `"]);
    assert_eq!(told(&outcome).lines().count(), 3, "{}", told(&outcome));
}

#[test]
fn a_server_that_cannot_be_asked_is_told_apart() {
    let with = |url: String| json!({"url": url, "username": "u", "password": secret("pw12"), "queues": [{"name": "q"}]});
    let port = refused_port();
    let refused = look(&with(format!("amqp://127.0.0.1:{port}")));
    assert_error(&refused, &[&format!("| 127.0.0.1:{port} refuses connections: nothing listens there")]);
    let nowhere = told(&look(&with("amqp://no-such-host.invalid".into())));
    assert!(
        ["no such host: no-", "cannot resolve host no-"].iter().any(|why| nowhere.contains(why)),
        "{nowhere}"
    );
    let web = Web::start();
    let http =
        look_within(Duration::from_secs(3), "rabbitmq", &with(format!("amqp://127.0.0.1:{}", web.port())));
    assert_error(&http, &["AMQP"]);
    let credentials = look(&with("amqp://u:hunter22@127.0.0.1".into()));
    assert_error(&credentials, &["? AMQP address | an address | the address holds a user or a password"]);
    assert!(!format!("{credentials:?}").contains("hunter22"));
    let long = plus(&with(format!("amqp://127.0.0.1:{port}")), &json!({"vhost": "v".repeat(256)}));
    assert_error(&look(&long), &["| the name is longer than AMQP allows (255 bytes)"]);
}

#[test]
fn what_is_in_force_is_judged_whoever_has_set_it() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    vhost.set_policy("cap", "events$", &json!({"message-ttl": 1, "max-length": 1}));
    let dropped = "x-message-ttl 1 (policy cap), x-max-length 1 (policy cap): the broker drops messages";
    let outcome = look(&topology(&vhost));
    assert_fail(&outcome, &[&format!("✗ queue {EVENTS}: other limits | none | {dropped}")]);
    let mut meant = topology(&vhost);
    meant["queues"][0]["limits"] = json!("recorded");
    assert_pass(&look(&meant), &["other limits | recorded | x-message-ttl 1 (policy cap)"]);
    vhost.set_policy("cap", "retry$", &json!({"message-ttl": 100}));
    let lower = "100 (policy cap); the argument is 5000";
    assert_fail(
        &look(&topology(&vhost)),
        &[&format!("✗ queue {EVENTS}.retry: x-message-ttl | 5000 | {lower}")],
    );
}

#[test]
fn a_binding_that_brings_other_events_is_wrong() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    vhost.bind(EVENTS, EVENTS, "boards.archive");
    let recorded = format!("✓ other bindings of queue {EVENTS} | recorded | {EVENTS} (boards.archive)");
    assert_pass(&look(&topology(&vhost)), &[&recorded]);
    vhost.bind(EVENTS, "advanced.board.events.dlq", "boards.#");
    let wrong =
        format!("other bindings of queue {EVENTS}.dlq | none that brings other events | {EVENTS} (boards.#)");
    assert_fail(&look(&topology(&vhost)), &[&wrong]);
}

#[test]
fn two_virtual_hosts_contradict_each_other() {
    let with = |path: &str| {
        let url = format!("amqp://127.0.0.1:{}/{path}", refused_port());
        json!({"url": url, "vhost": "a/b", "username": "u", "password": secret("pw12")})
    };
    assert_error(
        &look(&with("prod")),
        &["? AMQP address | an address | the address names virtual host `prod`, and `vhost` is `a/b`"],
    );
    for same in ["", "a%2Fb", "a%2fb"] {
        assert_error(&look(&with(same)), &["refuses connections"]);
    }
}

/// A management API that knows this queue, and this answer about alarms.
fn managed(queue: &str, alarms: Reply) -> (Web, Value) {
    let web = Web::start();
    web.route("/api/whoami", Reply::ok(r#"{"name": "u"}"#));
    web.route("/api/queues/%2F/q", Reply::ok(queue));
    web.route("/api/overview", Reply::ok(r#"{"disable_stats": true}"#));
    web.route("/api/health/checks/alarms", alarms);
    let with = json!({
        "url": format!("amqp://127.0.0.1:{}", refused_port()), "username": "u", "password": secret("pw12"),
        "management": web.url(""), "queues": [{"name": "q", "depth_at_most": 0}],
    });
    (web, with)
}

#[test]
fn an_alarm_blocks_publishers() {
    let queue = r#"{"messages_unacknowledged": 0}"#;
    let alarms = r#"{"status": "failed", "alarms": [{"node": "rabbit@b1", "resource": "memory"}]}"#;
    let (_web, with) = managed(queue, Reply::status(503).body(alarms));
    assert_fail(&look(&with), &["✗ broker alarms | none | memory on rabbit@b1: publishers are blocked"]);
    let (web, with) = managed(queue, Reply::status(404));
    assert_error(&look(&with), &["✓ broker alarms | recorded | not checked: it needs RabbitMQ 3.8.10"]);
    let nodes = r#"[{"name": "rabbit@b1", "mem_alarm": false, "disk_free_alarm": true}]"#;
    web.route("/api/nodes", Reply::ok(nodes));
    assert_fail(&look(&with), &["✗ broker alarms | none | disk on rabbit@b1: publishers are blocked"]);
}

#[test]
fn statistics_that_are_off_are_not_waited_for() {
    let (web, with) = managed("{}", Reply::ok(r#"{"status": "ok"}"#));
    let outcome = look(&with);
    let line = "? queue q: unacknowledged messages | 0 | the broker's statistics are turned off";
    assert_error(&outcome, &[line]);
    let asked = web.requests().iter().filter(|request| request.target == "/api/queues/%2F/q").count();
    assert_eq!(asked, 1);
}

/// The ids of the AMQP client's threads in this process.
fn threads() -> BTreeSet<OsString> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let is_client = |task: &DirEntry| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("lapin-io"))
    };
    tasks.filter(is_client).map(|task| task.file_name()).collect()
}

#[test]
fn silence_ends_at_the_deadline_and_leaves_no_thread() {
    let silent = Silent::start();
    let with = json!({
        "url": format!("amqp://127.0.0.1:{}", silent.port()), "username": "u", "password": secret("pw12"),
        "queues": [{"name": "q"}],
    });
    let outcome = look_within(SHORT, "rabbitmq", &with);
    let after = threads();
    assert_error(&outcome, &["| no answer within 700 ms (AMQP handshake)"]);
    // Those of other tests may be among them: they go as well, in their own time.
    wait::until("the client's thread to end", || after.is_disjoint(&threads()).then_some(()));
}

#[test]
fn a_look_that_is_cancelled_leaves_neither_connection_nor_thread() {
    let silent = Silent::start();
    let spec = spec(
        "rabbitmq",
        &json!({
            "url": format!("amqp://127.0.0.1:{}", silent.port()), "username": "u", "password": secret("pw12"),
        }),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let look = runtime.spawn(async move {
        probes::run(&spec, DEADLINE, &SecretStore::new(Permit::for_tests()), &ProbeContext::default()).await
    });
    wait::until("the handshake to begin", || (silent.accepted() == 1 && !threads().is_empty()).then_some(()));
    let during = threads();
    look.abort();
    wait::until("the client's thread to end", || during.is_disjoint(&threads()).then_some(()));
}

#[test]
fn tls_is_judged_by_the_roots_that_are_named() {
    need!(SERVER);
    let (certs, vhost) = (Certs::shared(), vhost(&Topology::standard()));
    let (right, wrong) = (roots(&certs.ca), roots(&certs.other_ca));
    let broker = vhost.broker();
    let secure = |roots: &NamedTempFile| {
        json!({
            "url": format!("amqps://127.0.0.1:{}", broker.amqps),
            "management": format!("https://localhost:{}", broker.management_tls),
            "tls": {"roots": roots.path()},
        })
    };
    assert_pass(&look(&plus(&topology(&vhost), &secure(&right))), &["✓ management API at localhost:"]);
    let line =
        format!("| certificate not trusted: no root certificate in {} has signed it", wrong.path().display());
    let outcome = look(&plus(&topology(&vhost), &secure(&wrong)));
    assert_error(&outcome, &[&line]);
    assert_eq!(told(&outcome).matches(&line).count(), 2);
    let swapped = |scheme: &str, port| json!({"url": format!("{scheme}://127.0.0.1:{port}"), "tls": {"roots": right.path()}});
    let existence = existence(&vhost, &vhost.plain);
    let outcome = look(&plus(&existence, &swapped("amqp", broker.amqps)));
    assert_error(&outcome, &["a TLS server answers here; ask for it with amqps://"]);
    let outcome = look(&plus(&existence, &swapped("amqps", broker.amqp)));
    assert_error(&outcome, &["| this is not a TLS server: it answers something else"]);
}

#[test]
fn the_command_to_type_works_and_holds_no_password() {
    need!(SERVER, "curl");
    let vhost = vhost(&Topology::standard());
    let with = plus(&topology(&vhost), &json!({"password": {"env": "RABBIT_PW"}}));
    let command = look(&with).reproduce;
    assert!(command.starts_with("curl -sS -u ") && command.contains("\"$RABBIT_PW\""), "{command}");
    let output = Command::new("sh").args(["-c", &command]).env("RABBIT_PW", &vhost.monitor.password).output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(said.contains("x-dead-letter-exchange"), "{command}\n{said}");
    let without = plus(&existence(&vhost, &vhost.plain), &json!({"management": null}));
    let command = look(&without).reproduce;
    assert_eq!(command, format!("rabbitmqctl -p {} list_queues name messages_ready consumers", vhost.name));
}
