//! SARIF.

use super::*;

fn sarif(rules: &Value, result: &Value, more: &Value) -> Value {
    let results = if result.is_null() { json!([]) } else { json!([result]) };
    let mut run = json!({"tool": {"driver": {"name": "Tool", "rules": rules}}, "results": results});
    run.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    run["invocations"] = match &run["invocations"] {
        Value::Null => json!([{"executionSuccessful": true, "endTimeUtc": MADE}]),
        given => given.clone(),
    };
    json!({"version": "2.1.0", "runs": [run]})
}

fn rule(id: &str, level: &str, score: &str) -> Value {
    json!({"id": id, "defaultConfiguration": {"level": level}, "properties": {"security-severity": score}})
}

#[test]
fn a_results_severity_comes_from_its_rule_wherever_that_is() {
    let rules = json!([rule("a", "error", ""), rule("b", "note", "9.8"), rule("c", "none", "")]);
    let extension = json!({"tool": {"driver": {"name": "Tool", "rules": rules}, "extensions": [{"name": "pack", "rules": [rule("x", "error", "7.5")]}]}});
    let of = |result: Value, more: &Value| sarif(&rules, &result, more);
    let plain = json!({});
    assert_all(&[
        ("default level", of(json!({"ruleId": "a"}), &plain), "✗", "✗ high a"),
        ("level null", of(json!({"ruleId": "a", "level": null}), &plain), "✗", "✗ high a"),
        ("its own level", of(json!({"ruleId": "a", "level": "note"}), &plain), "✓", "1 low"),
        ("no rule, no level", of(json!({"ruleId": "z"}), &plain), "✓", "1 medium"),
        ("by ruleIndex alone", of(json!({"ruleIndex": 1}), &plain), "✗", "✗ critical b"),
        ("no index", of(json!({"ruleId": "b", "ruleIndex": -1}), &plain), "✗", "✗ critical b"),
        ("an index of another rule", of(json!({"ruleId": "b", "ruleIndex": 0}), &plain), "✗", "✗ critical b"),
        ("by reference", of(json!({"rule": {"index": 1}}), &plain), "✗", "✗ critical b"),
        ("by its name", of(json!({"rule": {"id": "b"}}), &plain), "✗", "✗ critical b"),
        ("hierarchical", of(json!({"ruleId": "b/zlib/1"}), &plain), "✗", "✗ critical b/zlib/1"),
        (
            "hierarchical, with an index",
            of(json!({"ruleId": "b/z", "ruleIndex": 1}), &plain),
            "✗",
            "✗ critical b/z",
        ),
        (
            "in an extension",
            of(json!({"ruleId": "x", "rule": {"index": 0, "toolComponent": {"index": 0}}}), &extension),
            "✗",
            "✗ high x",
        ),
        ("in an extension, by id", of(json!({"ruleId": "x"}), &extension), "✗", "✗ high x"),
    ]);
}

#[test]
fn a_score_counts_before_the_level_and_a_configured_level_before_the_rules() {
    let rules = json!([rule("a", "error", ""), rule("b", "note", "9.8"), rule("c", "none", "")]);
    let given = |descriptor: Value| {
        let given = json!({"descriptor": descriptor, "configuration": {"level": "error"}});
        json!({"invocations": [{"executionSuccessful": true, "endTimeUtc": MADE, "ruleConfigurationOverrides": [given]}]})
    };
    let of = |result: Value, more: &Value| sarif(&rules, &result, more);
    let plain = json!({});
    let unrated = json!([{"id": "u", "properties": {"security-severity": "0.0", "tags": ["vulnerability", "UNKNOWN"]}}]);
    assert_all(&[
        (
            "its own score",
            of(json!({"ruleId": "z", "level": "note", "properties": {"security-severity": "9.5"}}), &plain),
            "✗",
            "✗ critical z",
        ),
        (
            "a score as a number",
            of(json!({"ruleId": "z", "properties": {"security-severity": 7}}), &plain),
            "✗",
            "✗ high z",
        ),
        (
            "no score",
            of(json!({"ruleId": "a", "properties": {"security-severity": "NaN"}}), &plain),
            "✗",
            "✗ high a",
        ),
        ("configured by id", of(json!({"ruleId": "c"}), &given(json!({"id": "c"}))), "✗", "✗ high c"),
        ("configured by index", of(json!({"ruleId": "c"}), &given(json!({"index": 2}))), "✗", "✗ high c"),
        (
            "another rule configured",
            of(json!({"ruleId": "c"}), &given(json!({"id": "a"}))),
            "✓",
            "c (a notice: its level is none)",
        ),
        (
            "Trivy's unknown",
            sarif(&unrated, &json!({"ruleId": "u", "level": "note"}), &plain),
            "?",
            "? findings of unknown severity: u",
        ),
    ]);
}

