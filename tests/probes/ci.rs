use std::fs;

use gonogo_core::outcome::Outcome;
use gonogo_rehearsal::servers::forge::{ForgeCheck, ForgeServer};
use serde_json::{Value, json};

use super::*;
use crate::bench::checkout::Checkout;
use crate::bench::need;
use crate::bench::ports::refused_port;

const PROJECT: &str = "example/advanced";
const SUITE: &str = "advanced-suite";
const TOKEN: &str = "token-of-the-forge";

/// A tagged commit and the forge that knows it.
struct Bench {
    checkout: Checkout,
    commit: String,
    forge: ForgeServer,
}

impl Bench {
    fn new() -> Self {
        let (checkout, forge) = (Checkout::new(), ForgeServer::start(PROJECT).unwrap());
        let commit = checkout.git(&["rev-parse", "v1^{commit}"]);
        let bench = Self { checkout, commit, forge };
        bench.ran(vec![ForgeCheck::new("lint", "success"), ForgeCheck::new(SUITE, "success")]);
        bench.forge.update(|project| project.token = Some(TOKEN.into()));
        bench
    }

    fn ran(&self, checks: Vec<ForgeCheck>) {
        self.forge.update(|project| drop(project.commits.insert(self.commit.clone(), checks)));
    }

    fn source(&self, kind: &str, token: &str) -> Value {
        let headers = json!({"Authorization": {"secret": secret(token), "prefix": "Bearer "}});
        let api = json!({"url": self.forge.url(), "headers": headers});
        json!({kind: {"project": PROJECT, "checks": [SUITE], "api": api}})
    }

    #[track_caller]
    fn look(&self, source: &Value) -> Outcome {
        self.look_at("v1", source)
    }

    #[track_caller]
    fn look_at(&self, tag: &str, source: &Value) -> Outcome {
        let with = json!({"repository": self.checkout.path(), "tag": tag, "source": source});
        look_within(DEADLINE, "ci", &with)
    }

    #[track_caller]
    fn report(&self, text: &str) -> Outcome {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), text.replace("COMMIT", &self.commit)).unwrap();
        self.look(&json!({"junit": {"report": file.path()}}))
    }
}

#[test]
fn a_suite_that_succeeded_on_the_tagged_commit_passes() {
    need!("git");
    let bench = Bench::new();
    for kind in ["github", "gitlab"] {
        let outcome = bench.look(&bench.source(kind, TOKEN));
        let commit = format!("✓ commit of tag v1 | a commit | {}", bench.commit);
        let lines =
            ["✓ check advanced-suite | success | success", "✓ other checks | recorded | lint (success)"];
        assert_pass(&outcome, &[&commit, lines[0], lines[1]]);
        assert!(outcome.reproduce.contains("commit=$(git -C "), "{}", outcome.reproduce);
        assert!(!outcome.reproduce.contains(TOKEN));
    }
}

#[test]
fn what_has_not_succeeded_is_told_in_the_forges_word() {
    need!("git");
    let bench = Bench::new();
    let rows = [
        ("failure", "fail"),
        ("in_progress", "not through yet"),
        ("skipped", "skipped: it has proved nothing"),
        ("timed_out", "timed out"),
    ];
    for (word, seen) in rows {
        // A good one of the same name does not make up for it.
        bench.ran(vec![ForgeCheck::new(SUITE, "success"), ForgeCheck::new(SUITE, word)]);
        for kind in ["github", "gitlab"] {
            assert_fail(
                &bench.look(&bench.source(kind, TOKEN)),
                &["✗ check advanced-suite | success | ", seen],
            );
        }
    }
    bench.ran(vec![ForgeCheck::new("lint", "success")]);
    let none = "✗ check advanced-suite | success | no check has that name; there are: lint";
    assert_fail(&bench.look(&bench.source("github", TOKEN)), &[none]);
    assert_fail(
        &bench.look_at("v2", &bench.source("github", TOKEN)),
        &["there is no such tag in the checkout"],
    );
    bench.checkout.commit("two");
    bench.checkout.git(&["tag", "v2"]);
    for (kind, who) in [("github", "GitHub"), ("gitlab", "GitLab")] {
        let unknown = format!("✗ commit at {who} | known, with checks | it does not know it");
        assert_fail(&bench.look_at("v2", &bench.source(kind, TOKEN)), &[&unknown]);
    }
}

