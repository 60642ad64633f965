use std::fs;

use gonogo_core::outcome::Outcome;
use gonogo_rehearsal::servers::forge::{ForgeCheck, ForgeServer};
use serde_json::{Value, json};

use super::*;
use crate::support::checkout::Checkout;
use crate::support::need;
use crate::support::ports::refused_port;
use crate::support::web::{Reply, Web};

const PROJECT: &str = "example/advanced";
const SUITE: &str = "advanced-suite";
const TOKEN: &str = "token-of-the-forge";

/// A tagged commit and a forge that has it.
struct CiFixture {
    checkout: Checkout,
    commit: String,
    forge: ForgeServer,
}

impl CiFixture {
    fn new() -> Self {
        let (checkout, forge) = (Checkout::new(), ForgeServer::start(PROJECT).unwrap());
        let commit = checkout.git(&["rev-parse", "v1^{commit}"]);
        let fixture = Self { checkout, commit, forge };
        fixture.set_checks(vec![ForgeCheck::new("lint", "success"), ForgeCheck::new(SUITE, "success")]);
        fixture.forge.update(|project| project.token = Some(TOKEN.into()));
        fixture
    }

    fn set_checks(&self, checks: Vec<ForgeCheck>) {
        self.forge.update(|project| drop(project.commits.insert(self.commit.clone(), checks)));
    }

    fn source(&self, kind: &str, token: &str) -> Value {
        let headers = json!({"Authorization": {"secret": secret(token), "prefix": "Bearer "}});
        let api = json!({"url": self.forge.url(), "headers": headers});
        json!({kind: {"project": PROJECT, "checks": [SUITE], "api": api}})
    }

    #[track_caller]
    fn run_probe(&self, source: &Value) -> Outcome {
        self.run_probe_for_tag("v1", source)
    }

    #[track_caller]
    fn run_probe_for_tag(&self, tag: &str, source: &Value) -> Outcome {
        let with = json!({"repository": self.checkout.path(), "tag": tag, "source": source});
        run_probe_within(DEADLINE, "ci", &with)
    }

    #[track_caller]
    fn run_probe_on_report(&self, text: &str) -> Outcome {
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), text.replace("COMMIT", &self.commit)).unwrap();
        self.run_probe(&json!({"junit": {"report": file.path()}}))
    }
}

#[test]
fn a_suite_that_succeeded_on_the_tagged_commit_passes() {
    need!("git");
    let fixture = CiFixture::new();
    for kind in ["github", "gitlab"] {
        let outcome = fixture.run_probe(&fixture.source(kind, TOKEN));
        let commit = format!("✓ commit of tag v1 | a commit | {}", fixture.commit);
        let lines =
            ["✓ check advanced-suite | success | success", "✓ other checks | recorded | lint (success)"];
        assert_pass(&outcome, &[&commit, lines[0], lines[1]]);
        assert!(outcome.reproduce.contains("commit=$(git -C "), "{}", outcome.reproduce);
        assert!(!outcome.reproduce.contains(TOKEN));
    }
}

#[test]
fn a_check_that_has_not_succeeded_fails_with_the_status_of_the_forge() {
    need!("git");
    let fixture = CiFixture::new();
    let rows = [
        ("failure", "fail"),
        ("in_progress", "in progress"),
        ("skipped", "skipped: not run"),
        ("timed_out", "timed out"),
    ];
    for (word, seen) in rows {
        // A successful check of the same name does not help.
        fixture.set_checks(vec![ForgeCheck::new(SUITE, "success"), ForgeCheck::new(SUITE, word)]);
        for kind in ["github", "gitlab"] {
            assert_fail(
                &fixture.run_probe(&fixture.source(kind, TOKEN)),
                &["✗ check advanced-suite | success | ", seen],
            );
        }
    }
    fixture.set_checks(vec![ForgeCheck::new("lint", "success")]);
    let none = "✗ check advanced-suite | success | no check of that name; listed: lint";
    assert_fail(&fixture.run_probe(&fixture.source("github", TOKEN)), &[none]);
    assert_fail(
        &fixture.run_probe_for_tag("v2", &fixture.source("github", TOKEN)),
        &["no such tag in the checkout"],
    );
    fixture.checkout.commit("two");
    fixture.checkout.git(&["tag", "v2"]);
    for (kind, who) in [("github", "GitHub"), ("gitlab", "GitLab")] {
        let unknown = format!("✗ commit at {who} | known, with checks | unknown commit");
        assert_fail(&fixture.run_probe_for_tag("v2", &fixture.source(kind, TOKEN)), &[&unknown]);
    }
}

