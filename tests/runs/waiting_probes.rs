//! Probes that are retried until they pass and stay stable (`within`, `hold`), and probes that measure from another one
//! (`since`).

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::gonogo::Sandbox;
use crate::support::ports::refused_port;
use crate::support::web::{Reply, Web};

/// One point for each probe: its id, the path that it asks for, and more keys.
fn check(base: &str, probes: &[(&str, &str, &str)]) -> Value {
    let mut checklist = "name = \"waits\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n".to_owned();
    for (id, path, more) in probes {
        let url = if path.starts_with('/') { format!("{base}{path}") } else { (*path).to_owned() };
        let _ = writeln!(checklist, "[[section.point]]\nid = \"s.{id}\"\ntitle = \"{id}\"\nwhy = \"w\"");
        let keys = if more.is_empty() { String::new() } else { format!(", {more}") };
        let _ = writeln!(
            checklist,
            "probe = [{{ id = \"p\", title = \"p\", kind = \"http\", with = {{ url = \"{url}\" }}{keys} }}]"
        );
    }
    let profile = "environment = \"waits\"\nchecklist = \"checklist.toml\"\n";
    let sandbox = Sandbox::new().checklist(&checklist).profile(profile);
    sandbox.args(["check", "profile.toml", "--format", "json"]).run().json()
}

fn outcome<'a>(report: &'a Value, point: &str) -> &'a Value {
    let found = report["points"].as_array().unwrap().iter().find(|found| found["id"] == point);
    &found.unwrap()["probes"][0]["outcome"]
}

fn waited_observation(outcome: &Value) -> String {
    let seen = outcome["observations"].as_array().unwrap().iter().find(|seen| seen["what"] == "waited");
    seen.unwrap_or_else(|| panic!("{outcome:#}"))["seen"].as_str().unwrap().to_owned()
}

#[test]
fn a_pass_within_the_wait_is_not_a_pass_on_retry() {
    let web = Web::start();
    web.sequence("/a", [Reply::status(503), Reply::status(503), Reply::ok("")]);
    let report = check(&web.url(""), &[("a", "/a", "within = \"30s\", retry_delay = \"10ms\"")]);
    let outcome = outcome(&report, "s.a");
    assert_eq!((&outcome["class"], &outcome["tries"]), (&"pass".into(), &1.into()), "{outcome:#}");
    assert!(waited_observation(outcome).starts_with("3 tries in "), "{outcome:#}");
}

#[test]
fn a_failed_attempt_restarts_the_hold_time() {
    let web = Web::start();
    web.sequence("/a", [Reply::ok(""), Reply::status(503), Reply::ok("")]);
    let keys = "within = \"30s\", hold = \"200ms\", retry_delay = \"50ms\"";
    let report = check(&web.url(""), &[("a", "/a", keys)]);
    let outcome = outcome(&report, "s.a");
    assert_eq!(outcome["class"], "pass", "{outcome:#}");
    // At least the pass, the failure, and two passes that are 200 ms apart.
    assert!(web.requests().len() >= 4, "{}", web.requests().len());
}

#[test]
fn after_the_wait_the_last_attempt_is_the_result() {
    let web = Web::start();
    web.route("/a", Reply::status(503));
    let keys = "within = \"300ms\", retry_delay = \"10ms\"";
    let unreachable = format!("http://127.0.0.1:{}/", refused_port());
    let report = check(&web.url(""), &[("a", "/a", keys), ("b", &unreachable, keys)]);
    assert_eq!(outcome(&report, "s.a")["class"], "fail");
    assert_eq!(waited_observation(outcome(&report, "s.a")), "failed at the last try");
    assert!(web.requests().len() > 1);
    // After the wait an error is still an error, not a failure.
    assert_eq!(outcome(&report, "s.b")["class"], "error", "{:#}", outcome(&report, "s.b"));
}

#[test]
fn a_probe_with_since_runs_after_that_probe() {
    let web = Web::start();
    web.route("/a", Reply::ok("")).route("/b", Reply::ok(""));
    let report = check(&web.url(""), &[("b", "/b", "since = \"s.a/p\""), ("a", "/a", "")]);
    assert_eq!(outcome(&report, "s.b")["class"], "pass");
    let asked: Vec<_> = web.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(asked, ["/a", "/b"]);
}

#[test]
fn a_probe_does_not_wait_if_its_since_probe_ended_in_an_error() {
    let web = Web::start();
    web.route("/b", Reply::status(503));
    let unreachable = format!("http://127.0.0.1:{}/", refused_port());
    let keys = "since = \"s.a/p\", within = \"1h\"";
    let report = check(&web.url(""), &[("b", "/b", keys), ("a", &unreachable, "")]);
    assert_eq!(outcome(&report, "s.a")["class"], "error");
    assert_eq!(outcome(&report, "s.b")["class"], "fail");
    assert_eq!(web.requests().len(), 1);
}
