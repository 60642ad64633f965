//! Faults of the application and its load balancer.

use gonogo_rehearsal::servers::app::AppFaults;

use super::StackFault;
use crate::support::full_stack::{FullStack, OLD_TOKEN};

fn reset_app_faults(whole: &mut FullStack) {
    whole.stack.app.set_faults(|faults| *faults = AppFaults::default());
}

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
        // Without a canary there is nothing to count from.
        points: &["secrets.token-rotated", "verify.metrics", "verify.pipeline", "verify.traces"],
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
];
