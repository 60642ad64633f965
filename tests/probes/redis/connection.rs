//! The connection: credentials, permissions, addresses and TLS.

use serde_json::json;

use super::*;
use crate::support::certs::Certs;
use crate::support::need;
use crate::support::ports::refused_port;
use crate::support::redis::SERVER;
use crate::support::web::{Reply, SilentServer, Web};

#[test]
fn refused_credentials_have_their_own_messages() {
    need!(SERVER);
    let server = well_configured().password("s3cret").acl_user("app", "app-pw", "+@all").start();
    let prefix = format!("? Redis at 127.0.0.1:{} | accepts user ", server.port());
    let none = run_probe(&full_spec(&server));
    assert_error(
        &none,
        &[&format!("{prefix}`default` | the server requires credentials, but none are configured (NOAUTH ")],
    );
    let wrong = plus(&full_spec(&server), &json!({"password": secret("not it")}));
    let refused = "credentials refused: wrong password, unknown user, or disabled user";
    assert_error(&run_probe(&wrong), &[&format!("{prefix}`default` | {refused}: `default` (WRONGPASS)")]);
    let user = plus(&wrong, &json!({"username": "app"}));
    assert_error(&run_probe(&user), &[&format!("{prefix}`app` | {refused}: `app` (WRONGPASS)")]);
    assert_pass(&run_probe(&plus(&user, &json!({"password": secret("app-pw")}))), &["| PONG | PONG"]);
    let unread = run_probe(&plus(&full_spec(&server), &json!({"password": {"env": "GONOGO_NO_SUCH"}})));
    assert_error(&unread, &["| a password | environment variable GONOGO_NO_SUCH is not set"]);
}

#[test]
fn a_server_without_a_password_fails_if_one_is_configured() {
    need!(SERVER);
    let server = well_configured().start();
    let outcome = run_probe(&plus(&full_spec(&server), &json!({"password": secret("s3cret")})));
    assert_fail(
        &outcome,
        &[
            "✗ password of user `default` | required | no password required: anonymous access",
            "✓ persistence | ",
        ],
    );
}

#[test]
fn what_an_acl_forbids_is_an_error() {
    need!(SERVER);
    let acl = "+ping +info +latency|latest +pubsub|numsub &*";
    let start = |aof| well_configured().appendonly(aof).acl_user("probe", "probe-pw", acl).start();
    let user = json!({"username": "probe", "password": secret("probe-pw")});
    let server = start(true);
    let outcome = run_probe(&plus(&full_spec(&server), &user));
    assert_error(
        &outcome,
        &[
            "✓ persistence | AOF or RDB on | AOF on\n✓ AOF last write",
            "? latency-monitor-threshold | 1 to 100 ms | permission denied (NOPERM ",
            "? latest latency spikes | none above 100 ms | none; but whether the latency monitor is on cannot be read: ",
        ],
    );
    let server = start(false);
    let outcome = run_probe(&plus(&plus(&connection_spec(&server), &user), &json!({"persistence": true})));
    assert_error(
        &outcome,
        &["? persistence | AOF or RDB on | AOF off; whether RDB is on cannot be read: permission denied "],
    );
    let without_ping = well_configured().acl_user("probe", "probe-pw", "-@all +info +config|get").start();
    let outcome =
        run_probe(&plus(&plus(&connection_spec(&without_ping), &user), &json!({"persistence": true})));
    assert_pass(&outcome, &["| recorded | connected; PING is not permitted", "| AOF on, RDB on"]);
    let outcome = run_probe(&plus(
        &plus(&connection_spec(&server), &user),
        &json!({"subscribers": [{"channel": CHANNEL}]}),
    ));
    assert_fail(&outcome, &["✗ subscribers of advanced:activity | at least 1 | 0"]);
}

/// Managed services rename commands, or have them removed.
#[test]
fn commands_that_a_service_has_removed_are_unknown() {
    need!(SERVER);
    let removed = well_configured().line("rename-command CONFIG \"\"").line("rename-command LATENCY \"\"");
    let outcome = run_probe(&full_spec(&removed.start()));
    assert_error(
        &outcome,
        &[
            "✓ persistence | AOF or RDB on | AOF on",
            "? latency-monitor-threshold | 1 to 100 ms | the server does not support this command (ERR unknown command 'CONFIG'",
            "? latest latency spikes | none above 100 ms | the server does not support this command (ERR unknown command 'LATENCY'",
        ],
    );
}

#[test]
fn unreachable_hosts_and_invalid_addresses_have_their_own_messages() {
    let port = refused_port();
    let refused = run_probe(&json!({"url": format!("redis://127.0.0.1:{port}")}));
    assert_error(
        &refused,
        &[&format!("a connection | 127.0.0.1:{port} refuses connections: nothing listens on that port")],
    );
    let unknown_host = describe(&run_probe(&json!({"url": "redis://no-such-host.invalid"})));
    assert!(
        ["no such host: no-", "cannot resolve host no-"].iter().any(|why| unknown_host.contains(why)),
        "{unknown_host}"
    );
    let silent = SilentServer::start();
    let with = json!({"url": format!("redis://127.0.0.1:{}", silent.port()), "persistence": true});
    assert_error(
        &run_probe_within(SHORT, "redis", &with),
        &["| no response within 700 ms (response to PING)"],
    );
    let credentials = run_probe(&json!({"url": "redis://:hunter22@127.0.0.1"}));
    assert_error(
        &credentials,
        &["? Redis address | redis://… or rediss://… | the address contains a user or a password"],
    );
    assert!(!format!("{credentials:?}").contains("hunter22"));
}

#[test]
fn an_http_server_is_recognized() {
    let web = Web::start();
    web.route("/", Reply::ok(""));
    let outcome = run_probe_within(
        Duration::from_secs(2),
        "redis",
        &json!({"url": format!("redis://127.0.0.1:{}", web.port())}),
    );
    assert_error(&outcome, &["| this is not a Redis server: an HTTP server responds here"]);
}

#[test]
fn certificates_are_verified_against_the_configured_roots() {
    need!(SERVER);
    let certs = Certs::shared();
    let server = well_configured().tls().start();
    let (trusted, wrong) = (roots(&certs.ca), roots(&certs.other_ca));
    let url = |scheme: &str, server: &RedisServer| format!("{scheme}://127.0.0.1:{}", server.port());
    let with = |roots: &NamedTempFile| json!({"url": url("rediss", &server), "tls": {"roots": roots.path()}});
    assert_pass(&run_probe(&with(&trusted)), &["| PONG | PONG"]);
    let line =
        format!("certificate not trusted: not signed by a root certificate in {}", wrong.path().display());
    assert_error(&run_probe(&with(&wrong)), &[&line]);
    let plain_to_tls = run_probe(&json!({"url": url("redis", &server)}));
    assert_error(&plain_to_tls, &["TLS", "rediss://"]);
    let plain = well_configured().start();
    let tls_to_plain = json!({"url": url("rediss", &plain), "tls": {"roots": trusted.path()}});
    assert_error(&run_probe_within(Duration::from_secs(1), "redis", &tls_to_plain), &["TLS"]);
}
