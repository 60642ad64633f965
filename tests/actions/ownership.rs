//! One run per environment: its owner, a takeover, read-only observers.

use super::scenario::{ANN, COUNTING_SCRIPT, Scenario, run_action, select_deploy_point};
use crate::support::need;
use crate::support::terminal::Key;

#[test]
fn a_takeover_is_recorded_and_the_running_action_continues() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    scenario.script("build", COUNTING_SCRIPT);
    let mut first = scenario.open();
    first.wait_for_text("1/4");
    select_deploy_point(&mut first, 0);
    run_action(&mut first, "deploy.ship/build");
    first.wait_for_text("line 2");
    let pid = first.pid();
    let rejected = scenario.open_with(&[], 200, 24).wait_exit().code(2);
    let screen = rejected.screen_text();
    assert!(
        screen.contains(&format!("held by {ANN}")) && screen.contains(&format!("process {pid}")),
        "{screen}"
    );
    assert!(screen.contains("--take-over") && screen.contains("--read-only"), "{screen}");
    let mut second = scenario.open_with(&["--take-over"], 120, 40);
    let ended = first.wait_exit().code(130);
    assert!(ended.screen_text().contains("took the run over"), "{}", ended.screen_text());
    second.wait_for_text("running");
    let taken = &scenario.wait_for("taken-over", 1)[0];
    assert_eq!((&taken["from"], &taken["pid"], taken["sig"].is_string()), (&ANN.into(), &pid.into(), true));
    scenario.let_steps_end();
    scenario.wait_for("action-finished", 1);
    assert_eq!(scenario.ran(), ["build"]);
    second.send("q");
    let _ = second.wait_exit().code(5);
    let _ = scenario.verify().code(5).stdout_has("open: valid");
}

#[test]
fn a_read_only_observer_follows_the_run_and_cannot_change_it() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    scenario.script("build", COUNTING_SCRIPT);
    let mut driver = scenario.open();
    driver.wait_for_text("1/4");
    scenario.set_args(&["run", "profile.toml", "--read-only"]);
    let mut observer = scenario.sandbox.terminal(120, 40);
    observer.wait_for_text("read-only, seq");
    select_deploy_point(&mut observer, 0);
    observer.send("a").wait_for_text("this is read-only");
    observer.press(Key::Down).press(Key::Up);
    select_deploy_point(&mut driver, 0);
    run_action(&mut driver, "deploy.ship/build");
    observer.wait_for_text("line 9");
    scenario.let_steps_end();
    observer.wait_for_text("next action: push (Push it)");
    observer.send("q");
    let _ = observer.wait_exit().code(0);
    assert_eq!(scenario.ran(), ["build"]);
}

#[test]
fn read_only_without_an_open_run_creates_no_log() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    let digest = scenario.sandbox.digest("profile.toml");
    let words =
        ["run", "profile.toml", "--release", "v2", "--previous", "v1", "--read-only", "--trust", &digest];
    scenario.set_args(&words);
    let mut terminal = scenario.sandbox.terminal(120, 40);
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    terminal.send("a").wait_for_text("this is read-only");
    terminal.press(Key::Down).send("q");
    let _ = terminal.wait_exit().code(0);
    assert!(scenario.sandbox.logs("staging").is_empty() && scenario.ran().is_empty());
}
