//! An action runs once for each request.

use super::scenario::{COUNTING_SCRIPT, Scenario, run_action, select_deploy_point};
use crate::support::gonogo::signal;
use crate::support::need;
use crate::support::terminal::Key;

#[test]
fn a_repeated_key_starts_an_action_once() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    terminal.send("a").wait_for_text("run deploy.ship/build");
    terminal.answer("yyyy");
    scenario.wait_for("action-finished", 1);
    terminal.wait_for_text("exit code 0");
    // The same keys again open the dialog of the next step.
    terminal.send("aa").wait_for_text("run deploy.ship/push");
    terminal.press(Key::Esc).wait_gone("run deploy.ship/push");
    assert_eq!(scenario.ran(), ["build"]);
    assert_eq!(scenario.of_kind("action-started").len(), 1);
}

#[test]
fn only_one_action_runs_at_a_time() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    scenario.script("build", COUNTING_SCRIPT);
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_action(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 2");
    terminal.send("a").wait_for_text("one at a time");
    terminal.press(Key::Down).press(Key::Up).send("A").wait_for_text("Rollback to v1");
    terminal.send("a").wait_for_text("one at a time");
    scenario.let_steps_end();
    scenario.wait_for("action-finished", 1);
    assert_eq!(scenario.ran(), ["build"]);
}

#[test]
fn a_second_terminal_is_rejected_and_one_of_two_resumes_attaches() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    scenario.script("build", COUNTING_SCRIPT);
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_action(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 2");
    let ended = scenario.open_with(&[], 200, 24).wait_exit().code(2);
    assert!(ended.screen_text().contains("held by ann@deck.example"), "{}", ended.screen_text());
    signal(terminal.pid(), "KILL");
    drop(terminal);
    let mut first = scenario.open();
    first.wait_for_text("running");
    let second = scenario.open_with(&[], 200, 24).wait_exit().code(2);
    assert!(second.screen_text().contains("held by"), "{}", second.screen_text());
    scenario.let_steps_end();
    scenario.wait_for("action-finished", 1);
    assert_eq!(scenario.ran(), ["build"]);
    assert_eq!((scenario.of_kind("action-started").len(), scenario.of_kind("action-finished").len()), (1, 1));
}