#[test]
fn what_is_no_finding_does_not_count_and_what_is_open_is_unknown() {
    let of = |more: Value| {
        let mut result = json!({"ruleId": "CVE-2026-1"});
        result.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sarif(&json!([rule("CVE-2026-1", "error", "9.8")]), &result, &json!({}))
    };
    let suppressed = |items: Value| of(json!({"suppressions": items}));
    let accepted = json!({"kind": "external", "status": "accepted", "justification": "not reached"});
    assert_all(&[
        ("suppressed", suppressed(json!([accepted])), "✓", "CVE-2026-1 (suppressed: not reached)"),
        (
            "without a status",
            suppressed(json!([{"kind": "inSource"}])),
            "✓",
            "CVE-2026-1 (suppressed: no reason given)",
        ),
        ("under review", suppressed(json!([{"status": "underReview"}])), "✗", "✗ critical CVE-2026-1"),
        ("rejected", suppressed(json!([accepted, {"status": "rejected"}])), "✗", "✗ critical CVE-2026-1"),
        ("not suppressed", suppressed(json!([])), "✗", "✗ critical CVE-2026-1"),
        ("suppressions null", suppressed(Value::Null), "✗", "✗ critical CVE-2026-1"),
        ("absent", of(json!({"baselineState": "absent"})), "✓", "✓ findings: none"),
        ("unchanged", of(json!({"baselineState": "unchanged"})), "✗", "✗ critical CVE-2026-1"),
        ("pass", of(json!({"kind": "pass"})), "✓", "✓ findings: none"),
        ("pass, with the level none", of(json!({"kind": "pass", "level": "none"})), "✓", "✓ findings: none"),
        (
            "pass and error",
            of(json!({"kind": "pass", "level": "error"})),
            "?",
            "kind pass contradicts its level",
        ),
        ("not applicable", of(json!({"kind": "notApplicable"})), "✓", "✓ findings: none"),
        ("open", of(json!({"kind": "open"})), "?", "somewhere; open: needs a decision"),
        ("review", of(json!({"kind": "review"})), "?", "somewhere; review: needs a decision"),
    ]);
    let exception =
        json!({"exceptions": [{"id": "CVE-2026-1", "reason": "not reached", "until": "2026-12-01"}]});
    let [by_package, by_taxon] = [
        json!({"ruleId": "CVE-2026-1-zlib", "level": "error"}),
        json!({"ruleId": "SNYK-1", "level": "error", "taxa": [{"id": "CVE-2026-1", "toolComponent": {"name": "CVE"}}]}),
    ];
    for result in [by_package, by_taxon] {
        let text = judged(sarif(&json!([]), &result, &json!({})).to_string().as_bytes(), &exception);
        assert!(text.starts_with('✓'), "{result}: {text}");
    }
}

/// A run without a result, whose invocation says more.
fn ran(more: &Value) -> Value {
    let mut invocation = json!({"executionSuccessful": true, "endTimeUtc": MADE});
    invocation.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sarif(&json!([]), &Value::Null, &json!({"invocations": [invocation]}))
}

#[test]
fn a_run_says_whether_it_scanned() {
    let of = |more: Value| sarif(&json!([]), &Value::Null, &more);
    let error = json!([{"level": "error", "message": {"text": "no database"}}]);
    let failed = ran(&json!({"executionSuccessful": false, "toolExecutionNotifications": error}));
    assert_all(&[
        ("clean", of(json!({})), "✓", "✓ age: 1 hour"),
        (
            "it failed",
            failed,
            "?",
            "? the scan: Tool: the scanner reports failure (executionSuccessful: false): no database",
        ),
        (
            "an error",
            ran(&json!({"toolExecutionNotifications": error})),
            "?",
            "Tool: it reports an error: no database",
        ),
        ("a warning", ran(&json!({"toolExecutionNotifications": [{"level": "warning"}]})), "✓", "none"),
        ("misconfigured", ran(&json!({"toolConfigurationNotifications": error})), "?", "it reports an error"),
        ("results null", of(json!({"results": null})), "?", "not even an empty list: nothing was scanned"),
        (
            "results elsewhere",
            of(json!({"results": null, "externalPropertyFileReferences": {"results": [{"location": {}}]}})),
            "?",
            "in other files",
        ),
    ]);
}

#[test]
fn the_oldest_run_and_the_image_of_each_run_count() {
    let run = |name: &str, at: &str, image: &str| {
        json!({"tool": {"driver": {"name": name}}, "results": [], "properties": {"imageName": image, "repoTags": null},
            "invocations": [{"executionSuccessful": true, "endTimeUtc": at}]})
    };
    let two = |first: Value, second: Value| json!({"version": "2.1.0", "runs": [first, second]});
    assert_all(&[
        ("30 days old", ran(&json!({"endTimeUtc": "2026-08-21T12:00:00Z"})), "✗", "✗ age: 720 hours"),
        ("only begun", ran(&json!({"endTimeUtc": null, "startTimeUtc": MADE})), "✓", "✓ age: 1 hour"),
        (
            "of the future",
            ran(&json!({"endTimeUtc": "2026-09-30T12:00:00Z"})),
            "?",
            "in the future: check the clocks",
        ),
        (
            "the oldest run counts",
            two(run("A", MADE, "app:v2"), run("B", "2026-09-01T00:00:00Z", "app:v2")),
            "✗",
            "✗ age",
        ),
        (
            "SARIF 2.0.0",
            json!({"version": "2.0.0", "runs": [{}]}),
            "?",
            "SARIF 2.0.0; expected version 2.1.0",
        ),
        ("no runs", json!({"version": "2.1.0", "runs": []}), "?", "SARIF without a run: nothing was scanned"),
        (
            "runs null",
            json!({"version": "2.1.0", "runs": null}),
            "?",
            "SARIF without a run: nothing was scanned",
        ),
    ]);
    let images = two(run("A", MADE, "app:v2"), run("B", MADE, "app:v1"));
    let text = judged(images.to_string().as_bytes(), &json!({"image": "app:v2"}));
    assert!(text.contains("✓ scanned image: app:v2") && text.contains("✗ scanned image: app:v1"), "{text}");
}

#[test]
fn an_altered_sarif_report_never_passes_for_nothing() {
    let carriers = ["/runs", "/runs/0", "/runs/0/results"];
    check_altered(sarif(&json!([rule("a", "note", "1.0")]), &Value::Null, &json!({})), &carriers);
}
