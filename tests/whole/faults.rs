//! One fault each, injected into the real thing.

use std::fs;

use gonogo_rehearsal::servers::forge::ForgeCheck;
use gonogo_rehearsal::servers::kubernetes::deployment;
use serde_json::{Value, json};

use crate::bench::collector::Collector;
use crate::bench::topology::Topology;
use crate::bench::wait;
use crate::bench::whole::{CODE, OLD_TOKEN, REPOSITORY, RULES, SUITE, Whole, scan, terraform};

/// A fault, the points that it turns, and what must be told there.
pub struct Fault {
    pub name: &'static str,
    pub inject: fn(&mut Whole),
    pub mend: fn(&mut Whole),
    pub points: &'static [&'static str],
    pub told: &'static [&'static str],
}

const QUEUE: &str = "advanced.board.events";

fn redis(whole: &Whole, words: &[&str]) {
    let said = whole.stack.redis.cli(words);
    assert_eq!(said, "OK", "{words:?}");
}

fn declare(whole: &Whole, topology: &Topology) {
    whole.stack.vhost.declare(topology);
}

/// Declares the retry queue anew.
fn retry(whole: &Whole, topology: &Topology) {
    whole.stack.vhost.delete_queue("advanced.board.events.retry");
    declare(whole, topology);
}

/// The application's deployment, changed.
fn deployed(whole: &Whole, change: impl Fn(&mut Value)) {
    whole.cluster.update(|objects| change(objects.deployments.get_mut("advanced-app").unwrap()));
}

fn sound_deployment(whole: &mut Whole) {
    let reference = json!({"secretKeyRef": {"name": "advanced-redis", "key": "url"}});
    let env = json!([{"name": "ADVANCED_REDIS_URL", "valueFrom": reference}]);
    deployed(whole, |found| *found = deployment("advanced-app", 2, &env));
}

fn ran(whole: &Whole, word: &str) {
    whole.forge.update(|project| {
        drop(project.commits.insert(whole.commit.clone(), vec![ForgeCheck::new(SUITE, word)]));
    });
}

fn no_faults(whole: &mut Whole) {
    whole.stack.app.set_faults(|faults| *faults = gonogo_rehearsal::servers::app::AppFaults::default());
}

