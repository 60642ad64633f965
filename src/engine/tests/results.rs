//! Results that cannot be logged are reported, and their probes do not run again and again.

use super::super::scheduler::ProbeEvent;
use super::*;
use gonogo_core::outcome::Observation;
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