#[test]
fn every_page_of_checks_is_read() {
    need!("git");
    let fixture = CiFixture::new();
    let mut checks: Vec<_> = (0..230).map(|at| ForgeCheck::new(&format!("job {at}"), "success")).collect();
    checks.push(ForgeCheck::new(SUITE, "success"));
    fixture.set_checks(checks);
    for kind in ["github", "gitlab"] {
        assert_pass(
            &fixture.run_probe(&fixture.source(kind, TOKEN)),
            &["✓ check advanced-suite", "and 222 more"],
        );
    }
    fixture.set_checks(vec![ForgeCheck::new("job", "success"); 1001]);
    for kind in ["github", "gitlab"] {
        let more = "the commit has more than 10 pages of checks";
        assert_error(&fixture.run_probe(&fixture.source(kind, TOKEN)), &[more]);
    }
}

#[test]
fn an_answer_about_another_commit_and_no_answer_are_errors() {
    need!("git");
    let fixture = CiFixture::new();
    for kind in ["github", "gitlab"] {
        let wrong = fixture.run_probe(&fixture.source(kind, "wrong"));
        assert_error(&wrong, &["credentials are missing or refused (401"]);
        fixture.forge.update(|project| project.reported_commit = Some("c".repeat(40)));
        assert_error(&fixture.run_probe(&fixture.source(kind, TOKEN)), &["of cccccccc"]);
        fixture.forge.update(|project| project.reported_commit = None);
        let elsewhere = json!({"url": format!("http://127.0.0.1:{}", refused_port())});
        let refused = json!({kind: {"project": PROJECT, "checks": [SUITE], "api": elsewhere}});
        assert_error(&fixture.run_probe(&refused), &["refuses connections"]);
    }
    let mut other = fixture.source("github", TOKEN);
    other["github"]["project"] = "example/other".into();
    assert_error(&fixture.run_probe(&other), &["no such project, or no permission to read it"]);
    let missing_repository =
        json!({"repository": "/no/such/place", "tag": "v1", "source": fixture.source("github", TOKEN)});
    assert_error(
        &run_probe_within(DEADLINE, "ci", &missing_repository),
        &["? commit of tag v1 | a commit | "],
    );
}