#[test]
fn every_page_of_checks_is_read() {
    need!("git");
    let bench = Bench::new();
    let mut checks: Vec<_> = (0..230).map(|at| ForgeCheck::new(&format!("job {at}"), "success")).collect();
    checks.push(ForgeCheck::new(SUITE, "success"));
    bench.ran(checks);
    for kind in ["github", "gitlab"] {
        assert_pass(&bench.look(&bench.source(kind, TOKEN)), &["✓ check advanced-suite", "and 222 more"]);
    }
    bench.ran(vec![ForgeCheck::new("job", "success"); 1001]);
    for kind in ["github", "gitlab"] {
        let more = "the commit has more than 10 pages of checks";
        assert_error(&bench.look(&bench.source(kind, TOKEN)), &[more]);
    }
}

#[test]
fn an_answer_about_another_commit_and_no_answer_are_errors() {
    need!("git");
    let bench = Bench::new();
    for kind in ["github", "gitlab"] {
        let wrong = bench.look(&bench.source(kind, "wrong"));
        assert_error(&wrong, &["credentials are missing or refused (401"]);
        bench.forge.update(|project| project.reported_commit = Some("c".repeat(40)));
        assert_error(&bench.look(&bench.source(kind, TOKEN)), &["of cccccccc"]);
        bench.forge.update(|project| project.reported_commit = None);
        let elsewhere = json!({"url": format!("http://127.0.0.1:{}", refused_port())});
        let closed = json!({kind: {"project": PROJECT, "checks": [SUITE], "api": elsewhere}});
        assert_error(&bench.look(&closed), &["refuses connections"]);
    }
    let mut other = bench.source("github", TOKEN);
    other["github"]["project"] = "example/other".into();
    assert_error(&bench.look(&other), &["there is no such project, or these credentials may not see it"]);
    let nowhere =
        json!({"repository": "/no/such/place", "tag": "v1", "source": bench.source("github", TOKEN)});
    assert_error(&look_within(DEADLINE, "ci", &nowhere), &["? commit of tag v1 | a commit | "]);
}

#[test]
fn a_report_counts_by_its_tests_and_names_the_commit() {
    need!("git");
    let bench = Bench::new();
    let of = |property: &str, cases: &str| {
        format!(
            "<?xml version=\"1.0\"?><testsuites><testsuite name=\"pytest\" tests=\"2\" failures=\"0\"><properties>{property}</properties>{cases}</testsuite></testsuites>"
        )
    };
    let named = r#"<property name="commit" value="COMMIT"/>"#;
    let good = r#"<testcase name="a"/><testcase name="b"><skipped/></testcase>"#;
    let commit = format!("✓ commit of the report | {0} | {0} (property commit)", bench.commit);
    let tests = "✓ tests | one or more run, none failed | 1 run, 0 failed, 1 skipped";
    assert_pass(&bench.report(&of(named, good)), &[tests, &commit]);
    let failed =
        r#"<testcase name="a &lt;1&gt;"><failure>no</failure><error/></testcase><testcase name="b"/>"#;
    assert_fail(
        &bench.report(&of(named, failed)),
        &["✗ tests | one or more run, none failed | 2 run, 1 failed, 0 skipped: a <1>"],
    );
    let skipped = r#"<testcase name="b"><skipped/></testcase>"#;
    assert_fail(&bench.report(&of(named, skipped)), &["✗ tests | one or more run, none failed | 0 run"]);
    assert_fail(&bench.report(&of("", good)), &["✗ commit of the report", "record_testsuite_property"]);
    let other = r#"<property name="git_sha" value="0123456789012345678901234567890123456789"/>"#;
    assert_fail(
        &bench.report(&of(other, good)),
        &["✗ commit of the report", "0123456789012345678901234567890123456789 (property git_sha)"],
    );
    let cut = of(named, good).replace("</testsuites>", "");
    assert_error(&bench.report(&cut), &["it is no JUnit report: it breaks off"]);
    assert_error(&bench.report("<html></html>"), &["it is no JUnit report: it has no test suite"]);
    let missing = bench.look(&json!({"junit": {"report": "/no/such/report.xml"}}));
    assert_error(&missing, &["? report /no/such/report.xml | a JUnit report | it cannot be opened: "]);
}
