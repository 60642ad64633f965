//! The application's edge: tokens, origins, security headers; and the contacts.

use std::sync::Arc;

use gonogo_core::outcome::Outcome;
use gonogo_rehearsal::servers::app::AppFaults;
use serde_json::{Value, json};

use super::*;
use crate::bench::need;
use crate::bench::ports::refused_port;
use crate::bench::rabbitmq::SERVER as BROKER;
use crate::bench::redis::SERVER as REDIS;
use crate::bench::stack::{ORIGINS, Stack, TOKEN};
use crate::bench::web::{Reply, Web};

const OLD: &str = "the-token-of-yesterday";

#[track_caller]
fn look(kind: &str, with: &Value) -> Outcome {
    look_within(DEADLINE, kind, with)
}

fn api(stack: &Stack) -> Value {
    json!({"api": {"url": stack.app.url()}})
}

fn closed() -> Value {
    json!({"api": {"url": format!("http://127.0.0.1:{}", refused_port())}})
}

#[test]
fn the_current_token_opens_both_doors_and_no_other_does() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let tokens = json!({"current": secret(TOKEN), "old": secret(OLD)});
    let with = plus(&api(&stack), &tokens);
    assert_pass(
        &look("token", &with),
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
        &look("token", &with),
        &[
            "✗ the default token at /sse/activity | refused | accepted",
            "✗ the default token at /ws | refused | accepted",
        ],
    );
    stack.app.set_faults(|faults| {
        *faults = AppFaults { accepts_old_token: Some(OLD.into()), ..AppFaults::default() }
    });
    assert_fail(&look("token", &with), &["✗ the old token at /ws | refused | accepted"]);
    stack
        .app
        .set_faults(|faults| *faults = AppFaults { rejects_current_token: true, ..AppFaults::default() });
    assert_fail(&look("token", &with), &["✗ the current token at /sse/activity | accepted | refused (401)"]);
    let same =
        plus(&api(&stack), &json!({"current": secret(TOKEN), "old": {"command": ["printf", "%s", TOKEN]}}));
    assert_fail(
        &look("token", &same),
        &["✗ the old token | another than the current one | the same: it was not rotated"],
    );
    assert_error(&look("token", &closed()), &["refuses connections"]);
}

#[test]
fn a_door_that_says_something_else_is_neither_open_nor_shut() {
    let web = Web::start();
    web.route("/sse/activity", Reply::status(503));
    let outcome = look("token", &json!({"api": {"url": web.url("")}}));
    assert_error(
        &outcome,
        &[
            "? the default token at /sse/activity | refused | it answers 503",
            "? the default token at /ws | refused | it answers 404 to the handshake",
        ],
    );
}

#[test]
fn browsers_send_the_token_in_the_query_to_the_public_address() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let public = stack.app.public_url();
    let with = plus(&api(&stack), &json!({"current": secret(TOKEN), "public_url": public}));
    let line = format!("✓ the current token in the query, through {public} at /ws | accepted | accepted");
    assert_pass(&look("token", &with), &[&line]);
    // A proxy that drops the query.
    let web = Web::start();
    web.route("/sse/activity", Reply::status(401));
    let with = plus(&with, &json!({"public_url": web.url("")}));
    let through = format!("the current token in the query, through {}", web.url(""));
    let line = format!("✗ {through} at /sse/activity | accepted | refused (401)");
    assert_fail(&look("token", &with), &[&line]);
}

#[test]
fn a_page_with_status_200_is_no_event_stream_and_a_refusal_says_why() {
    let web = Web::start();
    let page = Reply::ok("<html>Sign in</html>").header("content-type", "text/html");
    web.route("/sse/activity", page);
    let with = json!({"api": {"url": web.url("")}});
    let answer = "it answers 200 with text/html: <html>Sign in</html>";
    let line = format!("? the default token at /sse/activity | refused | {answer}");
    assert_error(&look("token", &with), &[&line]);
    let detail = r#"{"detail":[{"type":"missing","loc":["query","settings"]}]}"#;
    web.route("/sse/activity", Reply::status(422).body(detail));
    assert_error(&look("token", &with), &[&format!("| refused | it answers 422: {detail}")]);
    // The rate is waited for once.
    let limited = || Reply::status(429).header("retry-after", "0");
    web.sequence("/sse/activity", [limited(), Reply::status(401), limited(), limited()]);
    let refused = "✓ the default token at /sse/activity | refused | refused (401)";
    let late = "? the default token in the query at /sse/activity | refused | it answers 429";
    assert_error(&look("token", &with), &[refused, late]);
}

