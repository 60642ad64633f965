//! Drills: what can be broken in the stack, and which control points must find it.

use std::time::Duration;

use amq_protocol::protocol::BasicProperties;
use amq_protocol::types::{AMQPValue, FieldTable};
use serde_json::json;

use crate::names::{PREVIOUS, REPOSITORY, RULES, SECRET};
use crate::servers::app::Faults;
use crate::stack::{Parts, ToolFaults, retry};

/// A thing that is broken on purpose.
#[derive(Clone, Copy)]
pub struct Drill {
    /// What it is called.
    pub name: &'static str,
    /// What is broken, in a line.
    pub what: &'static str,
    /// The control points that are not green then.
    pub points: &'static [&'static str],
    /// Whether a second look is good: then the point has passed, on retry.
    pub passes_on_retry: bool,
    /// What an observation of it must say.
    pub cause: &'static str,
    pub(super) app: fn(&mut Faults),
    pub(super) tools: fn(&mut ToolFaults),
    pub(super) breaks: fn(&Parts),
}

impl std::fmt::Debug for Drill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Drill({})", self.name)
    }
}

const fn drill(
    name: &'static str,
    what: &'static str,
    points: &'static [&'static str],
    cause: &'static str,
) -> Drill {
    Drill { name, what, points, passes_on_retry: false, cause, app: |_| {}, tools: |_| {}, breaks: |_| {} }
}

const fn of_app(drill: Drill, app: fn(&mut Faults)) -> Drill {
    Drill { app, ..drill }
}

const fn of_tools(drill: Drill, tools: fn(&mut ToolFaults)) -> Drill {
    Drill { tools, ..drill }
}

const fn of_servers(drill: Drill, breaks: fn(&Parts)) -> Drill {
    Drill { breaks, ..drill }
}

const REDIS: &[&str] = &["infra.redis", "deploy.iac-apply"];
const RABBIT: &[&str] = &["infra.rabbitmq", "deploy.iac-apply"];
const TOKEN: &[&str] = &["secrets.token-rotated"];
const ORIGINS: &[&str] = &["secrets.allowed-origins"];
const HEADERS: &[&str] = &["secrets.security-headers"];
const PIPELINE: &[&str] = &["verify.pipeline"];
const QUEUES: &[&str] = &["verify.queues-drained"];
const FLOW: &[&str] = &["verify.pipeline", "verify.queues-drained"];

