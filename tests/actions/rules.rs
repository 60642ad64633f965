//! When an action may start, and what is shown when it may not.

use super::scenario::{COUNTING_SCRIPT, Scenario, run_action, run_successfully, select_deploy_point};
use crate::support::need;
use crate::support::terminal::Key;

const GUARD: &str = "[[guard]]\nid = \"place\"\ntitle = \"The right place\"\nkind = \"command\"\nwith = { argv = [\"cat\", \"place\"], stdout = [{ equals = \"staging\" }] }\n";

#[test]
fn a_failed_guard_blocks_the_action_and_shows_expected_and_actual_value() {
    need!("ssh-keygen");
    let mut scenario = Scenario::with(GUARD);
    std::fs::write(scenario.sandbox.work().join("place"), "production\n").unwrap();
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_action(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("expected `staging`, found `production`");
    assert!(scenario.of_kind("action-started").is_empty() && scenario.ran().is_empty());
    // A guard that ends in an error blocks the action too.
    std::fs::remove_file(scenario.sandbox.work().join("place")).unwrap();
    terminal.press(Key::Down).press(Key::Up);
    run_action(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("is blocked: The right place");
    std::fs::write(scenario.sandbox.work().join("place"), "staging\n").unwrap();
    terminal.press(Key::Down).press(Key::Up);
    run_action(&mut terminal, "deploy.ship/build");
    let started = scenario.wait_for("action-started", 1);
    let checked: Vec<_> =
        started[0]["preflight"].as_array().unwrap().iter().map(|seen| &seen["seen"]).collect();
    assert!(checked.iter().any(|seen| seen.as_str() == Some("`staging`")), "{checked:?}");
    scenario.wait_for("action-finished", 1);
    assert_eq!(scenario.ran(), ["build"]);
}

#[test]
fn in_production_the_name_of_the_environment_must_be_typed() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    scenario.write_profile("production = true");
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    terminal.send("a").wait_for_text("This is production");
    terminal.answer("y").press(Key::Enter).wait_for_text("type staging to run it");
    assert!(scenario.of_kind("action-started").is_empty());
    terminal.press(Key::Backspace).send("staging").press(Key::Enter);
    let started = scenario.wait_for("action-started", 1);
    assert_eq!(started[0]["typed_environment"], "staging");
    scenario.wait_for("action-finished", 1);
}

#[test]
fn an_action_before_its_turn_is_locked_but_its_dry_run_is_not() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    std::fs::remove_file(scenario.sandbox.work().join("ready")).unwrap();
    let mut terminal = scenario.open();
    terminal.wait_for_text("NO-GO 0/4");
    select_deploy_point(&mut terminal, 0);
    terminal.send("a").wait_for_text("prep.ready (failed) must be done first. Its dry run is possible");
    terminal.wait_for_text("try deploy.ship/build");
    terminal.answer("y");
    let ended = scenario.wait_for("action-finished", 1);
    terminal.wait_for_text("deploy.ship/build: exit code 0");
    assert_eq!(scenario.output(&ended[0]), "would build\n");
    assert!(scenario.ran().is_empty());
    // An action after another point is locked by that point.
    terminal.press(Key::Down).send("a").wait_for_text("deploy.ship (blocked) must be done first");
}

#[test]
fn a_failed_step_locks_later_steps_and_so_does_a_new_failure_before_them() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    scenario.script("push", "echo denied: no rights >&2; exit 3");
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_successfully(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("next action: push (Push it)");
    run_action(&mut terminal, "deploy.ship/push");
    terminal.wait_for_text("did not succeed").wait_for_text("denied: no rights").wait_for_text("A roll back");
    terminal.wait_for_text("pager 4711");
    terminal.press(Key::Esc).wait_gone("did not succeed").wait_for_text("push: exit code 3: denied: no");
    terminal.press(Key::Down).send("a").wait_for_text("deploy.ship (failed) must be done first");
    // The step is fixed and runs again; then its probe runs.
    scenario.script("push", "echo yes > pushed");
    terminal.press(Key::Up);
    run_successfully(&mut terminal, "deploy.ship/push");
    // A point before it fails again: the next step is locked, with the reason.
    std::fs::remove_file(scenario.sandbox.work().join("ready")).unwrap();
    terminal.press(Key::Char('1')).send("r").wait_for_text("NO-GO 1/4");
    select_deploy_point(&mut terminal, 1);
    terminal.send("a").wait_for_text("prep.ready (failed) must be done first");
    assert_eq!(scenario.ran(), ["build", "push", "push"]);
    terminal.press(Key::Down).wait_gone(") must be done first").send("q");
    let _ = terminal.wait_exit().code(5);
    let _ = scenario.verify().code(5).stdout_has("open: valid");
}

