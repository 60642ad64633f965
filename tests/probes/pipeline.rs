use gonogo_core::outcome::Outcome;
use gonogo_rehearsal::servers::app::{AppFaults, WorkerFaults};
use serde_json::{Value, json};

use super::*;
use crate::support::need;
use crate::support::ports::refused_port;
use crate::support::proxies::{Proxy, REVERSE};
use crate::support::rabbitmq::SERVER as BROKER;
use crate::support::redis::SERVER as REDIS;
use crate::support::stack::{PASSWORD, Stack, TOKEN};
use crate::support::topology::Topology;
use crate::support::web::{Reply, SilentServer, Web};

/// The deadline for events that never arrive: the probe takes this long.
const WAIT: Duration = Duration::from_millis(1500);

pub(super) fn app_spec(stack: &Stack) -> Value {
    json!({"api": {"url": stack.app.url()}, "token": secret(TOKEN)})
}

/// The same, with observers at both brokers on the way.
fn spec_with_taps(stack: &Stack) -> Value {
    let broker = plus(&stack.broker(), &json!({"password": secret(&stack.vhost.admin.password)}));
    let redis =
        json!({"url": format!("redis://127.0.0.1:{}/0", stack.redis.port()), "password": secret(PASSWORD)});
    let taps = json!({
        "exchange": {"at": broker, "name": "advanced.board.events", "routing_key": "boards.activity"},
        "channel": {"at": redis, "name": "advanced:activity"},
    });
    plus(&app_spec(stack), &taps)
}

#[track_caller]
fn run_probe(with: &Value) -> Outcome {
    run_probe_within(DEADLINE, "pipeline", with)
}

#[test]
fn an_event_is_followed_through_every_hop() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let outcome = run_probe(&spec_with_taps(&stack));
    assert_pass(
        &outcome,
        &[
            "✓ event stream /sse/activity | open | open",
            "✓ WebSocket opened | open | after ",
            "✓ event sent | accepted | accepted",
            "✓ event at the exchange | received | after ",
            "✓ event at the Redis channel | received | after ",
            "✓ event received over server-sent events | received, matched by id | after ",
            "✓ deliveries of each event | 1 | 1 (1 event, watched for up to ",
        ],
    );
    assert_ne!(
        describe(&run_probe(&app_spec(&stack))),
        describe(&outcome),
        "each canary has an id of its own"
    );
    assert_eq!(stack.vhost.depth("advanced.board.events"), (0, 1));
    let (_file, token) = secret_file(TOKEN);
    let outcome = run_probe(&plus(&app_spec(&stack), &json!({"token": token})));
    // Its command sends an event of its own, which comes back.
    assert!(by_hand(&outcome).contains("gonogo-by-hand"), "{}", outcome.reproduce);
}

/// An event that was published twice is delivered once, since the worker recognizes it.
#[test]
fn duplicate_deliveries_are_counted_at_each_place() {
    need!(REDIS, BROKER);
    let mut stack = Stack::start();
    let spec = plus(&spec_with_taps(&stack), &json!({"samples": 2}));
    stack.app.set_faults(|faults| faults.publishes_twice = true);
    assert_pass(&run_probe(&spec), &["✓ deliveries of each event | 1 | 1 (2 events, watched for up to "]);
    stack.run_faulty_worker(WorkerFaults { passes_duplicates: true, ..WorkerFaults::default() });
    // The first event is watched while the second one is on its way.
    let line = "✗ deliveries of each event | 1 | 2 over server-sent events, 2 at the exchange, 2 at the Redis channel: ";
    assert_fail(&run_probe(&spec), &["✓ event received over server-sent events", line]);
    stack.run_worker(false);
    stack.run_worker(true);
    stack.app.set_faults(|faults| {
        *faults = AppFaults { sends_events_twice: true, ..AppFaults::default() };
    });
    let line = "| 2 over server-sent events, 1 at the exchange, 1 at the Redis channel: ";
    assert_fail(&run_probe(&spec), &[line]);
}

