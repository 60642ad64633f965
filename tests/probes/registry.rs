use serde_json::{Value, json};

use gonogo_core::outcome::{Outcome, Sha256Hex};

use super::*;
use crate::support::need;
use crate::support::ports::refused_port;
use crate::support::registry::{Registry, SERVER, USER};
use crate::support::web::{Reply, Web};

const APP: &str = "platform/advanced-app";

#[track_caller]
fn run_probe(with: &Value) -> Outcome {
    run_probe_within(DEADLINE, "registry", with)
}

fn registry_spec(registry: &Registry) -> Value {
    json!({"api": {"url": registry.url()}, "repository": APP})
}

fn as_user(with: &Value, password: &str) -> Value {
    plus(with, &json!({"username": USER.0, "password": secret(password)}))
}

#[test]
fn a_tag_its_digest_and_a_clean_image_pass() {
    need!(SERVER);
    let registry = Registry::with_login();
    let digest =
        registry.push(APP, "v1", &["PATH=/bin", "ADVANCED_REDIS_URL=redis://cache:6379/0"], &["COPY . /app"]);
    let with = as_user(
        &plus(&registry_spec(&registry), &json!({"tag": "v1", "clean": true, "digest": digest})),
        USER.1,
    );
    let outcome = run_probe(&with);
    assert_pass(
        &outcome,
        &[&format!("✓ tag v1 | {digest} | {digest}"), "| no credential | none in its config and history"],
    );
    assert!(outcome.reproduce.contains("-u deploy-bot:") && !outcome.reproduce.contains(USER.1));
}

#[test]
fn a_missing_tag_and_another_digest_fail() {
    need!(SERVER);
    let registry = Registry::open();
    let digest = registry.push(APP, "v1", &[], &[]);
    let missing = run_probe(&plus(&registry_spec(&registry), &json!({"tag": "v2"})));
    assert_fail(&missing, &["✗ tag v2 | present | no such tag"]);
    let other = format!("sha256:{}", "0".repeat(64));
    let outcome = run_probe(&plus(&registry_spec(&registry), &json!({"tag": "v1", "digest": other})));
    assert_fail(&outcome, &[&format!("✗ tag v1 | {other} | {digest}")]);
}

#[test]
fn a_release_of_the_same_image_is_a_notice() {
    need!(SERVER);
    let registry = Registry::open();
    let digest = registry.push(APP, "v1", &[], &[]);
    assert_eq!(registry.push(APP, "v2", &[], &[]), digest);
    registry.push(APP, "v3", &["PATH=/bin"], &[]);
    let compare = |tag: &str, other: &str| {
        run_probe(&plus(&registry_spec(&registry), &json!({"tag": tag, "differs_from": other})))
    };
    let outcome = compare("v2", "v1");
    assert_pass(&outcome, &[&format!("✓ tags v2 and v1 | recorded | both name {digest}: ")]);
    assert_eq!(outcome.digest(), Some(digest.as_str()), "that of the tag");
    for (tag, other) in [("v3", "v1"), ("v2", "v0"), ("v2", "v2")] {
        assert!(!describe(&compare(tag, other)).contains("tags "), "{tag} {other}");
    }
}

#[test]
fn credentials_in_an_image_are_found_and_not_repeated() {
    need!(SERVER);
    let registry = Registry::with_login();
    let env = ["RABBIT=amqp://app:hunter22@rabbit:5672/", "LEAK=correct horse"];
    registry.push(APP, "v1", &env, &["ENV AWS=AKIAIOSFODNN7EXAMPLE"]);
    let outcome =
        run_probe(&as_user(&plus(&registry_spec(&registry), &json!({"tag": "v1", "clean": true})), USER.1));
    assert_fail(
        &outcome,
        &[
            "environment variable RABBIT contains a URL with a password",
            "environment variable LEAK contains the value of command printf",
            "history[0].created_by contains an AWS access key",
        ],
    );
    assert!(!describe(&outcome).contains("hunter22") && !describe(&outcome).contains("AKIA"));
}

#[test]
fn a_test_upload_is_cancelled_and_leaves_nothing_behind() {
    need!(SERVER);
    let registry = Registry::with_login();
    registry.push(APP, "v1", &[], &[]);
    let before = registry.uploads(APP);
    let outcome = run_probe(&as_user(&plus(&registry_spec(&registry), &json!({"push": true})), USER.1));
    assert_pass(&outcome, &["✓ upload started | permitted | permitted", "✓ upload cancelled | yes | yes"]);
    assert_eq!(registry.uploads(APP), before);
}

