//! When an action may begin, and what is told when it may not.

use super::scene::{COUNTS, Scene, deploy, run, run_well};
use crate::bench::need;
use crate::bench::terminal::Key;

const GUARD: &str = "[[guard]]\nid = \"place\"\ntitle = \"The right place\"\nkind = \"command\"\nwith = { argv = [\"cat\", \"place\"], stdout = [{ equals = \"staging\" }] }\n";

#[test]
fn a_guard_that_does_not_match_keeps_it_from_beginning_and_both_values_are_told() {
    need!("ssh-keygen");
    let mut scene = Scene::with(GUARD);
    std::fs::write(scene.sandbox.work().join("place"), "production\n").unwrap();
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("expected `staging`, found `production`");
    assert!(scene.of_kind("action-started").is_empty() && scene.ran().is_empty());
    // A guard that cannot look keeps it from beginning too.
    std::fs::remove_file(scene.sandbox.work().join("place")).unwrap();
    terminal.press(Key::Down).press(Key::Up);
    run(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("is blocked: The right place");
    std::fs::write(scene.sandbox.work().join("place"), "staging\n").unwrap();
    terminal.press(Key::Down).press(Key::Up);
    run(&mut terminal, "deploy.ship/build");
    let started = scene.wait_for("action-started", 1);
    let checked: Vec<_> =
        started[0]["preflight"].as_array().unwrap().iter().map(|seen| &seen["seen"]).collect();
    assert!(checked.iter().any(|seen| seen.as_str() == Some("`staging`")), "{checked:?}");
    scene.wait_for("action-finished", 1);
    assert_eq!(scene.ran(), ["build"]);
}

#[test]
fn in_production_the_environments_name_is_typed_out() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    scene.write_profile("production = true");
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    terminal.send("a").wait_for_text("This is production");
    terminal.send("y").press(Key::Enter).wait_for_text("type staging to run it");
    assert!(scene.of_kind("action-started").is_empty());
    terminal.press(Key::Backspace).send("staging").press(Key::Enter);
    let started = scene.wait_for("action-started", 1);
    assert_eq!(started[0]["typed_environment"], "staging");
    scene.wait_for("action-finished", 1);
}

#[test]
fn before_its_turn_it_is_locked_and_can_be_tried() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    std::fs::remove_file(scene.sandbox.work().join("ready")).unwrap();
    let mut terminal = scene.open();
    terminal.wait_for_text("NO-GO 0/4");
    deploy(&mut terminal, 0);
    terminal.send("a").wait_for_text("prep.ready (failed) must be done first. Its dry run is possible");
    terminal.wait_for_text("try deploy.ship/build");
    terminal.send("y");
    let ended = scene.wait_for("action-finished", 1);
    terminal.wait_for_text("deploy.ship/build: exit code 0");
    assert_eq!(scene.output(&ended[0]), "would build\n");
    assert!(scene.ran().is_empty());
    // What comes after another point is locked by it.
    terminal.press(Key::Down).send("a").wait_for_text("deploy.ship (blocked) must be done first");
}

#[test]
fn a_step_that_fails_locks_what_follows_and_a_new_failure_before_it_does_too() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    scene.script("push", "echo denied: no rights >&2; exit 3");
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run_well(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("next action: push (Push it)");
    run(&mut terminal, "deploy.ship/push");
    terminal.wait_for_text("did not succeed").wait_for_text("denied: no rights").wait_for_text("A roll back");
    terminal.wait_for_text("pager 4711");
    terminal.press(Key::Esc).wait_gone("did not succeed").wait_for_text("push: exit code 3: denied: no");
    terminal.press(Key::Down).send("a").wait_for_text("deploy.ship (failed) must be done first");
    // It is mended, and runs again; what it should have come to is looked at then.
    scene.script("push", "echo yes > pushed");
    terminal.press(Key::Up);
    run_well(&mut terminal, "deploy.ship/push");
    // Something before it fails anew: the next step is locked, and says so.
    std::fs::remove_file(scene.sandbox.work().join("ready")).unwrap();
    terminal.press(Key::Char('1')).send("r").wait_for_text("NO-GO 1/4");
    deploy(&mut terminal, 1);
    terminal.send("a").wait_for_text("prep.ready (failed) must be done first");
    assert_eq!(scene.ran(), ["build", "push", "push"]);
    terminal.press(Key::Down).wait_gone(") must be done first").send("q");
    let _ = terminal.wait_exit().code(5);
    let _ = scene.verify().code(5).stdout_has("open: valid");
}

