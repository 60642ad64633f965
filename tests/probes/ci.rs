use std::fs;

use gonogo_core::outcome::Outcome;
use gonogo_rehearsal::servers::forge::{ForgeCheck, ForgeServer};
use serde_json::{Value, json};

use super::*;
use crate::bench::checkout::Checkout;
use crate::bench::need;
use crate::bench::ports::refused_port;
use crate::bench::web::{Reply, Web};

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

/// A forge that answers as a test says, and the look at the commit of v1.
struct Answers {
    checkout: Checkout,
    commit: String,
    web: Web,
}

impl Answers {
    fn new() -> Self {
        let checkout = Checkout::new();
        let commit = checkout.git(&["rev-parse", "v1^{commit}"]);
        Self { checkout, commit, web: Web::start() }
    }

    /// Sets what GitHub answers to a question about the commit.
    fn github(&self, question: &str, reply: Reply) -> &Self {
        self.web.route(&format!("/repos/{PROJECT}/commits/{}/{question}", self.commit), reply);
        self
    }

    /// Sets what GitLab answers at a path of the project.
    fn gitlab(&self, path: &str, reply: &Value) -> &Self {
        let path = path.replace("COMMIT", &self.commit);
        let reply = reply.to_string().replace("COMMIT", &self.commit);
        self.web.route(&format!("/api/v4/projects/{path}"), Reply::ok(&reply));
        self
    }

    #[track_caller]
    fn look(&self, kind: &str, base: &str) -> Outcome {
        let source =
            json!({kind: {"project": PROJECT, "checks": [SUITE], "api": {"url": self.web.url(base)}}});
        let with = json!({"repository": self.checkout.path(), "tag": "v1", "source": source});
        look_within(DEADLINE, "ci", &with)
    }
}

fn statuses(context: &str, total: usize) -> Reply {
    let status = json!({"context": context, "state": "success"});
    Reply::ok(&json!({"state": "success", "total_count": total, "statuses": [status]}).to_string())
}

#[test]
fn github_is_searched_as_far_as_the_token_may_see() {
    need!("git");
    let bench = Answers::new();
    let run =
        json!({"name": "lint", "head_sha": bench.commit, "status": "completed", "conclusion": "success"});
    let runs = |total: usize| {
        // Test reporters write long summaries.
        let mut run = run.clone();
        run["output"] = json!({"summary": "x".repeat(2 << 20)});
        Reply::ok(&json!({"total_count": total, "check_runs": [run]}).to_string())
    };
    let none = Reply::ok(&json!({"total_count": 2, "check_runs": []}).to_string());
    let refused =
        || Reply::status(403).body(r#"{"message":"Resource not accessible by personal access token"}"#);

    bench.github("check-runs", runs(1)).github("status", statuses("first", 2));
    bench.github("status?per_page=100&page=2", statuses(SUITE, 2));
    assert_pass(
        &bench.look("github", ""),
        &["✓ check advanced-suite | success | success", "lint (success), first"],
    );

    bench.github("check-runs", refused());
    let gap = "✓ not searched | recorded | check runs: these credentials may not see this (403";
    assert_pass(&bench.look("github", ""), &["✓ check advanced-suite", gap]);
    bench.github("status", statuses("other", 1));
    let unknown = "? check advanced-suite | success | no check has that name; there are: other; not searched: check runs";
    assert_error(&bench.look("github", ""), &[unknown]);
    bench.github("status", refused());
    assert_error(&bench.look("github", ""), &["? commit at GitHub", "Resource not accessible by personal"]);

    bench.github("check-runs", runs(2)).github("status", statuses(SUITE, 1));
    let second = "check-runs?per_page=100&filter=latest&page=2";
    bench.github(second, none);
    assert_error(&bench.look("github", ""), &["GitHub counts 2 checks and lists 1"]);

    // The project was renamed.
    let moved = bench.web.url("/repositories/1/check-runs");
    bench.github("check-runs", Reply::status(301).header("Location", &moved));
    bench.web.route("/repositories/1/check-runs", runs(1));
    assert_pass(&bench.look("github", ""), &["✓ check advanced-suite"]);
    let limit =
        Reply::status(403).header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "1790000000");
    bench.github("check-runs", limit);
    assert_error(&bench.look("github", ""), &["the rate limit is reached, until 2026-09-21T14:13:20Z (403"]);
    bench.github("check-runs", Reply::status(404).body("<html>"));
    assert_error(
        &bench.look("github", ""),
        &["is it the API's address? expected https://api.github.com or https://HOST/api/v3"],
    );
}

#[test]
fn gitlab_jobs_of_child_pipelines_are_found() {
    need!("git");
    let bench = Answers::new();
    let project = "example%2Fadvanced";
    let trigger = |triggered: &Value| json!([{"name": "trigger", "status": "success", "downstream_pipeline": triggered}]);
    let child = |status: &str, sha: &str| json!({"id": 8, "project_id": 3, "sha": sha, "status": status});
    let jobs = json!([{"name": "trigger", "sha": "COMMIT", "status": "success", "pipeline_id": 7}]);
    bench.gitlab(&format!("{project}/repository/commits/COMMIT/statuses"), &jobs);
    let not_searched = "? check advanced-suite | success | no check has that name; there are: trigger; not searched: downstream pipelines";
    assert_error(&bench.look("gitlab", ""), &[not_searched]);

    bench.gitlab(&format!("{project}/pipelines/7/bridges"), &trigger(&child("success", "COMMIT")));
    bench.gitlab("3/pipelines/8/bridges", &json!([]));
    bench
        .gitlab("3/pipelines/8/jobs", &json!([{"name": SUITE, "status": "success", "allow_failure": false}]));
    assert_pass(
        &bench.look("gitlab", ""),
        &["✓ check advanced-suite | success | success", "trigger (success)"],
    );
    assert_pass(&bench.look("gitlab", "/api/v4/"), &["✓ check advanced-suite | success | success"]);
    bench.gitlab("3/pipelines/8/jobs", &json!([{"name": SUITE, "status": "failed", "allow_failure": true}]));
    assert_fail(
        &bench.look("gitlab", ""),
        &["failed (allow_failure: its pipeline can succeed all the same)"],
    );

    // A trigger job has succeeded once it has triggered.
    let suite = json!([{"name": SUITE, "sha": "COMMIT", "status": "success", "pipeline_id": 7}]);
    bench.gitlab(&format!("{project}/repository/commits/COMMIT/statuses"), &suite);
    let elsewhere = json!([{"name": SUITE, "downstream_pipeline": child("failed", "another")}]);
    bench.gitlab(&format!("{project}/pipelines/7/bridges"), &elsewhere);
    assert_fail(
        &bench.look("gitlab", ""),
        &["✗ check advanced-suite | success | failed (downstream pipeline 8)"],
    );
}