#[test]
fn a_stopped_action_ends_with_its_process_group_and_the_stop_is_recorded() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    scenario.script("build", &format!("trap 'echo cleaning up; exit 7' TERM\n{COUNTING_SCRIPT}"));
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_action(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 2");
    terminal.send("S").wait_for_text("stop deploy.ship/build");
    terminal.press(Key::Esc).wait_gone("stop deploy.ship/build");
    terminal.send("S").wait_for_text("stop deploy.ship/build");
    terminal.answer("y");
    let ended = scenario.wait_for("action-finished", 1);
    assert_eq!((&ended[0]["exit"]["code"], &ended[0]["cause"]), (&7.into(), &"stopped".into()));
    assert!(scenario.output(&ended[0]).ends_with("cleaning up\n"));
    let stopped = scenario.of_kind("action-stopped");
    assert_eq!((&stopped[0]["by"], stopped[0]["sig"].is_string()), (&super::scenario::ANN.into(), true));
    terminal.wait_for_text("stopped, exit code 7");
}

#[test]
fn an_action_past_its_deadline_is_ended() {
    need!("ssh-keygen");
    let action = "[points.\"deploy.ship\"]\naction = [{ id = \"build\", title = \"Build it\", deadline = \"1s\", with = { shell = \"echo begun; exec sleep 60\" } }]\n";
    let mut scenario = Scenario::with(action);
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    terminal.send("a").wait_for_text("through a shell, as the profile says");
    terminal.answer("y");
    let ended = scenario.wait_for("action-finished", 1);
    assert_eq!((&ended[0]["exit"]["signal"], &ended[0]["cause"]), (&15.into(), &"deadline".into()));
    terminal.wait_for_text("past its deadline, ended by signal 15");
}

#[test]
fn a_missing_program_is_named_and_the_action_is_not_started() {
    need!("ssh-keygen");
    let action = "[points.\"deploy.ship\"]\naction = [{ id = \"build\", title = \"Build it\", with = { argv = [\"no-such-builder\"] } }]\n";
    let mut scenario = Scenario::with(action);
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_action(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("program `no-such-builder` not found");
    let ended = scenario.wait_for("action-finished", 1);
    assert!(ended[0]["exit"]["not-started"].is_string());
}

#[test]
fn no_verdict_and_no_seal_while_an_action_is_running() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    scenario.script("build", COUNTING_SCRIPT);
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_action(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 2");
    terminal.send("v").wait_for_text("Esc");
    terminal.answer("y").wait_for_text("deploy.ship/build is running");
    scenario.let_steps_end();
    scenario.wait_for("action-finished", 1);
    assert!(scenario.of_kind("verdict").is_empty());
}

#[test]
fn the_output_of_an_action_is_followed_scrolled_and_searched() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    scenario.script("build", "i=0; while [ $i -lt 500 ]; do i=$((i+1)); printf '\\033[31mred %s\\033[0m \\033]0;title\\007 of it\\n' $i; done");
    let mut terminal = scenario.open_with(&[], 80, 24);
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_successfully(&mut terminal, "deploy.ship/build");
    terminal.send("o").wait_for_text("red 500  of it").wait_for_text("following");
    terminal.press(Key::Char('g')).wait_for_text("red 1  of it");
    terminal.send("/RED 32").press(Key::Enter).wait_for_text("red 32  of it");
    terminal.send("N").wait_for_text("no \"RED 32\" above");
    terminal.press(Key::Char('G')).wait_for_text("red 500  of it");
    let red = terminal.screen().cell(5, 1).unwrap().fgcolor();
    assert_eq!(red, vt100::Color::Idx(1));
    terminal.press(Key::Esc).wait_gone("following");
}
