//! Trivy's reports.

use super::*;

/// A report of an image.
pub(super) fn trivy(metadata: &Value, results: &Value) -> Value {
    json!({"SchemaVersion": 2, "CreatedAt": MADE, "ArtifactName": "app:v2", "Metadata": metadata, "Results": results})
}

pub(super) fn debian() -> Value {
    json!({"OS": {"Family": "debian", "Name": "12.10"}, "RepoTags": null})
}

#[test]
fn trivy_must_have_searched_the_packages() {
    let os = json!({"Target": "app:v2 (debian 12.10)", "Class": "os-pkgs"});
    let python = json!({"Target": "Python", "Class": "lang-pkgs", "Vulnerabilities": null});
    let secret = json!({"Target": "/app/.env", "Class": "secret", "Secrets": [{"RuleID": "token", "Severity": "LOW"}]});
    let old = json!({"OS": {"Family": "debian", "Name": "9", "EOSL": true}});
    assert_all(&[
        (
            "clean",
            trivy(&debian(), &json!([os, python])),
            "✓",
            "app:v2 (debian 12.10) (os-pkgs), Python (lang-pkgs)",
        ),
        ("a binary from scratch", trivy(&json!({}), &json!([python])), "✓", "none"),
        (
            "secrets only",
            trivy(&debian(), &json!([secret])),
            "?",
            "no package was scanned for vulnerabilities",
        ),
        (
            "libraries only",
            trivy(&debian(), &json!([python])),
            "?",
            "the packages of debian 12.10 were not scanned",
        ),
        ("out of support", trivy(&old, &json!([os])), "?", "debian 9 is out of support"),
        ("no results", trivy(&debian(), &Value::Null), "?", "the report names none"),
        ("no class", trivy(&debian(), &json!([{"Target": "app:v2 (debian 12)"}])), "✓", "none"),
    ]);
    let mut newer = trivy(&debian(), &json!([os]));
    newer["SchemaVersion"] = 3.into();
    assert_all(&[("a newer schema", newer, "?", "schema version 3 is newer than 2")]);
}

#[test]
fn every_scanner_of_trivy_counts() {
    let of = |key: &str, finding: Value| {
        let os = json!({"Target": "app", "Class": "os-pkgs"});
        let mut other = json!({"Target": "there", "Class": "x"});
        other[key] = json!([finding]);
        trivy(&debian(), &json!([os, other]))
    };
    let license =
        json!({"Severity": "CRITICAL", "Category": "forbidden", "PkgName": "left", "Name": "AGPL-3.0"});
    let file = json!({"Severity": "HIGH", "PkgName": "", "FilePath": "/app/LICENSE", "Name": "GPL-3.0"});
    let check =
        |status: &str| json!({"ID": "DS002", "AVDID": "AVD-DS-0002", "Status": status, "Severity": "HIGH"});
    let secret = json!({"RuleID": "key", "Severity": "CRITICAL", "StartLine": 3});
    let bare =
        json!({"VulnerabilityID": "CVE-2026-1", "PkgName": "z", "FixedVersion": null, "Severity": "HIGH"});
    let scores = json!({"nvd": {"V3Score": 9.8}, "redhat": {"V3Score": 5.0}});
    let unrated =
        json!({"VulnerabilityID": "CVE-2026-2", "PkgName": "z", "Severity": "UNKNOWN", "CVSS": scores});
    let unknown = json!({"VulnerabilityID": "CVE-2026-3", "PkgName": "z", "InstalledVersion": "1", "Severity": "UNKNOWN"});
    let ignored = json!({"Type": "vulnerability", "Status": "ignored", "Statement": "not reached", "Finding": {"VulnerabilityID": "CVE-2026-4", "Severity": "HIGH"}});
    assert_all(&[
        ("license", of("Licenses", license), "✗", "✗ critical AGPL-3.0: license of left"),
        ("license of a file", of("Licenses", file), "✗", "✗ high GPL-3.0: license of /app/LICENSE"),
        ("check", of("Misconfigurations", check("FAIL")), "✗", "✗ high DS002: there"),
        ("passed check", of("Misconfigurations", check("PASS")), "✓", "✓ findings: none"),
        ("excepted check", of("Misconfigurations", check("EXCEPTION")), "✓", "✓ findings: none"),
        ("secret", of("Secrets", secret), "✗", "✗ critical key: there:3"),
        (
            "no version",
            of("Vulnerabilities", bare),
            "✗",
            "✗ high CVE-2026-1: z of unknown version; not fixed yet",
        ),
        ("rated by its score", of("Vulnerabilities", unrated), "✗", "✗ critical CVE-2026-2"),
        (
            "not rated",
            of("Vulnerabilities", unknown),
            "?",
            "? findings of unknown severity: CVE-2026-3 (z 1; not fixed yet)",
        ),
        (
            "suppressed",
            of("ExperimentalModifiedFindings", ignored),
            "✓",
            "CVE-2026-4 (suppressed: ignored: not reached)",
        ),
    ]);
}

#[test]
fn the_list_of_old_versions_of_trivy_is_read() {
    let found =
        json!({"VulnerabilityID": "CVE-2026-1", "PkgName": "z", "InstalledVersion": "1", "Severity": "HIGH"});
    let list = json!([
        {"Target": "registry.io/app:v2 (debian 11)", "Type": "debian", "Vulnerabilities": null},
        {"Target": "app/Gemfile.lock", "Type": "bundler", "Vulnerabilities": [found]},
    ]);
    let text = judged(list.to_string().as_bytes(), &json!({"image": "app:v2"}));
    for line in
        ["✓ scanned image: registry.io/app:v2, app/Gemfile.lock", "✗ high CVE-2026-1: z 1; not fixed yet"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn an_altered_report_of_trivy_never_passes_for_nothing() {
    let os = json!({"Target": "app:v2 (debian 12.10)", "Class": "os-pkgs"});
    let carriers = ["/Results", "/Results/0"];
    check_altered(trivy(&debian(), &json!([os])), &carriers);
}
