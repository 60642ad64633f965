//! Forwarding of the engine's states and updates to the screen. At most one state message is queued, however often the
//! state changes while the screen is busy.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::watch;

use crate::diagnostic::please_report;
use crate::tui::Msg;
use gonogo_core::error::{ErrorKind, Failure};
use gonogo_core::run::{RunSnapshot, Update};

/// The latest state, until the screen takes it.
#[derive(Clone, Debug, Default)]
pub struct LatestState(Arc<Mutex<Option<RunSnapshot>>>);

impl LatestState {
    /// Stores a state. Returns true if the screen must be notified, false if it has not taken the previous state yet.
    #[must_use]
    pub fn put(&self, now: RunSnapshot) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now).is_none()
    }

    /// Takes the state.
    #[must_use]
    pub fn take(&self) -> Option<RunSnapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Forwards states and updates to the screen until the engine stops. A response always follows the state that it
/// belongs to.
pub async fn forward_updates(
    mut states: watch::Receiver<RunSnapshot>,
    mut updates: tokio::sync::mpsc::Receiver<Update>,
    sender: mpsc::Sender<Msg>,
) {
    let latest = LatestState::default();
    loop {
        let update = tokio::select! {
            biased;
            Ok(()) = states.changed() => None,
            update = updates.recv() => match update {
                None => break,
                update => update,
            },
        };
        for message in with_latest(&mut states, &latest, update) {
            if sender.send(message).is_err() {
                return;
            }
        }
    }
    // After `Stopped`, this is ignored; without it, a crash of the engine would go unnoticed.
    let message = format!("the engine has stopped; this is a bug, {}", please_report());
    let failure = Failure::new(ErrorKind::Internal, message);
    let _ = sender.send(Msg::Update(Update::Failed(failure)));
}

/// The latest state, if it is not queued already, and then the update. The engine publishes a state before the response
/// to it, but this task may see the response first.
fn with_latest(
    states: &mut watch::Receiver<RunSnapshot>,
    latest: &LatestState,
    update: Option<Update>,
) -> impl Iterator<Item = Msg> {
    let state = states.borrow_and_update().clone();
    // If the screen has not taken the previous state, its message is still queued.
    let message = latest.put(state).then(|| Msg::State(latest.clone()));
    message.into_iter().chain(update.map(Msg::Update))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ephemeral_run;
    use gonogo_core::checklist::{Checklist, Profile, Promotion, SourceFile, resolve};
    use gonogo_core::run::{RequestId, Response, RunState};

    /// The run after `seq` entries.
    fn at(state: &RunState, seq: u64) -> RunSnapshot {
        let mut state = state.clone();
        state.seq = seq;
        RunSnapshot { state: Arc::new(state), in_flight: Arc::default() }
    }

    fn run() -> RunState {
        let checklist = Checklist::standard().unwrap();
        let profile = Profile::parse(SourceFile::new("p", "environment = \"t\"")).unwrap();
        ephemeral_run(resolve(&checklist, &profile, &Promotion::default()).unwrap()).unwrap().1
    }

    #[test]
    fn a_response_seen_before_its_state_is_forwarded_after_it() {
        let state = run();
        let (publish, mut states) = watch::channel(at(&state, 0));
        publish.send_replace(at(&state, 1));
        let latest = LatestState::default();
        let response = || Some(Update::Response(RequestId(1), Response::Done(1)));
        let messages: Vec<_> = with_latest(&mut states, &latest, response()).collect();
        assert!(matches!(messages[..], [Msg::State(_), Msg::Update(Update::Response(..))]), "{messages:?}");
        // Not taken yet: the next state replaces it, and no second message is queued.
        publish.send_replace(at(&state, 2));
        assert_eq!(with_latest(&mut states, &latest, response()).count(), 1);
        assert_eq!(latest.take().unwrap().state.seq, 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn states_are_merged_and_precede_their_responses() {
        let state = run();
        let (publish, states) = watch::channel(at(&state, 0));
        let (responses, updates) = tokio::sync::mpsc::channel(4);
        let (sender, messages) = mpsc::channel();
        let forwarding = tokio::spawn(forward_updates(states, updates, sender));
        for n in 1..=200 {
            publish.send_replace(at(&state, n));
            if n % 3 == 0 {
                responses.send(Update::Response(RequestId(n), Response::Done(n))).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
        drop((publish, responses));
        forwarding.await.unwrap();
        let (mut last_seq, mut states, mut answers) = (0, 0, 0);
        for message in messages.try_iter() {
            match message {
                Msg::State(latest) => {
                    states += 1;
                    last_seq = latest.take().map_or(last_seq, |now| now.state.seq);
                }
                Msg::Update(Update::Response(RequestId(n), _)) => {
                    answers += 1;
                    assert!(last_seq >= n, "answer {n} came with the state {last_seq}");
                }
                other => assert!(matches!(other, Msg::Update(Update::Failed(_))), "{other:?}"),
            }
        }
        assert_eq!((states, answers, last_seq), (1, 66, 200));
    }
}
