use std::sync::Arc;

use gonogo::probes::FingerprintKey;
use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};

use super::*;
use crate::support::need;
use crate::support::ports::refused_port;
use crate::support::vault::{ROOT, SERVER, Vault};
use crate::support::web::{Reply, Web};

pub(super) const PATH: &str = "advanced/realtime-token";
const METADATA_ONLY: &str = r#"path "secret/metadata/*" { capabilities = ["read"] }"#;

pub(super) fn vault_spec(vault: &Vault, token: &str) -> Value {
    json!({"api": {"url": vault.url()}, "path": PATH, "field": "token", "auth": {"token": secret(token)}})
}

fn context(last: Option<Outcome>) -> ProbeContext {
    let fingerprint = Some(FingerprintKey(Arc::new([7; 32].into())));
    ProbeContext { last: last.map(Arc::new), fingerprint, ..ProbeContext::default() }
}

#[track_caller]
fn run_probe(with: &Value, context: &ProbeContext) -> Outcome {
    run_probe_with_context(DEADLINE, "vault", with, context)
}

#[test]
fn a_recent_secret_passes_and_only_its_fingerprint_is_recorded() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let first = run_probe(&vault_spec(&vault, ROOT), &context(None));
    assert_pass(
        &first,
        &[
            "✓ the current version's value | present | present",
            "✓ current version | recorded | 1, created 20",
            "✓ age | at most 90 days | 0 days",
            "✓ the value | not a default value | not a default value",
            "✓ fingerprint of the value | recorded | ",
        ],
    );
    assert!(!describe(&first).contains("swordfish"));
    // Neither the same version nor a new version with the same value is a rotation.
    let unchanged = run_probe(&vault_spec(&vault, ROOT), &context(Some(first.clone())));
    assert_fail(&unchanged, &["✗ current version | different from the last run's 1, created 20"]);
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let same_value = run_probe(&vault_spec(&vault, ROOT), &context(Some(first.clone())));
    assert_fail(
        &same_value,
        &["✓ current version | different from", "✗ fingerprint of the value | different from"],
    );
    vault.put(PATH, &json!({"token": "swordfish-of-tomorrow"}));
    let rotated = run_probe(&vault_spec(&vault, ROOT), &context(Some(first)));
    assert_pass(
        &rotated,
        &["✓ current version | different from", "✓ fingerprint of the value | different from"],
    );
}

#[test]
fn access_to_the_metadata_alone_is_enough() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let token = vault.token("metadata-only", METADATA_ONLY);
    assert_pass(
        &run_probe(&vault_spec(&vault, &token), &context(None)),
        &["no permission to read the value: the version is compared"],
    );
}

#[test]
fn access_to_the_value_alone_is_enough() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let token = vault.token("value-only", r#"path "secret/data/*" { capabilities = ["read"] }"#);
    let with = vault_spec(&vault, &token);
    assert_pass(
        &run_probe(&with, &context(None)),
        &[
            "✓ current version | recorded | 1, created 20",
            "✓ age | at most 90 days | 0 days",
            "✓ the value | not a default",
        ],
    );
    vault.request("DELETE", &format!("secret/data/{PATH}"), &Value::Null);
    assert_fail(
        &run_probe(&with, &context(None)),
        &["✗ the current version's value | present | deleted, 20"],
    );
}

#[test]
fn a_wrong_path_mount_or_field_is_reported_with_a_hint() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": 123_456_789_012_u64}));
    let with = vault_spec(&vault, ROOT);
    assert_pass(
        &run_probe(&with, &context(None)),
        &["✓ the value | not a default value | not a default value"],
    );
    let path = plus(&with, &json!({"path": format!("secret/data/{PATH}")}));
    let hint = format!("the path is relative to the mount: perhaps `{PATH}`");
    assert_fail(&run_probe(&path, &context(None)), &[&hint]);
    vault.request("POST", "sys/mounts/old", &json!({"type": "kv", "options": {"version": "1"}}));
    let kv_version_1 = plus(&with, &json!({"mount": "old"}));
    assert_fail(
        &run_probe(&kv_version_1, &context(None)),
        &["the secrets engine at `old` is KV version 1, which keeps no versions"],
    );
    let other = run_probe(&plus(&with, &json!({"field": "password"})), &context(None));
    assert_fail(&other, &["the secret has no field `password`; it has: token"]);
    assert_eq!(by_hand(&other).trim(), "", "{}", other.reproduce);
    let (_file, token) = secret_file(ROOT);
    let path = plus(&path, &json!({"auth": {"token": token}}));
    assert!(by_hand(&run_probe(&path, &context(None))).contains("\"errors\":[]"));
}

#[test]
fn missing_default_and_deleted_secrets_fail() {
    need!(SERVER);
    let vault = Vault::start();
    let with = vault_spec(&vault, ROOT);
    assert_fail(&run_probe(&with, &context(None)), &["no such secret, or no KV secrets engine of version 2"]);
    vault.put(PATH, &json!({"token": "change-me-realtime"}));
    assert_fail(
        &run_probe(&with, &context(None)),
        &["✗ the value | not a default value | the stack's default value"],
    );
    vault.put(PATH, &json!({"other": "swordfish-of-today"}));
    assert_fail(&run_probe(&with, &context(None)), &["the secret has no field `token`"]);
    vault.request("DELETE", &format!("secret/data/{PATH}"), &Value::Null);
    assert_fail(
        &run_probe(&with, &context(None)),
        &["✗ the current version's value | present | deleted, 20"],
    );
}

