//! At the end of a drill people are told what was broken and what became of it, and so is the report.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::walk::{bare, log, seal};
use crate::bench::gonogo::Sandbox;
use crate::bench::terminal::{Key, Terminal};
use crate::bench::wait;

/// How many looks are made before anything is deployed.
const LOOKS: usize = 33;
const POINT: &str = "validate.slo-alerts";

#[track_caller]
fn begin(sandbox: &Sandbox) -> Terminal {
    let mut terminal = sandbox.terminal(130, 40);
    terminal.wait_for_text("before you continue").press(Key::Enter).wait_gone("before you continue");
    // A look that ends after a verdict voids it.
    wait::until("all looks", || {
        let text = std::fs::read_to_string(log(sandbox)).unwrap();
        (text.matches("\"kind\":\"probed\"").count() == LOOKS).then_some(())
    });
    terminal
}

#[track_caller]
fn report(sandbox: &Sandbox, format: &str) -> String {
    let path = log(sandbox).display().to_string();
    sandbox.run_with(&["report", &path, "--rehearsal", "--format", format]).stdout
}

#[test]
fn a_drill_that_is_found_is_told_as_found() {
    let sandbox = bare().args(["rehearse", "--drill", "alert-rule-missing"]);
    let mut terminal = begin(&sandbox);
    terminal.wait_for_text("NO-GO").wait_for_text("✖  SLOs and alert rules");
    seal(&mut terminal);
    terminal.send("q");
    let ended = terminal.wait_exit().code(1);
    let told = ended.screen_text();
    for part in [
        "alert-rule-missing: Prometheus has not loaded",
        "FOUND: the verdict is NO-GO for it; detected after",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let json: Value = serde_json::from_str(&report(&sandbox, "json")).unwrap();
    let drill = &json["rehearsal"]["drills"][0];
    assert_eq!((&drill["found"], &drill["points"]), (&true.into(), &serde_json::json!([POINT])), "{drill}");
    assert!(drill["detected_ms"].as_u64() <= drill["response_ms"].as_u64(), "{drill}");
    for format in ["markdown", "html"] {
        let told = report(&sandbox, format);
        assert!(told.contains("Debrief") && told.contains("FOUND: the verdict is NO"), "{told}");
        assert!(told.contains("(rehearsal)"), "{told}");
    }
    // What is signed of it is no statement about a real run.
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

#[test]
fn what_was_waived_over_a_drill_is_told() {
    let sandbox = bare().args(["rehearse", "--drill", "alert-rule-missing"]);
    let mut terminal = begin(&sandbox);
    terminal.wait_for_text("✖  SLOs and alert rules").press(Key::Char('1')).press(Key::Char('G'));
    terminal.wait_for_text("✖ FAILED").send("w").wait_for_text("Why is it waived?");
    terminal.send("nobody reads alerts").press(Key::Enter).press(Key::Enter).wait_for_text("y waive as");
    terminal.send("y").wait_for_text("waived validate.slo-alerts").send("q");
    let told = terminal.wait_exit().code(5).screen_text();
    assert!(told.contains("OPEN: no verdict"), "{told}");
    let json: Value = serde_json::from_str(&report(&sandbox, "json")).unwrap();
    let drill = &json["rehearsal"]["drills"][0];
    assert_eq!(drill["waived"], serde_json::json!([POINT]), "{drill}");
    assert!(drill["sentence"].as_str().unwrap().contains("waived although broken"), "{drill}");
}

#[test]
fn a_random_one_is_not_told_before_the_end() {
    // The seed means the one whose rule is missing.
    let seed = (0..10_000)
        .find(|seed| gonogo_rehearsal::drills::from_seed(*seed).name == "alert-rule-missing")
        .unwrap();
    let sandbox = bare().args(["rehearse".to_owned(), "--drill".to_owned(), format!("random:{seed}")]);
    let mut terminal = begin(&sandbox);
    terminal.wait_for_text("✖  SLOs and alert rules");
    assert!(!std::fs::read_to_string(log(&sandbox)).unwrap().contains("alert-rule-missing"));
    seal(&mut terminal);
    terminal.send("q");
    let told = terminal.wait_exit().code(1).screen_text();
    assert!(told.contains("alert-rule-missing: Prometheus has not loaded"), "{told}");
}
