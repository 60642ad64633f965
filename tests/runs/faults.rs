//! Every fault of the table against real servers, as each face tells it: for programs, for people, on the
//! screen, in the log.

use serde_json::Value;

use super::table::{ALERT, FAULTS, Fault, Stage, good};
use crate::bench::gonogo::{Output, Sandbox};
use crate::bench::prometheus::Prometheus;
use crate::bench::terminal::Terminal;
use crate::bench::wait;
use crate::bench::web::{Reply, Web};
use crate::bench::{each_of, need};

fn sandbox(stage: &Stage, prometheus: &Prometheus) -> Sandbox {
    Sandbox::new()
        .profile(&stage.profile(prometheus))
        .env("REDIS_PASSWORD", stage.redis_password)
        .env("RABBITMQ_PASSWORD", &stage.user.password)
}

fn check(sandbox: Sandbox, format: &str) -> (Output, Sandbox) {
    let digest = sandbox.digest("profile.toml");
    let sandbox = sandbox.args(["check", "profile.toml", "--trust", &digest, "--format", format]);
    (sandbox.run(), sandbox)
}

fn outcome<'a>(report: &'a Value, point: &str, probe: &str) -> &'a Value {
    let found = |list: &'a Value, id: &str| list.as_array()?.iter().find(|item| item["id"] == id);
    let outcome = found(&report["points"], point).and_then(|point| found(&point["probes"], probe));
    &outcome.unwrap_or_else(|| panic!("no {point}/{probe} in {report}"))["outcome"]
}

/// The observation that is as the table tells it.
#[track_caller]
fn told(outcome: &Value, fault: &Fault) -> (String, String) {
    assert_eq!(outcome["class"], fault.class, "{}: {outcome:#}", fault.name);
    let ok = if fault.class == "fail" { Value::Bool(false) } else { Value::Null };
    let fits = |seen: &&Value| {
        let has = |key: &str, text: &str| seen[key].as_str().is_some_and(|said| said.contains(text));
        seen["ok"] == ok
            && has("what", fault.told[0])
            && has("expected", fault.told[1])
            && has("seen", fault.told[2])
    };
    let found = outcome["observations"].as_array().unwrap().iter().find(fits);
    let found = found.unwrap_or_else(|| panic!("{}: not told in {outcome:#}", fault.name));
    assert!(!outcome["reproduce"].as_str().unwrap().is_empty(), "{}: {outcome:#}", fault.name);
    (found["what"].as_str().unwrap().to_owned(), found["seen"].as_str().unwrap().to_owned())
}

#[test]
fn with_everything_as_it_must_be_redis_and_rabbitmq_pass() {
    need!("redis-server", "rabbitmq-server", "prometheus");
    let prometheus = Prometheus::with_alert(ALERT);
    let stage = good();
    let (output, _sandbox) = check(sandbox(&stage, &prometheus), "json");
    let report = output.code(1).lacks(stage.redis_password).lacks(&stage.user.password).json();
    let status = |id: &str| {
        report["points"].as_array().unwrap().iter().find(|point| point["id"] == id).unwrap()["status"].clone()
    };
    assert_eq!(status("infra.redis"), "passed", "{:#}", outcome(&report, "infra.redis", "server"));
    assert_eq!(status("infra.rabbitmq"), "passed", "{:#}", outcome(&report, "infra.rabbitmq", "topology"));
    // What this version cannot look at is never taken for good.
    assert_eq!(status("validate.iac-change-set"), "unconfigured");
    let contacts = outcome(&report, "rollback.contacts", "roles");
    assert_eq!(contacts["class"], "fail", "{contacts}");
}

#[test]
fn every_fault_is_named_headless() {
    need!("redis-server", "rabbitmq-server", "prometheus");
    let prometheus = Prometheus::with_alert(ALERT);
    each_of(FAULTS.len(), |row| {
        let fault = &FAULTS[row];
        let stage = (fault.stage)();
        let (output, sandbox) = check(sandbox(&stage, &prometheus), "json");
        let report = output.code(1).lacks(stage.redis_password).lacks(&stage.user.password).json();
        let (what, seen) = told(outcome(&report, fault.point, fault.probe), fault);
        let (output, _sandbox) = check(sandbox, "human");
        let _ = output.code(1).stdout_has(&what).stdout_has(&seen).lacks(stage.redis_password);
    });
}

#[test]
fn every_fault_is_named_on_the_screen_and_in_the_log() {
    need!("redis-server", "rabbitmq-server", "prometheus", "ssh-keygen");
    let prometheus = Prometheus::with_alert(ALERT);
    for fault in FAULTS {
        let stage = (fault.stage)();
        let sandbox = sandbox(&stage, &prometheus);
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
        for text in fault.told.iter().filter(|text| !text.is_empty()) {
            terminal.wait_for(fault.name, |screen| unwrapped(&screen.contents()).contains(&unwrapped(text)));
        }
        let entry = wait::until(fault.name, || probed(&sandbox, fault));
        told(&entry["outcome"], fault);
        terminal.send("q");
        let _ = terminal.wait_exit().code(5);
        let log = std::fs::read_to_string(&sandbox.logs("stage")[0]).unwrap();
        assert!(!log.contains(stage.redis_password) && !log.contains(&stage.user.password));
    }
}

/// The screen wraps; what is told is looked for without its white space and the borders between.
fn unwrapped(text: &str) -> String {
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
fn ready_that_says_200_while_it_starts_is_a_fail() {
    let web = Web::start();
    web.route("/healthz", Reply::ok(r#"{"status":"ok"}"#));
    web.route("/readyz", Reply::ok(super::world::STARTING));
    let profile = format!(
        "environment = \"t\"\n[values]\napp.url = {:?}\n[points.\"verify.health\"]\nretries = 0\n",
        web.url("")
    );
    let sandbox = Sandbox::new().profile(&profile).args(["check", "profile.toml", "--format", "json"]);
    let report = sandbox.run().code(1).json();
    assert_eq!(outcome(&report, "verify.health", "healthz")["class"], "pass");
    let ready = outcome(&report, "verify.health", "readyz");
    assert_eq!(ready["class"], "fail", "{ready:#}");
    let text = ready.to_string();
    assert!(text.contains("event_pipeline_ready") && text.contains("false"), "{text}");
}
