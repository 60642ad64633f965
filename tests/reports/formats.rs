//! Markdown, HTML, JSON and JUnit, and the comparison of two runs.

use super::{ComparedRuns, MARKUP, python, tampered};
use crate::support::need;

/// Renders the Markdown; prints the numbers of headings, links, images, scripts and blocks, and the numbered table rows.
const RENDER: &str = r"
import re, sys
from markdown_it import MarkdownIt
html = MarkdownIt('gfm-like', {'linkify': False}).render(open(sys.argv[1]).read())
print([len(re.findall(tag, html)) for tag in ('<h1', '<h2', '<h3', '<a ', '<img', '<script', '<pre')])
print('\n'.join(re.findall(r'<tr>\n<td[^>]*>(\d+)</td>', html)))
print('&lt;script&gt;alert(1)' in html)
";

#[test]
fn markdown_renders_tables_and_headings_and_no_typed_markup() {
    need!("poetry", "ssh-keygen");
    let mut runs = ComparedRuns::new();
    let (old, file) = (runs.old.clone(), runs.work("report.md"));
    let target = format!("markdown:{}", file.display());
    let _ = runs.gonogo(&["report", &old.display().to_string(), "--output", &target]).code(0);
    let output = python(RENDER, &[file.to_str().unwrap()]);
    // Operators, two sections, time, signed entries; a heading for each point; the commands of both probes.
    assert!(output.starts_with("[1, 5, 3, 0, 0, 0, 2]\n"), "{output}");
    // A row for each signed entry: opened, two confirmed, noted, verdict, sealed.
    assert_eq!(output.lines().filter(|line| line.parse::<u32>().is_ok()).count(), 6, "{output}");
    assert!(output.ends_with("True\n"), "{output}");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("**Run log: sealed by alice@deck.example**"), "{text}");
    assert!(text.starts_with("# staging v1.4.0: GO 3/3\n"), "{text}");
}

#[test]
fn html_contains_no_script_no_url_and_no_typed_markup() {
    need!("ssh-keygen");
    let mut runs = ComparedRuns::new();
    let old = runs.old.clone();
    let page = runs.report(&old, "html").code(0).stdout;
    for forbidden in ["<script", "src=", "href=", "<img", "url(", "@import", "<link", "<iframe"] {
        let shown = page.replace("&lt;img src=x", "");
        assert!(!shown.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src &#x27;none&#x27;") || page.contains("default-src 'none'"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;"), "{page}");
    assert!(page.contains("<svg") && page.matches("<g>").count() == 3, "a bar for each point");
    assert!(page.contains("sealed by alice@deck.example"));
}

#[test]
fn json_contains_the_complete_report() {
    need!("ssh-keygen");
    let mut runs = ComparedRuns::new();
    let (old, new) = (runs.old.clone(), runs.new.clone());
    let output = runs.report(&old, "json").code(0).json();
    assert_eq!(output["verification"]["answer"], "sealed");
    assert_eq!(output["verdict"]["decision"], "GO");
    assert_eq!(output["sections"][0]["points"][1]["probes"][0]["class"], "pass");
    let entries = output["acts"].as_array().unwrap();
    let kinds: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["opened", "confirmed", "confirmed", "noted", "verdict", "sealed"]);
    assert_eq!(entries[3]["words"], MARKUP);
    assert!(output["previous_run"].is_null());
    let id = output["run"]["id"].clone();
    let next = runs.report(&new, "json").code(0).json();
    assert_eq!((&next["previous_run"]["id"], &next["previous_run"]["ended"]), (&id, &"sealed".into()));
    assert_eq!(next["sections"][1]["points"][0]["status"], "waived");
    for bar in next["chart"].as_array().unwrap() {
        let spans = bar["spans"].as_array().unwrap();
        let ends: Vec<_> =
            spans.iter().flat_map(|span| [span["from"].as_u64(), span["to"].as_u64()]).collect();
        assert!(ends.is_sorted() && ends[0] == Some(0) && ends.last() == Some(&Some(1000)), "{bar}");
    }
}

/// Parses JUnit; prints its numbers, and the test cases that did not succeed.
const JUNIT: &str = r"
import sys
from junitparser import JUnitXml
xml = JUnitXml.fromfile(sys.argv[1])
print(xml.tests, xml.failures, xml.errors, xml.skipped)
counted = [case for suite in xml for case in suite]
print(len(counted))
print([(case.name, type(case.result[0]).__name__) for case in counted if case.result])
";

#[test]
fn junit_is_read_by_a_junit_parser() {
    need!("poetry", "ssh-keygen");
    let mut runs = ComparedRuns::new();
    let (new, invalid, xml) = (runs.new.clone(), runs.work("bad.jsonl"), runs.work("report.xml"));
    let target = format!("junit:{}", xml.display());
    let xml = xml.display().to_string();
    let _ = runs.gonogo(&["report", &new.display().to_string(), "--output", &target]).code(0);
    let output = python(JUNIT, &[&xml]);
    assert!(output.starts_with("4 0 0 1\n4\n") && output.contains("service.headers"), "{output}");
    tampered(&runs.old.clone(), &invalid);
    let _ = runs.gonogo(&["report", &invalid.display().to_string(), "--output", &target]).code(4);
    let output = python(JUNIT, &[&xml]);
    assert!(output.contains("bad.jsonl is sealed', 'Error'"), "{output}");
}

#[test]
fn every_format_marks_an_invalid_log_and_reports_only_its_valid_part() {
    need!("ssh-keygen");
    let mut runs = ComparedRuns::new();
    let invalid = runs.work("bad.jsonl");
    tampered(&runs.old.clone(), &invalid);
    for format in ["markdown", "html", "json", "junit"] {
        let output = runs.report(&invalid, format).code(4).stdout;
        assert!(output.contains("INVALID at line"), "{format}: {output}");
        assert!(!output.contains("alert(2)"), "{format}");
    }
    let output = runs.report(&invalid, "json").code(4).json();
    assert_eq!(output["seals"].as_array().unwrap().len(), 0);
}

#[test]
fn two_runs_are_compared() {
    need!("ssh-keygen");
    let mut runs = ComparedRuns::new();
    let (old, new) = (runs.old.display().to_string(), runs.new.display().to_string());
    let output = runs.gonogo(&["diff", &old, &new]).code(1).stdout;
    for line in [
        "- staging v1.4.0: GO 3/3,",
        "+ staging v1.5.0: PENDING 2/3,",
        "\nservice.headers\n",
        "    - max-age=63072000; includeSubDomains; preload\n    + max-age=31536000\n",
        "\npeople.duty\n  state\n    - confirmed\n    + waived\n",
        "    + alice@deck.example: asleep\n",
    ] {
        assert!(output.contains(line), "{line:?} in\n{output}");
    }
    // The times of probes may differ.
    let without_times = output.split("\ntime, in ms").next().unwrap();
    assert!(!without_times.contains("service.ready"), "an unchanged point is listed: {output}");
    let output = runs.gonogo(&["diff", &old, &new, "--format", "json"]).code(1).json();
    assert_eq!(output["points"].as_array().unwrap().len(), 2);
    let _ = runs.gonogo(&["diff", &old, &old]).code(0).stdout_has("no other differences");
    let _ = runs.gonogo(&["diff", &old, "nowhere.jsonl"]).code(2).stderr_has("nowhere.jsonl");
}
