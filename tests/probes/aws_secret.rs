use std::fs;
use std::sync::Arc;

use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};

use super::*;
use crate::support::moto::{CLIENT, Moto, SERVER, program};
use crate::support::need;
use crate::support::ports::refused_port;

const NAME: &str = "advanced/realtime-token";

fn run_probe(with: &Value, context: &ProbeContext) -> Outcome {
    run_probe_with_context(Duration::from_secs(30), "aws-secret", with, context)
}

fn spec_at(url: &str) -> Value {
    json!({"secret_id": NAME, "region": "eu-central-1", "endpoint": url, "program": program()})
}

#[test]
fn a_recent_secret_passes_and_must_be_rotated_before_the_next_run() {
    need!(SERVER, CLIENT);
    let moto = Moto::start();
    let with = spec_at(&moto.url());
    let context = ProbeContext::default();
    assert_fail(
        &run_probe(&with, &context),
        &["✗ secret advanced/realtime-token | present | no such secret"],
    );
    moto.secretsmanager(&["create-secret", "--name", NAME, "--secret-string", "swordfish-1"]);
    let first = run_probe(&with, &context);
    assert_pass(&first, &["✓ current version | recorded | ", "✓ age | at most 90 days | 0 days"]);
    assert!(!describe(&first).contains("swordfish"));
    let context = ProbeContext { last: Some(Arc::new(first)), ..ProbeContext::default() };
    assert_fail(&run_probe(&with, &context), &["✗ current version | different from the last run's "]);
    moto.secretsmanager(&["put-secret-value", "--secret-id", NAME, "--secret-string", "swordfish-2"]);
    assert_pass(&run_probe(&with, &context), &["✓ current version | different from the last run's "]);
    moto.secretsmanager(&["delete-secret", "--secret-id", NAME]);
    assert_fail(&run_probe(&with, &ProbeContext::default()), &["| present | scheduled for deletion since "]);
}

#[test]
fn an_unreachable_endpoint_and_an_unknown_profile_are_errors() {
    need!(CLIENT);
    let closed =
        run_probe(&spec_at(&format!("http://127.0.0.1:{}", refused_port())), &ProbeContext::default());
    assert_error(&closed, &["AWS does not answer: "]);
    let other = run_probe(
        &plus(&spec_at("http://127.0.0.1:1"), &json!({"profile": "no-such-profile"})),
        &ProbeContext::default(),
    );
    assert_error(&other, &["no such profile in the configuration of aws: "]);
}

#[test]
fn an_old_secret_fails() {
    let dir = tempfile::tempdir().unwrap();
    let answer =
        json!({"LastChangedDate": "2020-01-01T00:00:00+00:00", "VersionIdsToStages": {"v1": ["AWSCURRENT"]}});
    fs::write(dir.path().join("answer"), answer.to_string()).unwrap();
    let program = json!(["sh", "-c", format!("cat {}", dir.path().join("answer").display())]);
    let outcome = run_probe(&json!({"secret_id": NAME, "program": program}), &ProbeContext::default());
    assert_fail(&outcome, &["✗ age | at most 90 days | "]);
}
