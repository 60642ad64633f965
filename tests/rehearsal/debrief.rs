//! The debrief at the end of a drill, and in the report: what was broken, and whether it was found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::deployment::{log, sandbox_without_path, seal};
use crate::support::gonogo::{Sandbox, signal};
use crate::support::terminal::{Key, Terminal};
use crate::support::wait;

/// The number of probe results before anything is deployed.
const RESULTS: usize = 35;
const POINT: &str = "validate.slo-alerts";

#[track_caller]
fn open_rehearsal(sandbox: &Sandbox) -> Terminal {
    let mut terminal = sandbox.terminal(130, 40);
    terminal.close_notices();
    // A probe result after the verdict would void it.
    wait::until("all probe results", || {
        let text = std::fs::read_to_string(log(sandbox)).unwrap();
        (text.matches("\"kind\":\"probed\"").count() == RESULTS).then_some(())
    });
    terminal
}

/// Names what is broken, each by words of it, and records and seals the verdict.
#[track_caller]
fn diagnose_and_seal(terminal: &mut Terminal, faults: &[&str]) {
    terminal.open_verdict().answer("y");
    for fault in faults {
        diagnose(terminal, fault);
    }
    terminal.wait_for_text("record this verdict");
    seal(terminal);
}

#[track_caller]
fn diagnose(terminal: &mut Terminal, words: &str) {
    terminal.wait_for_text("What is broken?").send(words).wait_for_text("1 of 2").press(Key::Enter);
    terminal.wait_for_text("note it as").answer("y").wait_gone("note it as");
}

#[track_caller]
fn report(sandbox: &Sandbox, format: &str) -> String {
    let path = log(sandbox).display().to_string();
    sandbox.run_with(&["report", &path, "--rehearsal", "--format", format]).stdout
}

#[test]
fn a_drill_that_is_found_is_reported_as_found() {
    let sandbox = sandbox_without_path().args(["rehearse", "--drill", "alert-rule-missing"]);
    let mut terminal = open_rehearsal(&sandbox);
    terminal.wait_for_text("NO-GO").wait_for_text("✖  SLOs and alert rules");
    diagnose_and_seal(&mut terminal, &["has not loaded"]);
    terminal.send("q");
    let ended = terminal.wait_exit().code(1);
    let output = ended.screen_text();
    for part in [
        "alert-rule-missing: Prometheus has not loaded",
        "FOUND: the verdict is NO-GO for it; a probe detected it after",
    ] {
        assert!(output.contains(part), "{output}");
    }
    let json: Value = serde_json::from_str(&report(&sandbox, "json")).unwrap();
    let drill = &json["rehearsal"]["drills"][0];
    assert_eq!((&drill["found"], &drill["points"]), (&true.into(), &serde_json::json!([POINT])), "{drill}");
    assert!(drill["detected_ms"].as_u64() <= drill["response_ms"].as_u64(), "{drill}");
    assert!(drill["detected_ms"].as_u64() <= drill["diagnosed_ms"].as_u64(), "{drill}");
    for format in ["markdown", "html"] {
        let output = report(&sandbox, format);
        assert!(output.contains("Debrief") && output.contains("FOUND: the verdict is NO"), "{output}");
        assert!(output.contains("REHEARSAL: "), "{output}");
    }
    // A signed statement about a rehearsal has its own predicate type.
    let key = sandbox.key("dana");
    let path = log(&sandbox).display().to_string();
    let key = key.path.display().to_string();
    let dsse =
        ["report", &path, "--rehearsal", "--format", "dsse", "--as", "dana@deck.example", "--key", &key];
    let envelope: Value = serde_json::from_str(&sandbox.run_with(&dsse).code(0).stdout).unwrap();
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["predicateType"], "https://gonogo.dev/rehearsal/v1");
}

/// The verdict names its point, too, which is not due yet.
#[test]
fn a_drill_that_no_probe_has_detected_is_missed() {
    let drills = ["rehearse", "--drill", "alert-rule-missing", "--drill", "health-flaps"];
    let sandbox = sandbox_without_path().args(drills);
    let mut terminal = open_rehearsal(&sandbox);
    terminal.wait_for_text("NO-GO").wait_for_text("✖  SLOs and alert rules");
    diagnose_and_seal(&mut terminal, &["has not loaded", "persistence is off"]);
    terminal.send("q");
    let _ = terminal.wait_exit().code(1);
    let json: Value = serde_json::from_str(&report(&sandbox, "json")).unwrap();
    let drills = json["rehearsal"]["drills"].as_array().unwrap();
    let found: Vec<_> = drills.iter().map(|drill| (&drill["name"], &drill["found"])).collect();
    assert_eq!(
        found,
        [(&"alert-rule-missing".into(), &true.into()), (&"health-flaps".into(), &false.into())]
    );
    let sentence = drills[1]["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("MISSED: the verdict is NO-GO, but not for it; never detected"),
        "{sentence}"
    );
    let named = "not in the diagnosis: Prometheus has not loaded";
    assert!(sentence.contains(named) && sentence.contains("; persistence is off in Redis"), "{sentence}");
}

