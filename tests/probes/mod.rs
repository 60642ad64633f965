//! What the probes see of real servers, in the words that people read.

mod aws_secret;
mod certificates;
mod ci;
mod command;
mod dead_letter;
mod edge;
mod git;
mod git_clones;
pub mod git_traps;
mod grafana;
mod http;
mod iac;
mod jaeger;
mod kubernetes;
mod least;
mod otlp;
mod pipeline;
mod poetry;
mod prometheus;
mod rabbitmq;
mod redis;
mod registry;
mod scan;
mod vantage;
mod vault;

use std::fmt::Write as _;
use std::time::Duration;

use gonogo::probes::{self, ProbeContext};
use gonogo::process::Permit;
use gonogo::secret_store::SecretStore;
use gonogo_core::checklist::spec::ProbeSpec;
use gonogo_core::outcome::{Class, Outcome};
use gonogo_core::secret::SecretRef;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// As long as the checklist's own default.
const DEADLINE: Duration = Duration::from_secs(10);
/// For what never answers: the look lasts this long.
const SHORT: Duration = Duration::from_millis(700);

/// A spec as the checklist spells it.
#[track_caller]
fn spec(kind: &str, with: &Value) -> ProbeSpec {
    serde_json::from_value(json!({"kind": kind, "with": with})).expect("a spec")
}

/// One look, as the checklist spells its spec, within `deadline`.
#[track_caller]
fn look_within(deadline: Duration, kind: &str, with: &Value) -> Outcome {
    look_given(deadline, kind, with, &ProbeContext::default())
}

/// The same, with what the run around it gives.
#[track_caller]
fn look_given(deadline: Duration, kind: &str, with: &Value, given: &ProbeContext) -> Outcome {
    let spec = spec(kind, with);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(probes::run(&spec, deadline, &SecretStore::new(Permit::for_tests()), given))
}

/// A reference to a secret with this value, which the reference itself does not show.
fn secret(value: &str) -> Value {
    let octal = value.bytes().fold(String::new(), |octal, byte| octal + &format!("\\{byte:03o}"));
    serde_json::to_value(SecretRef::Command(vec!["printf".into(), octal])).unwrap()
}

/// A file of root certificates.
fn roots(pem: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    file
}

/// `with` and what `more` adds to it.
fn plus(with: &Value, more: &Value) -> Value {
    let mut with = with.clone();
    let entries = more.as_object().unwrap().clone();
    with.as_object_mut().unwrap().extend(entries);
    with
}

/// An outcome as people read it, one observation a line: `✓`, `✗` or `?`, what, expected, seen.
fn told(outcome: &Outcome) -> String {
    let mut lines = format!("{:?}\n", outcome.class);
    for seen in &outcome.observations {
        let mark = seen.ok.map_or('?', |ok| if ok { '✓' } else { '✗' });
        let _ = writeln!(lines, "{mark} {} | {} | {}", seen.what, seen.expected, seen.seen);
    }
    lines
}

/// Asserts that the look passed and that a person reads all of `lines`.
#[track_caller]
fn assert_pass(outcome: &Outcome, lines: &[&str]) {
    assert_told(outcome, Class::Pass, lines);
}

/// Asserts that the look found something wrong and that a person reads all of `lines`.
#[track_caller]
fn assert_fail(outcome: &Outcome, lines: &[&str]) {
    assert_told(outcome, Class::Fail, lines);
}

/// Asserts that it could not look and that a person reads all of `lines`.
#[track_caller]
fn assert_error(outcome: &Outcome, lines: &[&str]) {
    assert_told(outcome, Class::Error, lines);
}

#[track_caller]
fn assert_told(outcome: &Outcome, class: Class, lines: &[&str]) {
    let told = told(outcome);
    assert!(outcome.class == class, "expected {class:?}: {told}");
    for line in lines {
        assert!(told.contains(line), "expected\n{line}\nin {told}");
    }
}

#[test]
fn a_probe_that_is_asked_nothing_never_passes() {
    let api = json!({"url": "http://127.0.0.1:1"});
    for (kind, with) in [
        ("prometheus", json!({"api": api})),
        ("kubernetes", json!({"context": "c", "namespace": "n"})),
        ("contacts", json!({"roles": [], "contacts": []})),
    ] {
        let outcome = look_within(DEADLINE, kind, &with);
        assert_error(
            &outcome,
            &[&format!("? {kind} probe | something to check | nothing is configured to be checked")],
        );
    }
}
