use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use gonogo_core::outcome::Outcome;

use super::*;
use crate::support::certs::{Certs, ServerCert};
use crate::support::ports::{local, refused_port};
use crate::support::web::{Reply, SilentServer, Web};

#[track_caller]
fn run_probe(with: &Value) -> Outcome {
    run_probe_within(DEADLINE, "http", with)
}

fn web(path: &str, reply: Reply) -> (Web, String) {
    let web = Web::start();
    web.route(path, reply);
    let url = web.url(path);
    (web, url)
}

#[test]
fn a_response_that_meets_all_checks_passes() {
    let reply = Reply::ok(r#"{"status":"ready","event_pipeline_ready":true,"workers":3}"#)
        .header("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
        .header("Content-Type", "application/json");
    let (_web, url) = web("/readyz", reply);
    let outcome = run_probe(&json!({
        "url": url,
        "header": [
            {"name": "content-type", "equals": "application/json"},
            {"name": "strict-transport-security", "directive": "Max-Age", "at_least": 31_536_000},
            {"name": "strict-transport-security", "contains": "includeSubDomains"},
            {"name": "content-length"},
        ],
        "body": [{"contains": "ready"}],
        "json": [
            {"path": "$.event_pipeline_ready", "equals": true},
            {"path": "$.workers", "at_least": 2},
            {"path": "$.status"},
        ],
    }));
    assert_pass(
        &outcome,
        &[
            &format!("✓ GET {url} | 200 | 200\n✓ response time | recorded | "),
            "✓ header content-type | `application/json` | application/json",
            "✓ header strict-transport-security | Max-Age at least 31536000 | max-age=63072000; includeSubDomains",
            "✓ header strict-transport-security | contains `includeSubDomains` | max-age=63072000; includeSubDomains",
            "✓ header content-length | present | ",
            "✓ body | contains `ready` | ",
            "✓ JSON $.event_pipeline_ready | true | true",
            "✓ JSON $.workers | at least 2 | 3",
            "✓ JSON $.status | one value | ready",
        ],
    );
    assert_eq!(outcome.reproduce, format!("curl -sS -i {url}"));
}

#[test]
fn two_passing_runs_have_the_same_evidence_hash() {
    let (web, url) = web("/healthz", Reply::ok(r#"{"uptime":1}"#));
    let with = json!({"url": url, "json": [{"path": "$.uptime", "at_least": 1}]});
    let first = run_probe(&with);
    web.route("/healthz", Reply::ok(r#"{"uptime":2}"#));
    assert_eq!(first.evidence_hash(), run_probe(&with).evidence_hash());
}

#[test]
fn all_checks_are_reported_passed_and_failed() {
    let reply = Reply::ok(r#"{"status":"starting","event_pipeline_ready":false,"list":[1,2]}"#)
        .header("Strict-Transport-Security", "max-age=300")
        .header("X-Mode", "a");
    let (_web, url) = web("/readyz", reply);
    let outcome = run_probe(&json!({
        "url": url,
        "header": [
            {"name": "Strict-Transport-Security", "directive": "max-age", "at_least": 31_536_000},
            {"name": "Content-Security-Policy"},
            {"name": "X-Mode", "equals": "b"},
        ],
        "body": [{"contains": "\"ready\""}],
        "json": [
            {"path": "$.event_pipeline_ready", "equals": true},
            {"path": "$.missing"},
            {"path": "$.list[*]"},
            {"path": "$.status", "at_least": 1},
        ],
    }));
    assert_fail(
        &outcome,
        &[
            &format!("✓ GET {url} | 200 | 200"),
            "✗ header Strict-Transport-Security | max-age at least 31536000 | max-age=300",
            "✗ header Content-Security-Policy | present | no such header",
            "✗ header X-Mode | `b` | a",
            r#"✗ body | contains `"ready"` | no match in: {"status":"starting","event_pipeline_ready":false,"list":[1,2]}"#,
            "✗ JSON $.event_pipeline_ready | true | false",
            "✗ JSON $.missing | one value | no value",
            "✗ JSON $.list[*] | one value | 2 values: 1, 2",
            "✗ JSON $.status | at least 1 | starting",
        ],
    );
}

#[test]
fn a_wrong_status_is_reported_with_the_response_body() {
    let (web, url) = web("/metrics", Reply::status(503).body("telemetry disabled\n"));
    assert_fail(&run_probe(&json!({"url": url})), &[&format!("✗ GET {url} | 200 | 503: telemetry disabled")]);
    assert_pass(&run_probe(&json!({"url": url, "status": [200, 503]})), &["| 200 or 503 | 503\n"]);
    let missing = web.url("/none");
    assert_fail(&run_probe(&json!({"url": missing})), &[&format!("✗ GET {missing} | 200 | 404\n")]);
}

#[test]
fn a_body_that_is_not_json_fails_and_one_that_is_too_long_is_an_error() {
    let (web, url) = web("/", Reply::ok("<html>\x1b[31mlogin</html>"));
    let json = json!([{"path": "$.up", "equals": true}]);
    assert_fail(
        &run_probe(&json!({"url": url, "json": json})),
        &[r"✗ JSON $.up | true | not JSON: <html>\u{1b}[31mlogin</html>"],
    );
    web.route("/", Reply::ok(&format!("\"{}\"", "x".repeat(1 << 20))));
    let outcome =
        run_probe(&json!({"url": url, "json": json, "body": [{"contains": "xyz"}, {"contains": "xxx"}]}));
    assert_error(
        &outcome,
        &[
            "? JSON $.up | true | body longer than 1 MiB: only the first 1 MiB was read",
            "? body | contains `xyz` | body longer than 1 MiB: only the first 1 MiB was read",
            "✓ body | contains `xxx` | contains `xxx`",
        ],
    );
}

#[test]
fn redirects_are_followed_if_configured_and_never_to_another_host() {
    let (web, url) = web("/old", Reply::status(302).header("Location", "/new"));
    web.route("/new", Reply::ok("here"));
    assert_fail(&run_probe(&json!({"url": url})), &[&format!("✗ GET {url} | 200 | 302 to /new")]);
    let followed = run_probe(&json!({"url": url, "redirects": 1, "body": [{"contains": "here"}]}));
    assert_pass(
        &followed,
        &[&format!("✓ redirect | recorded | 302 to {}\n✓ GET {url} | 200 | 200", web.url("/new"))],
    );
    assert_eq!(followed.reproduce, format!("curl -sS -i -L --max-redirs 1 {url}"));
    let elsewhere = Web::start();
    elsewhere.route("/", Reply::ok("gotcha"));
    for to in [elsewhere.url("/"), "http://localhost:1/".into(), "http://me:pw@127.0.0.1/".into()] {
        web.route("/old", Reply::status(302).header("Location", &to));
        let outcome = run_probe(&json!({"url": url, "redirects": 5, "headers": {"X-Token": "t"}}));
        let line = format!("✗ redirect | to 127.0.0.1:{} | 302 to {to}: not followed", web.port());
        assert_fail(&outcome, &[&line, "| 200 | 302 to "]);
    }
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_redirect_loop_ends() {
    let (web, url) = web("/", Reply::status(307).header("Location", "/"));
    assert_fail(&run_probe(&json!({"url": url, "redirects": 3})), &["| 200 | 307 to /"]);
    assert_eq!(web.requests().len(), 4);
}

#[test]
fn a_secret_header_is_sent_and_redacted_from_the_outcome() {
    let token = "swordfish/42";
    let (web, url) = web("/", Reply::ok("you sent swordfish/42").header("X-Echo", "swordfish/42"));
    let outcome = run_probe(&json!({
        "url": url,
        "headers": {"Authorization": {"secret": secret(token), "prefix": "Bearer "}, "Accept": "*/*"},
        "header": [{"name": "X-Echo"}],
        "body": [{"contains": "nothing of the kind"}],
    }));
    assert_eq!(web.requests()[0].headers["authorization"], "Bearer swordfish/42");
    assert_fail(
        &outcome,
        &["✓ header X-Echo | present | [redacted: command printf", "no match in: you sent [redacted: "],
    );
    // The third is in the reproduce command: the command that prints the secret contains it in octal.
    assert_eq!(outcome.redacted.values().sum::<u64>(), 3, "{outcome:#?}");
    let recorded = serde_json::to_string(&outcome).unwrap();
    assert!(!recorded.contains("swordfish"), "{recorded}");
    let with_env = run_probe(&json!({
        "url": url, "headers": {"Authorization": {"secret": {"env": "GONOGO_NO_SUCH"}, "prefix": "Bearer "}},
    }));
    assert_error(&with_env, &["| 200 | environment variable GONOGO_NO_SUCH is not set"]);
    assert_eq!(
        with_env.reproduce,
        format!("curl -sS -i -H 'Authorization: Bearer '\"$GONOGO_NO_SUCH\" {url}")
    );
}

#[test]
fn unreachable_hosts_and_invalid_addresses_have_their_own_messages() {
    let port = refused_port();
    let refused = format!("http://127.0.0.1:{port}/");
    let line =
        format!("? GET {refused} | 200 | 127.0.0.1:{port} refuses connections: nothing listens on that port");
    assert_error(&run_probe(&json!({"url": refused})), &[&line]);
    let unknown_host = run_probe(&json!({"url": "http://no-such-host.invalid/"}));
    assert_error(&unknown_host, &["? GET http://no-such-host.invalid/ | 200 | "]);
    assert!(
        ["no such host: ", "cannot resolve host "].iter().any(|why| describe(&unknown_host).contains(why))
    );
    for url in ["ftp://h/", "nonsense"] {
        assert_error(&run_probe(&json!({"url": url})), &["? HTTP address | http://… or https://… | "]);
    }
    let credentials = run_probe(&json!({"url": "http://me:hunter22@127.0.0.1/"}));
    assert_error(&credentials, &["the address contains a user or a password"]);
    assert!(!format!("{credentials:?}").contains("hunter22"));
}

#[test]
fn a_timeout_names_the_step_that_did_not_finish() {
    let (silent, ca) = (SilentServer::start(), roots(&Certs::shared().ca));
    let url = format!("http://127.0.0.1:{}/", silent.port());
    let outcome = run_probe_within(SHORT, "http", &json!({"url": url}));
    assert_error(&outcome, &[&format!("? GET {url} | 200 | no response within 700 ms (response to GET)")]);
    let outcome = run_probe_within(
        SHORT,
        "http",
        &json!({"url": url.replace("http:", "https:"), "tls": {"roots": ca.path()}}),
    );
    assert_error(&outcome, &["no response within 700 ms (connect or TLS handshake with 127.0.0.1:"]);
}

/// A server that sends a part of a response and then waits until the client disconnects.
fn stalling_server(response: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(local(0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(response.as_bytes()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    (url, server)
}

#[test]
fn an_incomplete_error_body_is_reported_at_the_deadline() {
    let (url, server) = stalling_server("HTTP/1.1 500 -\r\nContent-Length: 9\r\n\r\nboom");
    let outcome = run_probe_within(SHORT, "http", &json!({"url": url}));
    server.join().unwrap();
    assert_fail(&outcome, &["| 200 | 500: boom"]);
}

#[test]
fn a_body_that_stalls_is_an_error() {
    let (url, server) = stalling_server("HTTP/1.1 200 -\r\nContent-Length: 99\r\n\r\n{\"up\":");
    let checks = json!({"url": url, "json": [{"path": "$.up"}], "body": [{"contains": "up"}]});
    let outcome = run_probe_within(SHORT, "http", &checks);
    server.join().unwrap();
    assert_error(
        &outcome,
        &[
            "| 200 | 200",
            "✓ body | contains `up` | ",
            "? JSON $.up | one value | no response within 700 ms (the rest of the body)",
        ],
    );
}

#[test]
fn a_certificate_is_verified_against_the_configured_roots() {
    let certs = Certs::shared();
    let web = Web::start_tls(&certs.server);
    web.route("/", Reply::ok("ok"));
    let (trusted, untrusted, empty) = (roots(&certs.ca), roots(&certs.other_ca), roots(""));
    let with =
        |roots: &NamedTempFile| run_probe(&json!({"url": web.url("/"), "tls": {"roots": roots.path()}}));
    assert_pass(&with(&trusted), &["| 200 | 200"]);
    let refused = with(&untrusted);
    let path = untrusted.path().display();
    assert_error(
        &refused,
        &[&format!("certificate not trusted: not signed by a root certificate in {path}")],
    );
    assert_eq!(refused.reproduce, format!("curl -sS -i --cacert {path} {}", web.url("/")));
    assert_error(&with(&empty), &["it contains no certificate"]);
    assert_error(
        &run_probe(&json!({"url": web.url("/")})),
        &["certificate not trusted: not signed by a root certificate of this system"],
    );
}

#[test]
fn tls_and_plaintext_mismatches_have_their_own_messages() {
    let certs = Certs::shared();
    let ca = roots(&certs.ca);
    let (plain, secure) = (Web::start(), Web::start_tls(&certs.server));
    let https = format!("https://127.0.0.1:{}/", plain.port());
    let outcome =
        run_probe_within(Duration::from_secs(2), "http", &json!({"url": https, "tls": {"roots": ca.path()}}));
    assert_error(&outcome, &["TLS"]);
    let http = format!("http://127.0.0.1:{}/", secure.port());
    assert_error(
        &run_probe(&json!({"url": http})),
        &["does not respond in HTTP; perhaps it expects https://"],
    );
}

#[test]
fn a_server_that_sends_before_the_request_is_not_http() {
    let listener = TcpListener::bind(local(0)).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // The greeting arrives before, during or after the request, and each is a different error of the HTTP client.
    let connections = 40;
    let server = thread::spawn(move || {
        for stream in listener.incoming().take(connections) {
            let mut stream = stream.unwrap();
            stream.write_all(b"220 ready\r\n").unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    for _ in 0..connections {
        assert_error(&run_probe(&json!({"url": url})), &["HTTP"]);
    }
    server.join().unwrap();
}

#[test]
fn several_samples_find_an_instance_that_is_wrong() {
    let web = Web::start();
    let with = |samples: u32| json!({"url": web.url("/"), "samples": samples});
    let of = |name: &str, reply: Reply| reply.header("x-served-by", name);
    web.sequence("/", [of("a", Reply::ok("ok")), of("b", Reply::status(503)), of("a", Reply::ok("ok"))]);
    let outcome = run_probe(&with(8));
    assert_fail(
        &outcome,
        &["| 200 | 1 of 8 samples: 503", "✓ samples on separate connections | recorded | 8, "],
    );
    assert_fail(&outcome, &["2 instances by x-served-by: a, b"]);
    assert_eq!(web.requests().len(), 8);
    web.route("/", Reply::ok("ok"));
    assert_pass(&run_probe(&with(2)), &["| 200 | 200", "instances unknown: no header names them"]);
    assert!(!describe(&run_probe(&with(1))).contains("samples"));
}

/// A seeded random balancer, before two or three replicas of which one is not ready.
#[test]
fn one_check_finds_a_replica_that_is_not_ready() {
    let web = Web::start();
    let (ready, starting) = (Reply::ok("ready"), Reply::ok("starting"));
    let with = json!({"url": web.url("/"), "samples": 8, "body": [{"equals": "ready"}]});
    let mut state: u64 = 42;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for (replicas, at_least) in [(2, 90), (3, 85)] {
        let replies = (0..800).map(|_| if random(replicas) == 0 { starting.clone() } else { ready.clone() });
        web.sequence("/", replies.collect::<Vec<_>>());
        let found = (0..100).filter(|_| run_probe(&with).class == Class::Fail).count();
        assert!(found >= at_least, "1 of {replicas}: {found} of 100");
    }
    // In turn.
    web.sequence("/", (0..80).map(|n| if n % 3 == 0 { starting.clone() } else { ready.clone() }));
    assert!((0..10).all(|_| run_probe(&with).class == Class::Fail));
}

#[test]
fn the_days_of_a_certificate_are_recorded_and_too_few_fail() {
    for (days, class, seen) in [
        (60, Class::Pass, "✓ certificate of 127.0.0.1 | recorded | "),
        (10, Class::Pass, "✓ certificate of 127.0.0.1 | recorded | expires soon: "),
        (2, Class::Fail, "✗ certificate of 127.0.0.1 | 3 days or more left | "),
    ] {
        let cert = ServerCert::with_days_left(days);
        let (ca, web) = (roots(cert.ca()), Web::start_tls(&cert));
        web.route("/", Reply::ok("ok"));
        let outcome = run_probe(&json!({"url": web.url("/"), "tls": {"roots": ca.path()}}));
        assert_reported(&outcome, class, &["| 200 | 200", seen]);
    }
}

#[test]
fn a_clock_that_differs_is_recorded() {
    let web = Web::start();
    web.route("/", Reply::ok("ok").header("date", "Mon, 21 Sep 2020 14:13:20 GMT"));
    let line = format!("✓ clock of 127.0.0.1:{} | recorded | ", web.port());
    assert_pass(&run_probe(&json!({"url": web.url("/")})), &[&line, "s behind this machine's"]);
}