fn drained(whole: &Whole) {
    wait::until("drained queues", || (whole.stack.vhost.depth(QUEUE).0 == 0).then_some(()));
}

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "Redis without persistence",
        inject: |whole| {
            redis(whole, &["CONFIG", "SET", "appendonly", "no"]);
            redis(whole, &["CONFIG", "SET", "save", ""]);
        },
        mend: |whole| redis(whole, &["CONFIG", "SET", "appendonly", "yes"]),
        points: &["deploy.iac-apply", "infra.redis"],
        told: &["AOF or RDB on"],
    },
    Fault {
        name: "Redis latency monitor off",
        inject: |whole| redis(whole, &["CONFIG", "SET", "latency-monitor-threshold", "0"]),
        mend: |whole| redis(whole, &["CONFIG", "SET", "latency-monitor-threshold", "100"]),
        points: &["deploy.iac-apply", "infra.redis"],
        told: &["latency-monitor-threshold"],
    },
    Fault {
        name: "latency alert not loaded",
        inject: |whole| whole.prometheus.reload(&RULES[..1]),
        mend: |whole| whole.prometheus.reload(&RULES),
        points: &["infra.redis"],
        told: &["rule RedisLatencySpike"],
    },
    Fault {
        name: "required alert not loaded",
        inject: |whole| whole.prometheus.reload(&RULES[1..]),
        mend: |whole| whole.prometheus.reload(&RULES),
        points: &["validate.slo-alerts"],
        told: &["rule AdvancedPipelineLatency"],
    },
    Fault {
        name: "dead-letter queue missing",
        inject: |whole| whole.stack.vhost.delete_queue("advanced.board.events.dlq"),
        mend: |whole| declare(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq", "verify.queues-drained"],
        told: &["advanced.board.events.dlq"],
    },
    Fault {
        name: "retries dead-letter to the wrong exchange",
        inject: |whole| {
            retry(whole, &Topology::standard().dead_letter("advanced.board.events.dlq", "boards.activity"));
        },
        mend: |whole| retry(whole, &Topology::standard()),
        points: &["deploy.iac-apply", "infra.rabbitmq"],
        told: &["dead-letter"],
    },
    Fault {
        name: "poison message in the dead-letter queue",
        inject: |whole| whole.stack.vhost.publish("advanced.board.events.dlq", "poison"),
        mend: |whole| {
            whole.stack.vhost.delete_queue("advanced.board.events.dlq");
            declare(whole, &Topology::standard());
        },
        points: &["verify.queues-drained"],
        told: &["advanced.board.events.dlq"],
    },
    Fault {
        name: "worker stopped",
        inject: |whole| whole.stack.work(false),
        mend: |whole| {
            whole.stack.work(true);
            drained(whole);
        },
        points: &["verify.pipeline", "verify.queues-drained"],
        told: &["event at the Redis channel", "consumer"],
    },
    Fault {
        name: "application still starting",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.starting = true),
        mend: no_faults,
        points: &["infra.health-checks", "verify.health"],
        told: &["event_pipeline_ready"],
    },
    Fault {
        name: "application unhealthy",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.unhealthy = true),
        mend: no_faults,
        // Its headers and its answers to origins cannot be judged on an error.
        points: &[
            "infra.health-checks",
            "secrets.allowed-origins",
            "secrets.security-headers",
            "verify.health",
        ],
        told: &["500"],
    },
    Fault {
        name: "event stream sends heartbeats only",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.only_heartbeats = true),
        mend: no_faults,
        points: &["verify.pipeline"],
        told: &["event back over server-sent events", "heartbeat"],
    },
    Fault {
        name: "events refused by the bus",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.event_bus_down = true),
        mend: no_faults,
        points: &["verify.pipeline"],
        told: &["refused: event_bus_failure"],
    },
    Fault {
        name: "default token still accepted",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.accepts_default_token = true),
        mend: no_faults,
        points: &["secrets.token-rotated"],
        told: &["the default token"],
    },
    Fault {
        name: "old token still accepted",
        inject: |whole| {
            whole.stack.app.set_faults(|faults| faults.accepts_old_token = Some(OLD_TOKEN.into()));
        },
        mend: no_faults,
        points: &["secrets.token-rotated"],
        told: &["the old token"],
    },
    Fault {
        name: "wildcard origin",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.allows_any_origin = true),
        mend: no_faults,
        points: &["secrets.allowed-origins"],
        told: &["*"],
    },
    Fault {
        name: "look-alike origin let in",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.matches_origin_prefix = true),
        mend: no_faults,
        points: &["secrets.allowed-origins"],
        told: &["https://boards.example.com."],
    },
    Fault {
        name: "content security policy missing",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.no_csp = true),
        mend: no_faults,
        points: &["secrets.security-headers"],
        told: &["Content-Security-Policy"],
    },
    Fault {
        name: "HSTS too short",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.hsts = Some("max-age=3600".into())),
        mend: no_faults,
        points: &["secrets.security-headers"],
        told: &["max-age=3600"],
    },
    Fault {
        name: "metrics stand still",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.frozen_metrics = true),
        mend: no_faults,
        points: &["verify.metrics"],
        told: &["advanced_board_events_published_total"],
    },
    Fault {
        name: "no spans of the WebSocket",
        inject: |whole| {
            whole.stack.app.set_faults(|faults| faults.no_spans_of_route = Some("/ws/boards/{board}".into()));
        },
        mend: no_faults,
        points: &["verify.traces"],
        told: &["spans of /ws"],
    },
    Fault {
        name: "secret deleted from Vault",
        inject: |whole| drop(whole.vault.must("DELETE", "secret/data/advanced/realtime-token", &Value::Null)),
        mend: |whole| whole.vault.put("advanced/realtime-token", &json!({"token": "another-of-today"})),
        points: &["secrets.token-rotated"],
        told: &["deleted"],
    },
    Fault {
        name: "credential baked into the image",
        inject: |whole| whole.release(&["URL=amqp://app:hunter22@rabbit"]),
        mend: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["secrets.broker-credentials"],
        told: &["environment variable URL holds a URL with a password"],
    },
    Fault {
        name: "critical finding in the image",
        inject: |whole| fs::write(whole.sandbox.work().join("scan.json"), scan("CRITICAL")).unwrap(),
        mend: |whole| fs::write(whole.sandbox.work().join("scan.json"), scan("LOW")).unwrap(),
        points: &["deploy.image-build-scan"],
        told: &["critical CVE-2026-0001"],
    },
    Fault {
        name: "previous tag gone",
        inject: |whole| {
            let digest = whole.registry.push(REPOSITORY, "v1", &["PATH=/bin"], &["COPY . /app"]);
            whole.registry.delete(REPOSITORY, &digest);
        },
        mend: |whole| drop(whole.registry.push(REPOSITORY, "v1", &["PATH=/bin"], &["COPY . /app"])),
        points: &["rollback.previous-release"],
        told: &["no such tag"],
    },
    Fault {
        name: "release not pushed",
        inject: |whole| {
            let digest = whole.registry.push(REPOSITORY, "v2", &["PATH=/bin", "RELEASE=2"], &[]);
            whole.registry.delete(REPOSITORY, &digest);
        },
        mend: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["deploy.image-push", "deploy.rollout", "secrets.broker-credentials"],
        told: &["tag v2"],
    },
    Fault {
        name: "credential written into the workload",
        inject: |whole| {
            deployed(whole, |found| {
                let env = found.pointer_mut("/spec/template/spec/containers/0/env").unwrap();
                *env = json!([{"name": "ADVANCED_RABBITMQ_PASSWORD", "value": "hunter22"}]);
            });
        },
        mend: sound_deployment,
        points: &["secrets.broker-credentials"],
        told: &["ADVANCED_RABBITMQ_PASSWORD is written out"],
    },
    Fault {
        name: "rollout not complete",
        inject: |whole| deployed(whole, |found| found["status"]["updatedReplicas"] = 1.into()),
        mend: sound_deployment,
        points: &["deploy.rollout"],
        told: &["rollout complete"],
    },
    Fault {
        name: "readiness asked at the wrong path",
        inject: |whole| {
            deployed(whole, |found| {
                let probe = "/spec/template/spec/containers/0/readinessProbe/httpGet/path";
                *found.pointer_mut(probe).unwrap() = "/healthz".into();
            });
        },
        mend: sound_deployment,
        points: &["infra.health-checks"],
        told: &["readiness of deployment advanced-app"],
    },
    Fault {
        name: "scaling forbidden",
        inject: |whole| whole.cluster.update(|objects| objects.read_only = true),
        mend: |whole| whole.cluster.update(|objects| objects.read_only = false),
        points: &["rollback.pause-consumers"],
        told: &["forbidden"],
    },
    Fault {
        name: "suite failed in CI",
        inject: |whole| ran(whole, "failure"),
        mend: |whole| ran(whole, "success"),
        points: &["validate.ci-suite"],
        told: &["failure"],
    },
    Fault {
        name: "work tree changed",
        inject: |whole| fs::write(whole.checkout.path().join("hotfix.py"), "").unwrap(),
        mend: |whole| fs::remove_file(whole.checkout.path().join("hotfix.py")).unwrap(),
        points: &["validate.ci-suite"],
        told: &["hotfix.py"],
    },
    Fault {
        name: "change set destroys the queue",
        inject: |whole| {
            let code = CODE.replace(r#"resource "terraform_data" "rabbitmq" { input = "b" }"#, "");
            fs::write(whole.iac.path().join("main.tf"), code).unwrap();
        },
        mend: |whole| fs::write(whole.iac.path().join("main.tf"), CODE).unwrap(),
        points: &["validate.iac-change-set"],
        told: &["terraform_data.rabbitmq"],
    },
    Fault {
        name: "state of the infrastructure lost",
        inject: |whole| fs::remove_file(whole.iac.path().join("terraform.tfstate")).unwrap(),
        mend: |whole| terraform(whole.iac.path(), &["apply", "-input=false", "-auto-approve"]),
        points: &["rollback.previous-release"],
        told: &["there is none"],
    },
    Fault {
        name: "data source of the dashboard broken",
        inject: |whole| {
            whole
                .grafana
                .update(|there| drop(there.sources.insert("prom".into(), Some("bad gateway".into()))));
        },
        mend: |whole| whole.grafana.update(|there| drop(there.sources.insert("prom".into(), None))),
        points: &["verify.metrics"],
        told: &["bad gateway"],
    },
    Fault {
        name: "Grafana's database failing",
        inject: |whole| whole.grafana.update(|there| there.database = "failing".into()),
        mend: |whole| whole.grafana.update(|there| there.database = "ok".into()),
        points: &["infra.observability", "verify.metrics"],
        told: &["failing"],
    },
    // The last: it comes back on another port.
    Fault {
        name: "collector gone",
        inject: |whole| whole.collector = None,
        mend: |whole| whole.collector = Some(Collector::start()),
        points: &["secrets.otlp-export"],
        told: &["refuses connections"],
    },
];
