//! The drills: what each breaks in the stack, and which control points must detect it.

use std::time::Duration;

use amq_protocol::protocol::BasicProperties;
use amq_protocol::types::{AMQPValue, FieldTable};
use serde_json::json;

use crate::names::{ALERT_RULES, PREVIOUS_RELEASE, REPOSITORY, TOKEN_FIELD, TOKEN_PATH};
use crate::servers::app::AppFaults;
use crate::stack::{Services, ToolFaults, retry_arguments};

/// A fault that is injected into the stack on purpose.
#[derive(Clone, Copy)]
pub struct Drill {
    /// The name, as `--drill` takes it.
    pub name: &'static str,
    /// What is broken, in one line.
    pub description: &'static str,
    /// The control points that fail or pass only on retry because of it.
    pub points: &'static [&'static str],
    /// Whether the probe passes on retry.
    pub passes_on_retry: bool,
    /// Text that an observation of these points must contain.
    pub cause: &'static str,
    pub(super) break_app: fn(&mut AppFaults),
    pub(super) break_tools: fn(&mut ToolFaults),
    pub(super) break_services: fn(&Services),
}

impl std::fmt::Debug for Drill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Drill({})", self.name)
    }
}

const fn drill(
    name: &'static str,
    description: &'static str,
    points: &'static [&'static str],
    cause: &'static str,
) -> Drill {
    Drill {
        name,
        description,
        points,
        passes_on_retry: false,
        cause,
        break_app: |_| {},
        break_tools: |_| {},
        break_services: |_| {},
    }
}

const fn in_app(drill: Drill, break_app: fn(&mut AppFaults)) -> Drill {
    Drill { break_app, ..drill }
}

const fn in_tools(drill: Drill, break_tools: fn(&mut ToolFaults)) -> Drill {
    Drill { break_tools, ..drill }
}

const fn in_services(drill: Drill, break_services: fn(&Services)) -> Drill {
    Drill { break_services, ..drill }
}

const REDIS: &[&str] = &["infra.redis", "deploy.iac-apply"];
const RABBIT: &[&str] = &["infra.rabbitmq", "deploy.iac-apply"];
const TOKEN: &[&str] = &["secrets.token-rotated"];
const ORIGINS: &[&str] = &["secrets.allowed-origins"];
const HEADERS: &[&str] = &["secrets.security-headers"];
const PIPELINE: &[&str] = &["verify.pipeline"];
const QUEUES: &[&str] = &["verify.queues-drained"];
const PIPELINE_AND_QUEUES: &[&str] = &["verify.pipeline", "verify.queues-drained"];

