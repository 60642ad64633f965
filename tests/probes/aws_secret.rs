use std::fs;
use std::sync::Arc;

use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};

use super::*;
use crate::bench::moto::{CLIENT, Moto, SERVER, program};
use crate::bench::need;
use crate::bench::ports::refused_port;

const NAME: &str = "advanced/realtime-token";

fn look(with: &Value, given: &ProbeContext) -> Outcome {
    look_given(Duration::from_secs(30), "aws-secret", with, given)
}

fn at(url: &str) -> Value {
    json!({"secret_id": NAME, "region": "eu-central-1", "endpoint": url, "program": program()})
}

#[test]
fn a_young_secret_passes_and_must_be_another_the_next_time() {
    need!(SERVER, CLIENT);
    let moto = Moto::start();
    let with = at(&moto.url());
    let given = ProbeContext::default();
    assert_fail(
        &look(&with, &given),
        &["✗ secret advanced/realtime-token | there | there is no such secret"],
    );
    moto.must(&["create-secret", "--name", NAME, "--secret-string", "swordfish-1"]);
    let first = look(&with, &given);
    assert_pass(&first, &["✓ current version | recorded | ", "✓ age | at most 90 days | 0 days"]);
    assert!(!told(&first).contains("swordfish"));
    let given = ProbeContext { last: Some(Arc::new(first)), ..ProbeContext::default() };
    assert_fail(&look(&with, &given), &["✗ current version | another than the last run's "]);
    moto.must(&["put-secret-value", "--secret-id", NAME, "--secret-string", "swordfish-2"]);
    assert_pass(&look(&with, &given), &["✓ current version | another than the last run's "]);
    moto.must(&["delete-secret", "--secret-id", NAME]);
    assert_fail(&look(&with, &ProbeContext::default()), &["| there | to be deleted, since "]);
}

#[test]
fn what_could_not_be_seen_is_told_apart() {
    need!(CLIENT);
    let closed = look(&at(&format!("http://127.0.0.1:{}", refused_port())), &ProbeContext::default());
    assert_error(&closed, &["AWS does not answer: "]);
    let other = look(
        &plus(&at("http://127.0.0.1:1"), &json!({"profile": "no-such-profile"})),
        &ProbeContext::default(),
    );
    assert_error(&other, &["there is no such profile in the configuration of aws: "]);
}

#[test]
fn an_old_secret_is_too_old() {
    let dir = tempfile::tempdir().unwrap();
    let answer =
        json!({"LastChangedDate": "2020-01-01T00:00:00+00:00", "VersionIdsToStages": {"v1": ["AWSCURRENT"]}});
    fs::write(dir.path().join("answer"), answer.to_string()).unwrap();
    let program = json!(["sh", "-c", format!("cat {}", dir.path().join("answer").display())]);
    let outcome = look(&json!({"secret_id": NAME, "program": program}), &ProbeContext::default());
    assert_fail(&outcome, &["✗ age | at most 90 days | "]);
}
