//! Faults that were found by hand on the real application and have no row in the table, and where they are tested instead.

/// A fault, and why it is not injected here.
pub struct ElsewhereTested {
    pub fault: &'static str,
    pub reason: &'static str,
    /// The file that tests it; none where only the real application can show it.
    pub file: Option<&'static str>,
}

const fn tested(fault: &'static str, reason: &'static str, file: &'static str) -> ElsewhereTested {
    ElsewhereTested { fault, reason, file: Some(file) }
}

const fn by_hand(fault: &'static str, reason: &'static str) -> ElsewhereTested {
    ElsewhereTested { fault, reason, file: None }
}

pub const ELSEWHERE: &[ElsewhereTested] = &[
    tested(
        "memory alarm of the broker",
        "it blocks the publishers of all tests",
        "src/probes/rabbitmq/judge.rs",
    ),
    tested("certificate that expires soon", "the stack has no TLS", "tests/probes/http.rs"),
    tested(
        "expired certificate, or one for another name",
        "the stack has no TLS",
        "tests/probes/certificates.rs",
    ),
    tested("self-signed certificate named as root", "the stack has no TLS", "tests/probes/certificates.rs"),
    tested("alert firing since before", "recorded, and fails nothing", "src/probes/prometheus/judge.rs"),
    tested(
        "deselected part of the suite",
        "the stack has a forge and no report",
        "src/probes/ci/junit/mod.rs",
    ),
    tested(
        "latency below the lowest bucket",
        "recorded, and fails nothing",
        "src/probes/prometheus/judge.rs",
    ),
    tested(
        "secret in a layer of the image",
        "the images of the stack have no layers",
        "tests/probes/registry.rs",
    ),
    tested("demo script and an application by https", "the stack has no TLS", "tests/probes/command.rs"),
    by_hand(
        "subscriber that is dead while /readyz says ready",
        "the test's application subscribes again; the row of another channel shows the same to gonogo",
    ),
    by_hand("another Redis database", "harmless to pub/sub: nothing to fail"),
    by_hand(
        "worker stopped by SIGSTOP",
        "the worker is a task of the test; the row of a stuck worker shows the same",
    ),
    by_hand(
        "one of two replicas with another token",
        "one process; the row of a starting replica shows the sampling",
    ),
    by_hand("directory that a cancelled upload leaves", "the registry's own"),
];
