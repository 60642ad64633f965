use std::sync::Arc;

use gonogo::probes::FingerprintKey;
use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};

use super::*;
use crate::bench::need;
use crate::bench::ports::refused_port;
use crate::bench::vault::{ROOT, SERVER, Vault};
use crate::bench::web::{Reply, Web};

pub(super) const PATH: &str = "advanced/realtime-token";
const METADATA_ONLY: &str = r#"path "secret/metadata/*" { capabilities = ["read"] }"#;

pub(super) fn at(vault: &Vault, token: &str) -> Value {
    json!({"api": {"url": vault.url()}, "path": PATH, "field": "token", "auth": {"token": secret(token)}})
}

fn given(last: Option<Outcome>) -> ProbeContext {
    let fingerprint = Some(FingerprintKey(Arc::new([7; 32].into())));
    ProbeContext { last: last.map(Arc::new), fingerprint, ..ProbeContext::default() }
}

#[track_caller]
fn look(with: &Value, given: &ProbeContext) -> Outcome {
    look_given(DEADLINE, "vault", with, given)
}

#[test]
fn a_young_secret_passes_and_leaves_only_a_fingerprint() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let first = look(&at(&vault, ROOT), &given(None));
    assert_pass(
        &first,
        &[
            "✓ the current version's value | there | there",
            "✓ current version | recorded | 1, of 20",
            "✓ age | at most 90 days | 0 days",
            "✓ the value | not a default value | a value of its own",
            "✓ fingerprint of the value | recorded | ",
        ],
    );
    assert!(!told(&first).contains("swordfish"));
    // The same again is not rotated; another version with the same value neither.
    let again = look(&at(&vault, ROOT), &given(Some(first.clone())));
    assert_fail(&again, &["✗ current version | another than the last run's 1, of 20"]);
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let same = look(&at(&vault, ROOT), &given(Some(first.clone())));
    assert_fail(&same, &["✓ current version | another than", "✗ fingerprint of the value | another than"]);
    vault.put(PATH, &json!({"token": "swordfish-of-tomorrow"}));
    let rotated = look(&at(&vault, ROOT), &given(Some(first)));
    assert_pass(&rotated, &["✓ current version | another than", "✓ fingerprint of the value | another than"]);
}

#[test]
fn metadata_alone_is_enough() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let token = vault.token("metadata-only", METADATA_ONLY);
    assert_pass(
        &look(&at(&vault, &token), &given(None)),
        &["only metadata may be read here: the version is compared"],
    );
}

#[test]
fn a_token_for_the_value_alone_is_enough() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let token = vault.token("value-only", r#"path "secret/data/*" { capabilities = ["read"] }"#);
    let with = at(&vault, &token);
    assert_pass(
        &look(&with, &given(None)),
        &[
            "✓ current version | recorded | 1, of 20",
            "✓ age | at most 90 days | 0 days",
            "✓ the value | not a default",
        ],
    );
    vault.must("DELETE", &format!("secret/data/{PATH}"), &Value::Null);
    assert_fail(&look(&with, &given(None)), &["✗ the current version's value | there | deleted, 20"]);
}

#[test]
fn a_secret_that_is_sought_in_the_wrong_place_is_told_where_it_may_be() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": 123_456_789_012_u64}));
    let with = at(&vault, ROOT);
    assert_pass(&look(&with, &given(None)), &["✓ the value | not a default value | a value of its own"]);
    let path = plus(&with, &json!({"path": format!("secret/data/{PATH}")}));
    let hint = format!("the path is that below the mount: perhaps `{PATH}`");
    assert_fail(&look(&path, &given(None)), &[&hint]);
    vault.must("POST", "sys/mounts/old", &json!({"type": "kv", "options": {"version": "1"}}));
    let old = plus(&with, &json!({"mount": "old"}));
    assert_fail(&look(&old, &given(None)), &["the store at `old` is KV version 1, which has no versions"]);
    let other = look(&plus(&with, &json!({"field": "password"})), &given(None));
    assert_fail(&other, &["the secret has no field `password`; it has: token"]);
}