/// Whoever sees that something is red has not found what is broken.
#[test]
fn a_drill_is_found_only_by_who_names_it() {
    let sandbox = sandbox_without_path().args(["rehearse", "--drill", "alert-rule-missing"]);
    let mut terminal = open_rehearsal(&sandbox);
    terminal.wait_for_text("✖  SLOs and alert rules");
    terminal.open_verdict().answer("y");
    // Not answered: nothing is recorded, and nothing is noted.
    terminal.wait_for_text("What is broken?").press(Key::Esc).wait_gone("What is broken?");
    diagnose_and_seal(&mut terminal, &["every Redis command takes"]);
    terminal.send("q");
    let output = terminal.wait_exit().code(1).screen_text();
    let missed = "STOPPED, but not diagnosed: the verdict is NO-GO for it; a probe detected it after";
    assert!(output.contains(missed), "{output}");
    let json: Value = serde_json::from_str(&report(&sandbox, "json")).unwrap();
    let drill = &json["rehearsal"]["drills"][0];
    assert_eq!((&drill["found"], &drill["diagnosed_ms"]), (&false.into(), &Value::Null), "{drill}");
    assert!(output.contains("not in the diagnosis: every Redis command takes"), "{output}");
}

#[test]
fn points_waived_during_a_drill_are_reported() {
    let sandbox = sandbox_without_path().args(["rehearse", "--drill", "alert-rule-missing"]);
    let mut terminal = open_rehearsal(&sandbox);
    terminal.wait_for_text("✖  SLOs and alert rules").press(Key::Char('1')).press(Key::Char('G'));
    terminal.wait_for_text("✖ FAILED").send("w").wait_for_text("Why is it waived?");
    terminal.send("nobody reads alerts").press(Key::Enter).press(Key::Enter).wait_for_text("y waive as");
    terminal.answer("y").wait_for_text("waived validate.slo-alerts").send("q");
    terminal.wait_for_text("quit the rehearsal").answer("y");
    terminal.wait_for_text("What is broken?").press(Key::Up).press(Key::Down);
    diagnose(&mut terminal, "has not loaded");
    let output = terminal.wait_exit().code(5).screen_text();
    assert!(output.contains("NAMED, but no verdict was recorded"), "{output}");
    let json: Value = serde_json::from_str(&report(&sandbox, "json")).unwrap();
    let drill = &json["rehearsal"]["drills"][0];
    assert_eq!(drill["waived"], serde_json::json!([POINT]), "{drill}");
    assert!(drill["sentence"].as_str().unwrap().contains("waived although broken"), "{drill}");
}

#[test]
fn a_random_drill_is_revealed_only_at_the_end() {
    // A seed that selects this drill.
    let seed = (0..10_000)
        .find(|seed| gonogo_rehearsal::drills::from_seed(*seed).name == "alert-rule-missing")
        .unwrap();
    let sandbox =
        sandbox_without_path().args(["rehearse".to_owned(), "--drill".to_owned(), format!("random:{seed}")]);
    let mut terminal = open_rehearsal(&sandbox);
    terminal.wait_for_text("✖  SLOs and alert rules");
    assert!(!std::fs::read_to_string(log(&sandbox)).unwrap().contains("alert-rule-missing"));
    diagnose_and_seal(&mut terminal, &["has not loaded"]);
    terminal.send("q");
    let output = terminal.wait_exit().code(1).screen_text();
    assert!(output.contains("alert-rule-missing: Prometheus has not loaded"), "{output}");
}

/// A report beside the session does not tell what is to be found; after the session it does, however that ended.
#[test]
fn a_drill_is_hidden_only_as_long_as_its_rehearsal_is_going_on() {
    let sandbox = sandbox_without_path().args(["rehearse", "--drill", "alert-rule-missing"]);
    let mut terminal = open_rehearsal(&sandbox);
    terminal.wait_for_text("✖  SLOs and alert rules");
    let during = report(&sandbox, "markdown");
    let named = "Prometheus has not loaded";
    assert!(during.contains("not revealed") && !during.contains(named), "{during}");
    signal(terminal.pid(), "KILL");
    drop(terminal);
    let after = report(&sandbox, "markdown");
    assert!(after.contains(named) && !after.contains("not revealed"), "{after}");
}