/// All drills.
pub const DRILLS: [Drill; 31] = [
    in_services(
        drill("redis-no-persistence", "persistence is off in Redis", REDIS, "persistence"),
        |services| {
            services.redis.config_set("appendonly", "no");
            services.redis.config_set("save", "");
        },
    ),
    in_services(
        drill(
            "redis-latency-monitor-off",
            "the latency monitor of Redis is off",
            REDIS,
            "latency-monitor-threshold",
        ),
        |services| services.redis.config_set("latency-monitor-threshold", "0"),
    ),
    in_services(
        drill("redis-slow", "every Redis command takes 150 ms", REDIS, "latency spike"),
        |services| services.redis.set_delay(Duration::from_millis(150)),
    ),
    in_services(
        drill(
            "queue-missing",
            "the retry queue is not declared",
            &["infra.rabbitmq", "deploy.iac-apply", "verify.queues-drained"],
            "not declared",
        ),
        |services| services.broker.delete_queue("advanced.board.events.retry"),
    ),
    in_services(
        drill(
            "retry-to-wrong-exchange",
            "the retry queue dead-letters to the wrong exchange",
            RABBIT,
            "x-dead-letter-exchange",
        ),
        |services| {
            let name = "advanced.board.events.retry";
            services.broker.delete_queue(name);
            // It cannot fail: the queue existed with the same name and binding.
            let _ = services.broker.declare_queue(
                name,
                &retry_arguments("amq.topic"),
                name,
                "boards.activity.retry",
            );
        },
    ),
    in_services(
        drill(
            "poison-in-dlq",
            "a message that cannot be handled is in the dead-letter queue",
            QUEUES,
            "advanced.board.events.dlq",
        ),
        |services| {
            let body = br#"{"kind": "board_event", "board": 7, "payload": "no object"}"#;
            let mut headers = FieldTable::default();
            headers.insert("x-retry-count".into(), AMQPValue::LongInt(6));
            headers.insert("last-error".into(), AMQPValue::LongString("an event without an id".into()));
            let properties = BasicProperties::default().with_headers(headers);
            services.broker.publish_to_queue("advanced.board.events.dlq", properties, body);
        },
    ),
    in_tools(
        drill("worker-stopped", "the worker does not consume its queue", PIPELINE_AND_QUEUES, "consumer"),
        |tool_faults| {
            tool_faults.worker_stopped = true;
        },
    ),
    in_app(
        drill(
            "no-subscriber",
            "the Redis channel of events has no subscriber",
            PIPELINE_AND_QUEUES,
            "subscriber",
        ),
        |faults| {
            faults.wrong_channel = true;
        },
    ),
    in_app(
        drill(
            "readyz-starting",
            "/readyz answers 200 with the status \"starting\"",
            &["verify.health", "infra.health-checks"],
            "starting",
        ),
        |faults| faults.starting = true,
    ),
    in_app(
        drill("sse-only-heartbeats", "server-sent events carry heartbeats only", PIPELINE, "heartbeat"),
        |faults| faults.only_heartbeats = true,
    ),
    in_app(
        drill(
            "sse-loses-events",
            "every other event is missing from server-sent events",
            PIPELINE,
            "event received",
        ),
        |faults| faults.loses_events = true,
    ),
    in_app(
        drill(
            "default-token",
            "the endpoints accept the default token from the documentation",
            TOKEN,
            "default token",
        ),
        |faults| faults.accepts_default_token = true,
    ),
    in_app(
        drill("old-token", "the endpoints still accept the previous token", TOKEN, "old token"),
        // The stack fills in the token.
        |faults| faults.accepts_old_token = Some(String::new()),
    ),
    in_app(drill("origin-wildcard", "every origin is allowed", ORIGINS, "origin"), |faults| {
        faults.allows_any_origin = true;
    }),
    in_app(
        drill(
            "origin-look-alike",
            "origins that start with an allowed origin are allowed",
            ORIGINS,
            "origin",
        ),
        |faults| faults.matches_origin_prefix = true,
    ),
    in_app(
        drill(
            "csp-missing",
            "the header Content-Security-Policy is missing",
            HEADERS,
            "Content-Security-Policy",
        ),
        |faults| faults.no_csp = true,
    ),
    in_app(
        drill(
            "hsts-too-short",
            "Strict-Transport-Security has a max-age of one hour",
            HEADERS,
            "Strict-Transport-Security",
        ),
        |faults| faults.hsts = Some("max-age=3600".to_owned()),
    ),
    in_tools(
        drill(
            "credential-in-image",
            "the image contains a password",
            &["secrets.broker-credentials"],
            "ADVANCED_REDIS_URL",
        ),
        |tool_faults| tool_faults.credential_in_image = true,
    ),
    in_services(drill("token-not-rotated", "the token is 200 days old", TOKEN, "200 days"), |services| {
        let (now, age) = (jiff::Timestamp::now(), jiff::SignedDuration::from_hours(24 * 200));
        services.vault.delete(TOKEN_PATH);
        let created = now.checked_sub(age).unwrap_or(now);
        services.vault.put(TOKEN_PATH, json!({TOKEN_FIELD: services.secrets.token}), created);
    }),
    in_services(
        drill("registry-refuses-pushes", "the registry denies pushes", &["infra.registry-rights"], "DENIED"),
        |services| services.registry.refuse_pushes(),
    ),
    in_services(
        drill(
            "previous-tag-gone",
            "the tag of the previous release is missing from the registry",
            &["rollback.previous-release"],
            "no such tag",
        ),
        |services| services.registry.untag(REPOSITORY, PREVIOUS_RELEASE),
    ),
    in_services(
        drill(
            "alert-rule-missing",
            "Prometheus has not loaded the alerting rule for pipeline latency",
            &["validate.slo-alerts"],
            "no such rule",
        ),
        |services| services.prometheus.remove_rule(ALERT_RULES[0].0),
    ),
    in_services(
        drill("metrics-stale", "Prometheus has stopped scraping", &["verify.metrics"], "no sample since"),
        |services| services.prometheus.stop_scraping(),
    ),
    in_app(
        drill(
            "ws-spans-missing",
            "no spans are exported for the WebSocket endpoint",
            &["verify.traces"],
            "/ws",
        ),
        |faults| faults.no_spans_of_route = Some("/ws/boards/{board}".to_owned()),
    ),
    in_services(
        drill(
            "collector-refuses-header",
            "the collector rejects the configured header",
            &["secrets.otlp-export", "verify.traces"],
            "401",
        ),
        |services| services.collector.require_token("another token"),
    ),
    in_app(
        drill(
            "health-flaps",
            "one of 16 requests to /healthz fails",
            &["verify.health"],
            "1 of 8 samples: 503",
        ),
        |faults| faults.flapping_health = true,
    ),
    Drill {
        passes_on_retry: true,
        ..in_app(
            drill("health-late", "the first 8 requests to /healthz fail", &["verify.health"], "503"),
            |faults| faults.late_health = true,
        )
    },
    in_services(
        drill(
            "grafana-mute",
            "Grafana accepts connections but never responds",
            &["infra.observability", "verify.metrics"],
            "no response",
        ),
        |services| services.grafana.stop_responding(),
    ),
    in_tools(
        drill(
            "rollout-hangs",
            "the rollout of the release never completes",
            &["deploy.rollout", "verify.health"],
            "0 of 2 updated",
        ),
        |tool_faults| tool_faults.rollout_hangs = true,
    ),
    in_tools(
        drill(
            "critical-finding",
            "the image scan reports a critical vulnerability",
            &["deploy.image-build-scan"],
            "CVE-2026-31337",
        ),
        |tool_faults| tool_faults.critical_finding = true,
    ),
    in_tools(
        drill(
            "plan-destroys-queue",
            "the Terraform plan destroys the event queue",
            &["deploy.iac-apply", "validate.iac-change-set"],
            "rabbitmq_queue.events",
        ),
        |tool_faults| tool_faults.plan_destroys_queue = true,
    ),
];

/// The drill of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Drill> {
    DRILLS.iter().find(|drill| drill.name == name)
}

impl Drill {
    /// Whether it can be found only once the release is deployed: nothing before the rollout fails for it.
    #[must_use]
    pub fn needs_deployment(&self) -> bool {
        let comes_later = |point: &&str| point.starts_with("verify.") || DUE_AFTER_ROLLOUT.contains(point);
        self.points.iter().all(comes_later)
    }
}

/// The points outside of the verification that are due after the rollout.
const DUE_AFTER_ROLLOUT: [&str; 2] = ["infra.health-checks", "secrets.security-headers"];

/// The drill of this name, or the one that `random:SEED` selects.
#[must_use]
pub fn resolve(name: &str) -> Option<&'static Drill> {
    match name.strip_prefix("random:") {
        Some(seed) => Some(from_seed(seed.parse().ok()?)),
        None => find(name),
    }
}

/// The drill that a seed selects.
#[must_use]
pub fn from_seed(seed: u64) -> &'static Drill {
    // SplitMix64: neighbouring seeds select unrelated drills.
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let count = DRILLS.len() as u64;
    &DRILLS[usize::try_from(mixed % count).unwrap_or_default()]
}