/// All drills.
pub const DRILLS: [Drill; 30] = [
    of_servers(
        drill("redis-no-persistence", "Redis writes nothing to disk", REDIS, "persistence"),
        |parts| {
            parts.redis.configure("appendonly", "no");
            parts.redis.configure("save", "");
        },
    ),
    of_servers(
        drill(
            "redis-latency-monitor-off",
            "Redis' latency monitor is off",
            REDIS,
            "latency-monitor-threshold",
        ),
        |parts| parts.redis.configure("latency-monitor-threshold", "0"),
    ),
    of_servers(
        drill("redis-slow", "Redis takes 150 ms for every command", REDIS, "latency spike"),
        |parts| parts.redis.slow_down(Duration::from_millis(150)),
    ),
    of_servers(
        drill(
            "queue-missing",
            "the retry queue is not declared",
            &["infra.rabbitmq", "deploy.iac-apply", "verify.queues-drained"],
            "not declared",
        ),
        |parts| parts.broker.delete_queue("advanced.board.events.retry"),
    ),
    of_servers(
        drill(
            "retry-to-wrong-exchange",
            "the retry queue gives back to another exchange",
            RABBIT,
            "x-dead-letter-exchange",
        ),
        |parts| {
            let name = "advanced.board.events.retry";
            parts.broker.delete_queue(name);
            // It was there a moment ago with the same name and bindings.
            let _ = parts.broker.queue(name, &retry("amq.topic"), name, "boards.activity.retry");
        },
    ),
    of_servers(
        drill(
            "poison-in-dlq",
            "a message that nobody can handle is in the dead-letter queue",
            QUEUES,
            "advanced.board.events.dlq",
        ),
        |parts| {
            let body = br#"{"kind": "board_event", "board": 7, "payload": "no object"}"#;
            let mut headers = FieldTable::default();
            headers.insert("x-retry-count".into(), AMQPValue::LongInt(6));
            headers.insert("last-error".into(), AMQPValue::LongString("an event without an id".into()));
            let properties = BasicProperties::default().with_headers(headers);
            parts.broker.put("advanced.board.events.dlq", properties, body);
        },
    ),
    of_tools(drill("worker-stopped", "the worker does not consume", FLOW, "consumer"), |tool_faults| {
        tool_faults.no_worker = true;
    }),
    of_app(drill("no-subscriber", "nobody listens to the channel of events", FLOW, "subscriber"), |faults| {
        faults.deaf = true;
    }),
    of_app(
        drill(
            "readyz-starting",
            "/readyz answers 200, and says that it is starting",
            &["verify.health", "infra.health-checks"],
            "starting",
        ),
        |faults| faults.starting = true,
    ),
    of_app(
        drill("sse-only-heartbeats", "only heartbeats come over server-sent events", PIPELINE, "heartbeat"),
        |faults| faults.only_heartbeats = true,
    ),
    of_app(
        drill(
            "sse-loses-events",
            "one event in two is lost before server-sent events",
            PIPELINE,
            "event back",
        ),
        |faults| faults.loses = true,
    ),
    of_app(
        drill("default-token", "the token of the documentation opens the doors", TOKEN, "default token"),
        |faults| faults.default_token = true,
    ),
    of_app(
        drill("old-token", "the token before opens the doors still", TOKEN, "old token"),
        // Which one that is, the stack knows.
        |faults| faults.old_token = Some(String::new()),
    ),
    of_app(drill("origin-wildcard", "every origin is let in", ORIGINS, "origin"), |faults| {
        faults.any_origin = true;
    }),
    of_app(
        drill("origin-look-alike", "origins that begin like a good one are let in", ORIGINS, "origin"),
        |faults| faults.origin_by_begin = true,
    ),
    of_app(
        drill("csp-missing", "no Content-Security-Policy is sent", HEADERS, "Content-Security-Policy"),
        |faults| faults.no_csp = true,
    ),
    of_app(
        drill(
            "hsts-too-short",
            "Strict-Transport-Security holds for an hour",
            HEADERS,
            "Strict-Transport-Security",
        ),
        |faults| faults.hsts = Some("max-age=3600".to_owned()),
    ),
    of_tools(
        drill(
            "credential-in-image",
            "a password was built into the image",
            &["secrets.broker-credentials"],
            "ADVANCED_REDIS_URL",
        ),
        |tool_faults| tool_faults.baked = true,
    ),
    of_servers(drill("token-not-rotated", "the token is 200 days old", TOKEN, "200 days"), |parts| {
        let (now, long) = (jiff::Timestamp::now(), jiff::SignedDuration::from_hours(24 * 200));
        parts.vault.forget(SECRET.0);
        let made = now.checked_sub(long).unwrap_or(now);
        parts.vault.put(SECRET.0, json!({SECRET.1: parts.secrets.token}), made);
    }),
    of_servers(
        drill("registry-refuses-pushes", "the registry refuses pushes", &["infra.registry-rights"], "DENIED"),
        |parts| parts.registry.refuse_pushes(),
    ),
    of_servers(
        drill(
            "previous-tag-gone",
            "the previous release's tag is gone from the registry",
            &["rollback.previous-release"],
            "no such tag",
        ),
        |parts| parts.registry.untag(REPOSITORY, PREVIOUS),
    ),
    of_servers(
        drill(
            "alert-rule-missing",
            "Prometheus has not loaded the rule for the pipeline's latency",
            &["validate.slo-alerts"],
            "no such rule",
        ),
        |parts| parts.prometheus.drop_rule(RULES[0].0),
    ),
    of_servers(
        drill("metrics-stale", "Prometheus scrapes no more", &["verify.metrics"], "no sample since"),
        |parts| parts.prometheus.stop_scraping(),
    ),
    of_app(
        drill("ws-spans-missing", "no span of the WebSocket door is told", &["verify.traces"], "/ws"),
        |faults| faults.no_spans_of = Some("/ws/boards/{board}".to_owned()),
    ),
    of_servers(
        drill(
            "collector-refuses-header",
            "the collector refuses the header that it is sent",
            &["secrets.otlp-export", "verify.traces"],
            "401",
        ),
        |parts| parts.collector.ask_for("another token"),
    ),
    Drill {
        passes_on_retry: true,
        ..of_app(
            drill("health-flaps", "every other answer of /healthz is a failure", &["verify.health"], "503"),
            |faults| faults.flaps = true,
        )
    },
    of_servers(
        drill(
            "grafana-mute",
            "Grafana takes connections and never answers",
            &["infra.observability", "verify.metrics"],
            "no answer",
        ),
        |parts| parts.grafana.fall_silent(),
    ),
    of_tools(
        drill(
            "rollout-hangs",
            "the rollout of the release never ends",
            &["deploy.rollout"],
            "0 of 2 are new",
        ),
        |tool_faults| tool_faults.stuck = true,
    ),
    of_tools(
        drill(
            "critical-finding",
            "the scanner finds a critical vulnerability",
            &["deploy.image-build-scan"],
            "CVE-2026-31337",
        ),
        |tool_faults| tool_faults.critical = true,
    ),
    of_tools(
        drill(
            "plan-destroys-queue",
            "Terraform's plan destroys the queue of events",
            &["validate.iac-change-set"],
            "rabbitmq_queue.events",
        ),
        |tool_faults| tool_faults.destroys = true,
    ),
];

/// The drill of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Drill> {
    DRILLS.iter().find(|drill| drill.name == name)
}

/// The drill of this name, or the one that `random:SEED` means.
#[must_use]
pub fn meant(name: &str) -> Option<&'static Drill> {
    match name.strip_prefix("random:") {
        Some(seed) => Some(random(seed.parse().ok()?)),
        None => named(name),
    }
}

/// The drill that a seed means.
#[must_use]
pub fn random(seed: u64) -> &'static Drill {
    // SplitMix64: neighbouring seeds lead far apart.
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let count = DRILLS.len() as u64;
    &DRILLS[usize::try_from(mixed % count).unwrap_or_default()]
}
