//! The rights that `gonogo points` names are sufficient on real servers.

use gonogo_core::checklist::requirements::{RequiredRight, spec_rights, tap_permissions};
use serde_json::{Value, json};

use super::kubernetes::{ClusterFixture, KUBECTL, PAUSE};
use super::*;
use crate::support::need;
use crate::support::rabbitmq::{SERVER as BROKER, Vhost};
use crate::support::redis::SERVER as REDIS;
use crate::support::stack::{Stack, TOKEN};
use crate::support::topology::Topology;
use crate::support::vault::{SERVER as VAULT, Vault};
use crate::support::web::{Reply, Web};

/// The rights that a probe needs on a system, such as `Redis ACL`.
#[track_caller]
fn required_right(kind: &str, with: &Value, system: &str) -> String {
    let all = spec_rights(&spec(kind, with));
    let rights: Vec<&RequiredRight> = all.iter().filter(|right| right.system == system).collect();
    assert_eq!(rights.len(), 1, "{all:?}");
    rights[0].grant.clone()
}

#[test]
fn the_named_redis_acl_is_sufficient_and_minimal() {
    need!(REDIS);
    let settings = json!({"url": "redis://h:1/1", "persistence": true, "latency_threshold_ms": 100, "spike_limit_ms": 1000,
        "replicas": 0, "subscribers": [{"channel": "advanced:activity", "at_least": 0}]});
    let acl = required_right("redis", &settings, "Redis ACL");
    let server = redis::well_configured().password("root-pw").acl_user("gonogo", "gonogo-pw", &acl).start();
    let more = json!({"url": format!("redis://127.0.0.1:{}/1", server.port()), "username": "gonogo", "password": secret("gonogo-pw")});
    assert_pass(&run_probe_within(DEADLINE, "redis", &plus(&settings, &more)), &["✓ "]);
    // Without one of the commands, it is not sufficient.
    let incomplete = acl.replace("+config|get", "");
    let server =
        redis::well_configured().password("root-pw").acl_user("gonogo", "gonogo-pw", &incomplete).start();
    let more = json!({"url": format!("redis://127.0.0.1:{}/1", server.port()), "username": "gonogo", "password": secret("gonogo-pw")});
    assert_error(
        &run_probe_within(DEADLINE, "redis", &plus(&settings, &more)),
        &["no permissions to run the 'config|get' command"],
    );
}

#[test]
fn the_named_rabbitmq_permissions_are_sufficient() {
    need!(BROKER);
    let vhost: Vhost = rabbitmq::vhost(&Topology::standard());
    vhost.publish("advanced.board.events.dlq", "poison");
    let checks = json!({"queues": [{"name": "advanced.board.events.dlq", "peek": true}]});
    let with_peek = plus(&rabbitmq::connection_spec(&vhost, &vhost.monitor), &checks);
    let read = r"^(advanced\.board\.events\.dlq)$";
    assert!(required_right("rabbitmq", &with_peek, "RabbitMQ permissions").contains(read));
    let reader = vhost.user("reader", "management", ["", "", read]);
    let outcome = run_probe_within(
        DEADLINE,
        "rabbitmq",
        &plus(&with_peek, &rabbitmq::connection_spec(&vhost, &reader)),
    );
    assert_pass(&outcome, &["✓ first message of queue advanced.board.events.dlq | recorded | body: poison"]);
    let user = vhost.user("least", "management", [""; 3]);
    for settings in [rabbitmq::topology_spec(&vhost), rabbitmq::drained_spec(&vhost)] {
        let grant = required_right("rabbitmq", &settings, "RabbitMQ permissions");
        assert_eq!(grant, format!("configure '' write '' read '' in virtual host {}", vhost.name));
        assert_eq!(required_right("rabbitmq", &settings, "RabbitMQ tag"), "management");
        let outcome = run_probe_within(
            DEADLINE,
            "rabbitmq",
            &plus(&settings, &rabbitmq::connection_spec(&vhost, &user)),
        );
        assert!(
            outcome.observations.iter().all(|observation| observation.ok.is_some()),
            "{}",
            describe(&outcome)
        );
    }
}

