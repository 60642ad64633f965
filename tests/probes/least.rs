//! The least rights that `gonogo points` names are enough, at the real servers.

use gonogo_core::checklist::requirements::{RequiredRight, spec_rights, tap_permissions};
use serde_json::{Value, json};

use super::kubernetes::{Bench, KUBECTL, PAUSE};
use super::*;
use crate::bench::need;
use crate::bench::rabbitmq::{SERVER as BROKER, Vhost};
use crate::bench::redis::SERVER as REDIS;
use crate::bench::stack::{Stack, TOKEN};
use crate::bench::topology::Topology;
use crate::bench::vault::{SERVER as VAULT, Vault};
use crate::bench::web::{Reply, Web};

/// What is granted, in the words of `of`.
#[track_caller]
fn granted(kind: &str, with: &Value, of: &str) -> String {
    let all = spec_rights(&spec(kind, with));
    let found: Vec<&RequiredRight> = all.iter().filter(|right| right.system == of).collect();
    assert_eq!(found.len(), 1, "{all:?}");
    found[0].grant.clone()
}

#[test]
fn at_redis() {
    need!(REDIS);
    let asked = json!({"url": "redis://h:1/1", "persistence": true, "latency_threshold_ms": 100, "spike_limit_ms": 1000,
        "replicas": 0, "subscribers": [{"channel": "advanced:activity", "at_least": 0}]});
    let acl = granted("redis", &asked, "Redis ACL");
    let server = redis::good().password("root-pw").acl_user("gonogo", "gonogo-pw", &acl).start();
    let more = json!({"url": format!("redis://127.0.0.1:{}/1", server.port()), "username": "gonogo", "password": secret("gonogo-pw")});
    assert_pass(&look_within(DEADLINE, "redis", &plus(&asked, &more)), &["✓ "]);
    // And one less is not.
    let less = acl.replace("+config|get", "");
    let server = redis::good().password("root-pw").acl_user("gonogo", "gonogo-pw", &less).start();
    let more = json!({"url": format!("redis://127.0.0.1:{}/1", server.port()), "username": "gonogo", "password": secret("gonogo-pw")});
    assert_error(
        &look_within(DEADLINE, "redis", &plus(&asked, &more)),
        &["no permissions to run the 'config|get' command"],
    );
}

#[test]
fn at_rabbitmq() {
    need!(BROKER);
    let vhost: Vhost = rabbitmq::vhost(&Topology::standard());
    vhost.publish("advanced.board.events.dlq", "poison");
    let peeked = json!({"queues": [{"name": "advanced.board.events.dlq", "peek": true}]});
    let peeked = plus(&rabbitmq::at(&vhost, &vhost.monitor), &peeked);
    let read = r"^(advanced\.board\.events\.dlq)$";
    assert!(granted("rabbitmq", &peeked, "RabbitMQ permissions").contains(read));
    let reader = vhost.user("reader", "management", ["", "", read]);
    let outcome = look_within(DEADLINE, "rabbitmq", &plus(&peeked, &rabbitmq::at(&vhost, &reader)));
    assert_pass(&outcome, &["✓ head of queue advanced.board.events.dlq | recorded | body: poison"]);
    let user = vhost.user("least", "management", [""; 3]);
    for asked in [rabbitmq::topology(&vhost), rabbitmq::drained(&vhost)] {
        let told = granted("rabbitmq", &asked, "RabbitMQ permissions");
        assert_eq!(told, format!("configure '' write '' read '' in virtual host {}", vhost.name));
        assert_eq!(granted("rabbitmq", &asked, "RabbitMQ tag"), "management");
        let outcome = look_within(DEADLINE, "rabbitmq", &plus(&asked, &rabbitmq::at(&vhost, &user)));
        assert!(outcome.observations.iter().all(|seen| seen.ok.is_some()), "{}", super::told(&outcome));
    }
}

#[test]
fn along_the_pipeline() {
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
    });
    let told = granted("pipeline", &taps, "RabbitMQ permissions");
    assert!(told.starts_with(&format!("configure '{configure}' write '{write}' read '{read}'")), "{told}");
    let acl = granted("pipeline", &taps, "Redis ACL");
    let set: Vec<_> =
        ["ACL", "SETUSER", "least", "on", ">least-pw"].into_iter().chain(acl.split(' ')).collect();
    assert_eq!(stack.redis.cli(&set), "OK");
    assert_pass(
        &look_within(DEADLINE, "pipeline", &taps),
        &["✓ event at the exchange", "✓ event at the Redis channel"],
    );
}

#[test]
fn at_vault() {
    need!(VAULT);
    let vault = Vault::start();
    vault.put(vault::PATH, &json!({"token": "swordfish-of-today"}));
    let told = granted("vault", &vault::at(&vault, "any"), "Vault policy");
    let (metadata, data) = told.split_once("; for the fingerprint also ").unwrap();
    for (name, policy) in [("version", metadata.to_owned()), ("fingerprint", format!("{metadata}\n{data}"))] {
        let token = vault.token(name, &policy);
        assert_pass(&look_within(DEADLINE, "vault", &vault::at(&vault, &token)), &["✓ age"]);
    }
}

#[test]
fn at_a_registry() {
    for (asked, actions) in [(json!({"tag": "v1"}), "pull"), (json!({"push": true}), "pull%2Cpush")] {
        let web = Web::start();
        let challenge = format!(r#"Bearer realm="{}",service="bench""#, web.url("/token"));
        web.route("/v2/", Reply::status(401).header("WWW-Authenticate", &challenge));
        web.route("/token", Reply::ok(r#"{"token": "tok-1234567890"}"#));
        let with = plus(&json!({"api": {"url": web.url("")}, "repository": "platform/advanced-app"}), &asked);
        let _ = look_within(DEADLINE, "registry", &with);
        let told = granted("registry", &with, "registry scope")
            .replace(',', "%2C")
            .replace(':', "%3A")
            .replace('/', "%2F");
        assert!(told.ends_with(actions), "{told}");
        let asked = web.requests();
        let token = asked.iter().find(|request| request.target.starts_with("/token")).unwrap();
        assert!(token.target.contains(&format!("scope={told}")), "{} {told}", token.target);
    }
}

#[test]
fn in_a_cluster() {
    need!(KUBECTL);
    let rollout = json!({"deployment": "advanced-app", "digest": "sha256:0"});
    let looks =
        [json!({"deployments": ["advanced-app"]}), json!({"rollout": rollout}), json!({"dry_run": PAUSE})];
    for asked in looks {
        let bench = Bench::new();
        let _ = bench.look(&asked);
        let with = plus(&json!({"context": "c", "namespace": "realtime"}), &asked);
        let told: Vec<_> =
            spec_rights(&spec("kubernetes", &with)).into_iter().map(|right| right.grant).collect();
        let told = told.join(", ");
        for request in bench.cluster.requests() {
            assert!(told.contains(&request), "{request} is asked for, {told} is said to be enough");
        }
        assert!(!bench.cluster.requests().is_empty());
    }
}
