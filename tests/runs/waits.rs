//! Looks that are waited for until they are good and stay so, and looks that count from others.

use std::fmt::Write as _;

use serde_json::Value;

use crate::bench::gonogo::Sandbox;
use crate::bench::ports::refused_port;
use crate::bench::web::{Reply, Web};

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

fn waited(outcome: &Value) -> String {
    let seen = outcome["observations"].as_array().unwrap().iter().find(|seen| seen["what"] == "waited");
    seen.unwrap_or_else(|| panic!("{outcome:#}"))["seen"].as_str().unwrap().to_owned()
}

#[test]
fn a_good_look_that_was_waited_for_is_no_pass_on_retry() {
    let web = Web::start();
    web.sequence("/a", [Reply::status(503), Reply::status(503), Reply::ok("")]);
    let report = check(&web.url(""), &[("a", "/a", "within = \"30s\", retry_delay = \"10ms\"")]);
    let outcome = outcome(&report, "s.a");
    assert_eq!((&outcome["class"], &outcome["tries"]), (&"pass".into(), &1.into()), "{outcome:#}");
    assert!(waited(outcome).starts_with("3 tries in "), "{outcome:#}");
}

#[test]
fn a_bad_look_begins_the_holding_anew() {
    let web = Web::start();
    web.sequence("/a", [Reply::ok(""), Reply::status(503), Reply::ok("")]);
    let keys = "within = \"30s\", hold = \"200ms\", retry_delay = \"50ms\"";
    let report = check(&web.url(""), &[("a", "/a", keys)]);
    let outcome = outcome(&report, "s.a");
    assert_eq!(outcome["class"], "pass", "{outcome:#}");
    // Two before the bad one is made up for, and two at least of which the second is held long enough.
    assert!(web.requests().len() >= 4, "{}", web.requests().len());
}

#[test]
fn what_is_not_good_in_time_is_what_it_was_at_the_end() {
    let web = Web::start();
    web.route("/a", Reply::status(503));
    let keys = "within = \"300ms\", retry_delay = \"10ms\"";
    let closed = format!("http://127.0.0.1:{}/", refused_port());
    let report = check(&web.url(""), &[("a", "/a", keys), ("b", &closed, keys)]);
    assert_eq!(outcome(&report, "s.a")["class"], "fail");
    assert_eq!(waited(outcome(&report, "s.a")), "failed at the end");
    assert!(web.requests().len() > 1);
    // Waiting does not turn what could not be looked at into something that is wrong.
    assert_eq!(outcome(&report, "s.b")["class"], "error", "{:#}", outcome(&report, "s.b"));
}

#[test]
fn what_counts_from_another_look_comes_after_it() {
    let web = Web::start();
    web.route("/a", Reply::ok("")).route("/b", Reply::ok(""));
    let report = check(&web.url(""), &[("b", "/b", "since = \"s.a/p\""), ("a", "/a", "")]);
    assert_eq!(outcome(&report, "s.b")["class"], "pass");
    let asked: Vec<_> = web.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(asked, ["/a", "/b"]);
}

#[test]
fn what_cannot_come_is_not_waited_for() {
    let web = Web::start();
    web.route("/b", Reply::status(503));
    let closed = format!("http://127.0.0.1:{}/", refused_port());
    let keys = "since = \"s.a/p\", within = \"1h\"";
    let report = check(&web.url(""), &[("b", "/b", keys), ("a", &closed, "")]);
    assert_eq!(outcome(&report, "s.a")["class"], "error");
    assert_eq!(outcome(&report, "s.b")["class"], "fail");
    assert_eq!(web.requests().len(), 1);
}
