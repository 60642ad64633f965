//! Every fault of the table with real servers, and how it is reported: as JSON, as text, on the screen, in the log.

use serde_json::Value;

use super::fault_table::{ALERT, FAULTS, Fault, Servers, without_fault};
use crate::support::gonogo::{Output, Sandbox};
use crate::support::prometheus::Prometheus;
use crate::support::terminal::Terminal;
use crate::support::wait;
use crate::support::web::{Reply, Web};
use crate::support::{for_each_row, need};

fn sandbox(servers: &Servers, prometheus: &Prometheus) -> Sandbox {
    Sandbox::new()
        .profile(&servers.profile(prometheus))
        .env("REDIS_PASSWORD", servers.redis_password)
        .env("RABBITMQ_PASSWORD", &servers.user.password)
}

fn check(sandbox: Sandbox, format: &str) -> (Output, Sandbox) {
    let digest = sandbox.digest("profile.toml");
    let sandbox =
        sandbox.args(["check", "profile.toml", "--after-deploy", "--trust", &digest, "--format", format]);
    (sandbox.run(), sandbox)
}

fn outcome<'a>(report: &'a Value, point: &str, probe: &str) -> &'a Value {
    let found = |list: &'a Value, id: &str| list.as_array()?.iter().find(|item| item["id"] == id);
    let outcome = found(&report["points"], point).and_then(|point| found(&point["probes"], probe));
    &outcome.unwrap_or_else(|| panic!("no {point}/{probe} in {report}"))["outcome"]
}

/// The observation that the table expects: its name and the observed value.
#[track_caller]
fn assert_observed(outcome: &Value, fault: &Fault) -> (String, String) {
    assert_eq!(outcome["class"], fault.class, "{}: {outcome:#}", fault.name);
    let ok = if fault.class == "fail" { Value::Bool(false) } else { Value::Null };
    let matches = |seen: &&Value| {
        let contains = |key: &str, text: &str| seen[key].as_str().is_some_and(|value| value.contains(text));
        seen["ok"] == ok
            && contains("what", fault.observation[0])
            && contains("expected", fault.observation[1])
            && contains("seen", fault.observation[2])
    };
    let found = outcome["observations"].as_array().unwrap().iter().find(matches);
    let found = found.unwrap_or_else(|| panic!("{}: not in {outcome:#}", fault.name));
    assert!(!outcome["reproduce"].as_str().unwrap().is_empty(), "{}: {outcome:#}", fault.name);
    (found["what"].as_str().unwrap().to_owned(), found["seen"].as_str().unwrap().to_owned())
}

#[test]
fn without_a_fault_redis_and_rabbitmq_pass() {
    need!("redis-server", "rabbitmq-server", "prometheus");
    let prometheus = Prometheus::with_alert(ALERT);
    let servers = without_fault();
    let (output, _sandbox) = check(sandbox(&servers, &prometheus), "json");
    let report = output.code(1).lacks(servers.redis_password).lacks(&servers.user.password).json();
    let status = |id: &str| {
        report["points"].as_array().unwrap().iter().find(|point| point["id"] == id).unwrap()["status"].clone()
    };
    assert_eq!(status("infra.redis"), "passed", "{:#}", outcome(&report, "infra.redis", "server"));
    assert_eq!(status("infra.rabbitmq"), "passed", "{:#}", outcome(&report, "infra.rabbitmq", "topology"));
    // A probe without values never passes.
    assert_eq!(status("validate.iac-change-set"), "unconfigured");
    let contacts = outcome(&report, "rollback.contacts", "roles");
    assert_eq!(contacts["class"], "fail", "{contacts}");
}

#[test]
fn every_fault_is_reported_by_check() {
    need!("redis-server", "rabbitmq-server", "prometheus");
    let prometheus = Prometheus::with_alert(ALERT);
    for_each_row(FAULTS.len(), |row| {
        let fault = &FAULTS[row];
        let servers = (fault.servers)();
        let (output, sandbox) = check(sandbox(&servers, &prometheus), "json");
        let report = output.code(1).lacks(servers.redis_password).lacks(&servers.user.password).json();
        let (what, seen) = assert_observed(outcome(&report, fault.point, fault.probe), fault);
        let (output, _sandbox) = check(sandbox, "human");
        let _ = output.code(1).stdout_has(&what).stdout_has(&seen).lacks(servers.redis_password);
    });
}

#[test]
fn every_fault_is_reported_on_the_screen_and_in_the_log() {
    need!("redis-server", "rabbitmq-server", "prometheus", "ssh-keygen");
    let prometheus = Prometheus::with_alert(ALERT);
    for fault in FAULTS {
        let servers = (fault.servers)();
        let sandbox = sandbox(&servers, &prometheus);
        let key = sandbox.key("alice").path.display().to_string();
        let digest = sandbox.digest("profile.toml");
        let sandbox = sandbox.args([
            "run",
            "profile.toml",
            "--trust",
            &digest,
            "--as",
            "alice@x",
            "--key",
            &key,
            "--release",
            "v2",
            "--previous",
            "v1",
        ]);
        let mut terminal = sandbox.terminal(200, 60);
        select(&mut terminal, fault.point);
        for text in fault.observation.iter().filter(|text| !text.is_empty()) {
            terminal.wait_for(fault.name, |screen| {
                without_line_breaks(&screen.contents()).contains(&without_line_breaks(text))
            });
        }
        let entry = wait::until(fault.name, || probed(&sandbox, fault));
        assert_observed(&entry["outcome"], fault);
        terminal.send("q");
        let _ = terminal.wait_exit().code(5);
        let log = std::fs::read_to_string(&sandbox.logs("stage")[0]).unwrap();
        assert!(!log.contains(servers.redis_password) && !log.contains(&servers.user.password));
    }
}

/// The screen wraps long lines, so texts are compared without white space and borders.
fn without_line_breaks(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !"│┃".contains(*c)).collect()
}

fn select(terminal: &mut Terminal, point: &str) {
    let (section, down) = match point {
        "infra.redis" => ('3', 0),
        "infra.rabbitmq" => ('3', 1),
        "verify.queues-drained" => ('5', 4),
        other => panic!("{other}"),
    };
    terminal.wait_for_text("Rollback plan");
    super::world::select(terminal, section, down);
    terminal.wait_for_text(point);
}

fn probed(sandbox: &Sandbox, fault: &Fault) -> Option<Value> {
    let log = std::fs::read_to_string(sandbox.logs("stage").first()?).ok()?;
    let mut entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    entries.rfind(|entry| entry["point"] == fault.point && entry["probe"] == fault.probe)
}

#[test]
fn readyz_with_status_200_but_pipeline_not_ready_fails() {
    let web = Web::start();
    web.route("/healthz", Reply::ok(r#"{"status":"ok"}"#));
    web.route("/readyz", Reply::ok(super::world::STARTING));
    let profile = format!(
        "environment = \"t\"\n[values]\napp.url = {:?}\n[points.\"verify.health\"]\nretries = 0\n",
        web.url("")
    );
    let sandbox = Sandbox::new().profile(&profile).args([
        "check",
        "profile.toml",
        "--after-deploy",
        "--format",
        "json",
    ]);
    let report = sandbox.run().code(1).json();
    assert_eq!(outcome(&report, "verify.health", "healthz")["class"], "pass");
    let ready = outcome(&report, "verify.health", "readyz");
    assert_eq!(ready["class"], "fail", "{ready:#}");
    let text = ready.to_string();
    assert!(text.contains("event_pipeline_ready") && text.contains("false"), "{text}");
}
