//! A plan to look at: the 27 points in their six sections, with a little of everything.

use crate::checklist::spec::{Spec, Unavailable};
use crate::checklist::{Confirm, Contact, Plan, Point, Probe, Role, STANDARD_NAME, Section, Tailoring};

/// The id, the title, how many people confirm, and the probes by id and title.
type Line = (&'static str, &'static str, Confirm, &'static [(&'static str, &'static str)]);

use Confirm::{None as Nobody, One, Two};

const SECTIONS: &[(&str, &str, &[Line])] = &[
    (
        "validate",
        "Pre-deployment validation",
        &[
            (
                "validate.ci-suite",
                "Advanced suite passed in CI",
                One,
                &[
                    ("commit", "The tag names the release commit, and the tree is clean"),
                    ("ci", "CI's checks of that commit"),
                ],
            ),
            ("validate.package-metadata", "Package metadata valid", Nobody, &[("check", "poetry check")]),
            (
                "validate.iac-change-set",
                "Infrastructure change set reviewed",
                Two,
                &[("change-set", "What would be created, changed, replaced, destroyed")],
            ),
            (
                "validate.slo-alerts",
                "SLOs and alert rules up to date",
                One,
                &[("rules", "The required rules are loaded and healthy")],
            ),
        ],
    ),
    (
        "secrets",
        "Secrets & configuration",
        &[
            (
                "secrets.token-rotated",
                "Realtime token rotated",
                Nobody,
                &[("version", "The secret's version")],
            ),
            (
                "secrets.broker-credentials",
                "Broker credentials by reference",
                Nobody,
                &[("image", "No credential in the image")],
            ),
            (
                "secrets.allowed-origins",
                "Allowed origins exact",
                Nobody,
                &[
                    ("value", "The list is exact"),
                    ("live", "The running application lets in these and no others"),
                ],
            ),
            (
                "secrets.otlp-export",
                "Trace export configured",
                Nobody,
                &[("collector", "A test span is taken")],
            ),
            (
                "secrets.security-headers",
                "Security headers on record",
                One,
                &[("headers", "Strict-Transport-Security, Content-Security-Policy, Permissions-Policy")],
            ),
        ],
    ),
    (
        "infra",
        "Infrastructure readiness",
        &[
            (
                "infra.redis",
                "Redis persistent and watched",
                Nobody,
                &[
                    ("server", "Persistence, latency monitor, cluster and replicas"),
                    ("alert", "A latency alert rule is loaded"),
                ],
            ),
            (
                "infra.rabbitmq",
                "Exchange, retry and DLQ declared",
                Nobody,
                &[("topology", "Exchanges, queues and bindings")],
            ),
            (
                "infra.health-checks",
                "Balancer checks the right paths",
                One,
                &[("healthz", "/healthz through the balancer"), ("readyz", "/readyz through the balancer")],
            ),
            (
                "infra.observability",
                "Prometheus, Grafana, Jaeger reachable",
                Nobody,
                &[("prometheus", "Prometheus is ready")],
            ),
            (
                "infra.registry-rights",
                "Automation may publish images",
                Nobody,
                &[("push", "An upload can be begun, and is cancelled")],
            ),
        ],
    ),
    (
        "deploy",
        "Deployment steps",
        &[
            ("deploy.image-build-scan", "Image built and scanned", Nobody, &[("scan", "Scan the image")]),
            (
                "deploy.image-push",
                "Image pushed under the release's tag",
                Nobody,
                &[("digest", "The tag's digest")],
            ),
            ("deploy.iac-apply", "Infrastructure applied", Nobody, &[("apply", "Apply the change set")]),
            ("deploy.migrations", "Migrations run where needed", One, &[]),
            (
                "deploy.rollout",
                "Application, then worker rolled out",
                Nobody,
                &[("status", "The digest runs")],
            ),
        ],
    ),
    (
        "verify",
        "Post-deployment verification",
        &[
            ("verify.health", "Healthy and initialised", Nobody, &[("readyz", "/readyz and its body")]),
            ("verify.pipeline", "An event crosses the pipeline", Nobody, &[("canary", "WebSocket to SSE")]),
            ("verify.metrics", "Metrics arrive, latency as before", One, &[("samples", "New samples")]),
            ("verify.traces", "Traces for /ws and /sse", Nobody, &[("spans", "Spans of both routes")]),
            ("verify.queues-drained", "Queues drained, subscribers there", Nobody, &[("queues", "Depths")]),
        ],
    ),
    (
        "rollback",
        "Rollback plan",
        &[
            (
                "rollback.previous-release",
                "Previous release kept",
                Nobody,
                &[("tag", "The previous tag resolves")],
            ),
            ("rollback.pause-consumers", "Command to pause consumers", One, &[("dry-run", "Its dry run")]),
            ("rollback.contacts", "Whom to call is known", One, &[]),
        ],
    ),
];

fn probe((id, title): &(&str, &str)) -> Probe {
    Probe {
        id: (*id).into(),
        title: (*title).into(),
        due: None,
        deadline_ms: 10_000,
        retries: 0,
        retry_delay_ms: 0,
        effects: false,
        before: false,
        missing: Vec::new(),
        spec: Some(Spec::Unavailable(Unavailable { kind: "sample".into() })),
    }
}

fn point((id, title, confirm, probes): &Line) -> Point {
    let due = match id.split('.').next() {
        Some("verify") => Some("deploy.rollout".into()),
        _ => None,
    };
    Point {
        id: (*id).into(),
        title: (*title).into(),
        why: "What the deployment depends on, in the words of the checklist: it must be so before the \
              release goes out, and somebody has to have seen it."
            .into(),
        mandatory: matches!(*id, "infra.rabbitmq" | "secrets.token-rotated"),
        confirm: *confirm,
        fresh_s: 1800,
        after: if *id == "deploy.rollout" { vec!["deploy.iac-apply".into()] } else { Vec::new() },
        due,
        not_applicable: (*id == "deploy.migrations").then(|| "nothing downstream needs one".into()),
        probes: probes.iter().map(probe).collect(),
    }
}

/// The plan of the sample.
pub fn plan() -> Plan {
    let section = |(id, title, points): &(&str, &str, &[Line])| Section {
        id: (*id).into(),
        title: (*title).into(),
        points: points.iter().map(point).collect(),
    };
    let contact = |role: &str, name: &str, channel: &str| Contact {
        role: role.into(),
        name: name.into(),
        channel: channel.into(),
    };
    Plan {
        checklist: STANDARD_NAME.into(),
        environment: "production".into(),
        production: true,
        solo: false,
        release: "v1.4.0".into(),
        previous: Some("v1.3.2".into()),
        seals: vec![Role::Driver, Role::Reviewer],
        sections: SECTIONS.iter().map(section).collect(),
        contacts: vec![
            contact("SRE", "On-call rota", "#sre-oncall, +49 30 1234567"),
            contact("Platform", "Dana Weiss", "#platform"),
        ],
        tailored: vec![Tailoring { point: "infra.redis".into(), what: "replicas: 0 → 1".into() }],
    }
}