#[test]
fn only_listed_origins_are_let_in() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let with = plus(&api(&stack), &json!({"origins": ORIGINS}));
    assert_pass(
        &look("cors", &with),
        &[
            "✓ origin https://boards.example.com | allowed by name | allowed by name",
            "✓ foreign origin https://gonogo-foreign.example | rejected | rejected",
            "✓ origin null | rejected | rejected",
            "✓ look-alike that begins like a good one https://boards.example.com.gonogo-foreign.example | rejected",
            "✓ look-alike that ends like a good one https://gonogo-foreignboards.example.com | rejected",
        ],
    );
    stack.app.set_faults(|faults| faults.allows_any_origin = true);
    assert_fail(
        &look("cors", &with),
        &[
            "✗ origin https://boards.example.com | allowed by name | the answer allows *",
            "✗ foreign origin https://gonogo-foreign.example | rejected | allowed: *",
        ],
    );
    stack
        .app
        .set_faults(|faults| *faults = AppFaults { matches_origin_prefix: true, ..AppFaults::default() });
    assert_fail(&look("cors", &with), &["✗ look-alike that begins like a good one", "✓ foreign origin"]);
    stack.app.set_faults(|faults| *faults = AppFaults { allows_no_origin: true, ..AppFaults::default() });
    assert_fail(
        &look("cors", &with),
        &["✗ origin https://admin.example.com | allowed by name | not allowed"],
    );
    assert_error(&look("cors", &plus(&closed(), &json!({"origins": ORIGINS}))), &["refuses connections"]);
}

#[test]
fn security_headers_are_on_record_and_compared_with_the_last_run() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let with = plus(&api(&stack), &json!({"hsts_min_age": 31_536_000}));
    let first = look("headers", &with);
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
    let given = ProbeContext { last: Some(Arc::new(first)), ..ProbeContext::default() };
    let weaker = look_given(DEADLINE, "headers", &with, &given);
    assert_fail(
        &weaker,
        &[
            "✗ header Strict-Transport-Security | max-age 31536000 or more | max-age=300",
            "✓ drift of Strict-Transport-Security | recorded | changed since the last sealed run, which saw: max-age=63072000",
        ],
    );
    stack.app.set_faults(|faults| {
        *faults = AppFaults { no_csp: true, no_permissions_policy: true, ..AppFaults::default() }
    });
    assert_fail(
        &look("headers", &with),
        &["✗ header Content-Security-Policy | present | no such header", "✗ header Permissions-Policy"],
    );
    stack.app.set_faults(|faults| *faults = AppFaults { unhealthy: true, ..AppFaults::default() });
    assert_error(&look("headers", &with), &["? security headers | a good answer | it answers 500"]);
    assert_error(&look("headers", &plus(&closed(), &json!({"hsts_min_age": 1}))), &["refuses connections"]);
}

#[test]
fn contacts_are_people_and_not_placeholders() {
    let contact =
        |role: &str, name: &str, channel: &str| json!({"role": role, "name": name, "channel": channel});
    let asked =
        |contacts: Value| look("contacts", &json!({"roles": ["SRE", "Platform"], "contacts": contacts}));
    let sre = contact("sre", "On-call rota", "#sre-oncall");
    let good = asked(json!([sre, contact("Platform", "Dana Weiss", "+49 30 1234567")]));
    assert_pass(&good, &["✓ contact for SRE | a name and a channel | On-call rota, #sre-oncall"]);
    assert_fail(
        &asked(json!([sre])),
        &["✗ contact for Platform | a name and a channel | no contact has this role"],
    );
    assert_fail(&asked(json!([])), &["the profile has no [[contact]]"]);
    let todo = asked(json!([sre, contact("Platform", "TODO", "+49 30 1234567")]));
    assert_fail(&todo, &["✗ contact Platform | no placeholder | name `TODO`"]);
}
