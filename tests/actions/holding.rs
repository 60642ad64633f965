//! One run per environment: who holds it, who takes it over, who only looks on.

use super::scene::{ANN, COUNTS, Scene, deploy, run};
use crate::bench::need;
use crate::bench::terminal::Key;

#[test]
fn a_run_that_is_held_is_taken_over_on_record_and_what_runs_goes_on() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    scene.script("build", COUNTS);
    let mut first = scene.open();
    first.wait_for_text("1/4");
    deploy(&mut first, 0);
    run(&mut first, "deploy.ship/build");
    first.wait_for_text("line 2");
    let pid = first.pid();
    let refused = scene.open_with(&[], 200, 24).wait_exit().code(2);
    let told = refused.screen_text();
    assert!(told.contains(&format!("held by {ANN}")) && told.contains(&format!("process {pid}")), "{told}");
    assert!(told.contains("--take-over") && told.contains("--read-only"), "{told}");
    let mut second = scene.open_with(&["--take-over"], 120, 40);
    let left = first.wait_exit().code(130);
    assert!(left.screen_text().contains("took the run over"), "{}", left.screen_text());
    second.wait_for_text("running");
    let taken = &scene.wait_for("taken-over", 1)[0];
    assert_eq!((&taken["from"], &taken["pid"], taken["sig"].is_string()), (&ANN.into(), &pid.into(), true));
    scene.go();
    scene.wait_for("action-finished", 1);
    assert_eq!(scene.ran(), ["build"]);
    second.send("q");
    let _ = second.wait_exit().code(5);
    let _ = scene.verify().code(5).stdout_has("open: valid");
}

#[test]
fn who_looks_on_sees_what_happens_and_cannot_act() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    scene.script("build", COUNTS);
    let mut driver = scene.open();
    driver.wait_for_text("1/4");
    scene.set_args(&["run", "profile.toml", "--read-only"]);
    let mut onlooker = scene.sandbox.terminal(120, 40);
    onlooker.wait_for_text("read-only, seq");
    deploy(&mut onlooker, 0);
    onlooker.send("a").wait_for_text("this is read-only");
    onlooker.press(Key::Down).press(Key::Up);
    deploy(&mut driver, 0);
    run(&mut driver, "deploy.ship/build");
    onlooker.wait_for_text("line 9");
    scene.go();
    onlooker.wait_for_text("next action: push (Push it)");
    onlooker.send("q");
    let _ = onlooker.wait_exit().code(0);
    assert_eq!(scene.ran(), ["build"]);
}

#[test]
fn where_no_run_is_open_a_look_leaves_nothing_behind() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    let digest = scene.sandbox.digest("profile.toml");
    let words =
        ["run", "profile.toml", "--release", "v2", "--previous", "v1", "--read-only", "--trust", &digest];
    scene.set_args(&words);
    let mut terminal = scene.sandbox.terminal(120, 40);
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    terminal.send("a").wait_for_text("this is read-only");
    terminal.press(Key::Down).send("q");
    let _ = terminal.wait_exit().code(0);
    assert!(scene.sandbox.logs("staging").is_empty() && scene.ran().is_empty());
}
