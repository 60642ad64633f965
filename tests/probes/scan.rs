use std::fs;
use std::path::Path;
use std::process::Command;

use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};

use super::*;
use crate::support::need;

const TRIVY: &str = "trivy";

/// Scans a directory with a credential with the real Trivy; returns the settings for its report in this format.
fn trivy(dir: &Path, format: &str) -> Value {
    let code = dir.join("code");
    fs::create_dir_all(&code).unwrap();
    fs::write(code.join("creds.env"), "aws_access_key_id = AKIAIOSFODNN7REALKEY\n").unwrap();
    let report = dir.join(format!("{format}.json"));
    let mut scan = Command::new(TRIVY);
    scan.args(["fs", "--scanners", "secret", "--quiet", "--cache-dir"]).arg(dir.join("cache"));
    scan.args(["--format", format, "--output"]).arg(&report).arg(&code);
    let ran = scan.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    json!({"report": report})
}

#[track_caller]
fn run_probe(with: &Value) -> Outcome {
    run_probe_within(DEADLINE, "scan", with)
}

/// Runs the probe on a report with this content.
#[track_caller]
fn run_on_report(report: &Value, more: &Value) -> Outcome {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), report.to_string()).unwrap();
    run_probe(&plus(&json!({"report": file.path()}), more))
}

#[test]
fn findings_of_the_real_trivy_are_reported() {
    need!(TRIVY);
    let dir = tempfile::tempdir().unwrap();
    let json = trivy(dir.path(), "json");
    let found = run_probe(&json);
    assert_fail(
        &found,
        &[
            "| recorded | Trivy, SHA-256 ",
            "✓ findings | recorded | 1 critical",
            "✗ critical aws-access-key-id | none of high or higher | creds.env:1",
        ],
    );
    assert!(!describe(&found).contains("AKIA"));
    let sarif = trivy(dir.path(), "sarif");
    assert_fail(
        &run_probe(&sarif),
        &[
            "| recorded | Trivy (SARIF), SHA-256 ",
            "✗ critical aws-access-key-id | none of high or higher | creds.env:1",
        ],
    );
    let until =
        json!({"exceptions": [{"id": "aws-access-key-id", "reason": "a test's own", "until": "2999-12-31"}]});
    let accepted = run_probe(&plus(&json, &until));
    let line = "✓ exception aws-access-key-id | not expired | accepted until 2999-12-31: a test's own";
    // A scan for secrets does not search for vulnerabilities.
    let not_searched = "? the scan | complete | no package was scanned for vulnerabilities";
    assert_error(
        &accepted,
        &[line, "✓ findings at or above the limit | none of high or higher | none", not_searched],
    );
    // The scan was of a directory, not of an image.
    let other = run_probe(&plus(&json, &json!({"image": "advanced-app:v2"})));
    assert_fail(&other, &["✗ scanned image | advanced-app:v2 | "]);
}

fn image_report(severity: &str) -> Value {
    let vulnerability = json!({"VulnerabilityID": "CVE-1", "PkgName": "openssl", "InstalledVersion": "3.0.1", "FixedVersion": "3.0.2", "Severity": severity});
    json!({
        "SchemaVersion": 2, "CreatedAt": jiff::Timestamp::now().to_string(), "ArtifactName": "registry.io/platform/advanced-app:v2", "ArtifactType": "container_image",
        "Metadata": {"RepoTags": null},
        "Results": [{"Target": "debian 12", "Class": "os-pkgs", "Vulnerabilities": [vulnerability]}, {"Target": "app", "Class": "lang-pkgs"}],
    })
}