#[test]
fn an_old_secret_fails() {
    let web = Web::start();
    let versions = json!({"3": {"created_time": "2020-01-01T00:00:00.123456789Z", "deletion_time": "", "destroyed": false}});
    let answer = json!({"data": {"current_version": 3, "versions": versions}});
    web.route(&format!("/v1/secret/metadata/{PATH}"), Reply::ok(&answer.to_string()));
    let with = json!({"api": {"url": web.url("")}, "path": PATH, "auth": {"token": secret("some-token")}});
    assert_fail(&run_probe(&with, &context(None)), &["✗ age | at most 90 days | "]);
}

#[test]
fn an_approle_logs_in() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    vault.request("POST", "sys/auth/approle", &json!({"type": "approle"}));
    vault.request("PUT", "sys/policies/acl/reader", &json!({"policy": METADATA_ONLY}));
    vault.request("POST", "auth/approle/role/gonogo", &json!({"token_policies": ["reader"]}));
    let role = vault.request("GET", "auth/approle/role/gonogo/role-id", &Value::Null);
    let id = vault.request("POST", "auth/approle/role/gonogo/secret-id", &Value::Null);
    let [role, id] =
        [&role["data"]["role_id"], &id["data"]["secret_id"]].map(|id| id.as_str().unwrap().to_owned());
    let auth = |id: &str| json!({"auth": {"approle": {"role_id": role, "secret_id": secret(id)}}});
    assert_pass(&run_probe(&plus(&vault_spec(&vault, ROOT), &auth(&id)), &context(None)), &["✓ age"]);
    let wrong = run_probe(
        &plus(&vault_spec(&vault, ROOT), &auth("00000000-0000-0000-0000-000000000000")),
        &context(None),
    );
    assert_error(&wrong, &["login by approle refused"]);
    assert!(by_hand(&wrong).contains("\"errors\":[\"invalid"), "{}\n{}", wrong.reproduce, by_hand(&wrong));
    let (_file, id) = secret_file(&id);
    let auth = json!({"auth": {"approle": {"role_id": role, "secret_id": id}}, "path": "no/such"});
    let other = plus(&vault_spec(&vault, ROOT), &auth);
    assert!(by_hand(&run_probe(&other, &context(None))).contains("\"errors\":[]"));
}

#[test]
fn a_wrong_token_a_sealed_vault_and_no_answer_are_errors() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let wrong = run_probe(&vault_spec(&vault, "no-such-token"), &context(None));
    assert_error(&wrong, &["permission denied, or the token is not valid (403"]);
    assert!(by_hand(&wrong).contains("permission denied"), "{}", wrong.reproduce);
    vault.request("PUT", "sys/seal", &Value::Null);
    assert_error(
        &run_probe(&vault_spec(&vault, ROOT), &context(None)),
        &["Vault is sealed, or in maintenance (503)"],
    );
    let unreachable = json!({"api": {"url": format!("http://127.0.0.1:{}", refused_port())}, "path": PATH, "auth": {"token": secret("x-token")}});
    assert_error(&run_probe(&unreachable, &context(None)), &["refuses connections"]);
}

/// The login is simulated, since a real Vault would verify the token with a cluster.
#[test]
fn a_kubernetes_service_account_logs_in() {
    let web = Web::start();
    let login = json!({"auth": {"client_token": "hvs.of-this-login"}});
    web.route("/v1/auth/kubernetes/login", Reply::ok(&login.to_string()));
    let now = jiff::Timestamp::now().to_string();
    let versions = json!({"1": {"created_time": now, "deletion_time": "", "destroyed": false}});
    let answer = json!({"data": {"current_version": 1, "versions": versions}});
    web.route(&format!("/v1/secret/metadata/{PATH}"), Reply::ok(&answer.to_string()));
    web.route(&format!("/v1/secret/data/{PATH}"), Reply::status(403));
    let jwt = secret("eyJhbGciOi.service-account");
    let auth = json!({"kubernetes": {"role": "gonogo", "jwt": jwt}});
    let outcome =
        run_probe(&json!({"api": {"url": web.url("")}, "path": PATH, "auth": auth}), &context(None));
    assert_pass(&outcome, &["✓ age | at most 90 days | 0 days"]);
    let requests = web.requests();
    let body: Value = serde_json::from_str(&requests[0].body).unwrap();
    assert_eq!(body, json!({"role": "gonogo", "jwt": "eyJhbGciOi.service-account"}));
    assert!(requests[1..].iter().all(|request| request.headers["x-vault-token"] == "hvs.of-this-login"));
    assert!(!format!("{outcome:?}").contains("hvs."));
}

#[test]
fn the_value_must_be_the_token_that_the_application_is_given() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let same_as = |value: &str| plus(&vault_spec(&vault, ROOT), &json!({"same_as": secret(value)}));
    let what = "the value and the application's token | the same |";
    let same = run_probe(&same_as("swordfish-of-today"), &context(None));
    assert_pass(&same, &[&format!("✓ {what} the same")]);
    let rotated = run_probe(&same_as("swordfish-of-yesterday"), &context(None));
    assert_fail(&rotated, &[&format!("✗ {what} different: only one of them was rotated")]);
    assert!(!describe(&rotated).contains("swordfish"));
    let unknown = plus(&same_as(""), &json!({"same_as": {"env": "GONOGO_NO_SUCH_TOKEN"}}));
    assert_error(&run_probe(&unknown, &context(None)), &[&format!("? {what} "), "GONOGO_NO_SUCH_TOKEN"]);
    let token = vault.token("metadata", METADATA_ONLY);
    let metadata = plus(&vault_spec(&vault, &token), &json!({"same_as": secret("swordfish-of-today")}));
    let line =
        "✓ the value and the application's token | recorded | not compared (needs read of secret/data/";
    assert_pass(&run_probe(&metadata, &context(None)), &[line]);
}