#[test]
fn what_is_wrong_with_a_secret_is_told() {
    need!(SERVER);
    let vault = Vault::start();
    let with = at(&vault, ROOT);
    assert_fail(&look(&with, &given(None)), &["there is no such secret, or no KV store of version 2"]);
    vault.put(PATH, &json!({"token": "change-me-realtime"}));
    assert_fail(
        &look(&with, &given(None)),
        &["✗ the value | not a default value | the stack's default value"],
    );
    vault.put(PATH, &json!({"other": "swordfish-of-today"}));
    assert_fail(&look(&with, &given(None)), &["the secret has no field `token`"]);
    vault.must("DELETE", &format!("secret/data/{PATH}"), &Value::Null);
    assert_fail(&look(&with, &given(None)), &["✗ the current version's value | there | deleted, 20"]);
}

#[test]
fn an_old_secret_is_too_old() {
    let web = Web::start();
    let versions = json!({"3": {"created_time": "2020-01-01T00:00:00.123456789Z", "deletion_time": "", "destroyed": false}});
    let answer = json!({"data": {"current_version": 3, "versions": versions}});
    web.route(&format!("/v1/secret/metadata/{PATH}"), Reply::ok(&answer.to_string()));
    let with = json!({"api": {"url": web.url("")}, "path": PATH, "auth": {"token": secret("some-token")}});
    assert_fail(&look(&with, &given(None)), &["✗ age | at most 90 days | "]);
}

#[test]
fn an_application_logs_in() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    vault.must("POST", "sys/auth/approle", &json!({"type": "approle"}));
    vault.must("PUT", "sys/policies/acl/reader", &json!({"policy": METADATA_ONLY}));
    vault.must("POST", "auth/approle/role/gonogo", &json!({"token_policies": ["reader"]}));
    let role = vault.must("GET", "auth/approle/role/gonogo/role-id", &Value::Null);
    let id = vault.must("POST", "auth/approle/role/gonogo/secret-id", &Value::Null);
    let [role, id] =
        [&role["data"]["role_id"], &id["data"]["secret_id"]].map(|id| id.as_str().unwrap().to_owned());
    let auth = |id: &str| json!({"auth": {"approle": {"role_id": role, "secret_id": secret(id)}}});
    assert_pass(&look(&plus(&at(&vault, ROOT), &auth(&id)), &given(None)), &["✓ age"]);
    let wrong = look(&plus(&at(&vault, ROOT), &auth("00000000-0000-0000-0000-000000000000")), &given(None));
    assert_error(&wrong, &["login by approle is refused"]);
}

#[test]
fn a_wrong_token_a_sealed_vault_and_no_answer_are_errors() {
    need!(SERVER);
    let vault = Vault::start();
    vault.put(PATH, &json!({"token": "swordfish-of-today"}));
    let wrong = look(&at(&vault, "no-such-token"), &given(None));
    assert_error(&wrong, &["the token may not see this, or is refused (403"]);
    vault.must("PUT", "sys/seal", &Value::Null);
    assert_error(&look(&at(&vault, ROOT), &given(None)), &["Vault is sealed, or in maintenance (503)"]);
    let closed = json!({"api": {"url": format!("http://127.0.0.1:{}", refused_port())}, "path": PATH, "auth": {"token": secret("x-token")}});
    assert_error(&look(&closed, &given(None)), &["refuses connections"]);
}

/// The server's side of this login asks a cluster; what we send and keep is the same.
#[test]
fn a_workload_logs_in_by_its_service_account() {
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
    let outcome = look(&json!({"api": {"url": web.url("")}, "path": PATH, "auth": auth}), &given(None));
    assert_pass(&outcome, &["✓ age | at most 90 days | 0 days"]);
    let asked = web.requests();
    let body: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(body, json!({"role": "gonogo", "jwt": "eyJhbGciOi.service-account"}));
    assert!(asked[1..].iter().all(|request| request.headers["x-vault-token"] == "hvs.of-this-login"));
    assert!(!format!("{outcome:?}").contains("hvs."));
}