#[test]
fn a_junit_report_is_judged_by_its_tests_and_its_commit() {
    need!("git");
    let fixture = CiFixture::new();
    let report = |property: &str, cases: &str| {
        format!(
            "<?xml version=\"1.0\"?><testsuites><testsuite name=\"pytest\" tests=\"2\" failures=\"0\"><properties>{property}</properties>{cases}</testsuite></testsuites>"
        )
    };
    let commit_property = r#"<property name="commit" value="COMMIT"/>"#;
    let passing = r#"<testcase name="a"/><testcase name="b"><skipped/></testcase>"#;
    let commit = format!("✓ commit of the report | {0} | {0} (property commit)", fixture.commit);
    let tests = "✓ tests | one or more run, none failed | 1 run, 0 failed, 1 skipped";
    assert_pass(&fixture.run_probe_on_report(&report(commit_property, passing)), &[tests, &commit]);
    let failed =
        r#"<testcase name="a &lt;1&gt;"><failure>no</failure><error/></testcase><testcase name="b"/>"#;
    assert_fail(
        &fixture.run_probe_on_report(&report(commit_property, failed)),
        &["✗ tests | one or more run, none failed | 2 run, 1 failed, 0 skipped: a <1>"],
    );
    let skipped = r#"<testcase name="b"><skipped/></testcase>"#;
    assert_fail(
        &fixture.run_probe_on_report(&report(commit_property, skipped)),
        &["✗ tests | one or more run, none failed | 0 run"],
    );
    assert_fail(
        &fixture.run_probe_on_report(&report("", passing)),
        &["✗ commit of the report", "record_testsuite_property"],
    );
    let other_commit = r#"<property name="git_sha" value="0123456789012345678901234567890123456789"/>"#;
    assert_fail(
        &fixture.run_probe_on_report(&report(other_commit, passing)),
        &["✗ commit of the report", "0123456789012345678901234567890123456789 (property git_sha)"],
    );
    let truncated = report(commit_property, passing).replace("</testsuites>", "");
    assert_error(&fixture.run_probe_on_report(&truncated), &["not a JUnit report: truncated"]);
    assert_error(
        &fixture.run_probe_on_report("<html></html>"),
        &["not a JUnit report: it has no test suite"],
    );
    let missing = fixture.run_probe(&json!({"junit": {"report": "/no/such/report.xml"}}));
    assert_error(&missing, &["? report /no/such/report.xml | a JUnit report | it cannot be opened: "]);
}

/// A web server that returns scripted responses of a forge, and a checkout with the tag v1.
struct ScriptedForge {
    checkout: Checkout,
    commit: String,
    web: Web,
}

impl ScriptedForge {
    fn new() -> Self {
        let checkout = Checkout::new();
        let commit = checkout.git(&["rev-parse", "v1^{commit}"]);
        Self { checkout, commit, web: Web::start() }
    }

    /// Sets the response of GitHub to a request about the commit.
    fn github(&self, request: &str, reply: Reply) -> &Self {
        self.web.route(&format!("/repos/{PROJECT}/commits/{}/{request}", self.commit), reply);
        self
    }

    /// Sets the response of GitLab for a path of a project.
    fn gitlab(&self, path: &str, reply: &Value) -> &Self {
        let path = path.replace("COMMIT", &self.commit);
        let reply = reply.to_string().replace("COMMIT", &self.commit);
        self.web.route(&format!("/api/v4/projects/{path}"), Reply::ok(&reply));
        self
    }

    #[track_caller]
    fn run_probe(&self, kind: &str, base: &str) -> Outcome {
        let source =
            json!({kind: {"project": PROJECT, "checks": [SUITE], "api": {"url": self.web.url(base)}}});
        let with = json!({"repository": self.checkout.path(), "tag": "v1", "source": source});
        run_probe_within(DEADLINE, "ci", &with)
    }
}

fn statuses(context: &str, total: usize) -> Reply {
    let status = json!({"context": context, "state": "success"});
    Reply::ok(&json!({"state": "success", "total_count": total, "statuses": [status]}).to_string())
}

