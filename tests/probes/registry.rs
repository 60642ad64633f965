use serde_json::{Value, json};

use gonogo_core::outcome::{Outcome, Sha256Hex};

use super::*;
use crate::bench::need;
use crate::bench::ports::refused_port;
use crate::bench::registry::{Registry, SERVER, USER};
use crate::bench::web::{Reply, Web};

const APP: &str = "platform/advanced-app";

#[track_caller]
fn look(with: &Value) -> Outcome {
    look_within(DEADLINE, "registry", with)
}

fn at(registry: &Registry) -> Value {
    json!({"api": {"url": registry.url()}, "repository": APP})
}

fn as_user(with: &Value, password: &str) -> Value {
    plus(with, &json!({"username": USER.0, "password": secret(password)}))
}

#[test]
fn a_tag_its_digest_and_a_clean_image_pass() {
    need!(SERVER);
    let registry = Registry::guarded();
    let digest =
        registry.push(APP, "v1", &["PATH=/bin", "ADVANCED_REDIS_URL=redis://cache:6379/0"], &["COPY . /app"]);
    let with = as_user(&plus(&at(&registry), &json!({"tag": "v1", "clean": true, "digest": digest})), USER.1);
    let outcome = look(&with);
    assert_pass(
        &outcome,
        &[&format!("✓ tag v1 | {digest} | {digest}"), "| no credential | none in its config and history"],
    );
    assert!(outcome.reproduce.contains("-u deploy-bot:") && !outcome.reproduce.contains(USER.1));
}

#[test]
fn a_missing_tag_and_another_digest_are_wrong() {
    need!(SERVER);
    let registry = Registry::open();
    let digest = registry.push(APP, "v1", &[], &[]);
    let missing = look(&plus(&at(&registry), &json!({"tag": "v2"})));
    assert_fail(&missing, &["✗ tag v2 | there | no such tag"]);
    let other = format!("sha256:{}", "0".repeat(64));
    let outcome = look(&plus(&at(&registry), &json!({"tag": "v1", "digest": other})));
    assert_fail(&outcome, &[&format!("✗ tag v1 | {other} | {digest}")]);
}

#[test]
fn credentials_in_an_image_are_found_and_not_repeated() {
    need!(SERVER);
    let registry = Registry::guarded();
    let env = ["RABBIT=amqp://app:hunter22@rabbit:5672/", "LEAK=correct horse"];
    registry.push(APP, "v1", &env, &["ENV AWS=AKIAIOSFODNN7EXAMPLE"]);
    let outcome = look(&as_user(&plus(&at(&registry), &json!({"tag": "v1", "clean": true})), USER.1));
    assert_fail(
        &outcome,
        &[
            "environment variable RABBIT holds a URL with a password",
            "environment variable LEAK holds the value of command printf",
            "history[0].created_by holds an AWS access key",
        ],
    );
    assert!(!told(&outcome).contains("hunter22") && !told(&outcome).contains("AKIA"));
}

#[test]
fn an_upload_is_begun_and_leaves_nothing_behind() {
    need!(SERVER);
    let registry = Registry::guarded();
    registry.push(APP, "v1", &[], &[]);
    let before = registry.uploads(APP);
    let outcome = look(&as_user(&plus(&at(&registry), &json!({"push": true})), USER.1));
    assert_pass(
        &outcome,
        &[
            "✓ upload begun | the account may | it may",
            "✓ upload cancelled | nothing left behind | nothing left behind",
        ],
    );
    assert_eq!(registry.uploads(APP), before);
}

#[test]
fn refused_credentials_and_no_answer_are_told_apart() {
    need!(SERVER);
    let registry = Registry::guarded();
    let wrong = look(&as_user(&plus(&at(&registry), &json!({"push": true})), "wrong horse"));
    assert_error(&wrong, &["credentials refused for user `deploy-bot`"]);
    let nobody = look(&plus(&at(&registry), &json!({"tag": "v1"})));
    assert_error(&nobody, &["asks for credentials and got none"]);
    let closed = json!({"api": {"url": format!("http://127.0.0.1:{}", refused_port())}, "repository": APP, "tag": "v1"});
    assert_error(&look(&closed), &["refuses connections"]);
}

