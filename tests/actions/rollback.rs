//! A rollback, from the first step to the seal.

use super::scenario::{Scenario, run_action, run_successfully, select_deploy_point};
use crate::support::need;
use crate::support::terminal::Key;

#[test]
fn a_failed_release_is_rolled_back_and_the_verdict_is_no_go() {
    need!("ssh-keygen");
    for (columns, rows) in [(120, 40), (80, 24)] {
        let mut scenario = Scenario::new();
        scenario.script("roll", "echo crash loop >&2; exit 1");
        let mut terminal = scenario.open_with(&[], columns, rows);
        terminal.wait_for_text("1/4");
        select_deploy_point(&mut terminal, 0);
        run_successfully(&mut terminal, "deploy.ship/build");
        run_successfully(&mut terminal, "deploy.ship/push");
        terminal.wait_for_text("2/4");
        select_deploy_point(&mut terminal, 1);
        run_action(&mut terminal, "deploy.roll/roll");
        terminal.wait_for_text("did not succeed");
        terminal.send("A").wait_for_text("Rollback to v1");
        terminal.send("b").wait_for_text("no rollback step has run");
        run_successfully(&mut terminal, "rollback/pause");
        // Deployment is blocked now.
        terminal.press(Key::Esc).wait_gone("Rollback to");
        terminal.send("a").wait_for_text("the release is being rolled back");
        terminal.press(Key::Down).send("A").wait_for_text("Rollback to v1");
        terminal.send("b").wait_for_text("Why were rollback steps skipped?");
        terminal.press(Key::Esc).wait_gone("Why were rollback");
        run_successfully(&mut terminal, "rollback/old");
        terminal.send("b").wait_for_text("You confirm that v2 is rolled back to v1");
        terminal.answer("y");
        scenario.wait_for("rolled-back", 1);
        // The probes that verify the rollback run, although the rollout was not complete.
        terminal.wait_for_text("passed");
        terminal.open_verdict().wait_for_text("to v1");
        terminal.answer("y").wait_for_text("s seal");
        terminal.answer("s").wait_for_text("A seal is your signature");
        terminal.answer("y").wait_for_text("SEALED");
        terminal.send("q");
        let _ = terminal.wait_exit().code(1);
        assert_eq!(scenario.ran(), ["build", "push", "roll", "pause", "old"]);
        let verdict = &scenario.of_kind("verdict")[0];
        assert_eq!(verdict["decision"], "NO-GO");
        let reasons = verdict["reasons"].as_array().unwrap();
        assert!(
            reasons.iter().any(|reason| reason["point"] == "rollback" && reason["status"] == "rolled back")
        );
        let _ = scenario.verify().code(0).stdout_has("rollback  to v1").stdout_has("verdict   NO-GO 3/4");
    }
}

#[test]
fn skipped_rollback_steps_need_a_reason() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    terminal.send("A").wait_for_text("Rollback to v1");
    terminal.press(Key::Down);
    // Nothing was deployed: the environment's name must be typed.
    terminal.send("a").wait_for_text("run rollback/old").wait_for_text("Nothing that the rollback reverts");
    terminal.type_environment("staging").wait_for_text("rollback/old: exit code 0");
    terminal.send("b").wait_for_text("Why were rollback steps skipped?");
    terminal.send("nothing consumes yet").press(Key::Enter).wait_for_text("y record as");
    terminal.answer("y");
    let rolled_back = scenario.wait_for("rolled-back", 1);
    assert_eq!(
        (&rolled_back[0]["skipped_steps"][0], &rolled_back[0]["reason"]),
        (&"pause".into(), &"nothing consumes yet".into())
    );
}

#[test]
fn after_the_seal_a_rollback_is_a_run_of_its_own() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4").open_verdict().answer("y");
    terminal.wait_for_text("s seal").answer("s").wait_for_text("A seal is your signature").answer("y");
    terminal.wait_for_text("SEALED").send("A").wait_for_text("This run is sealed.");
    terminal.send("a").wait_for_text("in a run of its own?").answer("y");
    // It cannot be taken for a deployment.
    terminal.wait_for_text("log saved").wait_for_text("Rollback to v1").wait_for_text("ROLLBACK 0/2");
    terminal.send("a").wait_for_text("run rollback/pause");
    terminal.press(Key::Esc).wait_gone("run rollback/pause").press(Key::Esc).wait_gone("Rollback to v1");
    select_deploy_point(&mut terminal, 0);
    terminal
        .send("a")
        .wait_for_text("the release is being rolled back")
        .wait_for_text("Its dry run is possible");
    terminal.press(Key::Esc).wait_gone("try deploy.ship/build").send("q");
    let _ = terminal.wait_exit().code(5);
    let logs = scenario.sandbox.logs("staging");
    let first = |log: &std::path::PathBuf| -> serde_json::Value {
        serde_json::from_str(std::fs::read_to_string(log).unwrap().lines().next().unwrap()).unwrap()
    };
    let opened: Vec<_> = logs.iter().map(first).collect();
    assert_eq!(opened.len(), 2);
    let follows = |one: &serde_json::Value, other: &serde_json::Value| {
        one["previous_run"]["run"] == other["run"] && one["plan"]["release"] == other["plan"]["release"]
    };
    assert!(follows(&opened[0], &opened[1]) || follows(&opened[1], &opened[0]), "{opened:?}");
    let rolls_back = opened.iter().filter(|opened| opened["plan"]["rolls_back"] == true);
    assert_eq!(rolls_back.count(), 1);
}

/// What no longer counts has changed something all the same.
#[test]
fn the_report_lists_every_run_of_a_step() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4").send("A").wait_for_text("Rollback to v1");
    terminal.send("a").wait_for_text("run rollback/pause").type_environment("staging");
    scenario.wait_for("action-finished", 1);
    terminal.wait_for_text("consumers paused");
    run_action(&mut terminal, "rollback/old");
    scenario.wait_for("action-finished", 2);
    terminal.press(Key::Char('g'));
    run_action(&mut terminal, "rollback/pause");
    let ended = scenario.wait_for("action-finished", 3);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    let signers = scenario.sandbox.allowed_signers(&[(super::scenario::ANN, &scenario.key)]);
    let (log, signers) = (scenario.log().display().to_string(), signers.display().to_string());
    let status = scenario.sandbox.run_with(&["status", &log]).code(5).stdout_has("the consumers are paused");
    let _ = status.lacks("needs action");
    for format in ["markdown", "html"] {
        let report = ["report", &log, "--signers", &signers, "--format", format];
        let report = scenario.sandbox.run_with(&report).code(5).stdout;
        let section = report.split("Rollback<").nth(1).or(report.split("## Rollback").nth(1)).unwrap();
        for (title, said) in [
            ("Pause the consumers", "no longer counts: it was run again"),
            ("Put the old image back", "no longer counts: an earlier step was run after it"),
        ] {
            let line = section.lines().find(|line| line.contains(said)).expect(said);
            assert!(line.contains(title) && line.contains("exit code 0"), "{line}");
        }
        let counts = |seq: &serde_json::Value| {
            section.contains(&format!("log entry {seq}")) || section.contains(&format!("log #{seq}"))
        };
        assert!(ended.iter().all(|end| counts(&end["started"])), "{section}");
    }
}
