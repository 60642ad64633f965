//! Urgent requests do not wait for a key that has to be touched: with a real agent that asks before each signature.

mod random;
mod two_operators;

use std::fs;

use gonogo_core::checklist::ActionKey;
use gonogo_core::journal::entry::Event;
use gonogo_core::journal::store::read_unverified;
use gonogo_core::run::{Act, Request, Response, StartRequest};
use gonogo_core::time::Utc;

use super::engine::{ANN, action};
use super::scenario::{COUNTING_SCRIPT, Scenario, run_action, select_deploy_point};
use crate::runs::agent::SshAgent;
use crate::support::need;
use crate::support::terminal::Key;
use crate::support::wait;
use two_operators::{BOB, TwoOperators, askpass_program};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_a_touch_which_is_then_requested_again() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut pair = TwoOperators::new().await;
    let started = pair.start(2).await;
    pair.note(3, "n").await;
    pair.until_touch_requested(2).await;
    pair.stop_action(4, ANN, started).await;
    pair.expect_done(4).await;
    pair.running.until_ended().await;
    assert_eq!(pair.kinds(), ["started", "stopped", "finished"]);
    assert_eq!(pair.touches_requested(), 2);
    // The log has changed, so the first signature does not match any more.
    pair.answer_touch(2, true);
    pair.until_touch_requested(3).await;
    pair.answer_touch(3, true);
    pair.expect_done(3).await;
    assert_eq!(pair.kinds(), ["started", "stopped", "finished", "noted"]);
    assert_eq!(pair.running.stop().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_with_the_same_key_is_signed_first() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut pair = TwoOperators::new().await;
    let started = pair.start(2).await;
    pair.note(3, "n").await;
    pair.until_touch_requested(2).await;
    pair.stop_action(4, BOB, started).await;
    pair.until_all_received().await;
    // The agent asks for one touch after the other; the stop is logged first all the same.
    pair.answer_touch(2, true);
    pair.until_touch_requested(3).await;
    assert_eq!(pair.kinds(), ["started"]);
    pair.answer_touch(3, true);
    pair.expect_done(4).await;
    pair.until_touch_requested(4).await;
    pair.running.until_ended().await;
    pair.answer_touch(4, true);
    pair.expect_noted(3, 5).await;
    let kinds = pair.kinds();
    assert_eq!(kinds[..2], ["started", "stopped"]);
    assert_eq!(pair.running.stop().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_step_goes_first_and_the_entry_that_waits_is_rejected() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut pair = TwoOperators::new().await;
    let until = Utc::from_millis(4_000_000_000_000);
    pair.act(3, BOB, Act::Waive { point: "s.b".into(), reason: "r".into(), until }).await;
    pair.until_touch_requested(2).await;
    let step = ActionKey::new("rollback", "back");
    let start = StartRequest {
        action: step.clone(),
        attempt: 1,
        dry_run: false,
        typed_environment: Some("t".into()),
        preflight: Vec::new(),
        reason: None,
    };
    pair.running.send(4, Request::RunAction { by: ANN.into(), start: Box::new(start) }).await;
    pair.expect_done(4).await;
    let ended = |state: &gonogo_core::run::RunState| {
        state.action(&step).is_some_and(|action_run| action_run.exit().is_some())
    };
    pair.running.until("end of the step", ended).await;
    pair.answer_touch(2, true);
    let why = pair.expect_rejected(3).await;
    assert!(why.contains("the log changed while your key was awaited"), "{why}");
    assert_eq!((pair.kinds(), pair.touches_requested()), (vec!["started", "finished"], 2));
    assert_eq!(pair.running.stop().await, []);
}

/// A probe result is held back during a touch, so that one touch is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_that_arrive_during_a_touch_are_logged_after_it() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut pair = TwoOperators::new().await;
    pair.note(3, "n").await;
    pair.until_touch_requested(2).await;
    fs::write(pair.home().join("release"), "").unwrap();
    // The second note waits until the first one is logged.
    pair.note(4, "m").await;
    pair.until_all_received().await;
    pair.answer_touch(2, true);
    pair.expect_done(3).await;
    pair.until_touch_requested(3).await;
    pair.answer_touch(3, false);
    let why = pair.expect_rejected(4).await;
    assert!(why.contains("cannot sign as bob@deck.example"), "{why}");
    pair.running
        .until("result", |state| {
            state.probe(&gonogo_core::checklist::ProbeKey::new("s.b", "p")).unwrap().attempts == 1
        })
        .await;
    assert_eq!((pair.kinds(), pair.touches_requested()), (vec!["noted", "probed"], 3));
    assert_eq!(pair.running.stop().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quitting_during_a_touch_reports_that_nothing_was_logged() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut pair = TwoOperators::new().await;
    pair.note(3, "n").await;
    pair.until_touch_requested(2).await;
    pair.note(4, "m").await;
    pair.until_all_received().await;
    let TwoOperators { scenario, running, _agent } = pair;
    let answer_touch = running.stop().await;
    let is_reported =
        |answer: &Response| matches!(answer, Response::Rejected(why) if why.contains("nothing was logged"));
    assert!(
        matches!(&answer_touch[..], [(3, first), (4, second)] if is_reported(first) && is_reported(second)),
        "{answer_touch:?}"
    );
    let entries = read_unverified(&scenario.log).unwrap();
    assert!(entries.iter().all(|entry| !matches!(entry.event, Event::Noted(_))));
}

/// The start is logged after the touch; only then does the action run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_starts_only_after_its_start_is_signed() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut pair = TwoOperators::new().await;
    let start = StartRequest {
        action: action(),
        attempt: 1,
        dry_run: false,
        typed_environment: None,
        preflight: Vec::new(),
        reason: None,
    };
    pair.running.send(3, Request::RunAction { by: BOB.into(), start: Box::new(start) }).await;
    pair.until_touch_requested(2).await;
    pair.until_all_received().await;
    assert!(pair.kinds().is_empty() && pair.scenario.ran() == 0);
    pair.answer_touch(2, true);
    let started = pair.expect_done(3).await;
    assert!(pair.scenario.marker(started, "begun").exists());
    wait::until("its run", || (pair.scenario.ran() == 1).then_some(()));
    pair.stop_action(4, ANN, started).await;
    pair.expect_done(4).await;
    pair.running.until_ended().await;
    assert_eq!(pair.running.stop().await, []);
}

