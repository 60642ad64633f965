//! What the engine tells on its way to a screen: however often the state of the run changes while the screen has no time,
//! one message waits.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::watch;

use crate::diagnostic::please_report;
use crate::error::{ErrorKind, Failure};
use crate::run::{RunSnapshot, Update};
use crate::tui::Msg;

/// Where the newest state lies until the screen takes it.
#[derive(Clone, Debug, Default)]
pub struct Newest(Arc<Mutex<Option<RunSnapshot>>>);

impl Newest {
    /// Puts a state there. Whether the screen has to be told: it has not if it has not taken the one before.
    #[must_use]
    pub fn put(&self, now: RunSnapshot) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now).is_none()
    }

    /// Takes it.
    #[must_use]
    pub fn take(&self) -> Option<RunSnapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Takes to the screen what the engine tells: the newest state once however often it changes meanwhile, and before the
/// answers that it belongs to.
pub async fn forward(
    mut states: watch::Receiver<RunSnapshot>,
    mut updates: tokio::sync::mpsc::Receiver<Update>,
    to_screen: mpsc::Sender<Msg>,
) {
    let newest = Newest::default();
    loop {
        let update = tokio::select! {
            biased;
            Ok(()) = states.changed() => None,
            update = updates.recv() => match update {
                None => break,
                update => update,
            },
        };
        for message in with_newest(&mut states, &newest, update) {
            if to_screen.send(message).is_err() {
                return;
            }
        }
    }
    // Comes after `Stopped` and changes nothing then; without it, a crashed engine would go unnoticed.
    let told = format!("the engine has stopped; this is a bug, {}", please_report());
    let crashed = Failure::new(ErrorKind::Internal, told);
    let _ = to_screen.send(Msg::Update(Update::Failed(crashed)));
}

/// An update behind the state that it belongs to: the engine publishes it before, but it may not have been seen here.
fn with_newest(
    states: &mut watch::Receiver<RunSnapshot>,
    newest: &Newest,
    update: Option<Update>,
) -> impl Iterator<Item = Msg> {
    let state = states.borrow_and_update().clone();
    // A state that the screen has not taken yet waits in its place already.
    let told = newest.put(state).then(|| Msg::State(newest.clone()));
    told.into_iter().chain(update.map(Msg::Update))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checklist::{Checklist, Profile, Promotion, SourceFile, resolve};
    use crate::engine::ephemeral_run;
    use crate::run::{RequestId, Response, RunState};

    /// The run with so many entries.
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
    fn an_answer_that_is_seen_before_its_state_comes_after_it() {
        let state = run();
        let (publish, mut states) = watch::channel(at(&state, 0));
        publish.send_replace(at(&state, 1));
        let newest = Newest::default();
        let done = || Some(Update::Response(RequestId(1), Response::Done(1)));
        let messages: Vec<_> = with_newest(&mut states, &newest, done()).collect();
        assert!(matches!(messages[..], [Msg::State(_), Msg::Update(Update::Response(..))]), "{messages:?}");
        // Not taken yet: the next one takes its place, and no second message waits.
        publish.send_replace(at(&state, 2));
        assert_eq!(with_newest(&mut states, &newest, done()).count(), 1);
        assert_eq!(newest.take().unwrap().state.seq, 2);
    }

    /// However many states and answers come while the screen has no time, no answer comes to it before its state, and
    /// the states that wait are one.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_newest_state_comes_before_the_answers_and_once() {
        let state = run();
        let (publish, states) = watch::channel(at(&state, 0));
        let (answer, updates) = tokio::sync::mpsc::channel(4);
        let (tell, messages) = mpsc::channel();
        let forwarding = tokio::spawn(forward(states, updates, tell));
        for n in 1..=200 {
            publish.send_replace(at(&state, n));
            if n % 3 == 0 {
                answer.send(Update::Response(RequestId(n), Response::Done(n))).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
        drop((publish, answer));
        forwarding.await.unwrap();
        let (mut seen, mut states, mut answers) = (0, 0, 0);
        for message in messages.try_iter() {
            match message {
                Msg::State(newest) => {
                    states += 1;
                    seen = newest.take().map_or(seen, |now| now.state.seq);
                }
                Msg::Update(Update::Response(RequestId(n), _)) => {
                    answers += 1;
                    assert!(seen >= n, "answer {n} came with the state {seen}");
                }
                other => assert!(matches!(other, Msg::Update(Update::Failed(_))), "{other:?}"),
            }
        }
        assert_eq!((states, answers, seen), (1, 66, 200));
    }
}
