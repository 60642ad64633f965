//! `gonogo check`, for pipelines.

use std::fs;
use std::process::Command;

use crate::runs::world::{STARTING, World};
use crate::support::gonogo::{Output, Sandbox, signal};
use crate::support::need;
use crate::support::wait;
use crate::support::web::{Reply, SilentServer};

fn check(world: &mut World, more: &[&str]) -> Output {
    world.set_args(&[&["check", "profile.toml"], more].concat());
    world.sandbox.run()
}

#[test]
fn points_that_need_confirmation_are_pending_unless_left_out() {
    need!("ssh-keygen");
    let mut world = World::new();
    let output = check(&mut world, &[]).code(1).stdout_has("PENDING 1/3").stdout_has("not confirmed yet");
    assert!(!output.stdout.contains("left out"), "{output}");
    let output = check(&mut world, &["--machine"]).code(0);
    let _ = output
        .stdout_has("GO for 2 of 3 points: 2/2 done")
        .stdout_has("left out: confirmation of 2 points (--machine)");
    let _ = check(&mut world, &["--only", "service.headers", "--machine"]).stdout_has("(not confirmed)");
    assert!(world.sandbox.logs("staging").is_empty());
}

/// Reading them takes time and memory; here it would block for ever.
#[test]
fn system_roots_are_not_read_if_no_probe_uses_tls() {
    need!("ssh-keygen", "mkfifo");
    let mut world = World::new();
    let roots = world.sandbox.work().join("roots.pem");
    assert!(Command::new("mkfifo").arg(&roots).status().unwrap().success());
    world.sandbox = world.sandbox.env("SSL_CERT_FILE", roots);
    let _ = check(&mut world, &["--machine"]).code(0).stdout_has("2/2 done");
}

