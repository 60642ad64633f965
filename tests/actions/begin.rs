//! An action that was asked for when gonogo is left at once: it has begun, or it is told not to have.

use std::fs;

use gonogo_core::journal::entry::ActionExit;
use gonogo_core::run::Response;

use super::engine::World;
use super::scene::{Scene, deploy};
use crate::bench::need;
use crate::bench::wait;

/// Runs and leaves at once; `after` answers have come by then. Whether it began.
async fn run_and_leave(world: &mut World, after: usize) -> bool {
    let nth = world.state().action(&super::engine::action()).map_or(0, |known| known.attempts) + 1;
    let mut running = world.start();
    running.run(7, nth).await;
    let mut answers = Vec::new();
    for _ in 0..after {
        answers.push(running.answer().await);
    }
    answers.extend(running.stop().await);
    let [(7, answer)] = &answers[..] else { panic!("{answers:?}") };
    let state = world.state();
    match answer {
        Response::Done(started) => {
            let deed = state.action(&super::engine::action()).and_then(|known| known.newest_run()).unwrap();
            assert_eq!(deed.seq, *started);
            // It may have ended before gonogo did.
            let goes_on = world.mark(*started, "begun").exists();
            assert!(goes_on || deed.end.is_some(), "it goes on by itself");
            true
        }
        Response::Rejected(why) => {
            assert!(why.contains("s.a/go did not start"), "{why}");
            assert!(state.running_action().is_none());
            assert_eq!(state.action(&super::engine::action()).map_or(0, |known| known.attempts), nth - 1);
            false
        }
        other @ Response::Accepted => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_has_begun_or_is_told_not_to_have() {
    need!("ssh-keygen");
    let mut world = World::new("echo done");
    let mut begun = 0;
    for round in 0..24 {
        begun += usize::from(run_and_leave(&mut world, round % 2).await);
        // What was begun is gone on with, to its end.
        let mut running = world.start();
        if begun > 0 {
            running.until_ended().await;
            assert_eq!(world.ended(), Some(ActionExit::Code(0)));
        }
        running.stop().await;
        assert_eq!(world.ran(), begun);
    }
    assert!(begun >= 12, "{begun}");
}

#[test]
fn the_farewell_says_what_is_so() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    terminal.send("a").wait_for_text("run deploy.ship/build");
    terminal.send("yq");
    let told = terminal.wait_exit().code(5).screen_text();
    match scene.of_kind("action-started").len() {
        0 => {
            assert!(told.contains("deploy.ship/build did not start") && !told.contains("running"), "{told}");
            assert!(scene.ran().is_empty());
        }
        _ if scene.of_kind("action-finished").is_empty() => {
            let is_so = [
                "running deploy.ship/build continues in the background",
                "ended   deploy.ship/build: exit code 0",
            ];
            assert!(is_so.iter().any(|so| told.contains(so)), "{told}");
            wait::until("its run", || (scene.ran() == ["build"]).then_some(()));
        }
        _ => assert_eq!(scene.ran(), ["build"]),
    }
}

/// What cannot be handed over has not begun, and that is on record when it is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_supervisor_refuses_never_began() {
    need!("ssh-keygen");
    let mut world = World::new("");
    let mut running = world.start();
    // Where its attachments would go.
    fs::write(world.log.with_extension("jsonl.d"), "").unwrap();
    running.run(7, 1).await;
    let (7, Response::Done(started)) = running.answer().await else { panic!("no answer") };
    let Some(ActionExit::NotStarted(why)) = world.ended() else { panic!("{:?}", world.ended()) };
    assert!(why.contains("the directory beside the log"), "{why}");
    running.stop().await;
    assert!(world.mark(started, "begun").exists(), "nobody begins it later");
    assert_eq!(world.ran(), 0);
}

/// Keys that come in one burst, as by a paste or after a stall, do not answer what nobody has seen; neither do those that
/// were typed before there was a screen.
#[test]
fn what_was_not_on_the_screen_is_not_answered() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    let mut terminal = scene.open();
    terminal.send("vn?");
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    terminal.send("ay").wait_for_text("before this dialog was shown").wait_for_text("run deploy.ship/build");
    assert!(scene.of_kind("action-started").is_empty());
    terminal.send("y");
    scene.wait_for("action-finished", 1);
    assert_eq!(scene.ran(), ["build"]);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
}
