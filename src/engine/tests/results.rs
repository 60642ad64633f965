//! Results that cannot be logged are reported, and their probes do not run again and again.

use super::super::scheduler::ProbeEvent;
use super::*;
use gonogo_core::outcome::{Observation, key as observation_key};
use gonogo_core::run::DueProbe;
use gonogo_core::time::Utc;

/// The result of the probe's first run.
fn ended(outcome: Outcome) -> ProbeEvent {
    let due = DueProbe { probe: key("p"), early: false };
    ProbeEvent::Finished { due, attempt: 1, begun: Utc::from_millis(0), took: Duration::ZERO, outcome }
}

fn seen(text: &str) -> Observation {
    Observation::new("w", "e", text, true)
}

/// An engine whose only probe is running.
fn engine_with_running_probe() -> (Engine, EngineHandle) {
    let (mut engine, handle) = engine(plan(&[&script("p", "sleep 100", "")]));
    engine.start_due_probes();
    assert!(engine.scheduler.in_flight().running.contains_key(&key("p")));
    (engine, handle)
}

fn is_running(engine: &Engine) -> bool {
    !engine.scheduler.in_flight().running.is_empty()
}

async fn warning(handle: EngineHandle) -> Option<String> {
    let mut client = TestClient::of(handle);
    client.handle.updates.close();
    while let Some(update) = client.handle.updates.recv().await {
        if let Update::Warning(why) = update {
            return Some(why);
        }
    }
    None
}

#[tokio::test]
async fn a_result_that_does_not_fit_is_replaced_by_one_that_says_so() {
    let (mut engine, _handle) = engine_with_running_probe();
    let large = Outcome::of(vec![seen(&"x".repeat(300_000))], "").with_effects(["sent it".to_owned()]);
    assert!(matches!(engine.on_probe_event(ended(large)), LoopControl::Continue));
    let state = engine.state().probe(&key("p")).unwrap().latest.clone().expect("a result");
    assert_eq!(
        (state.outcome.class, &state.outcome.effects[..]),
        (Class::Error, &["sent it".to_owned()][..])
    );
    assert!(state.outcome.observations[0].seen.contains("could not be logged: the entry would be 30"));
    engine.start_due_probes();
    assert!(!is_running(&engine), "it runs again");
}

#[tokio::test]
async fn a_result_that_cannot_be_logged_is_reported_and_its_probe_is_not_rerun() {
    let (mut engine, handle) = engine_with_running_probe();
    let failed = Outcome { class: Class::Fail, ..Outcome::of(vec![seen("x")], "") };
    assert!(matches!(engine.on_probe_event(ended(failed)), LoopControl::Continue));
    engine.start_due_probes();
    assert!(!is_running(&engine), "it runs again");
    assert!(engine.rerun_probes(|_, _, _| true) && is_running(&engine), "nobody can ask for it any more");
    let message = warning(handle).await.expect("a warning");
    assert!(message.contains("the result of s.a/p was not logged"), "{message}");
}

#[tokio::test]
async fn a_late_result_is_reported_only_if_it_changed_something() {
    for (effects, is_reported) in [(&[][..], false), (&["sent it".to_owned()][..], true)] {
        let (mut engine, handle) = engine_with_running_probe();
        let late = |attempt| match ended(Outcome::of(vec![seen("x")], "").with_effects(effects.to_vec())) {
            ProbeEvent::Finished { due, begun, took, outcome, .. } => {
                ProbeEvent::Finished { due, attempt, begun, took, outcome }
            }
            other @ ProbeEvent::Retrying { .. } => other,
        };
        assert!(matches!(engine.on_probe_event(late(0)), LoopControl::Continue));
        let message = warning(handle).await;
        assert_eq!(
            message.as_ref().is_some_and(|message| message.contains("it changed: sent it")),
            is_reported,
            "{message:?}"
        );
    }
}

/// The last sealed run may be the one that is rolled back: nobody rotates a secret for that.
#[tokio::test]
async fn a_rollback_run_needs_no_newer_secret_than_the_run_that_it_rolls_back() {
    let version = |number: &str| {
        let version = seen(number).with_key(observation_key::SECRET_VERSION);
        Outcome::of(vec![version, seen("by TLS").with_key("other")], "")
    };
    for rolls_back in [false, true] {
        let (mut last, _handle) = engine_with_running_probe();
        assert!(matches!(last.on_probe_event(ended(version("2"))), LoopControl::Continue));
        let last_sealed = Some(Arc::clone(last.state()));
        let previous = PreviousRuns { last_sealed, fingerprint_key: None };
        let (engine, _handle) = engine(Plan { rolls_back, ..plan(&[&script("p", "sleep 100", "")]) });
        let mut engine = engine.with_previous_runs(previous);
        let context = engine.probe_context(&key("p"));
        let last = context.last.as_ref().unwrap();
        assert_eq!(last.observation(observation_key::SECRET_VERSION).is_none(), rolls_back);
        assert!(last.observation("other").is_some());
        engine.start_due_probes();
        assert!(matches!(engine.on_probe_event(ended(version("2"))), LoopControl::Continue));
        let logged = engine.state().probe(&key("p")).unwrap().latest.clone().unwrap().outcome;
        let said = logged.observations.iter().find(|seen| seen.what == "compared with the last run");
        assert_eq!(
            said.is_some_and(|seen| seen.seen.starts_with("not applicable: this run rolls")),
            rolls_back
        );
        assert_eq!(logged.class, Class::Pass);
    }
}