/// A server returns a secret that only another point uses.
#[test]
fn a_secret_is_redacted_in_probes_that_do_not_use_it() {
    need!("ssh-keygen");
    let mut world = World::new();
    world.web.route("/readyz", Reply::ok(r#"{"event_pipeline_ready":"swordfish-42"}"#));
    let profile = fs::read_to_string(world.sandbox.work().join("profile.toml")).unwrap();
    let checklist =
        crate::runs::world::CHECKLIST.replace("mandatory = true", "mandatory = true\ndue = \"people.duty\"");
    let token = "app.token = { env = \"BOARD_TOKEN\" }\n";
    let point = "[points.\"people.duty\"]\nprobe = [{ id = \"p\", title = \"p\", kind = \"token\", with = { api = { url = \"http://127.0.0.1:1\" }, current = \"{{ app.token }}\" } }]\n";
    world.sandbox = world
        .sandbox
        .checklist(&checklist)
        .profile(&(profile + token + point))
        .env("BOARD_TOKEN", "swordfish-42");
    let output = check(&mut world, &["--only", "service.ready"]).code(1).lacks("swordfish");
    let _ = output.stdout_has("[redacted: env BOARD_TOKEN]");
}

#[test]
fn a_signal_ends_a_check_with_the_results_so_far() {
    need!("ssh-keygen");
    let mut world = World::new();
    let silent_server = SilentServer::start();
    let checklist = crate::runs::world::CHECKLIST
        .replace("{{ app.url }}/healthz", &format!("http://127.0.0.1:{}/", silent_server.port()));
    world.sandbox = world.sandbox.checklist(&checklist);
    world.set_args(&["check", "profile.toml", "--format", "json"]);
    let running = world.sandbox.start();
    wait::until("a connection to the silent server", || (silent_server.accepted() > 0).then_some(()));
    signal(running.pid(), "INT");
    let output =
        running.finish().code(130).stderr_has("probes without a result are reported as pending").json();
    assert_eq!(output["points"][1]["status"], "pending", "{output:#}");
}

#[test]
fn failed_and_error_have_different_exit_codes() {
    need!("ssh-keygen");
    let mut world = World::new();
    world.web.route("/readyz", Reply::ok(STARTING));
    let _ = check(&mut world, &["--machine"]).code(1).stdout_has("✖ service.ready");
    let mut world = World::new();
    let refused = format!("app.url = \"http://127.0.0.1:{}\"", crate::support::ports::refused_port());
    let profile = format!("environment = \"staging\"\nchecklist = \"checklist.toml\"\n[values]\n{refused}\n");
    fs::write(world.sandbox.work().join("profile.toml"), profile).unwrap();
    let _ = check(&mut world, &["--machine"])
        .code(3)
        .stdout_has("nothing listens on that port")
        .stdout_has("try: curl");
}

#[test]
fn a_part_can_be_checked_and_the_rest_is_listed_as_left_out() {
    need!("ssh-keygen");
    let mut world = World::new();
    let _ = check(&mut world, &["--only", "service.ready"])
        .code(0)
        .stdout_has("GO for 1 of 3 points: 1/1 done")
        .stdout_has("2 points (--only)");
    let _ =
        check(&mut world, &["--only", "people"]).code(1).stdout_has("PENDING for 1 of 3 points: 0/1 done");
    let output =
        check(&mut world, &["--only", "service", "--only", "people.duty", "--format", "json"]).code(1).json();
    assert_eq!((&output["total"], &output["left_out"]), (&3.into(), &serde_json::json!([])));
    let output = check(&mut world, &["--only", "service.redy"]).code(2);
    let _ = output.stderr_has("--only service.redy: no such point or section; did you mean service.ready?");
    let output = check(&mut world, &["--only", "other.ready"]).code(2);
    let _ = output.stderr_has("no such point or section; expected one of service.ready");
    let _ =
        check(&mut world, &["--only", "people", "--machine"]).code(2).stderr_has("no point is left to check");
}

#[test]
fn every_format_has_the_same_result_and_several_can_be_written() {
    need!("ssh-keygen");
    let mut world = World::new();
    world.web.route("/readyz", Reply::ok(r#"{"event_pipeline_ready":"<no & \"never\">"}"#));
    let output =
        check(&mut world, &["--format", "tap", "--output", "junit:r.xml", "--output", "json:r.json"]).code(1);
    let lines: Vec<_> = output.stdout.lines().collect();
    assert_eq!(&lines[..3], ["TAP version 14", "1..3", "not ok 1 - service.ready Pipeline is ready"]);
    assert!(lines.contains(&"  severity: fail"), "{output}");
    let xml = fs::read_to_string(world.sandbox.work().join("r.xml")).unwrap();
    for part in [
        r#"<testsuites name="gonogo staging" tests="3" failures="1" errors="0" skipped="2">"#,
        r#"<testsuite name="People" tests="1""#,
        r#"<testcase classname="service" name="service.ready Pipeline is ready""#,
        "&lt;no &amp;",
    ] {
        assert!(xml.contains(part), "{part} in {xml}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(world.sandbox.work().join("r.json")).unwrap()).unwrap();
    assert_eq!(json["verdict"], "NO-GO");
    let _ = check(&mut world, &["--output", "pdf:x"]).code(2).stderr_has("pdf");
    let _ =
        check(&mut world, &["--output", "json:/nonexistent/x"]).code(2).stderr_has("output /nonexistent/x");
}

#[test]
fn a_signal_cancels_a_running_probe() {
    need!("ssh-keygen");
    let mut world = World::new();
    let silent_server = SilentServer::start();
    let profile = format!(
        "environment = \"staging\"\nchecklist = \"checklist.toml\"\n[values]\napp.url = \"http://127.0.0.1:{}\"\n",
        silent_server.port()
    );
    fs::write(world.sandbox.work().join("profile.toml"), profile).unwrap();
    for name in ["INT", "TERM"] {
        let before = silent_server.accepted();
        world.set_args(&["check", "profile.toml"]);
        let running = world.sandbox.start();
        wait::until("the first probe", || (silent_server.accepted() > before).then_some(()));
        signal(running.pid(), name);
        let _ = running.finish().code(130);
    }
}

/// A checklist of a test's own, and a profile that allows what it runs.
struct OwnChecklist {
    sandbox: Sandbox,
    digest: String,
}

impl OwnChecklist {
    /// `overrides` is added to the profile.
    fn new(checklist: &str, overrides: &str) -> Self {
        let profile = format!("environment = \"t\"\nchecklist = \"checklist.toml\"\n{overrides}");
        let sandbox = Sandbox::new().checklist(checklist).profile(&profile);
        Self { digest: sandbox.digest("profile.toml"), sandbox }
    }

    #[track_caller]
    fn check(&self, more: &[&str]) -> Output {
        self.sandbox.run_with(&[&["check", "profile.toml", "--trust", &self.digest], more].concat())
    }
}

/// The second point needs the event that the first one sends.
#[test]
fn a_probe_that_needs_a_left_out_result_is_left_out_too() {
    let checklist = r#"
name = "canary"
[[section]]
id = "s"
title = "S"
[[section.point]]
id = "s.event"
title = "An event is sent"
why = "w"
[[section.point.probe]]
id = "send"
title = "send"
kind = "command"
effects = true
with = { argv = ["true"] }
[[section.point]]
id = "s.traces"
title = "It left a span"
why = "w"
[[section.point.probe]]
id = "spans"
title = "spans"
kind = "jaeger"
since = "s.event/send"
with = { api = { url = "http://127.0.0.1:1" }, service = "app", routes = ["/ws"] }
[[section.point]]
id = "s.after"
title = "A later point"
why = "w"
[[section.point.probe]]
id = "p"
title = "p"
kind = "command"
since = "s.event/send"
with = { argv = ["true"] }
[[section.point]]
id = "s.other"
title = "Something else"
why = "w"
[[section.point.probe]]
id = "p"
title = "p"
kind = "command"
with = { argv = ["true"] }
"#;
    let own = OwnChecklist::new(checklist, "");
    let output = own
        .check(&["--no-effects"])
        .code(0)
        .stdout_has("GO for 2 of 4 points, 1 of them in part: 2/2 done")
        .stdout_has("○ s.event                    --no-effects");
    let _ =
        output.stdout_has("○ s.traces                   needs the result of s.event/send, which is left out");
}

/// Forty checks whose texts take twice their length in a log.
#[test]
fn a_large_result_is_reported_after_one_run() {
    let quotes = "\"".repeat(450);
    let checks: Vec<_> = (0..40).map(|n| format!("{{ contains = '{quotes}{n}' }}")).collect();
    let script = format!("echo run >> count; printf '%s' '''{quotes}'''").replace("'''", "'");
    let sandbox = Sandbox::new();
    let script_file = sandbox.work().join("output.sh");
    fs::write(&script_file, script).unwrap();
    let checklist = format!(
        "name = \"large\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.a\"\ntitle = \"a\"\nwhy = \"w\"\n\
         [[section.point.probe]]\nid = \"p\"\ntitle = \"p\"\nkind = \"command\"\n\
         [section.point.probe.with]\nargv = [\"sh\", \"{}\"]\ncwd = \"{}\"\nstdout = [{}]\n",
        script_file.display(),
        sandbox.work().display(),
        checks.join(", ")
    );
    let sandbox =
        sandbox.checklist(&checklist).profile("environment = \"t\"\nchecklist = \"checklist.toml\"\n");
    let count = sandbox.work().join("count");
    let trust = sandbox.digest("profile.toml");
    let sandbox = sandbox.args(["check", "profile.toml", "--trust", &trust, "--format", "json"]);
    let output = sandbox.run().json();
    let observations = output["points"][0]["probes"][0]["outcome"]["observations"].as_array().unwrap().len();
    assert!(observations > 40, "{output:#}");
    assert_eq!(fs::read_to_string(count).unwrap().lines().count(), 1);
}

/// Two points before the deployment, one of them in part; two after it.
const WITH_DUE: &str = r#"
name = "due"
[[section]]
id = "s"
title = "S"
[[section.point]]
id = "s.ready"
title = "Ready"
why = "w"
[[section.point.probe]]
id = "now"
title = "now"
kind = "command"
with = { argv = ["true"] }
[[section.point.probe]]
id = "live"
title = "live"
kind = "command"
due = "s.rollout"
with = { argv = ["false"] }
[[section.point]]
id = "s.rollout"
title = "Rolled out"
why = "w"
[[section.point.action]]
id = "roll"
title = "roll"
with = { argv = ["true"] }
[[section.point.probe]]
id = "out"
title = "out"
kind = "command"
after_action = "roll"
with = { argv = ["false"] }
[[section.point]]
id = "s.signed"
title = "Signed off"
why = "w"
confirm = "one"
due = "s.rollout"
"#;

#[test]
fn a_check_before_the_deployment_skips_what_is_not_due() {
    let own = OwnChecklist::new(WITH_DUE, "");
    let check = |more: &[&str]| own.check(more);
    let output = check(&[])
        .code(0)
        .stdout_has("GO for 1 of 3 points, 1 of them in part: 1/1 done")
        .stdout_has("--after-deploy checks what is not due");
    let output = output.stdout_has("○ s.rollout                  not due, after its action roll");
    let output = output.stdout_has("○ s.signed                   not due, after s.rollout");
    let output = output.stdout_has("s.ready                    Ready (in part: 1 of 2 probes)");
    let _ = output.stdout_has("left out: s.ready/live (not due, after s.rollout)");
    let tap = check(&["--format", "tap"])
        .code(0)
        .stdout_has("1..3\n")
        .stdout_has("ok 1 - s.ready Ready (in part: 1 of 2 probes)\n");
    let _ = tap.stdout_has("ok 3 - s.signed Signed off # SKIP not due, after s.rollout\n");
    let junit =
        check(&["--format", "junit"]).code(0).stdout_has(r#"tests="3" failures="0" errors="0" skipped="2""#);
    let _ = junit.stdout_has(r#"<skipped message="not due, after its action roll"/>"#);
    let json = check(&["--format", "json"]).code(0).json();
    assert_eq!((&json["total"], &json["skipped"][1]["id"]), (&1.into(), &"s.signed".into()));
    // Nobody confirms what does not apply, so nothing of it is left out.
    let none = OwnChecklist::new(WITH_DUE, "[points.\"s.signed\"]\nnot_applicable = \"nobody signs\"\n");
    let machine = none.check(&["--machine", "--after-deploy", "--only", "s.signed"]).code(3);
    let _ = machine.lacks("not confirmed").lacks("confirmation of").stdout_has("nobody signs");
    // With the release out, or named by its id, all of it counts.
    let _ = check(&["--after-deploy"]).code(1).stdout_has("NO-GO 0/3").lacks("skipped");
    let _ = check(&["--only", "s.rollout"]).code(1).stdout_has("NO-GO for 1 of 3 points: 0/1 done");
    let _ = check(&["--only", "s.signed", "--machine"]).code(2);
}

#[test]
fn a_check_that_skips_everything_does_not_succeed() {
    let checklist = WITH_DUE.replacen("kind = \"command\"", "kind = \"command\"\ndue = \"s.rollout\"", 1);
    let own = OwnChecklist::new(&checklist, "");
    let output = own.check(&[]).code(3);
    let _ = output.stdout_has("nothing checked: every point is skipped").lacks("GO");
    let output = own.check(&["--format", "json"]).code(3).json();
    assert_eq!(output["verdict"], "PENDING");
}

#[test]
fn a_point_that_is_not_applicable_alone_is_nothing_checked() {
    let own = OwnChecklist::new(WITH_DUE, "[points.\"s.signed\"]\nnot_applicable = \"nobody signs\"\n");
    let check = |more: &[&str]| own.check(&[&["--only", "s.signed"], more].concat()).code(3);
    let output = check(&[]).stdout_has("nothing checked: every point is skipped or not applicable");
    let _ = output.stdout_has("nobody signs").lacks("GO for");
    assert_eq!(check(&["--format", "json"]).json()["verdict"], "PENDING");
    let _ = check(&["--format", "tap"]).stdout_has("# SKIP");
    // Beside one that is checked, it is done.
    let _ = own.check(&["--only", "s.signed", "--only", "s.rollout"]).code(1).stdout_has(": 1/2 done");
}

#[test]
fn a_cause_of_several_points_is_reported_once() {
    let port = crate::support::ports::refused_port();
    let point = |id: &str| {
        format!(
            "[[section.point]]\nid = \"s.{id}\"\ntitle = \"{id}\"\nwhy = \"w\"\n[[section.point.probe]]\nid = \"p\"\n             title = \"p\"\nkind = \"http\"\nwith = {{ url = \"http://127.0.0.1:{port}/{id}\" }}\n"
        )
    };
    let points: String = ["a", "b", "c"].map(point).concat();
    let checklist = format!("name = \"x\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n{points}");
    let own = OwnChecklist::new(&checklist, "");
    let why = format!("127.0.0.1:{port} refuses connections: nothing listens on that port");
    let output = own.check(&[]).code(3);
    let output = output.stdout_has(&format!("3 points for one cause: {why}\n  s.a, s.b, s.c\n"));
    assert_eq!(output.stdout.matches("the cause above").count(), 3, "{output}");
    let json = own.check(&["--format", "json"]).code(3).json();
    assert_eq!((&json["causes"][0]["seen"], &json["causes"][0]["points"][2]), (&why.into(), &"s.c".into()));
}

/// A value that is missing for many points is said once, and no state breaks the columns.
#[test]
fn a_missing_value_of_several_points_is_reported_once() {
    let point = |id: &str| {
        format!(
            "[[section.point]]\nid = \"s.{id}\"\ntitle = \"{id}\"\nwhy = \"w\"\n[[section.point.probe]]\nid = \"p\"\n\
             title = \"p\"\nkind = \"http\"\nwith = {{ url = \"{{{{ app.url }}}}/{id}\" }}\n"
        )
    };
    let points: String = ["a", "b", "a-point-with-a-very-long-id-of-its-own"].map(point).concat();
    let checklist = format!("name = \"x\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n{points}");
    let output = OwnChecklist::new(&checklist, "").check(&[]).code(1);
    let output =
        output.stdout_has("3 points for one cause: missing in the profile: app.url\n  s.a, s.b, s.a-point");
    assert_eq!(output.stdout.matches("missing in the profile").count(), 1, "{output}");
    assert_eq!(output.stdout.matches("the cause above").count(), 3, "{output}");
    // The sign is that of the screen.
    let listed: Vec<_> =
        output.stdout.lines().filter(|line| line.starts_with("  ∅ unconfigured s.")).collect();
    assert_eq!(listed.len(), 3, "{output}");
    let ends = listed.iter().map(|line| line.find("app.url"));
    assert!(ends.clone().all(|end| end.is_some() && end == ends.clone().next().flatten()), "{output}");
}

#[test]
fn people_confirm_what_a_probe_cannot_observe() {
    let url = format!("http://127.0.0.1:{}/", crate::support::ports::refused_port());
    let checklist = format!(
        "name = \"x\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.a\"\ntitle = \"A\"\nwhy = \"w\"\n\
         [[section.point.probe]]\nid = \"p\"\ntitle = \"p\"\nkind = \"http\"\nwith = {{ url = \"{url}\" }}\n"
    );
    let own = OwnChecklist::new(&checklist, &format!("[points.\"s.a\"]\npeople = [\"GET {url}\"]\n"));
    let check = |more: &[&str]| own.check(more);
    let _ = check(&[]).code(1).stdout_has("needs confirmation").lacks("⚠");
    let seen =
        check(&["--format", "json"]).code(1).json()["points"][0]["probes"][0]["outcome"]["observations"][0]
            .clone();
    assert_eq!(seen["expected"], "recorded", "{seen:#}");
    assert!(
        seen["seen"].as_str().unwrap().starts_with("for people to confirm: 200 (not observed: 127.0.0.1:"),
        "{seen:#}"
    );
    // In a pipeline, nobody can confirm it.
    let output = check(&["--machine"]).code(1).stdout_has("needs confirmation");
    let _ = output.stdout_has("nothing listens on that port").lacks("✔");
    // By the checklist: the point needs a person only where the probe could not observe it.
    let by_checklist =
        checklist.replace("kind = \"http\"", "kind = \"http\"\npeople = [\"GET {{ app.url }}\"]");
    let by_checklist = OwnChecklist::new(&by_checklist, &format!("[values.app]\nurl = \"{url}\"\n"));
    let _ = by_checklist.check(&["--machine"]).code(1).stdout_has("needs confirmation").lacks("✔");
    let misspelled = OwnChecklist::new(&checklist, &format!("[points.\"s.a\"]\npeople = [\"GET {url}x\"]\n"));
    let output = misspelled.check(&[]).code(3);
    let _ = output.stdout_has(&format!("no observation has that name; did you mean \"GET {url}\"?"));
    let points = own.sandbox.run_with(&["points", "profile.toml"]).code(0);
    let _ = points.stdout_has(&format!("confirmed by people if not observed: GET {url}"));
    let doctor = own.sandbox.run_with(&["doctor", "profile.toml"]).code(0);
    let _ = doctor.stdout_has(&format!("confirmed by people if not observed: GET {url}: s.a"));
}
