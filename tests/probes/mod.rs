//! The observations of probes on real servers, in the words that a user reads.

mod aws_secret;
mod certificates;
mod ci;
mod command;
mod dns;
mod edge;
mod git;
mod git_clones;
pub mod git_malicious_config;
mod grafana;
mod http;
mod iac;
mod jaeger;
mod kubernetes;
mod least_privilege;
mod otlp;
mod pipeline;
mod poetry;
mod prometheus;
mod rabbitmq;
mod redis;
mod registry;
mod scan;
mod tcp;
mod tls_server;
mod vantage;
mod vault;

use std::fmt::Write as _;
use std::time::Duration;

use gonogo::probes::{self, ProbeContext};
use gonogo::process::Permit;
use gonogo::secret_store::SecretStore;
use gonogo_core::checklist::spec::ProbeSpec;
use gonogo_core::outcome::{Class, Observation, Outcome};
use gonogo_core::secret::SecretRef;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// The default deadline of the checklist.
const DEADLINE: Duration = Duration::from_secs(10);
/// The deadline for servers that never answer: the probe takes this long.
const SHORT: Duration = Duration::from_millis(700);

/// A probe spec in the form of the checklist.
#[track_caller]
fn spec(kind: &str, with: &Value) -> ProbeSpec {
    serde_json::from_value(json!({"kind": kind, "with": with})).expect("a spec")
}

/// Runs a probe with this spec and deadline.
#[track_caller]
fn run_probe_within(deadline: Duration, kind: &str, with: &Value) -> Outcome {
    run_probe_with_context(deadline, kind, with, &ProbeContext::default())
}

/// The same, with the context of a run.
#[track_caller]
fn run_probe_with_context(deadline: Duration, kind: &str, with: &Value, context: &ProbeContext) -> Outcome {
    let spec = spec(kind, with);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(probes::run(&spec, deadline, &SecretStore::new(Permit::for_tests()), context))
}

/// A reference to a secret with this value. The reference does not contain the value in plain text.
fn secret(value: &str) -> Value {
    let octal = value.bytes().fold(String::new(), |octal, byte| octal + &format!("\\{byte:03o}"));
    serde_json::to_value(SecretRef::Command(vec!["printf".into(), octal])).unwrap()
}

/// The same as a file: the command of an outcome can read it, while it does not repeat a value of [`secret`].
fn secret_file(value: &str) -> (NamedTempFile, Value) {
    let file = roots(value);
    let reference = json!({"file": file.path()});
    (file, reference)
}

/// What the command of an outcome prints in a shell.
#[track_caller]
fn by_hand(outcome: &Outcome) -> String {
    let output = std::process::Command::new("sh").args(["-c", &outcome.reproduce]).output().unwrap();
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A file of root certificates.
fn roots(pem: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    file
}

/// `with`, extended by the fields of `more`.
fn plus(with: &Value, more: &Value) -> Value {
    let mut with = with.clone();
    let entries = more.as_object().unwrap().clone();
    with.as_object_mut().unwrap().extend(entries);
    with
}

/// An outcome as text, one observation per line: `✓`, `✗` or `?`, what, expected, seen.
fn describe(outcome: &Outcome) -> String {
    let mut lines = format!("{:?}\n", outcome.class);
    for observation in &outcome.observations {
        let Observation { what, expected, seen, .. } = observation;
        let mark = observation.ok.map_or('?', |ok| if ok { '✓' } else { '✗' });
        let _ = writeln!(lines, "{mark} {what} | {expected} | {seen}");
    }
    lines
}

/// Asserts that the probe passed and that its observations contain all of `lines`.
#[track_caller]
fn assert_pass(outcome: &Outcome, lines: &[&str]) {
    assert_reported(outcome, Class::Pass, lines);
}

/// Asserts that the probe failed and that its observations contain all of `lines`.
#[track_caller]
fn assert_fail(outcome: &Outcome, lines: &[&str]) {
    assert_reported(outcome, Class::Fail, lines);
}

/// Asserts that the probe ended with an error and that its observations contain all of `lines`.
#[track_caller]
fn assert_error(outcome: &Outcome, lines: &[&str]) {
    assert_reported(outcome, Class::Error, lines);
}

#[track_caller]
fn assert_reported(outcome: &Outcome, class: Class, lines: &[&str]) {
    let described = describe(outcome);
    assert!(outcome.class == class, "expected {class:?}: {described}");
    for line in lines {
        assert!(described.contains(line), "expected\n{line}\nin {described}");
    }
}

#[test]
fn a_probe_without_checks_is_an_error() {
    let api = json!({"url": "http://127.0.0.1:1"});
    for (kind, with) in [
        ("prometheus", json!({"api": api})),
        ("kubernetes", json!({"context": "c", "namespace": "n"})),
        ("contacts", json!({"roles": [], "contacts": []})),
    ] {
        let outcome = run_probe_within(DEADLINE, kind, &with);
        assert_error(&outcome, &[&format!("? {kind} probe | one or more checks | no checks configured")]);
    }
}