/// On the screen: `S` while a note waits for a touch.
#[test]
fn on_the_screen_a_stop_does_not_wait_for_a_touch() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let mut scenario = Scenario::new();
    scenario.script("build", COUNTING_SCRIPT);
    let home = scenario.sandbox.work();
    let agent = SshAgent::asking_with(&askpass_program(&home));
    agent.add_with_confirmation(&scenario.key.path);
    let public = scenario.key.public.clone();
    let answer = |nth: usize| fs::write(home.join(format!("allow-{nth}")), "").unwrap();
    let touches_requested = |nth: usize| {
        let touches_requested =
            || fs::read_to_string(home.join("asked")).map_or(0, |text| text.lines().count());
        wait::until("the touch request", || (touches_requested() >= nth).then_some(()));
    };
    // Touches to open the run and to start the action.
    answer(1);
    answer(2);
    let mut terminal = scenario.open_with_agent(&agent.socket, &public);
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_action(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 2");
    terminal.send("n").wait_for_text("The note:");
    terminal.send("of it").answer("\r");
    touches_requested(3);
    // The stop is requested before the note is signed.
    terminal.send("S").wait_for_text("y stop").answer("y").wait_gone("y stop");
    answer(3);
    touches_requested(4);
    assert!(scenario.of_kind("action-stopped").is_empty() && scenario.of_kind("noted").is_empty());
    answer(4);
    scenario.wait_for("action-finished", 1);
    (5..10).for_each(answer);
    let noted = scenario.wait_for("noted", 1)[0]["seq"].as_u64();
    assert!(scenario.of_kind("action-stopped")[0]["seq"].as_u64() < noted);
    terminal.wait_for_text("did not succeed").press(Key::Esc).wait_gone("did not succeed").send("q");
    let _ = terminal.wait_exit().code(5);
    let _ = scenario.verify().code(5).stdout_has("open: valid");
}
