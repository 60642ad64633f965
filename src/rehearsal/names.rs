//! The names of the stack's parts: releases, images, deployments, rules.

/// The release that is promoted.
pub const RELEASE: &str = "v1.5.0";
/// The release that runs before it.
pub const PREVIOUS_RELEASE: &str = "v1.4.0";
/// The commit of the release.
pub const COMMIT: &str = "7e5a1f0c3b2d4e6f8091a2b3c4d5e6f708192a3b";
/// The commit of the previous release.
pub const PREVIOUS_COMMIT: &str = "1c0ffee5deadbeef00112233445566778899aabb";
/// The context of the cluster in the kubeconfig.
pub const CONTEXT: &str = "rehearsal";
/// The repository of the application's images.
pub const REPOSITORY: &str = "platform/advanced-app";
/// The local name of the image, as it is built.
pub const LOCAL_IMAGE: &str = "advanced-app";
/// The origins that the application allows.
pub const ALLOWED_ORIGINS: [&str; 2] = ["https://boards.example.com", "https://admin.example.com"];
/// The deployments: the application and its worker.
pub const DEPLOYMENTS: [&str; 2] = ["advanced-app", "advanced-worker"];
/// The project on the forge.
pub const PROJECT: &str = "example/advanced";
/// The check of the project that runs its test suite.
pub const TEST_CHECK: &str = "advanced-suite";
/// The path of the application's token in Vault.
pub const TOKEN_PATH: &str = "advanced/realtime-token";
/// The field of the application's token in Vault.
pub const TOKEN_FIELD: &str = "token";
/// The alerting rules: name and expression.
pub const ALERT_RULES: [(&str, &str); 2] = [
    (
        "AdvancedPipelineLatency",
        "histogram_quantile(0.95, rate(advanced_board_event_publish_duration_seconds_bucket[5m])) > 5",
    ),
    ("RedisLatencySpike", "redis_latency_spike_duration_seconds > 1"),
];
/// The account of the registry that deployments use.
pub const ACCOUNT: &str = "deploy-bot";
/// The service name of the application's spans.
pub(super) const SERVICE: &str = "advanced-realtime";
/// The job under which Prometheus scrapes the application.
pub(super) const JOB: &str = "advanced-app";
