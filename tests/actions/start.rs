//! The start of an action, and gonogo that is quit in the same moment: the action has started, or it is reported that it
//! has not.

use std::fs;

use gonogo_core::journal::entry::ActionExit;
use gonogo_core::run::Response;

use super::engine::EngineScenario;
use super::scenario::{Scenario, select_deploy_point};
use crate::support::need;
use crate::support::wait;

/// Requests the action and quits after `after` responses. Whether it started.
async fn run_and_quit(scenario: &mut EngineScenario, after: usize) -> bool {
    let nth = scenario.state().action(&super::engine::action()).map_or(0, |action| action.attempts) + 1;
    let mut running = scenario.start();
    running.run_action(7, nth).await;
    let mut answers = Vec::new();
    for _ in 0..after {
        answers.push(running.answer().await);
    }
    answers.extend(running.stop().await);
    let [(7, answer)] = &answers[..] else { panic!("{answers:?}") };
    let state = scenario.state();
    match answer {
        Response::Done(started) => {
            let action_run =
                state.action(&super::engine::action()).and_then(|action| action.newest_run()).unwrap();
            assert_eq!(action_run.seq, *started);
            // It may have ended before gonogo did.
            let is_running = scenario.marker(*started, "begun").exists();
            assert!(is_running || action_run.end.is_some(), "it has neither a start marker nor an end");
            true
        }
        Response::Rejected(why) => {
            assert!(why.contains("s.a/go did not start"), "{why}");
            assert!(state.running_action().is_none());
            assert_eq!(state.action(&super::engine::action()).map_or(0, |action| action.attempts), nth - 1);
            false
        }
        other @ Response::Accepted => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_immediate_quit_the_action_has_started_or_is_rejected() {
    need!("ssh-keygen");
    let mut scenario = EngineScenario::new("echo done");
    let mut started_count = 0;
    for round in 0..24 {
        started_count += usize::from(run_and_quit(&mut scenario, round % 2).await);
        // The next engine waits for the end of an action that has started.
        let mut running = scenario.start();
        if started_count > 0 {
            running.until_ended().await;
            assert_eq!(scenario.exit(), Some(ActionExit::Code(0)));
        }
        running.stop().await;
        assert_eq!(scenario.ran(), started_count);
    }
    assert!(started_count >= 12, "{started_count}");
}

#[test]
fn the_exit_message_matches_the_state_of_the_action() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    terminal.send("a").wait_for_text("run deploy.ship/build");
    terminal.answer("yq");
    let screen = terminal.wait_exit().code(5).screen_text();
    match scenario.of_kind("action-started").len() {
        0 => {
            assert!(
                screen.contains("deploy.ship/build did not start") && !screen.contains("running"),
                "{screen}"
            );
            assert!(scenario.ran().is_empty());
        }
        _ if scenario.of_kind("action-finished").is_empty() => {
            let expected = [
                "running deploy.ship/build continues in the background",
                "ended   deploy.ship/build: exit code 0",
            ];
            assert!(expected.iter().any(|text| screen.contains(text)), "{screen}");
            wait::until("its run", || (scenario.ran() == ["build"]).then_some(()));
        }
        _ => assert_eq!(scenario.ran(), ["build"]),
    }
}

/// The failure is logged before the request is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_rejected_by_its_supervisor_is_recorded_as_not_started() {
    need!("ssh-keygen");
    let mut scenario = EngineScenario::new("");
    let mut running = scenario.start();
    // A file in the place of its attachments.
    fs::write(scenario.log.with_extension("jsonl.d"), "").unwrap();
    running.run_action(7, 1).await;
    let (7, Response::Done(started)) = running.answer().await else { panic!("no answer") };
    let Some(ActionExit::NotStarted(why)) = scenario.exit() else { panic!("{:?}", scenario.exit()) };
    assert!(why.contains("the directory next to the log"), "{why}");
    running.stop().await;
    assert!(scenario.marker(started, "begun").exists(), "no supervisor can start it later");
    assert_eq!(scenario.ran(), 0);
}

/// Keys of one burst, as by a paste or after a stall, do not answer a dialog that was not on the screen yet; neither do keys
/// that were typed before the first frame.
#[test]
fn keys_typed_before_a_dialog_is_shown_do_not_answer_it() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    let mut terminal = scenario.open();
    terminal.send("vn?");
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    terminal.send("ay").wait_for_text("has only just been shown").wait_for_text("run deploy.ship/build");
    assert!(scenario.of_kind("action-started").is_empty());
    terminal.answer("y");
    scenario.wait_for("action-finished", 1);
    assert_eq!(scenario.ran(), ["build"]);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
}
