//! Secrets in typed text are rejected.

use super::*;
use gonogo_core::checklist::Role;
use gonogo_core::run::Act;
use gonogo_core::secret::Secret;

const ANN: &str = "ann@x";

fn note(text: &str) -> Command {
    Command::new(ANN, Act::Note { point: None, text: text.into() })
}

#[tokio::test]
async fn text_with_a_secret_is_rejected_and_not_logged() {
    let (mut engine, mut handle) = engine(plan(&[&script("p", "exit 0", "")]));
    engine.scheduler.secret_store().register_lasting("env TOKEN", &Secret::new("swordfish".into()));
    engine.execute(&Command::new(ANN, Act::Join { key: "ann's".into(), role: Role::Driver })).unwrap();
    let entries = engine.state.seq;
    let why = engine.execute(&note("the word is swordfish")).unwrap_err();
    assert!(matches!(&why, ActError::ContainsSecret(rule) if rule == "env TOKEN"), "{why}");
    let job = SigningJob { command: note("swordfish"), completion: JobCompletion::Reply(RequestId(7)) };
    assert!(matches!(engine.submit(job).await, LoopControl::Continue));
    assert_eq!(engine.state.seq, entries);
    let Some(Update::Response(RequestId(7), Response::Rejected(why))) = handle.updates.recv().await else {
        panic!("no refusal")
    };
    assert!(why.contains("your text contains a secret (env TOKEN); nothing was logged"), "{why}");
    assert_eq!(engine.execute(&note("nothing of it")).unwrap(), entries + 1);
}
