//! The public endpoints of the application (tokens, origins, security headers), and the contacts.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gonogo_core::outcome::Outcome;
use gonogo_rehearsal::servers::app::AppFaults;
use serde_json::{Value, json};

use super::*;
use crate::support::need;
use crate::support::ports::refused_port;
use crate::support::rabbitmq::SERVER as BROKER;
use crate::support::redis::SERVER as REDIS;
use crate::support::stack::{ORIGINS, Stack, TOKEN};
use crate::support::web::{Reply, Web};

const OLD: &str = "the-token-of-yesterday";

#[track_caller]
fn run_probe(kind: &str, with: &Value) -> Outcome {
    run_probe_within(DEADLINE, kind, with)
}

fn api_spec(stack: &Stack) -> Value {
    json!({"api": {"url": stack.app.url()}})
}

fn unreachable_api() -> Value {
    json!({"api": {"url": format!("http://127.0.0.1:{}", refused_port())}})
}

#[test]
fn only_the_current_token_is_accepted_at_both_endpoints() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let tokens = json!({"current": secret(TOKEN), "old": secret(OLD)});
    let with = plus(&api_spec(&stack), &tokens);
    assert_pass(
        &run_probe("token", &with),
        &[
            "✓ the default token at /sse/activity | refused | refused (401)",
            "✓ the default token at /ws | refused | refused (403)",
            "✓ the old token at /sse/activity | refused | refused (401)",
            "✓ the current token at /sse/activity | accepted | accepted",
            "✓ the current token at /ws | accepted | accepted",
            "✓ the default token in the query at /sse/activity | refused | refused (401)",
            "✓ the current token in the query at /ws | accepted | accepted",
        ],
    );
    stack.app.set_faults(|faults| faults.accepts_default_token = true);
    assert_fail(
        &run_probe("token", &with),
        &[
            "✗ the default token at /sse/activity | refused | accepted",
            "✗ the default token at /ws | refused | accepted",
        ],
    );
    stack.app.set_faults(|faults| {
        *faults = AppFaults { accepts_old_token: Some(OLD.into()), ..AppFaults::default() }
    });
    assert_fail(&run_probe("token", &with), &["✗ the old token at /ws | refused | accepted"]);
    stack
        .app
        .set_faults(|faults| *faults = AppFaults { rejects_current_token: true, ..AppFaults::default() });
    assert_fail(
        &run_probe("token", &with),
        &["✗ the current token at /sse/activity | accepted | refused (401)"],
    );
    let same = plus(
        &api_spec(&stack),
        &json!({"current": secret(TOKEN), "old": {"command": ["printf", "%s", TOKEN]}}),
    );
    assert_fail(
        &run_probe("token", &same),
        &["✗ the old token | different from the current token | identical: the token was not rotated"],
    );
    assert_error(&run_probe("token", &unreachable_api()), &["refuses connections"]);
}

/// One of several instances may accept what the others refuse.
#[test]
fn refusals_are_tried_several_times_at_the_websocket_and_an_old_token_that_is_not_known_is_reported() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let with = json!({"current": secret(TOKEN), "old": secret(OLD), "samples": 3, "refusals": 5});
    let with = plus(&api_spec(&stack), &with);
    assert_pass(&run_probe("token", &with), &["✓ the old token at /ws | refused | refused (403)"]);
    let requests = stack.app.requests();
    let count = |is_counted: &dyn Fn(&str, u16) -> bool| -> u64 {
        requests.iter().filter(|((path, status), _)| is_counted(path, *status)).map(|(_, count)| *count).sum()
    };
    let is_socket = |path: &str| path.starts_with("/ws");
    // Two tokens, each by two carriers.
    assert_eq!(count(&|path, status| is_socket(path) && status == 403), 2 * 2 * 5);
    assert_eq!(count(&|path, status| path == "/sse/activity" && status == 401), 2 * 2);
    assert_eq!(count(&|path, status| path == "/sse/activity" && status == 200), 2 * 3);
    let without = plus(&api_spec(&stack), &json!({"current": secret(TOKEN)}));
    assert_pass(
        &run_probe("token", &without),
        &["✓ the old token | recorded | not checked: the profile does not have it"],
    );
}

#[test]
fn an_unexpected_status_of_an_endpoint_is_an_error() {
    let web = Web::start();
    web.route("/sse/activity", Reply::status(503));
    let outcome = run_probe("token", &json!({"api": {"url": web.url("")}}));
    assert_error(
        &outcome,
        &[
            "? the default token at /sse/activity | refused | HTTP 503",
            "? the default token at /ws | refused | HTTP 404 on the handshake",
        ],
    );
}