#[test]
fn refused_and_missing_credentials_and_no_answer_have_their_own_messages() {
    need!(SERVER);
    let registry = Registry::with_login();
    let wrong = run_probe(&as_user(&plus(&registry_spec(&registry), &json!({"push": true})), "wrong horse"));
    assert_error(&wrong, &["credentials refused for user `deploy-bot`"]);
    let anonymous = run_probe(&plus(&registry_spec(&registry), &json!({"tag": "v1"})));
    assert_error(&anonymous, &["the registry requires credentials, but none are configured"]);
    let unreachable = json!({"api": {"url": format!("http://127.0.0.1:{}", refused_port())}, "repository": APP, "tag": "v1"});
    assert_error(&run_probe(&unreachable), &["refuses connections"]);
}

/// The API is at the root of a registry's address, whatever its images are called.
#[test]
fn the_begin_of_an_images_name_does_not_belong_to_the_address() {
    need!(SERVER);
    let registry = Registry::open();
    registry.push(APP, "v1", &[], &[]);
    for (path, why) in [
        (
            "/platform",
            "no /platform/v2/ endpoint; if platform is the begin of the images' names, it belongs to the repository",
        ),
        ("/platform/", "no /platform/v2/ endpoint"),
    ] {
        let api = json!({"url": registry.url() + path});
        let outcome = run_probe(&json!({"api": api, "repository": "advanced-app", "tag": "v1"}));
        assert_error(&outcome, &[why]);
    }
    let slash = json!({"api": {"url": registry.url() + "/"}, "repository": APP, "tag": "v1"});
    assert_pass(&run_probe(&slash), &["✓ tag v1 | recorded"]);
}

/// What is wrong with a push is not seen in a tag.
#[test]
fn the_command_of_a_denied_push_starts_an_upload() {
    let web = Web::start();
    web.route("/v2/", Reply::ok("{}"));
    web.route(&format!("/v2/{APP}/blobs/uploads/"), Reply::status(403));
    let with = json!({"api": {"url": web.url("")}, "repository": APP, "push": true});
    let outcome = run_probe(&with);
    assert_fail(&outcome, &["✗ upload started | permitted | denied"]);
    let command = format!("curl -sS {} -i -X POST", web.url(&format!("/v2/{APP}/blobs/uploads/")));
    assert_eq!(outcome.reproduce, command);
}

