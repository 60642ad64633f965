//! Grype's reports.

use super::*;

fn grype(more: &Value) -> Value {
    let target = json!({"userInput": "registry:app:v2", "tags": ["app:v2"], "repoDigests": []});
    let mut report = json!({
        "matches": [], "source": {"type": "image", "target": target}, "descriptor": {"name": "grype", "timestamp": MADE},
    });
    report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    report
}

#[test]
fn grype_says_what_it_could_not_search() {
    let database = |db: Value| grype(&json!({"descriptor": {"timestamp": MADE, "db": db}}));
    let status = |more: Value| {
        let mut status = json!({"schemaVersion": "v6", "built": "2026-09-19T00:00:00Z", "valid": true});
        status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        database(json!({"status": status, "providers": {}}))
    };
    let alert = json!({"type": "distro-eol", "message": "ubuntu 18.04 has reached its end of life"});
    let package = json!({"package": {"name": "bash"}, "alerts": [alert]});
    assert_all(&[
        ("clean", grype(&json!({})), "✓", "✓ scan target: image"),
        ("a current database", status(json!({})), "✓", "none"),
        (
            "an old database",
            status(json!({"built": "2026-09-01T00:00:00Z"})),
            "?",
            "database was 19 days old",
        ),
        (
            "the same, before 0.88",
            database(json!({"built": "2026-09-01T00:00:00Z"})),
            "?",
            "database was 19 days old",
        ),
        (
            "a broken database",
            status(json!({"valid": false, "error": "no such file"})),
            "?",
            "could not be used: no such file",
        ),
        ("nothing searched", grype(&json!({"matches": null})), "?", "matches is null"),
        (
            "end of life",
            grype(&json!({"alertsByPackage": [package, package]})),
            "?",
            "distro-eol: ubuntu 18.04 has",
        ),
        ("no alerts", grype(&json!({"alertsByPackage": null})), "✓", "none"),
        ("a clean SBOM", grype(&json!({"source": null})), "?", "the report names none"),
    ]);
}

#[test]
fn grypes_matches_have_aliases_and_may_lack_almost_everything() {
    let found = |severity: &str, more: Value| {
        let mut vulnerability =
            json!({"id": "GHSA-aaaa-bbbb-cccc", "severity": severity, "fix": {"versions": null}});
        vulnerability.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let related = json!([{"id": "CVE-2026-1", "severity": "Medium", "cvss": null}]);
        json!({"vulnerability": vulnerability, "relatedVulnerabilities": related, "artifact": {"name": "lib", "version": "1"}})
    };
    let no_source = |source: Value| grype(&json!({"matches": [found("High", json!({}))], "source": source}));
    let ignored = json!({"vulnerability": {"id": "CVE-2026-2", "severity": "High"}, "appliedIgnoreRules": [{"vex-status": "not_affected"}]});
    let score = json!({"cvss": [{"metrics": {"baseScore": 9.1}}]});
    assert_all(&[
        ("SBOM", no_source(Value::Null), "✗", "✗ high GHSA-aaaa-bbbb-cccc: lib 1; not fixed yet"),
        ("SBOM without a target", no_source(json!({"type": ""})), "✗", "packages of an unnamed target"),
        (
            "directory",
            no_source(json!({"type": "directory", "target": "/src"})),
            "✗",
            "✓ scanned image: /src",
        ),
        (
            "low, of an SBOM",
            grype(&json!({"matches": [found("Low", json!({}))], "source": null})),
            "✓",
            "1 low",
        ),
        ("rated by the CVE", grype(&json!({"matches": [found("Unknown", json!({}))]})), "✓", "1 medium"),
        ("rated by its score", grype(&json!({"matches": [found("Unknown", score)]})), "✗", "critical GHSA"),
        (
            "ignored",
            grype(&json!({"ignoredMatches": [ignored]})),
            "✓",
            "CVE-2026-2 (suppressed: not_affected)",
        ),
    ]);
    let exception =
        json!({"exceptions": [{"id": "CVE-2026-1", "reason": "not reached", "until": "2026-12-01"}]});
    let report = grype(&json!({"matches": [found("High", json!({}))]}));
    let text = judged(report.to_string().as_bytes(), &exception);
    assert!(text.starts_with('✓') && text.contains("✓ exception CVE-2026-1: accepted until"), "{text}");
}

#[test]
fn an_altered_report_of_grype_never_passes_for_nothing() {
    let carriers = ["/matches", "/source"];
    check_altered(grype(&json!({})), &carriers);
}
