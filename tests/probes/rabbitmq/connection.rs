//! The AMQP connection: credentials, addresses, TLS and the deadline.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::DirEntry;

use serde_json::json;

use super::*;
use crate::support::certs::Certs;
use crate::support::ports::refused_port;
use crate::support::rabbitmq::SERVER;
use crate::support::web::{SilentServer, Web};
use crate::support::{need, wait};

#[test]
fn refused_credentials_and_unknown_virtual_hosts_have_their_own_messages() {
    need!(SERVER);
    let vhost = vhost(&Topology::standard());
    let with = existence_spec(&vhost, &vhost.plain);
    let user = &vhost.plain.name;
    assert_pass(&run_probe(&with), &["✓ queue advanced.board.events | declared | declared"]);
    let wrong = run_probe(&plus(&with, &json!({"password": secret("not it")})));
    assert_error(
        &wrong,
        &[&format!("| credentials refused for user `{user}` (ACCESS_REFUSED - Login was refused")],
    );
    let elsewhere = run_probe(&plus(&with, &json!({"vhost": "no/such"})));
    assert_error(
        &elsewhere,
        &[&format!("| no access to virtual host `no/such` for user `{user}` (NOT_ALLOWED - ")],
    );
    let unread = run_probe(&plus(&with, &json!({"password": {"env": "GONOGO_NO_SUCH"}})));
    assert_error(&unread, &["| readable | environment variable GONOGO_NO_SUCH is not set"]);
}

#[test]
fn unreachable_hosts_and_invalid_addresses_have_their_own_messages() {
    let with = |url: String| json!({"url": url, "username": "u", "password": secret("pw12"), "queues": [{"name": "q"}]});
    let port = refused_port();
    let refused = run_probe(&with(format!("amqp://127.0.0.1:{port}")));
    assert_error(
        &refused,
        &[&format!("| 127.0.0.1:{port} refuses connections: nothing listens on that port")],
    );
    assert!(
        by_hand(&refused).contains(&format!("Failed to connect to 127.0.0.1 port {port}")),
        "{}",
        refused.reproduce
    );
    let unknown_host = describe(&run_probe(&with("amqp://no-such-host.invalid".into())));
    assert!(
        ["no such host: no-", "cannot resolve host no-"].iter().any(|why| unknown_host.contains(why)),
        "{unknown_host}"
    );
    let web = Web::start();
    let http = run_probe_within(
        Duration::from_secs(3),
        "rabbitmq",
        &with(format!("amqp://127.0.0.1:{}", web.port())),
    );
    assert_error(&http, &["AMQP"]);
    let credentials = run_probe(&with("amqp://u:hunter22@127.0.0.1".into()));
    assert_error(&credentials, &["? AMQP address | an address | the address contains a user or a password"]);
    assert!(!format!("{credentials:?}").contains("hunter22"));
    let long = plus(&with(format!("amqp://127.0.0.1:{port}")), &json!({"vhost": "v".repeat(256)}));
    assert_error(&run_probe(&long), &["| the name is longer than AMQP allows (255 bytes)"]);
}

#[test]
fn conflicting_virtual_hosts_are_an_error() {
    let with = |path: &str| {
        let url = format!("amqp://127.0.0.1:{}/{path}", refused_port());
        json!({"url": url, "vhost": "a/b", "username": "u", "password": secret("pw12")})
    };
    assert_error(
        &run_probe(&with("prod")),
        &["? AMQP address | an address | the address names virtual host `prod`, and `vhost` is `a/b`"],
    );
    for same in ["", "a%2Fb", "a%2fb"] {
        assert_error(&run_probe(&with(same)), &["refuses connections"]);
    }
}

/// The ids of the threads of the AMQP client in this process.
fn client_threads() -> BTreeSet<OsString> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let is_client = |task: &DirEntry| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("lapin-io"))
    };
    tasks.filter(is_client).map(|task| task.file_name()).collect()
}

#[test]
fn a_timeout_is_an_error_and_leaves_no_thread() {
    let silent = SilentServer::start();
    let with = json!({
        "url": format!("amqp://127.0.0.1:{}", silent.port()), "username": "u", "password": secret("pw12"),
        "queues": [{"name": "q"}],
    });
    let outcome = run_probe_within(SHORT, "rabbitmq", &with);
    let after = client_threads();
    assert_error(&outcome, &["| no response within 700 ms (AMQP handshake)"]);
    // Threads of other tests may be among them; they end too.
    wait::until("the thread of the client ends", || after.is_disjoint(&client_threads()).then_some(()));
}

#[test]
fn a_cancelled_probe_leaves_no_connection_and_no_thread() {
    let silent = SilentServer::start();
    let spec = spec(
        "rabbitmq",
        &json!({
            "url": format!("amqp://127.0.0.1:{}", silent.port()), "username": "u", "password": secret("pw12"),
        }),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let probe = runtime.spawn(async move {
        probes::run(&spec, DEADLINE, &SecretStore::new(Permit::for_tests()), &ProbeContext::default()).await
    });
    wait::until("the handshake begins", || {
        (silent.accepted() == 1 && !client_threads().is_empty()).then_some(())
    });
    let during = client_threads();
    probe.abort();
    wait::until("the thread of the client ends", || during.is_disjoint(&client_threads()).then_some(()));
}

#[test]
fn certificates_are_verified_against_the_configured_roots() {
    need!(SERVER);
    let (certs, vhost) = (Certs::shared(), vhost(&Topology::standard()));
    let (trusted, wrong) = (roots(&certs.ca), roots(&certs.other_ca));
    let broker = vhost.broker();
    let secure = |roots: &NamedTempFile| {
        json!({
            "url": format!("amqps://127.0.0.1:{}", broker.amqps),
            "management": format!("https://localhost:{}", broker.management_tls),
            "tls": {"roots": roots.path()},
        })
    };
    assert_pass(
        &run_probe(&plus(&topology_spec(&vhost), &secure(&trusted))),
        &["✓ management API at localhost:"],
    );
    let line =
        format!("| certificate not trusted: not signed by a root certificate in {}", wrong.path().display());
    let outcome = run_probe(&plus(&topology_spec(&vhost), &secure(&wrong)));
    assert_error(&outcome, &[&line]);
    assert_eq!(describe(&outcome).matches(&line).count(), 2);
    let swapped = |scheme: &str, port| json!({"url": format!("{scheme}://127.0.0.1:{port}"), "tls": {"roots": trusted.path()}});
    let existence = existence_spec(&vhost, &vhost.plain);
    let outcome = run_probe(&plus(&existence, &swapped("amqp", broker.amqps)));
    assert_error(&outcome, &["a TLS server responds here; use amqps://"]);
    let outcome = run_probe(&plus(&existence, &swapped("amqps", broker.amqp)));
    assert_error(&outcome, &["| this is not a TLS server: its response is not TLS"]);
}