#[test]
fn the_token_is_sent_in_the_query_to_the_public_url() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let public = stack.app.public_url();
    let with = plus(&api_spec(&stack), &json!({"current": secret(TOKEN), "public_url": public}));
    let line = format!("✓ the current token in the query, through {public} at /ws | accepted | accepted");
    assert_pass(&run_probe("token", &with), &[&line]);
    // A proxy that drops the query string.
    let web = Web::start();
    web.route("/sse/activity", Reply::status(401));
    let with = plus(&with, &json!({"public_url": web.url("")}));
    let through = format!("the current token in the query, through {}", web.url(""));
    let line = format!("✗ {through} at /sse/activity | accepted | refused (401)");
    assert_fail(&run_probe("token", &with), &[&line]);
}

#[test]
fn an_html_page_is_not_an_event_stream_and_error_details_are_reported() {
    let web = Web::start();
    let page = Reply::ok("<html>Sign in</html>").header("content-type", "text/html");
    web.route("/sse/activity", page);
    let with = json!({"api": {"url": web.url("")}});
    let response = "HTTP 200 text/html: <html>Sign in</html>";
    let line = format!("? the default token at /sse/activity | refused | {response}");
    assert_error(&run_probe("token", &with), &[&line]);
    let detail = r#"{"detail":[{"type":"missing","loc":["query","settings"]}]}"#;
    web.route("/sse/activity", Reply::status(422).body(detail));
    assert_error(&run_probe("token", &with), &[&format!("| refused | HTTP 422: {detail}")]);
    // A rate-limited request is repeated once.
    let limited = || Reply::status(429).header("retry-after", "0");
    web.sequence("/sse/activity", [limited(), Reply::status(401), limited(), limited()]);
    let refused = "✓ the default token at /sse/activity | refused | refused (401)";
    let limited_twice = "? the default token in the query at /sse/activity | refused | HTTP 429";
    assert_error(&run_probe("token", &with), &[refused, limited_twice]);
}

#[test]
fn only_listed_origins_are_allowed() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let with = plus(&api_spec(&stack), &json!({"origins": ORIGINS}));
    assert_pass(
        &run_probe("cors", &with),
        &[
            "✓ origin https://boards.example.com | allowed by name | allowed by name",
            "✓ foreign origin https://gonogo-foreign.example | rejected | rejected",
            "✓ origin null | rejected | rejected",
            "✓ origin that starts with an allowed one https://boards.example.com.gonogo-foreign.example | rejected",
            "✓ origin that ends with an allowed one https://gonogo-foreignboards.example.com | rejected",
        ],
    );
    stack.app.set_faults(|faults| faults.allows_any_origin = true);
    assert_fail(
        &run_probe("cors", &with),
        &[
            "✗ origin https://boards.example.com | allowed by name | the response allows *",
            "✗ foreign origin https://gonogo-foreign.example | rejected | allowed: *",
        ],
    );
    stack
        .app
        .set_faults(|faults| *faults = AppFaults { matches_origin_prefix: true, ..AppFaults::default() });
    assert_fail(&run_probe("cors", &with), &["✗ origin that starts with an allowed one", "✓ foreign origin"]);
    stack.app.set_faults(|faults| *faults = AppFaults { allows_no_origin: true, ..AppFaults::default() });
    assert_fail(
        &run_probe("cors", &with),
        &["✗ origin https://admin.example.com | allowed by name | not allowed"],
    );
    assert_error(
        &run_probe("cors", &plus(&unreachable_api(), &json!({"origins": ORIGINS}))),
        &["refuses connections"],
    );
}

#[test]
fn security_headers_are_recorded_and_compared_with_the_last_run() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let with = plus(&api_spec(&stack), &json!({"hsts_min_age": 31_536_000}));
    let first = run_probe("headers", &with);
    assert_pass(
        &first,
        &[
            "✓ header Strict-Transport-Security | max-age 31536000 or more | max-age=63072000; includeSubDomains; preload",
            "✓ header Content-Security-Policy | present | default-src 'self'",
            "✓ header Permissions-Policy | present | camera=()",
            "✓ weak parts of the policy | recorded | script-src 'unsafe-inline'; style-src 'unsafe-inline'",
        ],
    );
    stack.app.set_faults(|faults| faults.hsts = Some("max-age=300".into()));
    let context = ProbeContext { last: Some(Arc::new(first)), ..ProbeContext::default() };
    let weaker = run_probe_with_context(DEADLINE, "headers", &with, &context);
    assert_fail(
        &weaker,
        &[
            "✗ header Strict-Transport-Security | max-age 31536000 or more | max-age=300",
            "✓ drift of Strict-Transport-Security | recorded | changed since the last sealed run (was: max-age=63072000",
        ],
    );
    stack.app.set_faults(|faults| {
        *faults = AppFaults { no_csp: true, no_permissions_policy: true, ..AppFaults::default() }
    });
    assert_fail(
        &run_probe("headers", &with),
        &["✗ header Content-Security-Policy | present | no such header", "✗ header Permissions-Policy"],
    );
    stack.app.set_faults(|faults| *faults = AppFaults { unhealthy: true, ..AppFaults::default() });
    assert_error(&run_probe("headers", &with), &["? security headers | 2xx | HTTP 500"]);
    assert_error(
        &run_probe("headers", &plus(&unreachable_api(), &json!({"hsts_min_age": 1}))),
        &["refuses connections"],
    );
}

