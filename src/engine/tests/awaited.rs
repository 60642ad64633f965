//! Requests and results while a key is awaited, and signatures for an outdated position.

use super::super::scheduler::ProbeEvent;
use super::*;
use crate::probes::ProbeContext;
use gonogo_core::checklist::Role;
use gonogo_core::journal::chain::Chain;
use gonogo_core::journal::entry::{Noted, Waived};
use gonogo_core::outcome::Observation;
use gonogo_core::run::{Act, DueProbe};
use gonogo_core::testing::signer;
use gonogo_core::time::Utc;

const ANN: &str = "ann@x";

fn passed(probe: &str) -> ProbeEvent {
    let due = DueProbe { probe: key(probe), early: false };
    let outcome = Outcome::of(vec![Observation::new("w", "e", "s", true)], "");
    ProbeEvent::Finished { due, attempt: 1, begun: Utc::from_millis(0), took: Duration::ZERO, outcome }
}

fn note(text: &str) -> Event {
    Noted { point: None, text: text.into() }.into()
}

/// Ann's key has to sign an event for the start of the log, a position that the log has passed.
fn ask(engine: &mut Engine, act: Act, event: Event) {
    let job = SigningJob { command: Command::new(ANN, act), completion: JobCompletion::Reply(RequestId(7)) };
    let unsigned = Chain::new("r".into()).prepare(clock::now(), ANN, event).unwrap();
    assert!(engine.signing.request(job, unsigned, Arc::new(signer(ANN))).is_ok());
}

async fn answered(engine: &mut Engine, handle: &mut EngineHandle) -> Response {
    let signed = engine.signing.signatures.recv().await.unwrap();
    assert!(matches!(engine.on_signature(signed).await, LoopControl::Continue));
    match handle.updates.recv().await {
        Some(Update::Response(RequestId(7), answer)) => answer,
        other => panic!("{other:?}"),
    }
}

fn joined() -> (Engine, EngineHandle) {
    let (mut engine, handle) = engine(plan(&[&script("p", "exit 0", "")]));
    engine.execute(&Command::new(ANN, Act::Join { key: "ann's".into(), role: Role::Driver })).unwrap();
    (engine, handle)
}

#[tokio::test]
async fn only_an_unchanged_entry_is_signed_again() {
    let until = Utc::from_millis(4_000_000_000_000);
    let new_note = || Act::Note { point: None, text: "n".into() };
    let waive = || Act::Waive { point: "s.a".into(), reason: "r".into(), until };
    let waived = || Waived { point: "s.a".into(), reason: "r".into(), until }.into();
    for (act, event, is_logged) in [
        (new_note(), note("n"), true),
        (new_note(), note("something else"), false),
        (waive(), waived(), false),
    ] {
        let (mut engine, mut handle) = joined();
        let entries = engine.state.seq;
        ask(&mut engine, act, event);
        let answer = answered(&mut engine, &mut handle).await;
        assert_eq!(engine.state.seq, entries + u64::from(is_logged), "{answer:?}");
        match answer {
            Response::Done(seq) => assert_eq!(seq, entries + 1),
            Response::Rejected(why) => assert!(why.contains("the log changed while"), "{why}"),
            Response::Accepted => panic!("accepted"),
        }
    }
}

#[tokio::test]
async fn held_back_results_are_logged_in_order() {
    let names: Vec<String> = (0..=QUEUE_CAPACITY).map(|n| format!("p{n}")).collect();
    let probes: Vec<String> = names.iter().map(|name| script(name, "sleep 100", "")).collect();
    let probes: Vec<&str> = probes.iter().map(String::as_str).collect();
    let (mut engine, _handle) = engine(plan(&probes));
    engine.start_due_probes();
    ask(&mut engine, Act::Note { point: None, text: "n".into() }, note("n"));
    let entries = engine.state.seq;
    let (last, held) = names.split_last().unwrap();
    for name in held {
        assert!(matches!(engine.queue_probe_event(passed(name)), LoopControl::Continue));
        assert_eq!(engine.state.seq, entries, "it is held back");
    }
    // The queue is full.
    assert!(matches!(engine.queue_probe_event(passed(last)), LoopControl::Continue));
    let seq = |name: &String| engine.state.probe(&key(name)).unwrap().latest.as_ref().map(|run| run.seq);
    for (name, place) in names.iter().zip(entries + 1..) {
        assert_eq!(seq(name), Some(place), "{name}");
    }
}

#[tokio::test]
async fn a_probe_that_runs_is_not_started_a_second_time() {
    let (mut engine, _handle) = engine(plan(&[&script("p", "sleep 100", "")]));
    let plan = Arc::clone(&engine.state.plan);
    for _ in 0..2 {
        let due = DueProbe { probe: key("p"), early: false };
        engine.scheduler.start(&plan, due, 0, ProbeContext::default(), &clock::now());
        assert_eq!(engine.scheduler.newest_attempt(&key("p")), 1);
    }
}
