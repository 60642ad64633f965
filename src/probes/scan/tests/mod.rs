//! Shapes of reports, read and judged.

mod grype;
mod sarif;
mod trivy;

use serde_json::{Value, json};

use super::*;
use crate::probes::altered_json::GoodDocument;
use gonogo_core::outcome::Class;

const NOW: &str = "2026-09-20T12:00:00Z";
const MADE: &str = "2026-09-20T11:00:00Z";

/// What a person reads of a report: the marks of the observations, and each as a line.
fn judged(report: &[u8], more: &Value) -> String {
    let report = match read::report(report) {
        Ok(report) => report,
        Err(why) => return format!("?\n? report: {why}"),
    };
    let mut spec = json!({"report": "r.json"});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let spec: ScanSpec = serde_json::from_value(spec).unwrap();
    let now: Timestamp = NOW.parse().unwrap();
    let mut seen = image::judge(spec.image.as_deref(), None, &report.images);
    seen.extend(judge::judge(&spec, &report, now, now.to_zoned(jiff::tz::TimeZone::UTC).date()));
    let class = match Outcome::of(seen.clone(), "").class {
        Class::Pass => "✓",
        Class::Fail => "✗",
        Class::Error => "?",
    };
    let lines = seen.iter().map(|seen| {
        let mark = seen.ok.map_or('?', |ok| if ok { '✓' } else { '✗' });
        format!("\n{mark} {}: {}", seen.what, seen.seen)
    });
    format!("{class}{}", lines.collect::<String>())
}

/// Checks the judge of reports with a good one.
#[track_caller]
fn check_altered(json: Value, carriers: &[&str]) {
    GoodDocument { json, carriers, maps: &[] }.check(|report| {
        match judged(report, &json!({})).chars().next() {
            Some('✓') => Class::Pass,
            Some('✗') => Class::Fail,
            _ => Class::Error,
        }
    });
}

/// Asserts the class of each report, and a line of it.
#[track_caller]
fn assert_all(rows: &[(&str, Value, &str, &str)]) {
    for (why, report, class, line) in rows {
        let text = judged(report.to_string().as_bytes(), &json!({}));
        assert!(
            text.starts_with(class) && text.contains(line),
            "{why}: expected {class} and {line:?} in {text}"
        );
    }
}

#[test]
fn other_formats_and_encodings_are_named() {
    let report = trivy::trivy(&trivy::debian(), &json!([{"Target": "app", "Class": "os-pkgs"}])).to_string();
    let wide: Vec<u8> = format!("\u{feff}{report}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_log = format!("2026-09-20T11:00:00Z\tINFO\tVulnerability scanning is enabled\n{report}");
    let rows: [(&str, Vec<u8>, &str); 8] = [
        ("byte order mark", format!("\u{feff}{report}").into(), "✓ findings at or above the limit"),
        ("UTF-16", wide, "UTF-16LE, but JSON is UTF-8"),
        ("gzip", b"\x1f\x8b\x08\0".to_vec(), "compressed with gzip"),
        ("empty", b"\n".to_vec(), "empty: did the scanner finish?"),
        ("cut", report.as_bytes()[..report.len() / 2].to_vec(), "truncated (line 1, column"),
        ("two reports", format!("{report}\n{report}").into(), "more content after the report (line 2"),
        (
            "a table",
            b"app:v2 (debian 12)\n===\nTotal: 3".to_vec(),
            "not JSON (--format json), starts with app:v2 (debian 12)",
        ),
        ("a log before it", with_log.into(), "starts with 2026-09-20T11:00:00Z INFO"),
    ];
    for (why, bytes, line) in rows {
        let text = judged(&bytes, &json!({}));
        assert!(text.contains(line), "{why}: expected {line:?} in {text}");
    }
    let others = [
        (
            json!({"bomFormat": "CycloneDX", "components": [], "vulnerabilities": []}),
            "CycloneDX, a bill of materials",
        ),
        (json!({"spdxVersion": "SPDX-2.3", "packages": []}), "SPDX, a bill of materials"),
        (
            json!({"artifacts": [], "artifactRelationships": [], "source": {}, "descriptor": {}}),
            "Syft's bill of materials",
        ),
        (
            json!({"imageScanFindings": {"findings": []}, "repositoryName": "app"}),
            "Amazon ECR's scan findings",
        ),
        (json!({"manifest_hash": "sha256:1", "vulnerabilities": {}}), "Clair's report"),
        (json!({"imageDigest": "sha256:1", "vulnerabilities": []}), "Anchore Enterprise's report"),
        (json!({"vulnerabilities": [], "ok": true, "dependencyCount": 3}), "Snyk's report"),
        (json!([{"component_id": "docker://app", "vulnerabilities": []}]), "JFrog Xray's report"),
        (json!({"version": "15.0.4", "scan": {}, "vulnerabilities": []}), "GitLab's security report"),
        (json!({"application/vnd.security.vulnerability.report; version=1.1": {}}), "Harbor's report"),
        (json!({"ClusterName": "c", "Resources": []}), "Trivy's report of a Kubernetes cluster"),
        (
            json!({"some": 1, "thing": 2}),
            "not a report of Trivy or Grype, and not SARIF: its keys are some, thing",
        ),
        (json!([]), "not a report of Trivy or Grype, and not SARIF: it has no keys"),
        (json!("text"), "expected a JSON object or a list"),
    ];
    for (report, line) in others {
        let text = judged(report.to_string().as_bytes(), &json!({}));
        assert!(text.starts_with('?') && text.contains(line), "expected {line:?} in {text}");
    }
}
