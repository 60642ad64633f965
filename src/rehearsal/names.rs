//! What things are called in a rehearsal.

/// The release that is promoted.
pub const RELEASE: &str = "v1.5.0";
/// The release that runs before.
pub const PREVIOUS: &str = "v1.4.0";
/// The commit of the release.
pub const COMMIT: &str = "7e5a1f0c3b2d4e6f8091a2b3c4d5e6f708192a3b";
/// The commit of the release before.
pub const PREVIOUS_COMMIT: &str = "1c0ffee5deadbeef00112233445566778899aabb";
/// The name of the cluster's context, and of the environment.
pub const CONTEXT: &str = "rehearsal";
/// The repository of the application's images.
pub const REPOSITORY: &str = "platform/advanced-app";
/// The name of the image as it is built.
pub const IMAGE: &str = "advanced-app";
/// The origins that the application lets in.
pub const ORIGINS: [&str; 2] = ["https://boards.example.com", "https://admin.example.com"];
/// The application and its worker, as the cluster knows them.
pub const DEPLOYMENTS: [&str; 2] = ["advanced-app", "advanced-worker"];
/// The project that CI tells of, and the check that runs the suite.
pub const PROJECT: (&str, &str) = ("example/advanced", "advanced-suite");
/// Where the token is kept, and in which field.
pub const SECRET: (&str, &str) = ("advanced/realtime-token", "token");
/// The rules that alerts come from, with what they look at.
pub const RULES: [(&str, &str); 2] = [
    (
        "AdvancedPipelineLatency",
        "histogram_quantile(0.95, rate(advanced_board_event_publish_duration_seconds_bucket[5m])) > 5",
    ),
    ("RedisLatencySpike", "redis_latency_spike_duration_seconds > 1"),
];
/// The name of the account that automation uses.
pub const ACCOUNT: &str = "deploy-bot";
/// The service that spans are of.
pub(super) const SERVICE: &str = "advanced-realtime";
/// The job that the application is scraped as.
pub(super) const JOB: &str = "advanced-app";
