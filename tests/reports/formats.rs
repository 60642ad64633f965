//! Markdown, HTML, JSON and JUnit, and the comparison of two runs.

use super::{HOSTILE, Runs, python, tampered};
use crate::bench::need;

/// What a renderer makes of the Markdown: how many headings, links, images, scripts, and the rows of tables.
const RENDER: &str = r"
import re, sys
from markdown_it import MarkdownIt
html = MarkdownIt('gfm-like', {'linkify': False}).render(open(sys.argv[1]).read())
print([len(re.findall(tag, html)) for tag in ('<h1', '<h2', '<h3', '<a ', '<img', '<script', '<pre')])
print('\n'.join(re.findall(r'<tr>\n<td[^>]*>(\d+)</td>', html)))
print('&lt;script&gt;alert(1)' in html)
";

#[test]
fn markdown_renders_as_tables_and_headings_and_nothing_of_what_was_typed() {
    need!("poetry", "ssh-keygen");
    let mut runs = Runs::new();
    let (old, file) = (runs.old.clone(), runs.work("report.md"));
    let output = format!("markdown:{}", file.display());
    let _ = runs.gonogo(&["report", &old.display().to_string(), "--output", &output]).code(0);
    let told = python(RENDER, &[file.to_str().unwrap()]);
    // People, two sections, time, acts; a heading for each point. The commands of both probes can be copied.
    assert!(told.starts_with("[1, 5, 3, 0, 0, 0, 2]\n"), "{told}");
    // Every act has its row: opened, two confirmed, noted, verdict, sealed.
    assert_eq!(told.lines().filter(|line| line.parse::<u32>().is_ok()).count(), 6, "{told}");
    assert!(told.ends_with("True\n"), "{told}");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("**Run log: sealed by alice@deck.example**"), "{text}");
    assert!(text.starts_with("# staging v1.4.0: GO 3/3\n"), "{text}");
}

#[test]
fn html_holds_no_script_no_address_and_nothing_of_what_was_typed() {
    need!("ssh-keygen");
    let mut runs = Runs::new();
    let old = runs.old.clone();
    let page = runs.report(&old, "html").code(0).stdout;
    for never in ["<script", "src=", "href=", "<img", "url(", "@import", "<link", "<iframe"] {
        let shown = page.replace("&lt;img src=x", "");
        assert!(!shown.contains(never), "{never}");
    }
    assert!(page.contains("default-src &#x27;none&#x27;") || page.contains("default-src 'none'"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;"), "{page}");
    assert!(page.contains("<svg") && page.matches("<g>").count() == 3, "a bar for each point");
    assert!(page.contains("sealed by alice@deck.example"));
}

#[test]
fn json_tells_everything_there_is() {
    need!("ssh-keygen");
    let mut runs = Runs::new();
    let (old, new) = (runs.old.clone(), runs.new.clone());
    let told = runs.report(&old, "json").code(0).json();
    assert_eq!(told["verification"]["answer"], "sealed");
    assert_eq!(told["verdict"]["decision"], "GO");
    assert_eq!(told["sections"][0]["points"][1]["probes"][0]["class"], "pass");
    let acts = told["acts"].as_array().unwrap();
    let kinds: Vec<_> = acts.iter().map(|act| act["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["opened", "confirmed", "confirmed", "noted", "verdict", "sealed"]);
    assert_eq!(acts[3]["words"], HOSTILE);
    assert!(told["previous_run"].is_null());
    let id = told["run"]["id"].clone();
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

/// A reader of JUnit: the numbers it counts, and the cases that are no success.
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
fn junit_is_read_by_a_reader_of_junit() {
    need!("poetry", "ssh-keygen");
    let mut runs = Runs::new();
    let (new, bad, xml) = (runs.new.clone(), runs.work("bad.jsonl"), runs.work("report.xml"));
    let output = format!("junit:{}", xml.display());
    let xml = xml.display().to_string();
    let _ = runs.gonogo(&["report", &new.display().to_string(), "--output", &output]).code(0);
    let told = python(JUNIT, &[&xml]);
    assert!(told.starts_with("4 1 0 0\n4\n") && told.contains("service.headers"), "{told}");
    tampered(&runs.old.clone(), &bad);
    let _ = runs.gonogo(&["report", &bad.display().to_string(), "--output", &output]).code(4);
    let told = python(JUNIT, &[&xml]);
    assert!(told.contains("bad.jsonl is sealed', 'Error'"), "{told}");
}

#[test]
fn an_invalid_log_is_told_as_one_in_every_format_and_only_as_far_as_it_is_valid() {
    need!("ssh-keygen");
    let mut runs = Runs::new();
    let bad = runs.work("bad.jsonl");
    tampered(&runs.old.clone(), &bad);
    for format in ["markdown", "html", "json", "junit"] {
        let told = runs.report(&bad, format).code(4).stdout;
        assert!(told.contains("INVALID at line"), "{format}: {told}");
        assert!(!told.contains("alert(2)"), "{format}");
    }
    let told = runs.report(&bad, "json").code(4).json();
    assert_eq!(told["seals"].as_array().unwrap().len(), 0);
}

#[test]
fn two_runs_are_compared() {
    need!("ssh-keygen");
    let mut runs = Runs::new();
    let (old, new) = (runs.old.display().to_string(), runs.new.display().to_string());
    let told = runs.gonogo(&["diff", &old, &new]).code(1).stdout;
    for line in [
        "- staging v1.4.0: GO 3/3,",
        "+ staging v1.5.0: PENDING 2/3,",
        "\nservice.headers\n",
        "    - max-age=63072000; includeSubDomains; preload\n    + max-age=31536000\n",
        "\npeople.told\n  state\n    - confirmed\n    + waived\n",
        "    + alice@deck.example: asleep\n",
    ] {
        assert!(told.contains(line), "{line:?} in\n{told}");
    }
    // How long a probe took may differ between two runs of the same.
    let settled = told.split("\ntime, in ms").next().unwrap();
    assert!(!settled.contains("service.ready"), "what is the same is not told: {told}");
    let told = runs.gonogo(&["diff", &old, &new, "--format", "json"]).code(1).json();
    assert_eq!(told["points"].as_array().unwrap().len(), 2);
    let _ = runs.gonogo(&["diff", &old, &old]).code(0).stdout_has("no other differences");
    let _ = runs.gonogo(&["diff", &old, "nowhere.jsonl"]).code(2).stderr_has("nowhere.jsonl");
}