/// A registry with a token server, as in the specification.
fn with_token_server(web: &Web, manifest: Reply) {
    let challenge = format!(r#"Bearer realm="{}",service="bench""#, web.url("/token"));
    web.sequence("/v2/", [Reply::status(401).header("WWW-Authenticate", &challenge), Reply::ok("{}")]);
    web.route("/token", Reply::ok(r#"{"token": "tok-1234567890"}"#));
    web.route(&format!("/v2/{APP}/manifests/v1"), manifest);
}

#[test]
fn a_token_is_requested_with_the_scope_of_the_repository() {
    let web = Web::start();
    with_token_server(&web, Reply::ok("{}"));
    let with = json!({"api": {"url": web.url("")}, "repository": APP, "tag": "v1"});
    let outcome = run_probe(&as_user(&with, "correct horse"));
    assert_pass(&outcome, &["✓ tag v1 | recorded | sha256:"]);
    let requests = web.requests();
    let token = requests.iter().find(|request| request.target.starts_with("/token")).unwrap();
    assert!(token.target.contains("scope=repository%3Aplatform%2Fadvanced-app%3Apull"), "{}", token.target);
    assert!(token.headers["authorization"].starts_with("Basic "));
    assert_eq!(requests.last().unwrap().headers["authorization"], "Bearer tok-1234567890");
}

#[test]
fn a_token_without_push_permission_fails_and_is_not_an_error() {
    let web = Web::start();
    with_token_server(&web, Reply::status(404));
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    web.route(&format!("/v2/{APP}/blobs/uploads/"), Reply::status(401).body(denied));
    let with = json!({"api": {"url": web.url("")}, "repository": APP, "push": true});
    assert_fail(&run_probe(&with), &["denied: DENIED requested access to the resource is denied (401)"]);
}

fn challenge(web: &Web, more: &str) -> String {
    format!(r#"Bearer realm="{}",service="bench"{more}"#, web.url("/token"))
}

fn spec_for_web(web: &Web) -> Value {
    as_user(&json!({"api": {"url": web.url("")}, "repository": APP}), "correct horse")
}

/// Registries with public images require credentials only for private ones.
#[test]
fn credentials_are_sent_when_only_the_image_requires_them() {
    let web = Web::start();
    web.route("/v2/", Reply::ok("{}"));
    let challenge_reply = Reply::status(401).header("WWW-Authenticate", "Basic realm=\"x\"");
    web.sequence(&format!("/v2/{APP}/manifests/v1"), [challenge_reply.clone(), Reply::ok("{}")]);
    assert_pass(
        &run_probe(&plus(&spec_for_web(&web), &json!({"tag": "v1"}))),
        &["✓ tag v1 | recorded | sha256:"],
    );
    assert!(web.requests().last().unwrap().headers["authorization"].starts_with("Basic "));
    // A second challenge means that the credentials were refused.
    web.route(&format!("/v2/{APP}/manifests/v1"), challenge_reply);
    let refused = run_probe(&plus(&spec_for_web(&web), &json!({"tag": "v1"})));
    assert_error(&refused, &["credentials refused for user `deploy-bot`"]);
}

#[test]
fn the_token_challenge_is_chosen_among_several() {
    let web = Web::start();
    let challenge_reply = Reply::status(401)
        .header("WWW-Authenticate", "Basic realm=\"Artifactory\"")
        .header("www-authenticate", &challenge(&web, ""));
    web.sequence("/v2/", [challenge_reply, Reply::ok("{}")]);
    web.route("/token", Reply::ok(r#"{"token": "", "access_token": "tok-1234567890"}"#));
    web.route(&format!("/v2/{APP}/manifests/v1"), Reply::ok("{}"));
    assert_pass(&run_probe(&plus(&spec_for_web(&web), &json!({"tag": "v1"}))), &["✓ tag v1 | recorded"]);
    assert_eq!(web.requests().last().unwrap().headers["authorization"], "Bearer tok-1234567890");
}

/// The token server refuses the scope and accepts the credentials without one.
#[test]
fn a_missing_push_permission_is_distinguished_from_a_wrong_password() {
    let web = Web::start();
    web.route("/v2/", Reply::status(401).header("WWW-Authenticate", &challenge(&web, "")));
    let denied = Reply::status(403).body(r#"{"errors":[{"code":"DENIED","message":"access forbidden"}]}"#);
    web.sequence("/token", [denied.clone(), Reply::ok(r#"{"token": "tok-1234567890"}"#)]);
    let push = plus(&spec_for_web(&web), &json!({"push": true}));
    assert_fail(&run_probe(&push), &["✗ upload started | permitted | denied: DENIED access forbidden (403)"]);
    web.route("/token", denied);
    assert_error(&run_probe(&push), &["credentials refused for user `deploy-bot`"]);
    web.route("/token", Reply::status(502).body("<html>bad gateway</html>"));
    assert_error(&run_probe(&push), &["the token server 127.0.0.1", "HTTP 502"]);
}

#[test]
fn an_oauth_token_server_gets_the_password_in_a_form() {
    let web = Web::start();
    web.route("/v2/", Reply::status(401).header("WWW-Authenticate", &challenge(&web, "")));
    web.sequence("/token", [Reply::status(405), Reply::ok(r#"{"access_token": "tok-1234567890"}"#)]);
    web.route(&format!("/v2/{APP}/manifests/v1"), Reply::ok("{}"));
    assert_pass(&run_probe(&plus(&spec_for_web(&web), &json!({"tag": "v1"}))), &["✓ tag v1 | recorded"]);
    let requests = web.requests();
    let form = &requests.iter().find(|request| request.method == "POST").unwrap().body;
    assert!(
        form.starts_with("grant_type=password&service=bench&client_id=gonogo&scope=repository%3A"),
        "{form}"
    );
    assert!(form.ends_with("username=deploy-bot&password=correct%20horse"), "{form}");
}

/// A push may need another scope than that of the image name.
#[test]
fn a_token_is_requested_for_the_scope_of_the_challenge() {
    let web = Web::start();
    web.route("/v2/", Reply::status(401).header("WWW-Authenticate", &challenge(&web, "")));
    web.route("/token", Reply::ok(r#"{"token": "tok-1234567890"}"#));
    let challenge_reply = challenge(&web, ",scope=\"repository:mirror/app:pull,push\"");
    let started = Reply::status(202).header("Location", "/upload");
    let challenge_reply = Reply::status(401).header("WWW-Authenticate", &challenge_reply);
    web.sequence(&format!("/v2/{APP}/blobs/uploads/"), [challenge_reply, started]);
    web.route("/upload", Reply::status(204));
    assert_pass(
        &run_probe(&plus(&spec_for_web(&web), &json!({"push": true}))),
        &["✓ upload started", "✓ upload cancelled"],
    );
    assert!(web.requests().iter().any(|request| request.target.contains("mirror%2Fapp%3Apull%2Cpush")));
}

fn add_content(web: &Web, kind: &str, content: &Value) -> String {
    let content = content.to_string();
    let digest = format!("sha256:{}", Sha256Hex::of(content.as_bytes()));
    web.route(&format!("/v2/{APP}/{kind}/{digest}"), Reply::ok(&content));
    digest
}

fn image(web: &Web, env: &str) -> String {
    let config = add_content(web, "blobs", &json!({"config": {"Env": [env]}}));
    add_content(web, "manifests", &json!({"schemaVersion": 2, "config": {"digest": config}, "layers": []}))
}

#[test]
fn every_image_of_an_index_is_searched() {
    let web = Web::start();
    web.route("/v2/", Reply::ok("{}"));
    let [clean, leaky] = ["PATH=/bin", "REDIS_PASS=hunter22"].map(|env| image(&web, env));
    let inner = add_content(&web, "manifests", &json!({"manifests": [{"digest": leaky}]}));
    let attestation = json!({"digest": "sha256:0", "platform": {"os": "unknown", "architecture": "unknown"}});
    let missing = json!({"digest": format!("sha256:{}", "1".repeat(64)), "platform": {"os": "linux", "architecture": "arm64"}});
    let index = |parts: &Value| Reply::ok(&json!({"schemaVersion": 2, "manifests": parts}).to_string());
    let set = |parts: Value| web.route(&format!("/v2/{APP}/manifests/v1"), index(&parts));
    let with =
        plus(&json!({"api": {"url": web.url("")}, "repository": APP}), &json!({"tag": "v1", "clean": true}));
    set(json!([{"digest": clean}, attestation]));
    assert_pass(
        &run_probe(&with),
        &["none in its config and history", "files in the image's layers | recorded | not searched"],
    );
    set(json!([{"digest": clean}, {"digest": inner, "platform": {"os": "linux", "architecture": "amd64"}}]));
    assert_fail(
        &run_probe(&with),
        &["(linux/amd64) | no credential | environment variable REDIS_PASS contains"],
    );
    set(json!([{"digest": clean}, missing]));
    assert_error(&run_probe(&with), &["(linux/arm64) of tag v1 | readable | its manifest is missing"]);
    set(json!([attestation]));
    assert_error(
        &run_probe(&with),
        &["? image of tag v1 | present | no image in the tag, only an attestation"],
    );
}

#[test]
fn a_redirect_to_blob_storage_is_followed() {
    let web = Web::start();
    web.route("/v2/", Reply::ok("{}"));
    let config = json!({"config": {"Env": ["PATH=/bin"]}});
    let digest = add_content(&web, "blobs", &config);
    web.route(&format!("/v2/{APP}/blobs/{digest}"), Reply::status(307).header("Location", "/first"));
    web.route("/first", Reply::status(302).header("Location", &web.url("/second?sig=x")));
    web.route("/second", Reply::ok(&config.to_string()));
    let manifest = json!({"schemaVersion": 2, "config": {"digest": digest}});
    web.route(&format!("/v2/{APP}/manifests/v1"), Reply::ok(&manifest.to_string()));
    let with = plus(&spec_for_web(&web), &json!({"tag": "v1", "clean": true}));
    assert_pass(
        &run_probe(&with),
        &["none in its config and history", "credentials | recorded | configured, but"],
    );
    web.route("/first", Reply::status(302).header("Location", "http://elsewhere.invalid/x"));
    assert_error(&run_probe(&with), &["redirected to elsewhere.invalid:80, another host without TLS"]);
}

#[test]
fn a_password_is_not_sent_to_another_host_in_plaintext() {
    let web = Web::start();
    let challenge = r#"Bearer realm="http://elsewhere.invalid/token",service="bench""#;
    web.route("/v2/", Reply::status(401).header("WWW-Authenticate", challenge));
    let with =
        as_user(&json!({"api": {"url": web.url("")}, "repository": APP, "tag": "v1"}), "correct horse");
    assert_error(
        &run_probe(&with),
        &["the registry's token server is elsewhere.invalid:80, another host without TLS: not used"],
    );
}
