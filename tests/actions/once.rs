//! No action runs twice unless somebody asks for it twice.

use super::scene::{COUNTS, Scene, deploy, run};
use crate::bench::gonogo::signal;
use crate::bench::need;
use crate::bench::terminal::Key;

#[test]
fn a_doubled_key_runs_it_once() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    terminal.send("a").wait_for_text("run deploy.ship/build");
    terminal.send("yyyy");
    scene.wait_for("action-finished", 1);
    terminal.wait_for_text("exit code 0");
    // The same keys again are another question, about the next step.
    terminal.send("aa").wait_for_text("run deploy.ship/push");
    terminal.press(Key::Esc).wait_gone("run deploy.ship/push");
    assert_eq!(scene.ran(), ["build"]);
    assert_eq!(scene.of_kind("action-started").len(), 1);
}

#[test]
fn while_one_is_at_work_no_other_begins() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    scene.script("build", COUNTS);
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 2");
    terminal.send("a").wait_for_text("one at a time");
    terminal.press(Key::Down).press(Key::Up).send("A").wait_for_text("Rollback to v1");
    terminal.send("a").wait_for_text("one at a time");
    scene.go();
    scene.wait_for("action-finished", 1);
    assert_eq!(scene.ran(), ["build"]);
}

#[test]
fn of_two_terminals_one_is_refused_and_of_two_that_resume_one_attaches() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    scene.script("build", COUNTS);
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 2");
    let ended = scene.open_with(&[], 200, 24).wait_exit().code(2);
    assert!(ended.screen_text().contains("held by ann@deck.example"), "{}", ended.screen_text());
    signal(terminal.pid(), "KILL");
    drop(terminal);
    let mut first = scene.open();
    first.wait_for_text("running");
    let second = scene.open_with(&[], 200, 24).wait_exit().code(2);
    assert!(second.screen_text().contains("held by"), "{}", second.screen_text());
    scene.go();
    scene.wait_for("action-finished", 1);
    assert_eq!(scene.ran(), ["build"]);
    assert_eq!((scene.of_kind("action-started").len(), scene.of_kind("action-finished").len()), (1, 1));
}