/// Pub/sub reaches every database: only the worker's key shows which one it uses.
#[test]
fn the_database_of_the_worker_must_be_the_one_that_is_checked() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let prefix = json!({"idempotency_prefix": "advanced:idempotency:"});
    let spec = plus(&spec_with_taps(&stack), &prefix);
    assert_pass(&run_probe(&spec), &["✓ idempotency key of each event | in database 0 | present (1 event)"]);
    let mut other = spec.clone();
    other["channel"]["at"]["url"] = json!(format!("redis://127.0.0.1:{}/2", stack.redis.port()));
    let line =
        "✗ idempotency key of each event | in database 2 | in database 0: the application does not use";
    let elsewhere = run_probe(&other);
    assert_fail(&elsewhere, &["✓ event at the Redis channel | received", line]);
    let listed = "-n 2 --scan --pattern 'advanced:idempotency:*'";
    assert!(elsewhere.reproduce.contains(listed), "{}", elsewhere.reproduce);
    let mut other = spec.clone();
    other["idempotency_prefix"] = json!("others:");
    assert_fail(&run_probe(&other), &["✗ idempotency key of each event | in database 0 | not there: "]);
    let acl = ["ACL", "SETUSER", "reader", "on", ">reader-pw", "-@all", "+ping", "+psubscribe", "&*"];
    assert_eq!(stack.redis.cli(&acl), "OK");
    let mut limited = spec;
    limited["channel"]["at"]["username"] = json!("reader");
    limited["channel"]["at"]["password"] = secret("reader-pw");
    let line = "✓ idempotency key of each event | recorded | not checked: needs the command EXISTS for ";
    assert_pass(&run_probe(&limited), &[line]);
}

#[test]
fn the_hop_that_loses_the_event_is_named() {
    need!(REDIS, BROKER);
    let mut stack = Stack::start();
    stack.run_worker(false);
    let without_worker = run_probe_within(WAIT, "pipeline", &spec_with_taps(&stack));
    assert_fail(
        &without_worker,
        &[
            "✓ event at the exchange | received | after ",
            "✗ event at the Redis channel | received | not within ",
            "✗ event received over server-sent events | received, matched by id | not within ",
        ],
    );
    stack.run_worker(true);
    stack.app.set_faults(|faults| faults.only_heartbeats = true);
    let silent = run_probe_within(WAIT, "pipeline", &spec_with_taps(&stack));
    assert_fail(
        &silent,
        &[
            "✓ event at the Redis channel | received | after ",
            "✗ event received over server-sent events | received, matched by id | not within ",
            " heartbeats and 0 other events",
        ],
    );
    stack.app.set_faults(|faults| {
        *faults = AppFaults { event_bus_down: true, ..AppFaults::default() };
    });
    assert_fail(
        &run_probe(&spec_with_taps(&stack)),
        &["✗ event sent | accepted | refused: event_bus_failure"],
    );
}

#[test]
fn events_of_other_clients_do_not_count() {
    need!(REDIS, BROKER);
    let mut stack = Stack::start();
    stack.run_worker(false);
    let foreign = json!({"correlation_id": "somebody-else", "action": "move"}).to_string();
    stack.redis.cli(&["PUBLISH", "advanced:activity", &foreign]);
    let outcome = run_probe_within(WAIT, "pipeline", &app_spec(&stack));
    assert_fail(&outcome, &["✗ event received over server-sent events"]);
}

#[test]
fn refused_credentials_and_unreachable_servers_are_errors() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let refused = run_probe(&plus(&app_spec(&stack), &json!({"token": secret("the-token-of-yesterday")})));
    assert_error(
        &refused,
        &[
            "? event stream /sse/activity | open | the token was refused (401)",
            "? WebSocket opened | open | refused because of the token, the origin or the connection limit (403)",
        ],
    );
    assert!(by_hand(&refused).starts_with("HTTP/1.1 401"), "{}", refused.reproduce);
    let mut other = spec_with_taps(&stack);
    other["exchange"]["name"] = json!("no.such.exchange");
    assert_error(
        &run_probe(&other),
        &["? event at the exchange | received | exchange no.such.exchange is not declared"],
    );
    let mut other = spec_with_taps(&stack);
    other["channel"]["at"]["password"] = secret("wrong-password");
    let no_login = run_probe(&other);
    assert_error(
        &no_login,
        &["? event at the Redis channel | received | ", "✓ event received over server-sent events"],
    );
    assert!(by_hand(&no_login).contains("WRONGPASS"), "{}", no_login.reproduce);
    let unreachable =
        json!({"api": {"url": format!("http://127.0.0.1:{}", refused_port())}, "token": secret(TOKEN)});
    assert_error(&run_probe(&unreachable), &["refuses connections"]);
    let silent = SilentServer::start();
    let with = json!({"api": {"url": format!("http://127.0.0.1:{}", silent.port())}, "token": secret(TOKEN)});
    assert_error(&run_probe_within(SHORT, "pipeline", &with), &["no response within 700 ms"]);
}