#[test]
fn one_that_is_stopped_ends_with_its_whole_group_and_that_is_on_record() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    scene.script("build", &format!("trap 'echo cleaning up; exit 7' TERM\n{COUNTS}"));
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 2");
    terminal.send("S").wait_for_text("stop deploy.ship/build");
    terminal.press(Key::Esc).wait_gone("stop deploy.ship/build");
    terminal.send("S").wait_for_text("stop deploy.ship/build");
    terminal.send("y");
    let ended = scene.wait_for("action-finished", 1);
    assert_eq!((&ended[0]["exit"]["code"], &ended[0]["cause"]), (&7.into(), &"stopped".into()));
    assert!(scene.output(&ended[0]).ends_with("cleaning up\n"));
    let stopped = scene.of_kind("action-stopped");
    assert_eq!((&stopped[0]["by"], stopped[0]["sig"].is_string()), (&super::scene::ANN.into(), true));
    terminal.wait_for_text("stopped, exit code 7");
}

#[test]
fn one_that_takes_too_long_is_ended() {
    need!("ssh-keygen");
    let action = "[points.\"deploy.ship\"]\naction = [{ id = \"build\", title = \"Build it\", deadline = \"1s\", with = { shell = \"echo begun; exec sleep 60\" } }]\n";
    let mut scene = Scene::with(action);
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    terminal.send("a").wait_for_text("through a shell, as the profile says");
    terminal.send("y");
    let ended = scene.wait_for("action-finished", 1);
    assert_eq!((&ended[0]["exit"]["signal"], &ended[0]["cause"]), (&15.into(), &"deadline".into()));
    terminal.wait_for_text("past its deadline, ended by signal 15");
}

#[test]
fn a_program_that_is_not_there_is_named_and_so_is_what_lacks() {
    need!("ssh-keygen");
    let action = "[points.\"deploy.ship\"]\naction = [{ id = \"build\", title = \"Build it\", with = { argv = [\"no-such-builder\"] } }]\n";
    let mut scene = Scene::with(action);
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("program `no-such-builder` not found");
    let ended = scene.wait_for("action-finished", 1);
    assert!(ended[0]["exit"]["not-started"].is_string());
}

#[test]
fn while_it_is_at_work_nothing_is_judged_or_sealed() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    scene.script("build", COUNTS);
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 2");
    terminal.send("v").wait_for_text("Esc");
    terminal.send("y").wait_for_text("deploy.ship/build is running");
    scene.go();
    scene.wait_for("action-finished", 1);
    assert!(scene.of_kind("verdict").is_empty());
}

#[test]
fn its_output_is_followed_scrolled_and_searched() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    scene.script("build", "i=0; while [ $i -lt 500 ]; do i=$((i+1)); printf '\\033[31mred %s\\033[0m \\033]0;title\\007 of it\\n' $i; done");
    let mut terminal = scene.open_with(&[], 80, 24);
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run_well(&mut terminal, "deploy.ship/build");
    terminal.send("o").wait_for_text("red 500  of it").wait_for_text("following");
    terminal.press(Key::Char('g')).wait_for_text("red 1  of it");
    terminal.send("/RED 321").press(Key::Enter).wait_for_text("red 321  of it");
    terminal.send("N").wait_for_text("no \"RED 321\" above");
    terminal.press(Key::Char('G')).wait_for_text("red 500  of it");
    let red = terminal.screen().cell(5, 1).unwrap().fgcolor();
    assert_eq!(red, vt100::Color::Idx(1));
    terminal.press(Key::Esc).wait_gone("following");
}
