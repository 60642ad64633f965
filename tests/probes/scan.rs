use std::fs;
use std::path::Path;
use std::process::Command;

use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};

use super::*;
use crate::bench::need;

const TRIVY: &str = "trivy";

/// A directory with a credential in it, scanned by the real Trivy; its report in this format.
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
fn look(with: &Value) -> Outcome {
    look_within(DEADLINE, "scan", with)
}

/// A report that is written by hand, in a scanner's form.
#[track_caller]
fn written(report: &Value, more: &Value) -> Outcome {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), report.to_string()).unwrap();
    look(&plus(&json!({"report": file.path()}), more))
}

#[test]
fn what_the_real_scanner_finds_is_found() {
    need!(TRIVY);
    let dir = tempfile::tempdir().unwrap();
    let json = trivy(dir.path(), "json");
    let found = look(&json);
    assert_fail(
        &found,
        &[
            "| recorded | Trivy, SHA-256 ",
            "✓ findings | recorded | 1 critical",
            "✗ critical aws-access-key-id | none from high on | creds.env:1",
        ],
    );
    assert!(!told(&found).contains("AKIA"));
    let sarif = trivy(dir.path(), "sarif");
    assert_fail(
        &look(&sarif),
        &[
            "| recorded | Trivy (SARIF), SHA-256 ",
            "✗ critical aws-access-key-id | none from high on | creds.env:1",
        ],
    );
    let until =
        json!({"exceptions": [{"id": "aws-access-key-id", "reason": "a test's own", "until": "2999-12-31"}]});
    let accepted = look(&plus(&json, &until));
    let line = "✓ exception aws-access-key-id | not expired | accepted until 2999-12-31: a test's own";
    // The scan for secrets did not search for vulnerabilities.
    let not_searched = "? the scan | complete | no package was searched for vulnerabilities";
    assert_error(&accepted, &[line, "✓ findings that count | none from high on | none", not_searched]);
    // A directory is no image.
    let other = look(&plus(&json, &json!({"image": "advanced-app:v2"})));
    assert_fail(&other, &["✗ scanned image | advanced-app:v2 | "]);
}

fn of_image(severity: &str) -> Value {
    let vulnerability = json!({"VulnerabilityID": "CVE-1", "PkgName": "openssl", "InstalledVersion": "3.0.1", "FixedVersion": "3.0.2", "Severity": severity});
    json!({
        "SchemaVersion": 2, "CreatedAt": jiff::Timestamp::now().to_string(), "ArtifactName": "registry.io/platform/advanced-app:v2", "ArtifactType": "container_image",
        "Metadata": {"RepoTags": null},
        "Results": [{"Target": "debian 12", "Class": "os-pkgs", "Vulnerabilities": [vulnerability]}, {"Target": "app", "Class": "lang-pkgs"}],
    })
}

#[test]
fn severities_exceptions_and_age_count() {
    let image = json!({"image": "platform/advanced-app:v2"});
    let medium = written(&of_image("MEDIUM"), &image);
    assert_pass(
        &medium,
        &[
            "✓ scanned image | platform/advanced-app:v2 | registry.io/platform/advanced-app:v2",
            "1 medium",
            "debian 12 (os-pkgs)",
        ],
    );
    assert_fail(
        &written(&of_image("MEDIUM"), &json!({"fail_at": "medium"})),
        &["✗ medium CVE-1 | none from medium on | openssl 3.0.1; fixed in 3.0.2"],
    );
    assert_fail(
        &written(&of_image("HIGH"), &json!({"image": "advanced-app:v3"})),
        &["✗ scanned image", "✗ high CVE-1"],
    );
    let unrated = "? findings of unknown severity | none, or an exception for each | CVE-1 (openssl 3.0.1; fixed in 3.0.2)";
    assert_error(&written(&of_image("UNKNOWN"), &json!({})), &["1 of unknown severity", unrated]);
    let exception = |until: &str, reason: &str| json!({"exceptions": [{"id": "CVE-1", "reason": reason, "until": until}]});
    let expired = written(&of_image("HIGH"), &exception("2020-01-01", "known"));
    assert_fail(
        &expired,
        &["✗ exception CVE-1 | not expired | expired on 2020-01-01: known", "✗ high CVE-1"],
    );
    assert_pass(&written(&of_image("UNKNOWN"), &exception("2999-01-01", "known")), &["accepted until"]);
    assert_fail(
        &written(&of_image("HIGH"), &exception("2999-01-01", " ")),
        &["✗ exception CVE-1 | a reason | none is given", "✗ high CVE-1"],
    );
    let unused = json!({"exceptions": [{"id": "CVE-9", "reason": "known", "until": "2999-01-01"}]});
    assert_pass(
        &written(&of_image("LOW"), &unused),
        &["✓ exception CVE-9 | not expired | nothing of that id was found"],
    );
    let mut old = of_image("LOW");
    old["CreatedAt"] = "2020-01-01T00:00:00Z".into();
    assert_fail(&written(&old, &json!({})), &["✗ age | at most 24 hours | "]);
}

#[test]
fn grype_is_read_too() {
    let found = json!({"vulnerability": {"id": "CVE-2", "severity": "Critical", "fix": {"versions": []}}, "artifact": {"name": "zlib", "version": "1.2"}});
    let report = json!({
        "matches": [found], "source": {"type": "image", "target": {"userInput": "advanced-app:v2", "tags": []}},
        "descriptor": {"name": "grype", "timestamp": jiff::Timestamp::now().to_string()},
    });
    let outcome = written(&report, &json!({"image": "advanced-app:v2"}));
    assert_fail(
        &outcome,
        &[
            "| recorded | Grype, ",
            "✓ scanned image",
            "✗ critical CVE-2 | none from high on | zlib 1.2; not fixed yet",
        ],
    );
}

#[test]
fn what_is_no_report_is_an_error() {
    assert_error(&look(&json!({"report": "/no/such/scan.json"})), &["it cannot be opened: "]);
    assert_error(
        &written(&json!({"a": 1}), &json!({})),
        &["it is JSON, but no report of Trivy or Grype, and no SARIF: its keys are a"],
    );
    assert_error(&written(&json!("text"), &json!({})), &["it is no report of a scanner that is known"]);
    let mut empty = of_image("LOW");
    empty["Results"] = json!([]);
    assert_error(
        &written(&empty, &json!({})),
        &["? what was scanned | something | the report names nothing that was scanned"],
    );
    let silent = json!({"runs": [{"tool": {"driver": {"name": "other"}}, "results": []}]});
    assert_error(
        &written(&silent, &json!({"image": "advanced-app:v2"})),
        &["the report does not say what was scanned"],
    );
}

/// A pipe would be waited for as long as nobody writes into it.
#[test]
fn a_report_that_is_a_pipe_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("report.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let outcome = look(&json!({"report": pipe}));
    assert!(told(&outcome).contains("expected a regular file"), "{}", told(&outcome));
}