#[test]
fn severities_exceptions_and_age_are_checked() {
    let image = json!({"image": "platform/advanced-app:v2"});
    let medium = run_on_report(&image_report("MEDIUM"), &image);
    assert_pass(
        &medium,
        &[
            "✓ scanned image | platform/advanced-app:v2 | registry.io/platform/advanced-app:v2",
            "1 medium",
            "debian 12 (os-pkgs)",
        ],
    );
    assert_fail(
        &run_on_report(&image_report("MEDIUM"), &json!({"fail_at": "medium"})),
        &["✗ medium CVE-1 | none of medium or higher | openssl 3.0.1; fixed in 3.0.2"],
    );
    assert_fail(
        &run_on_report(&image_report("HIGH"), &json!({"image": "advanced-app:v3"})),
        &["✗ scanned image", "✗ high CVE-1"],
    );
    let unrated = "? findings of unknown severity | none, or an exception for each | CVE-1 (openssl 3.0.1; fixed in 3.0.2)";
    assert_error(&run_on_report(&image_report("UNKNOWN"), &json!({})), &["1 of unknown severity", unrated]);
    let exception = |until: &str, reason: &str| json!({"exceptions": [{"id": "CVE-1", "reason": reason, "until": until}]});
    let expired = run_on_report(&image_report("HIGH"), &exception("2020-01-01", "known"));
    assert_fail(
        &expired,
        &["✗ exception CVE-1 | not expired | expired on 2020-01-01: known", "✗ high CVE-1"],
    );
    assert_pass(
        &run_on_report(&image_report("UNKNOWN"), &exception("2999-01-01", "known")),
        &["accepted until"],
    );
    assert_fail(
        &run_on_report(&image_report("HIGH"), &exception("2999-01-01", " ")),
        &["✗ exception CVE-1 | a reason | none", "✗ high CVE-1"],
    );
    let unused = json!({"exceptions": [{"id": "CVE-9", "reason": "known", "until": "2999-01-01"}]});
    assert_pass(
        &run_on_report(&image_report("LOW"), &unused),
        &["✓ exception CVE-9 | not expired | no finding of that id"],
    );
    let mut old = image_report("LOW");
    old["CreatedAt"] = "2020-01-01T00:00:00Z".into();
    assert_fail(&run_on_report(&old, &json!({})), &["✗ age | at most 24 hours | "]);
}

#[test]
fn grype_reports_are_read() {
    let found = json!({"vulnerability": {"id": "CVE-2", "severity": "Critical", "fix": {"versions": []}}, "artifact": {"name": "zlib", "version": "1.2"}});
    let report = json!({
        "matches": [found], "source": {"type": "image", "target": {"userInput": "advanced-app:v2", "tags": []}},
        "descriptor": {"name": "grype", "timestamp": jiff::Timestamp::now().to_string()},
    });
    let outcome = run_on_report(&report, &json!({"image": "advanced-app:v2"}));
    assert_fail(
        &outcome,
        &[
            "| recorded | Grype, ",
            "✓ scanned image",
            "✗ critical CVE-2 | none of high or higher | zlib 1.2; not fixed yet",
        ],
    );
}

#[test]
fn an_unknown_report_is_an_error() {
    assert_error(&run_probe(&json!({"report": "/no/such/scan.json"})), &["it cannot be opened: "]);
    assert_error(
        &run_on_report(&json!({"a": 1}), &json!({})),
        &["JSON, but not a report of Trivy or Grype, and not SARIF: its keys are a"],
    );
    assert_error(&run_on_report(&json!("text"), &json!({})), &["not a report of a supported scanner"]);
    let mut empty = image_report("LOW");
    empty["Results"] = json!([]);
    assert_error(
        &run_on_report(&empty, &json!({})),
        &["? scan target | at least one | the report names none"],
    );
    let without_source = json!({"runs": [{"tool": {"driver": {"name": "other"}}, "results": []}]});
    assert_error(
        &run_on_report(&without_source, &json!({"image": "advanced-app:v2"})),
        &["the report does not name the scanned image"],
    );
}

/// Opening a named pipe would block until another process writes to it.
#[test]
fn a_named_pipe_is_not_read_as_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("report.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let outcome = run_probe(&json!({"report": pipe}));
    assert!(describe(&outcome).contains("expected a regular file"), "{}", describe(&outcome));
}
