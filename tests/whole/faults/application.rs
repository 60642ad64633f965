//! Faults of the application and its load balancer.

use gonogo_rehearsal::servers::app::{AppFaults, StreamRefusal};

use super::StackFault;
use crate::support::full_stack::{FullStack, OLD_TOKEN};

fn reset_app_faults(whole: &mut FullStack) {
    whole.stack.app.set_faults(|faults| *faults = AppFaults::default());
}

/// No event is sent, so there is nothing to count from.
const NOTHING_SENT: [&str; 5] =
    ["secrets.token-rotated", "verify.metrics", "verify.pipeline", "verify.queues-drained", "verify.traces"];

pub const FAULTS: &[StackFault] = &[
    StackFault {
        name: "application still starting",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.starting = true),
        fix: reset_app_faults,
        points: &["infra.health-checks", "verify.health"],
        messages: &["event_pipeline_ready"],
    },
    StackFault {
        name: "one of three replicas still starting",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.one_starting_replica_of = Some(3)),
        fix: reset_app_faults,
        points: &["infra.health-checks", "verify.health"],
        messages: &["of 8 samples"],
    },
    StackFault {
        name: "load balancer allows any origin",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.balancer_allows_any_origin = true),
        fix: reset_app_faults,
        points: &["secrets.allowed-origins"],
        messages: &["foreign origin https://gonogo-foreign.example at http://"],
    },
    StackFault {
        name: "load balancer drops the query",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.balancer_drops_query = true),
        fix: reset_app_faults,
        points: &["secrets.token-rotated", "verify.pipeline"],
        messages: &["the current token in the query, through http://"],
    },
    StackFault {
        name: "load balancer does not forward WebSockets",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.balancer_has_no_websockets = true),
        fix: reset_app_faults,
        points: &["secrets.token-rotated", "verify.pipeline"],
        messages: &["WebSocket opened"],
    },
    StackFault {
        name: "event stream ends when an event comes",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.ends_streams = true),
        fix: reset_app_faults,
        points: &["verify.pipeline"],
        messages: &["the application ended the stream"],
    },
    StackFault {
        name: "every other event is lost",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.loses_events = true),
        fix: reset_app_faults,
        points: &["verify.pipeline"],
        messages: &["event received over server-sent events"],
    },
    StackFault {
        name: "current token refused",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.rejects_current_token = true),
        fix: reset_app_faults,
        points: &NOTHING_SENT,
        messages: &["the current token at /ws"],
    },
    StackFault {
        name: "no origin allowed",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.allows_no_origin = true),
        fix: reset_app_faults,
        points: &["secrets.allowed-origins"],
        messages: &["not allowed"],
    },
    StackFault {
        name: "permissions policy missing",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.no_permissions_policy = true),
        fix: reset_app_faults,
        points: &["secrets.security-headers"],
        messages: &["Permissions-Policy"],
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
        messages: &["event received over server-sent events", "heartbeat"],
    },
    StackFault {
        name: "events refused by the bus",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.event_bus_down = true),
        fix: reset_app_faults,
        // The failed publication is counted, too, with another status.
        points: &["verify.metrics", "verify.pipeline"],
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
        name: "login page instead of the event stream",
        inject: |whole| {
            whole.stack.app.set_faults(|faults| faults.refuses_streams = Some(StreamRefusal::LoginPage));
        },
        fix: reset_app_faults,
        points: &NOTHING_SENT,
        messages: &["HTTP 200 text/html"],
    },
    StackFault {
        name: "parameter of the event stream missing",
        inject: |whole| {
            whole.stack.app.set_faults(|faults| faults.refuses_streams = Some(StreamRefusal::Unprocessable));
        },
        fix: reset_app_faults,
        points: &NOTHING_SENT,
        messages: &["422", "settings"],
    },
    StackFault {
        name: "too many event streams",
        inject: |whole| {
            whole
                .stack
                .app
                .set_faults(|faults| faults.refuses_streams = Some(StreamRefusal::TooManyRequests));
        },
        fix: reset_app_faults,
        points: &NOTHING_SENT,
        messages: &["429"],
    },
    StackFault {
        name: "limit of connections reached",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.at_connection_limit = true),
        fix: reset_app_faults,
        points: &NOTHING_SENT,
        messages: &["connection limit"],
    },
    StackFault {
        name: "header with the token removed",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.ignores_authorization = true),
        fix: reset_app_faults,
        // The event with the token in the query arrives.
        points: &["secrets.token-rotated", "verify.pipeline"],
        messages: &["the current token at /sse/activity", "401"],
    },
    StackFault {
        name: "every answer is an error",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.fails_always = true),
        fix: reset_app_faults,
        points: &[
            "infra.health-checks",
            "secrets.allowed-origins",
            "secrets.security-headers",
            "secrets.token-rotated",
            "verify.health",
            "verify.metrics",
            "verify.pipeline",
            "verify.queues-drained",
            "verify.traces",
        ],
        messages: &["500"],
    },
    StackFault {
        name: "application degraded",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.degraded = true),
        fix: reset_app_faults,
        points: &["infra.health-checks", "verify.health"],
        messages: &["degraded"],
    },
    StackFault {
        name: "metrics turned off",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.no_telemetry = true),
        fix: reset_app_faults,
        points: &["verify.metrics"],
        messages: &["503"],
    },
    StackFault {
        name: "every origin allowed with credentials",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.echoes_origin = true),
        fix: reset_app_faults,
        points: &["secrets.allowed-origins"],
        messages: &["https://gonogo-foreign.example"],
    },
    StackFault {
        name: "origin null allowed",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.allows_null_origin = true),
        fix: reset_app_faults,
        points: &["secrets.allowed-origins"],
        messages: &["null"],
    },
    StackFault {
        name: "events in memory only",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.memory_transport = true),
        fix: reset_app_faults,
        points: &["verify.pipeline"],
        messages: &["event at the exchange"],
    },
    StackFault {
        name: "load balancer holds event streams back",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.balancer_holds_streams = true),
        fix: reset_app_faults,
        points: &["secrets.token-rotated", "verify.pipeline"],
        messages: &["through http://", "no response within"],
    },
    StackFault {
        name: "load balancer removes security headers",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.balancer_drops_headers = true),
        fix: reset_app_faults,
        points: &["secrets.security-headers"],
        messages: &["Strict-Transport-Security"],
    },
    StackFault {
        name: "events sent twice",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.sends_events_twice = true),
        fix: reset_app_faults,
        points: &["verify.pipeline"],
        messages: &["2 over server-sent events, 1 at the exchange, 1 at the Redis channel"],
    },
    StackFault {
        name: "application's clock five minutes behind",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.clock_behind = 300),
        fix: reset_app_faults,
        points: &["verify.traces"],
        messages: &["spans of /ws", "newest"],
    },
    StackFault {
        name: "HSTS ended",
        inject: |whole| whole.stack.app.set_faults(|faults| faults.hsts = Some("max-age=0".into())),
        fix: reset_app_faults,
        points: &["secrets.security-headers"],
        messages: &["max-age=0"],
    },
    StackFault {
        name: "no spans of the event stream",
        inject: |whole| {
            whole.stack.app.set_faults(|faults| faults.no_spans_of_route = Some("/sse/activity".into()));
        },
        fix: reset_app_faults,
        points: &["verify.traces"],
        messages: &["spans of /sse"],
    },
];