/// What a token server does, by the specification.
fn with_tokens(web: &Web, manifest: Reply) {
    let challenge = format!(r#"Bearer realm="{}",service="bench""#, web.url("/token"));
    web.sequence("/v2/", [Reply::status(401).header("WWW-Authenticate", &challenge), Reply::ok("{}")]);
    web.route("/token", Reply::ok(r#"{"token": "tok-1234567890"}"#));
    web.route(&format!("/v2/{APP}/manifests/v1"), manifest);
}

#[test]
fn a_token_is_fetched_for_the_repository_and_never_told() {
    let web = Web::start();
    with_tokens(&web, Reply::ok("{}"));
    let with = json!({"api": {"url": web.url("")}, "repository": APP, "tag": "v1"});
    let outcome = look(&as_user(&with, "correct horse"));
    assert_pass(&outcome, &["✓ tag v1 | recorded | sha256:"]);
    let asked = web.requests();
    let token = asked.iter().find(|request| request.target.starts_with("/token")).unwrap();
    assert!(token.target.contains("scope=repository%3Aplatform%2Fadvanced-app%3Apull"), "{}", token.target);
    assert!(token.headers["authorization"].starts_with("Basic "));
    assert_eq!(asked.last().unwrap().headers["authorization"], "Bearer tok-1234567890");
}

#[test]
fn a_token_without_the_right_to_push_is_wrong_and_not_an_error() {
    let web = Web::start();
    with_tokens(&web, Reply::status(404));
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    web.route(&format!("/v2/{APP}/blobs/uploads/"), Reply::status(401).body(denied));
    let with = json!({"api": {"url": web.url("")}, "repository": APP, "push": true});
    assert_fail(&look(&with), &["it may not: DENIED requested access to the resource is denied (401)"]);
}

fn challenge(web: &Web, more: &str) -> String {
    format!(r#"Bearer realm="{}",service="bench"{more}"#, web.url("/token"))
}

fn at_web(web: &Web) -> Value {
    as_user(&json!({"api": {"url": web.url("")}, "repository": APP}), "correct horse")
}

/// Registries that everybody may greet ask for credentials where something is private.
#[test]
fn credentials_are_sent_when_they_are_asked_for_first_at_the_image() {
    let web = Web::start();
    web.route("/v2/", Reply::ok("{}"));
    let asks = Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\"");
    web.sequence(&format!("/v2/{APP}/manifests/v1"), [asks.clone(), Reply::ok("{}")]);
    assert_pass(&look(&plus(&at_web(&web), &json!({"tag": "v1"}))), &["✓ tag v1 | recorded | sha256:"]);
    assert!(web.requests().last().unwrap().headers["authorization"].starts_with("Basic "));
    // Asked for again, they were refused.
    web.route(&format!("/v2/{APP}/manifests/v1"), asks);
    let refused = look(&plus(&at_web(&web), &json!({"tag": "v1"})));
    assert_error(&refused, &["credentials refused for user `deploy-bot`"]);
}

#[test]
fn the_challenge_for_a_token_is_answered_among_others() {
    let web = Web::start();
    let asks = Reply::status(401)
        .header("WWW-Authenticate", "Basic realm=\"Artifactory\"")
        .header("www-authenticate", &challenge(&web, ""));
    web.sequence("/v2/", [asks, Reply::ok("{}")]);
    web.route("/token", Reply::ok(r#"{"token": "", "access_token": "tok-1234567890"}"#));
    web.route(&format!("/v2/{APP}/manifests/v1"), Reply::ok("{}"));
    assert_pass(&look(&plus(&at_web(&web), &json!({"tag": "v1"}))), &["✓ tag v1 | recorded"]);
    assert_eq!(web.requests().last().unwrap().headers["authorization"], "Bearer tok-1234567890");
}

/// The token server refuses the scope, and takes the credentials without one.
#[test]
fn an_account_that_may_not_push_is_distinguished_from_a_wrong_password() {
    let web = Web::start();
    web.route("/v2/", Reply::status(401).header("WWW-Authenticate", &challenge(&web, "")));
    let denied = Reply::status(403).body(r#"{"errors":[{"code":"DENIED","message":"access forbidden"}]}"#);
    web.sequence("/token", [denied.clone(), Reply::ok(r#"{"token": "tok-1234567890"}"#)]);
    let push = plus(&at_web(&web), &json!({"push": true}));
    assert_fail(
        &look(&push),
        &["✗ upload begun | the account may | it may not: DENIED access forbidden (403)"],
    );
    web.route("/token", denied);
    assert_error(&look(&push), &["credentials refused for user `deploy-bot`"]);
    web.route("/token", Reply::status(502).body("<html>bad gateway</html>"));
    assert_error(&look(&push), &["the token server 127.0.0.1", "it answers 502"]);
}

#[test]
fn a_token_server_of_oauth_gets_the_password_in_a_form() {
    let web = Web::start();
    web.route("/v2/", Reply::status(401).header("WWW-Authenticate", &challenge(&web, "")));
    web.sequence("/token", [Reply::status(405), Reply::ok(r#"{"access_token": "tok-1234567890"}"#)]);
    web.route(&format!("/v2/{APP}/manifests/v1"), Reply::ok("{}"));
    assert_pass(&look(&plus(&at_web(&web), &json!({"tag": "v1"}))), &["✓ tag v1 | recorded"]);
    let asked = web.requests();
    let form = &asked.iter().find(|request| request.method == "POST").unwrap().body;
    assert!(
        form.starts_with("grant_type=password&service=bench&client_id=gonogo&scope=repository%3A"),
        "{form}"
    );
    assert!(form.ends_with("username=deploy-bot&password=correct%20horse"), "{form}");
}

/// A push may need another scope than the image's own name has.
#[test]
fn a_token_is_fetched_for_the_scope_that_a_registry_asks_for() {
    let web = Web::start();
    web.route("/v2/", Reply::status(401).header("WWW-Authenticate", &challenge(&web, "")));
    web.route("/token", Reply::ok(r#"{"token": "tok-1234567890"}"#));
    let asks = challenge(&web, ",scope=\"repository:mirror/app:pull,push\"");
    let begun = Reply::status(202).header("Location", "/upload");
    let asks = Reply::status(401).header("WWW-Authenticate", &asks);
    web.sequence(&format!("/v2/{APP}/blobs/uploads/"), [asks, begun]);
    web.route("/upload", Reply::status(204));
    assert_pass(
        &look(&plus(&at_web(&web), &json!({"push": true}))),
        &["✓ upload begun", "✓ upload cancelled"],
    );
    assert!(web.requests().iter().any(|request| request.target.contains("mirror%2Fapp%3Apull%2Cpush")));
}

fn put(web: &Web, kind: &str, content: &Value) -> String {
    let content = content.to_string();
    let digest = format!("sha256:{}", Sha256Hex::of(content.as_bytes()));
    web.route(&format!("/v2/{APP}/{kind}/{digest}"), Reply::ok(&content));
    digest
}

fn image(web: &Web, env: &str) -> String {
    let config = put(web, "blobs", &json!({"config": {"Env": [env]}}));
    put(web, "manifests", &json!({"schemaVersion": 2, "config": {"digest": config}, "layers": []}))
}

#[test]
fn every_image_of_an_index_is_searched() {
    let web = Web::start();
    web.route("/v2/", Reply::ok("{}"));
    let [clean, leaky] = ["PATH=/bin", "REDIS_PASS=hunter22"].map(|env| image(&web, env));
    let inner = put(&web, "manifests", &json!({"manifests": [{"digest": leaky}]}));
    let attestation = json!({"digest": "sha256:0", "platform": {"os": "unknown", "architecture": "unknown"}});
    let missing = json!({"digest": format!("sha256:{}", "1".repeat(64)), "platform": {"os": "linux", "architecture": "arm64"}});
    let index = |parts: &Value| Reply::ok(&json!({"schemaVersion": 2, "manifests": parts}).to_string());
    let set = |parts: Value| web.route(&format!("/v2/{APP}/manifests/v1"), index(&parts));
    let asked =
        plus(&json!({"api": {"url": web.url("")}, "repository": APP}), &json!({"tag": "v1", "clean": true}));
    set(json!([{"digest": clean}, attestation]));
    assert_pass(
        &look(&asked),
        &["none in its config and history", "files in the image's layers | recorded | not searched"],
    );
    set(json!([{"digest": clean}, {"digest": inner, "platform": {"os": "linux", "architecture": "amd64"}}]));
    assert_fail(&look(&asked), &["(linux/amd64) | no credential | environment variable REDIS_PASS holds"]);
    set(json!([{"digest": clean}, missing]));
    assert_error(&look(&asked), &["(linux/arm64) of tag v1 | readable | its manifest is not there"]);
    set(json!([attestation]));
    assert_error(&look(&asked), &["? image of tag v1 | there | no image is there, only an attestation"]);
}

#[test]
fn a_blob_that_is_kept_elsewhere_is_followed() {
    let web = Web::start();
    web.route("/v2/", Reply::ok("{}"));
    let config = json!({"config": {"Env": ["PATH=/bin"]}});
    let digest = put(&web, "blobs", &config);
    web.route(&format!("/v2/{APP}/blobs/{digest}"), Reply::status(307).header("Location", "/first"));
    web.route("/first", Reply::status(302).header("Location", &web.url("/second?sig=x")));
    web.route("/second", Reply::ok(&config.to_string()));
    let manifest = json!({"schemaVersion": 2, "config": {"digest": digest}});
    web.route(&format!("/v2/{APP}/manifests/v1"), Reply::ok(&manifest.to_string()));
    let asked = plus(&at_web(&web), &json!({"tag": "v1", "clean": true}));
    assert_pass(&look(&asked), &["none in its config and history", "credentials | recorded | given, but"]);
    web.route("/first", Reply::status(302).header("Location", "http://elsewhere.invalid/x"));
    assert_error(&look(&asked), &["it is sent on to elsewhere.invalid:80, another host without TLS"]);
}

#[test]
fn a_password_is_not_sent_to_another_host_in_the_clear() {
    let web = Web::start();
    let challenge = r#"Bearer realm="http://elsewhere.invalid/token",service="bench""#;
    web.route("/v2/", Reply::status(401).header("WWW-Authenticate", challenge));
    let with =
        as_user(&json!({"api": {"url": web.url("")}, "repository": APP, "tag": "v1"}), "correct horse");
    assert_error(
        &look(&with),
        &["sends for tokens to elsewhere.invalid:80, another host without TLS: not followed"],
    );
}