#[test]
fn github_check_runs_and_statuses_are_searched_as_far_as_permitted() {
    need!("git");
    let fixture = ScriptedForge::new();
    let run =
        json!({"name": "lint", "head_sha": fixture.commit, "status": "completed", "conclusion": "success"});
    let runs = |total: usize| {
        // Summaries of test reporters can be long.
        let mut run = run.clone();
        run["output"] = json!({"summary": "x".repeat(2 << 20)});
        Reply::ok(&json!({"total_count": total, "check_runs": [run]}).to_string())
    };
    let none = Reply::ok(&json!({"total_count": 2, "check_runs": []}).to_string());
    let refused =
        || Reply::status(403).body(r#"{"message":"Resource not accessible by personal access token"}"#);

    fixture.github("check-runs", runs(1)).github("status", statuses("first", 2));
    fixture.github("status?per_page=100&page=2", statuses(SUITE, 2));
    assert_pass(
        &fixture.run_probe("github", ""),
        &["✓ check advanced-suite | success | success", "lint (success), first"],
    );

    fixture.github("check-runs", refused());
    let gap = "✓ not searched | recorded | check runs: permission denied (403";
    assert_pass(&fixture.run_probe("github", ""), &["✓ check advanced-suite", gap]);
    fixture.github("status", statuses("other", 1));
    let unknown =
        "? check advanced-suite | success | no check of that name; listed: other; not searched: check runs";
    assert_error(&fixture.run_probe("github", ""), &[unknown]);
    fixture.github("status", refused());
    assert_error(
        &fixture.run_probe("github", ""),
        &["? commit at GitHub", "Resource not accessible by personal"],
    );

    fixture.github("check-runs", runs(2)).github("status", statuses(SUITE, 1));
    let second = "check-runs?per_page=100&filter=latest&page=2";
    fixture.github(second, none);
    assert_error(&fixture.run_probe("github", ""), &["GitHub counts 2 checks and lists 1"]);

    // The project was renamed.
    let moved = fixture.web.url("/repositories/1/check-runs");
    fixture.github("check-runs", Reply::status(301).header("Location", &moved));
    fixture.web.route("/repositories/1/check-runs", runs(1));
    assert_pass(&fixture.run_probe("github", ""), &["✓ check advanced-suite"]);
    let limit =
        Reply::status(403).header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "1790000000");
    fixture.github("check-runs", limit);
    assert_error(
        &fixture.run_probe("github", ""),
        &["rate limit exceeded; retry after 2026-09-21T14:13:20Z (403"],
    );
    fixture.github("check-runs", Reply::status(404).body("<html>"));
    assert_error(
        &fixture.run_probe("github", ""),
        &["the API's address is https://api.github.com or https://HOST/api/v3"],
    );
}

#[test]
fn gitlab_jobs_of_child_pipelines_are_found() {
    need!("git");
    let fixture = ScriptedForge::new();
    let project = "example%2Fadvanced";
    let trigger = |triggered: &Value| json!([{"name": "trigger", "status": "success", "downstream_pipeline": triggered}]);
    let child = |status: &str, sha: &str| json!({"id": 8, "project_id": 3, "sha": sha, "status": status});
    let jobs = json!([{"name": "trigger", "sha": "COMMIT", "status": "success", "pipeline_id": 7}]);
    fixture.gitlab(&format!("{project}/repository/commits/COMMIT/statuses"), &jobs);
    let not_searched = "? check advanced-suite | success | no check of that name; listed: trigger; not searched: downstream pipelines";
    assert_error(&fixture.run_probe("gitlab", ""), &[not_searched]);

    fixture.gitlab(&format!("{project}/pipelines/7/bridges"), &trigger(&child("success", "COMMIT")));
    fixture.gitlab("3/pipelines/8/bridges", &json!([]));
    fixture
        .gitlab("3/pipelines/8/jobs", &json!([{"name": SUITE, "status": "success", "allow_failure": false}]));
    assert_pass(
        &fixture.run_probe("gitlab", ""),
        &["✓ check advanced-suite | success | success", "trigger (success)"],
    );
    assert_pass(&fixture.run_probe("gitlab", "/api/v4/"), &["✓ check advanced-suite | success | success"]);
    fixture
        .gitlab("3/pipelines/8/jobs", &json!([{"name": SUITE, "status": "failed", "allow_failure": true}]));
    assert_fail(
        &fixture.run_probe("gitlab", ""),
        &["failed (allow_failure: its pipeline can succeed all the same)"],
    );

    // A trigger job succeeds as soon as the downstream pipeline is created.
    let suite = json!([{"name": SUITE, "sha": "COMMIT", "status": "success", "pipeline_id": 7}]);
    fixture.gitlab(&format!("{project}/repository/commits/COMMIT/statuses"), &suite);
    let elsewhere = json!([{"name": SUITE, "downstream_pipeline": child("failed", "another")}]);
    fixture.gitlab(&format!("{project}/pipelines/7/bridges"), &elsewhere);
    assert_fail(
        &fixture.run_probe("gitlab", ""),
        &["✗ check advanced-suite | success | failed (downstream pipeline 8)"],
    );
}