#[test]
fn the_named_pipeline_permissions_are_sufficient() {
    need!(REDIS, BROKER);
    let stack = Stack::start();
    let [configure, write, read] = tap_permissions("advanced.board.events");
    let user = stack.vhost.user("least", "", [&configure, &write, &read]);
    let url = format!("redis://127.0.0.1:{}/0", stack.redis.port());
    let broker = json!({"username": user.name, "password": secret(&user.password)});
    let taps = json!({
        "api": {"url": stack.app.url()},
        "token": secret(TOKEN),
        "exchange": {"at": plus(&stack.broker(), &broker), "name": "advanced.board.events", "routing_key": "boards.activity"},
        "channel": {"at": {"url": url, "username": "least", "password": secret("least-pw")}, "name": "advanced:activity"},
        "idempotency_prefix": "advanced:idempotency:",
    });
    let grant = required_right("pipeline", &taps, "RabbitMQ permissions");
    assert!(grant.starts_with(&format!("configure '{configure}' write '{write}' read '{read}'")), "{grant}");
    let acl = required_right("pipeline", &taps, "Redis ACL");
    let set: Vec<_> =
        ["ACL", "SETUSER", "least", "on", ">least-pw"].into_iter().chain(acl.split(' ')).collect();
    assert_eq!(stack.redis.cli(&set), "OK");
    assert_pass(
        &run_probe_within(DEADLINE, "pipeline", &taps),
        &[
            "✓ event at the exchange",
            "✓ event at the Redis channel",
            "✓ idempotency key of each event | in database 0 | present",
        ],
    );
}

#[test]
fn the_named_vault_policy_is_sufficient() {
    need!(VAULT);
    let vault = Vault::start();
    vault.put(vault::PATH, &json!({"token": "swordfish-of-today"}));
    let grant = required_right("vault", &vault::vault_spec(&vault, "any"), "Vault policy");
    let (metadata, data) = grant.split_once("; for the fingerprint also ").unwrap();
    for (name, policy) in [("version", metadata.to_owned()), ("fingerprint", format!("{metadata}\n{data}"))] {
        let token = vault.token(name, &policy);
        assert_pass(&run_probe_within(DEADLINE, "vault", &vault::vault_spec(&vault, &token)), &["✓ age"]);
    }
}

#[test]
fn the_named_registry_scope_is_the_requested_one() {
    for (settings, actions) in [(json!({"tag": "v1"}), "pull"), (json!({"push": true}), "pull%2Cpush")] {
        let web = Web::start();
        let challenge = format!(r#"Bearer realm="{}",service="bench""#, web.url("/token"));
        web.route("/v2/", Reply::status(401).header("WWW-Authenticate", &challenge));
        web.route("/token", Reply::ok(r#"{"token": "tok-1234567890"}"#));
        let with =
            plus(&json!({"api": {"url": web.url("")}, "repository": "platform/advanced-app"}), &settings);
        let _ = run_probe_within(DEADLINE, "registry", &with);
        let grant = required_right("registry", &with, "registry scope")
            .replace(',', "%2C")
            .replace(':', "%3A")
            .replace('/', "%2F");
        assert!(grant.ends_with(actions), "{grant}");
        let requests = web.requests();
        let token = requests.iter().find(|request| request.target.starts_with("/token")).unwrap();
        assert!(token.target.contains(&format!("scope={grant}")), "{} {grant}", token.target);
    }
}

#[test]
fn the_named_kubernetes_rights_cover_every_request() {
    need!(KUBECTL);
    let rollout = json!({"deployment": "advanced-app", "digest": "sha256:0"});
    let checks =
        [json!({"deployments": ["advanced-app"]}), json!({"rollout": rollout}), json!({"dry_run": PAUSE})];
    for settings in checks {
        let fixture = ClusterFixture::new();
        let _ = fixture.run_probe(&settings);
        let with = plus(&json!({"context": "c", "namespace": "realtime"}), &settings);
        let grants: Vec<_> =
            spec_rights(&spec("kubernetes", &with)).into_iter().map(|right| right.grant).collect();
        let grants = grants.join(", ");
        for request in fixture.cluster.requests() {
            assert!(grants.contains(&request), "{request} is requested, but only {grants} is named");
        }
        assert!(!fixture.cluster.requests().is_empty());
    }
}