#[test]
fn an_html_page_is_not_an_event_stream() {
    let web = Web::start();
    web.route("/sse/activity", Reply::ok("<html>"));
    let with = json!({"api": {"url": web.url("")}, "token": secret(TOKEN)});
    let stream = "✗ event stream /sse/activity | open | HTTP 200: <html>";
    assert_fail(&run_probe(&with), &[stream, "✗ WebSocket opened | open | HTTP 404"]);
}

#[test]
fn a_stream_closed_by_the_application_fails() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    stack.app.set_faults(|faults| faults.ends_streams = true);
    let line = "✗ event received over server-sent events | received, matched by id | the application ended the stream";
    assert_fail(
        &run_probe(&spec_with_taps(&stack)),
        &["✓ event at the Redis channel | received | after ", line],
    );
}

#[test]
fn several_events_are_sent_and_one_through_the_public_url() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let public = stack.app.public_url();
    let outcome = run_probe(&plus(&spec_with_taps(&stack), &json!({"samples": 2, "public_url": public})));
    assert_pass(
        &outcome,
        &[
            "✓ event received over server-sent events | received, matched by id | after ",
            "✓ event 2 of 2 | received, matched by id | after ",
            &format!("✓ event through {public}, token in the query | received, matched by id | after "),
        ],
    );
    assert_eq!(outcome.effects.len(), 3, "{:?}", outcome.effects);
    // The same address with a trailing slash is no other way: one more event goes there.
    let same = plus(&app_spec(&stack), &json!({"public_url": format!("{}/", stack.app.url())}));
    assert_eq!(run_probe(&same).effects.len(), 2);
    // A proxy that drops the query string.
    let web = Web::start();
    web.route("/sse/activity", Reply::status(401));
    let outcome = run_probe(&plus(&spec_with_taps(&stack), &json!({"public_url": web.url("")})));
    let through = format!("event through {}, token in the query", web.url(""));
    let line = format!("? {through}: event stream /sse/activity | open | the token was refused (401)");
    assert!(
        describe(&outcome).contains("✓ event received over server-sent events"),
        "{}",
        describe(&outcome)
    );
    assert!(describe(&outcome).contains(&line), "{}", describe(&outcome));
}

#[test]
fn an_unbound_queue_loses_the_event_after_the_exchange() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    stack.vhost.delete_queue("advanced.board.events");
    stack.vhost.declare(&Topology::standard().without_binding("advanced.board.events"));
    let outcome = run_probe_within(WAIT, "pipeline", &spec_with_taps(&stack));
    assert_fail(&outcome, &["✓ event at the exchange", "✗ event received over server-sent events"]);
}

/// By default, nginx does not pass the upgrade on, and holds the event stream back.
#[test]
fn what_a_proxy_does_not_pass_on_is_named() {
    need!(REDIS, BROKER, REVERSE);
    let stack = Stack::start();
    let through = |deadline, directives: &str| {
        let proxy = Proxy::reverse(stack.app.port(), directives);
        let api = json!({"url": format!("http://127.0.0.1:{}", proxy.port())});
        run_probe_within(deadline, "pipeline", &plus(&app_spec(&stack), &json!({"api": api})))
    };
    let upgrade = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;";
    assert_pass(&through(DEADLINE, upgrade), &["received, matched by id | after "]);
    assert_fail(
        &through(DEADLINE, "proxy_buffering off;"),
        &[
            "✓ event stream /sse/activity | open | open",
            "✗ WebSocket opened | open | HTTP 400: ",
            "; perhaps a proxy does not pass the WebSocket upgrade on",
        ],
    );
    let held = "; perhaps a proxy buffers the event stream";
    assert_error(&through(WAIT, ""), &["? event stream /sse/activity | open | no response within ", held]);
    let no_token = format!("{upgrade} proxy_set_header Authorization \"\";");
    assert_error(
        &through(DEADLINE, &no_token),
        &["? event stream /sse/activity | open | the token was refused (401)"],
    );
}
