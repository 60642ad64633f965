//! Random requests and random answers to touches.

use std::fs;

use gonogo_core::journal::entry::Event;
use gonogo_core::journal::store::read_unverified;
use gonogo_core::run::{Act, Request, Response};

use super::two_operators::{BOB, TwoOperators};
use crate::actions::engine::ANN;
use crate::support::gonogo::Sandbox;
use crate::support::need;

/// Pseudo-random numbers from a seed that is printed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// With random requests by both operators and random answers to touches: every request gets one response, a done request is
/// at its position in the log, a rejected one is not in it, and the log is valid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_answered_exactly_once_with_random_touches() {
    need!("ssh-keygen", "ssh-agent", "ssh-add");
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut pair = TwoOperators::new().await;
    (2..200).for_each(|nth| pair.answer_touch(nth, random.below(4) > 0));
    let touches_requested: Vec<u64> = (10..40).collect();
    let mut started = 0;
    for &id in &touches_requested {
        match random.below(6) {
            0 if started == 0 => {
                started = id;
                pair.running.run_action(id, 1).await;
            }
            0 | 1 => pair.stop_action(id, if id % 2 == 0 { ANN } else { BOB }, 7).await,
            2 => pair.act(id, ANN, Act::Note { point: None, text: format!("note {id}") }).await,
            3 => pair.running.send(id, Request::RunProbes("s.b".into())).await,
            _ => pair.note(id, &format!("note {id}")).await,
        }
        if random.below(3) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(random.below(30))).await;
        }
    }
    let mut answer_touch = std::collections::BTreeMap::new();
    while answer_touch.len() < touches_requested.len() {
        let (id, answer) = pair.running.answer().await;
        assert!(answer_touch.insert(id, answer).is_none(), "{id} is answered twice");
    }
    assert!(answer_touch.keys().eq(&touches_requested), "{answer_touch:?}");
    if let Some(state) = pair.scenario.state().running_action().map(|(_, action_run)| action_run.seq) {
        pair.stop_action(50, ANN, state).await;
        let answered = pair.running.answer().await;
        assert_eq!(answered.0, 50);
        pair.running.until_ended().await;
    }
    let home = pair.home().to_owned();
    let TwoOperators { scenario, running, _agent } = pair;
    assert_eq!(running.stop().await, []);
    let entries = read_unverified(&scenario.log).unwrap();
    let mut noted = 0;
    for (seq, entry) in (0..).zip(&entries) {
        let Event::Noted(note) = &entry.event else { continue };
        let id: u64 = note.text.strip_prefix("note ").unwrap().parse().unwrap();
        assert_eq!(answer_touch[&id], Response::Done(seq), "{id}");
        noted += 1;
    }
    assert!(noted > 0);
    let line = |(name, principal): (&str, &str)| {
        let public = fs::read_to_string(home.join(format!("{name}.pub"))).unwrap();
        format!("{principal} {public}")
    };
    let signers: String = [("ann", ANN), ("bob", BOB)].map(line).concat();
    fs::write(home.join("signers"), signers).unwrap();
    let paths = [scenario.log.display().to_string(), home.join("signers").display().to_string()];
    let verify = Sandbox::new().run_with(&["verify", &paths[0], "--signers", &paths[1]]);
    let _ = verify.code(5).stdout_has("open: valid");
}
