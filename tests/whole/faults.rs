//! Faults that are injected into the real servers, one at a time.

use std::fs;

use gonogo_rehearsal::servers::forge::ForgeCheck;
use gonogo_rehearsal::servers::kubernetes::deployment;
use serde_json::{Value, json};

use crate::bench::collector::Collector;
use crate::bench::full_stack::{CODE, FullStack, OLD_TOKEN, REPOSITORY, RULES, SUITE, scan, terraform};
use crate::bench::topology::Topology;
use crate::bench::wait;

/// A fault, the points that it must fail, and texts that their observations must contain.
pub struct StackFault {
    pub name: &'static str,
    pub inject: fn(&mut FullStack),
    pub fix: fn(&mut FullStack),
    pub points: &'static [&'static str],
    pub messages: &'static [&'static str],
}

const QUEUE: &str = "advanced.board.events";

fn redis(whole: &FullStack, arguments: &[&str]) {
    let output = whole.stack.redis.cli(arguments);
    assert_eq!(output, "OK", "{arguments:?}");
}

fn declare(whole: &FullStack, topology: &Topology) {
    whole.stack.vhost.declare(topology);
}

/// Deletes the retry queue and declares it again.
fn redeclare_retry_queue(whole: &FullStack, topology: &Topology) {
    whole.stack.vhost.delete_queue("advanced.board.events.retry");
    declare(whole, topology);
}

/// Changes the deployment of the application.
fn change_deployment(whole: &FullStack, change: impl Fn(&mut Value)) {
    whole.cluster.update(|objects| change(objects.deployments.get_mut("advanced-app").unwrap()));
}

fn restore_deployment(whole: &mut FullStack) {
    let reference = json!({"secretKeyRef": {"name": "advanced-redis", "key": "url"}});
    let env = json!([{"name": "ADVANCED_REDIS_URL", "valueFrom": reference}]);
    change_deployment(whole, |object| *object = deployment("advanced-app", 2, &env));
}

fn set_ci_result(whole: &FullStack, word: &str) {
    whole.forge.update(|project| {
        drop(project.commits.insert(whole.commit.clone(), vec![ForgeCheck::new(SUITE, word)]));
    });
}

fn reset_app_faults(whole: &mut FullStack) {
    whole.stack.app.set_faults(|faults| *faults = gonogo_rehearsal::servers::app::AppFaults::default());
}

fn wait_until_drained(whole: &FullStack) {
    wait::until("drained queues", || (whole.stack.vhost.depth(QUEUE).0 == 0).then_some(()));
}