#[test]
fn every_role_needs_a_contact_without_placeholders() {
    let contact =
        |role: &str, name: &str, channel: &str| json!({"role": role, "name": name, "channel": channel});
    let run_with =
        |contacts: Value| run_probe("contacts", &json!({"roles": ["SRE", "Platform"], "contacts": contacts}));
    let sre = contact("sre", "On-call rota", "#sre-oncall");
    let good = run_with(json!([sre, contact("Platform", "Dana Weiss", "+49 30 1234567")]));
    assert_pass(&good, &["✓ contact for SRE | a name and a channel | On-call rota, #sre-oncall"]);
    assert_fail(
        &run_with(json!([sre])),
        &["✗ contact for Platform | a name and a channel | no contact has this role"],
    );
    assert_fail(&run_with(json!([])), &["the profile has no [[contact]]"]);
    let placeholder = run_with(json!([sre, contact("Platform", "TODO", "+49 30 1234567")]));
    assert_fail(&placeholder, &["✗ contact Platform | no placeholder | name `TODO`"]);
}

#[test]
fn origins_are_checked_at_the_public_url_too() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let public = stack.app.public_url();
    let with = plus(&api_spec(&stack), &json!({"origins": ORIGINS, "public_url": public}));
    let line = format!("✓ origin https://boards.example.com at {public} | allowed by name | allowed by name");
    assert_pass(&run_probe("cors", &with), &[&line, "✓ origin https://boards.example.com | allowed by name"]);
    stack.app.set_faults(|faults| faults.balancer_allows_any_origin = true);
    let line = format!("✗ foreign origin https://gonogo-foreign.example at {public} | rejected | allowed: *");
    assert_fail(
        &run_probe("cors", &with),
        &[&line, "✓ foreign origin https://gonogo-foreign.example | rejected"],
    );
    // The same address is checked once.
    let same = plus(&with, &json!({"public_url": format!("{}/", stack.app.url())}));
    assert!(!describe(&run_probe("cors", &same)).contains(" at http"));
}

/// One replica of several answers otherwise.
#[test]
fn security_headers_are_sampled() {
    let web = Web::start();
    let without = Reply::ok("")
        .header("strict-transport-security", "max-age=63072000")
        .header("permissions-policy", "camera=()");
    let good = without.clone().header("content-security-policy", "default-src 'self'");
    web.sequence("/healthz", [good.clone(), without, good]);
    let with = json!({"api": {"url": web.url("")}, "hsts_min_age": 1, "samples": 4});
    assert_fail(
        &run_probe("headers", &with),
        &["✗ header Content-Security-Policy | present | 1 of 4 samples: no such header"],
    );
    assert_eq!(web.requests().len(), 4);
}

/// A balancer chooses an instance for each connection.
#[test]
fn every_origin_has_a_connection_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (connections, requests) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The last connection is the test's own.
            for stream in listener.incoming().map(Result::unwrap) {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let mut asked = 0;
                for _ in lines.filter(String::is_empty) {
                    asked += 1;
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                    if (&stream).write_all(answer).is_err() {
                        break;
                    }
                }
                if asked == 0 {
                    break;
                }
                connections.fetch_add(1, Ordering::SeqCst);
                requests.fetch_add(asked, Ordering::SeqCst);
            }
        });
        assert_fail(
            &run_probe("cors", &json!({"api": {"url": url}, "origins": ["https://a.example"]})),
            &["✗ origin https://a.example | allowed by name | not allowed"],
        );
        drop(TcpStream::connect(listener.local_addr().unwrap()));
    });
    let counted = [connections, requests].map(AtomicUsize::into_inner);
    assert!(counted[0] > 3 && counted[0] == counted[1], "{counted:?}");
}
