//! Results that cannot be logged are reported, and their probes do not run again and again.

use super::super::scheduler::Told;
use super::*;
use crate::outcome::Observation;
use crate::run::Wanted;
use crate::time::Utc;

/// The result of the probe's first run.
fn ended(outcome: Outcome) -> Told {
    let look = Wanted { probe: key("p"), before: false };
    Told::Ended { look, attempt: 1, begun: Utc::from_millis(0), took: Duration::ZERO, outcome }
}

fn seen(text: &str) -> Observation {
    Observation::new("w", "e", text, true)
}

/// An engine whose only probe is running.
fn looking() -> (Engine, Handle) {
    let (mut engine, handle) = engine(plan(&[&script("p", "sleep 100", "")]));
    engine.start_wanted();
    assert!(engine.scheduler.live().running.contains_key(&key("p")));
    (engine, handle)
}

fn is_running(engine: &Engine) -> bool {
    !engine.scheduler.live().running.is_empty()
}

async fn warning(handle: Handle) -> Option<String> {
    let mut heard = Heard::of(handle);
    heard.handle.updates.close();
    while let Some(update) = heard.handle.updates.recv().await {
        if let Update::Warned(why) = update {
            return Some(why);
        }
    }
    None
}

#[tokio::test]
async fn a_result_that_does_not_fit_is_replaced_by_one_that_says_so() {
    let (mut engine, _handle) = looking();
    let large = Outcome::of(vec![seen(&"x".repeat(300_000))], "").with_effects(["sent it".to_owned()]);
    assert!(matches!(engine.hear(ended(large)), Going::On));
    let state = engine.state().probe(&key("p")).unwrap().latest.clone().expect("a result");
    assert_eq!(
        (state.outcome.class, &state.outcome.effects[..]),
        (Class::Error, &["sent it".to_owned()][..])
    );
    assert!(state.outcome.observations[0].seen.contains("could not be logged: the entry would be 30"));
    engine.start_wanted();
    assert!(!is_running(&engine), "it runs again");
}

#[tokio::test]
async fn a_result_that_cannot_be_logged_is_told_and_not_asked_for_again_by_itself() {
    let (mut engine, handle) = looking();
    let wrong = Outcome { class: Class::Fail, ..Outcome::of(vec![seen("x")], "") };
    assert!(matches!(engine.hear(ended(wrong)), Going::On));
    engine.start_wanted();
    assert!(!is_running(&engine), "it runs again");
    assert!(engine.look_again(|_, _, _| true) && is_running(&engine), "nobody can ask for it any more");
    let told = warning(handle).await.expect("a warning");
    assert!(told.contains("the result of s.a/p was not logged"), "{told}");
}

#[tokio::test]
async fn what_comes_too_late_is_told_only_if_it_has_changed_something() {
    for (effects, is_told) in [(&[][..], false), (&["sent it".to_owned()][..], true)] {
        let (mut engine, handle) = looking();
        let late = |attempt| match ended(Outcome::of(vec![seen("x")], "").with_effects(effects.to_vec())) {
            Told::Ended { look, begun, took, outcome, .. } => {
                Told::Ended { look, attempt, begun, took, outcome }
            }
            other @ Told::Try { .. } => other,
        };
        assert!(matches!(engine.hear(late(0)), Going::On));
        let told = warning(handle).await;
        assert_eq!(
            told.as_ref().is_some_and(|told| told.contains("it changed: sent it")),
            is_told,
            "{told:?}"
        );
    }
}