pub const FAULTS: &[StackFault] = &[
    StackFault {
        name: "Redis without persistence",
        inject: |whole| {
            redis(whole, &["CONFIG", "SET", "appendonly", "no"]);
            redis(whole, &["CONFIG", "SET", "save", ""]);
        },
        fix: |whole| redis(whole, &["CONFIG", "SET", "appendonly", "yes"]),
        points: &["deploy.iac-apply", "infra.redis"],
        messages: &["AOF or RDB on"],
    },
    StackFault {
        name: "Redis latency monitor off",
        inject: |whole| redis(whole, &["CONFIG", "SET", "latency-monitor-threshold", "0"]),
        fix: |whole| redis(whole, &["CONFIG", "SET", "latency-monitor-threshold", "100"]),
        points: &["deploy.iac-apply", "infra.redis"],
        messages: &["latency-monitor-threshold"],
    },
    StackFault {
        name: "latency alert not loaded",
        inject: |whole| whole.prometheus.reload(&RULES[..1]),
        fix: |whole| whole.prometheus.reload(&RULES),
        points: &["infra.redis"],
        messages: &["rule RedisLatencySpike"],
    },
    StackFault {
        name: "required alert not loaded",
        inject: |whole| whole.prometheus.reload(&RULES[1..]),
        fix: |whole| whole.prometheus.reload(&RULES),
        points: &["validate.slo-alerts"],
        messages: &["rule AdvancedPipelineLatency"],
    },
    StackFault {
        name: "dead-letter queue missing",
        inject: |whole| whole.stack.vhost.delete_queue("advanced.board.events.dlq"),
        fix: |whole| declare(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq", "verify.queues-drained"],
        messages: &["advanced.board.events.dlq"],
    },
    StackFault {
        name: "retries dead-letter to the wrong exchange",
        inject: |whole| {
            redeclare_retry_queue(
                whole,
                &Topology::standard().dead_letter("advanced.board.events.dlq", "boards.activity"),
            );
        },
        fix: |whole| redeclare_retry_queue(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        messages: &["dead-letter"],
    },
    StackFault {
        name: "poison message in the dead-letter queue",
        inject: |whole| whole.stack.vhost.publish("advanced.board.events.dlq", "poison"),
        fix: |whole| {
            whole.stack.vhost.delete_queue("advanced.board.events.dlq");
            declare(whole, &Topology::standard());
        },
        points: &["verify.queues-drained"],
        messages: &["advanced.board.events.dlq"],
    },
    StackFault {
        name: "worker stopped",
        inject: |whole| whole.stack.run_worker(false),
        fix: |whole| {
            whole.stack.run_worker(true);
            wait_until_drained(whole);
        },
        points: &["verify.pipeline", "verify.queues-drained"],
        messages: &["event at the Redis channel", "consumer"],
    },
    StackFault {
        name: "application still starting",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.starting = true),
        fix: reset_app_faults,
        points: &["infra.health-checks", "verify.health"],
        messages: &["event_pipeline_ready"],
    },
    StackFault {
        name: "application unhealthy",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.unhealthy = true),
        fix: reset_app_faults,
        // Headers and allowed origins cannot be checked on a 500.
        points: &[
            "infra.health-checks",
            "secrets.allowed-origins",
            "secrets.security-headers",
            "verify.health",
        ],
        messages: &["500"],
    },
    StackFault {
        name: "event stream sends heartbeats only",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.only_heartbeats = true),
        fix: reset_app_faults,
        points: &["verify.pipeline"],
        messages: &["event back over server-sent events", "heartbeat"],
    },
    StackFault {
        name: "events refused by the bus",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.event_bus_down = true),
        fix: reset_app_faults,
        points: &["verify.pipeline"],
        messages: &["refused: event_bus_failure"],
    },
    StackFault {
        name: "default token still accepted",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.accepts_default_token = true),
        fix: reset_app_faults,
        points: &["secrets.token-rotated"],
        messages: &["the default token"],
    },
    StackFault {
        name: "old token still accepted",
        inject: |whole| {
            whole.stack.app.set_faults(|faults| faults.accepts_old_token = Some(OLD_TOKEN.into()));
        },
        fix: reset_app_faults,
        points: &["secrets.token-rotated"],
        messages: &["the old token"],
    },
    StackFault {
        name: "wildcard origin",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.allows_any_origin = true),
        fix: reset_app_faults,
        points: &["secrets.allowed-origins"],
        messages: &["*"],
    },
    StackFault {
        name: "look-alike origin allowed",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.matches_origin_prefix = true),
        fix: reset_app_faults,
        points: &["secrets.allowed-origins"],
        messages: &["https://boards.example.com."],
    },
    StackFault {
        name: "content security policy missing",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.no_csp = true),
        fix: reset_app_faults,
        points: &["secrets.security-headers"],
        messages: &["Content-Security-Policy"],
    },
    StackFault {
        name: "HSTS too short",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.hsts = Some("max-age=3600".into())),
        fix: reset_app_faults,
        points: &["secrets.security-headers"],
        messages: &["max-age=3600"],
    },
    StackFault {
        name: "metrics stand still",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.frozen_metrics = true),
        fix: reset_app_faults,
        points: &["verify.metrics"],
        messages: &["advanced_board_events_published_total"],
    },
    StackFault {
        name: "no spans of the WebSocket",
        inject: |whole| {
            whole.stack.app.set_faults(|faults| faults.no_spans_of_route = Some("/ws/boards/{board}".into()));
        },
        fix: reset_app_faults,
        points: &["verify.traces"],
        messages: &["spans of /ws"],
    },
    StackFault {
        name: "secret deleted from Vault",
        inject: |whole| {
            drop(whole.vault.request("DELETE", "secret/data/advanced/realtime-token", &Value::Null))
        },
        fix: |whole| whole.vault.put("advanced/realtime-token", &json!({"token": "another-of-today"})),
        points: &["secrets.token-rotated"],
        messages: &["deleted"],
    },
    StackFault {
        name: "credential baked into the image",
        inject: |whole| whole.release(&["URL=amqp://app:hunter22@rabbit"]),
        fix: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["secrets.broker-credentials"],
        messages: &["environment variable URL holds a URL with a password"],
    },
    StackFault {
        name: "critical finding in the image",
        inject: |whole| fs::write(whole.sandbox.work().join("scan.json"), scan("CRITICAL")).unwrap(),
        fix: |whole| fs::write(whole.sandbox.work().join("scan.json"), scan("LOW")).unwrap(),
        points: &["deploy.image-build-scan"],
        messages: &["critical CVE-2026-0001"],
    },
    StackFault {
        name: "previous tag gone",
        inject: |whole| {
            let digest = whole.registry.push(REPOSITORY, "v1", &["PATH=/bin"], &["COPY . /app"]);
            whole.registry.delete(REPOSITORY, &digest);
        },
        fix: |whole| drop(whole.registry.push(REPOSITORY, "v1", &["PATH=/bin"], &["COPY . /app"])),
        points: &["rollback.previous-release"],
        messages: &["no such tag"],
    },
    StackFault {
        name: "release not pushed",
        inject: |whole| {
            let digest = whole.registry.push(REPOSITORY, "v2", &["PATH=/bin", "RELEASE=2"], &[]);
            whole.registry.delete(REPOSITORY, &digest);
        },
        fix: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["deploy.image-push", "deploy.rollout", "secrets.broker-credentials"],
        messages: &["tag v2"],
    },
    StackFault {
        name: "credential written into the workload",
        inject: |whole| {
            change_deployment(whole, |object| {
                let env = object.pointer_mut("/spec/template/spec/containers/0/env").unwrap();
                *env = json!([{"name": "ADVANCED_RABBITMQ_PASSWORD", "value": "hunter22"}]);
            });
        },
        fix: restore_deployment,
        points: &["secrets.broker-credentials"],
        messages: &["ADVANCED_RABBITMQ_PASSWORD is written out"],
    },
    StackFault {
        name: "rollout not complete",
        inject: |whole| change_deployment(whole, |object| object["status"]["updatedReplicas"] = 1.into()),
        fix: restore_deployment,
        points: &["deploy.rollout"],
        messages: &["rollout complete"],
    },
    StackFault {
        name: "readiness probe with the wrong path",
        inject: |whole| {
            change_deployment(whole, |object| {
                let probe = "/spec/template/spec/containers/0/readinessProbe/httpGet/path";
                *object.pointer_mut(probe).unwrap() = "/healthz".into();
            });
        },
        fix: restore_deployment,
        points: &["infra.health-checks"],
        messages: &["readiness of deployment advanced-app"],
    },
    StackFault {
        name: "scaling forbidden",
        inject: |whole| whole.cluster.update(|objects| objects.read_only = true),
        fix: |whole| whole.cluster.update(|objects| objects.read_only = false),
        points: &["rollback.pause-consumers"],
        messages: &["forbidden"],
    },
    StackFault {
        name: "suite failed in CI",
        inject: |whole| set_ci_result(whole, "failure"),
        fix: |whole| set_ci_result(whole, "success"),
        points: &["validate.ci-suite"],
        messages: &["failure"],
    },
    StackFault {
        name: "work tree changed",
        inject: |whole| fs::write(whole.checkout.path().join("hotfix.py"), "").unwrap(),
        fix: |whole| fs::remove_file(whole.checkout.path().join("hotfix.py")).unwrap(),
        points: &["validate.ci-suite"],
        messages: &["hotfix.py"],
    },
    StackFault {
        name: "change set destroys the queue",
        inject: |whole| {
            let code = CODE.replace(r#"resource "terraform_data" "rabbitmq" { input = "b" }"#, "");
            fs::write(whole.iac.path().join("main.tf"), code).unwrap();
        },
        fix: |whole| fs::write(whole.iac.path().join("main.tf"), CODE).unwrap(),
        points: &["validate.iac-change-set"],
        messages: &["terraform_data.rabbitmq"],
    },
    StackFault {
        name: "state of the infrastructure lost",
        inject: |whole| fs::remove_file(whole.iac.path().join("terraform.tfstate")).unwrap(),
        fix: |whole| terraform(whole.iac.path(), &["apply", "-input=false", "-auto-approve"]),
        points: &["rollback.previous-release"],
        messages: &["there is none"],
    },
    StackFault {
        name: "data source of the dashboard broken",
        inject: |whole| {
            whole
                .grafana
                .update(|grafana| drop(grafana.sources.insert("prom".into(), Some("bad gateway".into()))));
        },
        fix: |whole| whole.grafana.update(|grafana| drop(grafana.sources.insert("prom".into(), None))),
        points: &["verify.metrics"],
        messages: &["bad gateway"],
    },
    StackFault {
        name: "Grafana's database failing",
        inject: |whole| whole.grafana.update(|grafana| grafana.database = "failing".into()),
        fix: |whole| whole.grafana.update(|grafana| grafana.database = "ok".into()),
        points: &["infra.observability", "verify.metrics"],
        messages: &["failing"],
    },
    // Must be the last one: the collector restarts on another port.
    StackFault {
        name: "collector gone",
        inject: |whole| whole.collector = None,
        fix: |whole| whole.collector = Some(Collector::start()),
        points: &["secrets.otlp-export"],
        messages: &["refuses connections"],
    },
];
