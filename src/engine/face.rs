//! The connection between the engine and its faces. Snapshots go through a channel that keeps only the newest,
//! responses through a small queue, so neither grows if nobody reads it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::{Keyring, QUEUE};
use crate::run::{Live, NumberedRequest, Response, RunSnapshot, RunState, Update};

/// How long the final update waits for space in the queue.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The face's end of an engine.
pub struct Handle {
    /// Requests to the engine.
    pub requests: mpsc::Sender<NumberedRequest>,
    /// Snapshots of the run. The state that a response is about is published before the response is sent.
    pub states: watch::Receiver<RunSnapshot>,
    /// Responses and other updates, in order.
    pub updates: mpsc::Receiver<Update>,
    /// Adds the keys of operators who join later.
    pub keys: Keyring,
}

/// The engine's end.
pub(super) struct Face {
    states: watch::Sender<RunSnapshot>,
    updates: mpsc::Sender<Update>,
    /// Updates that the queue has no space for. While this holds as many as the queue, no further request is taken,
    /// and so no further response arises.
    waiting: VecDeque<Update>,
}

/// Both ends, for a run in this state.
pub(super) fn pair(state: &Arc<RunState>, keys: Keyring) -> (Face, mpsc::Receiver<NumberedRequest>, Handle) {
    let first = RunSnapshot { state: Arc::clone(state), live: Arc::default() };
    let (send_state, states) = watch::channel(first);
    let (send_update, updates) = mpsc::channel(QUEUE);
    let (send_request, requests) = mpsc::channel(QUEUE);
    let face = Face { states: send_state, updates: send_update, waiting: VecDeque::new() };
    (face, requests, Handle { requests: send_request, states, updates, keys })
}

/// The response to a request that logs nothing.
pub(super) fn accepted(is_accepted: bool, why_not: impl FnOnce() -> String) -> Response {
    if is_accepted { Response::Accepted } else { Response::Refused(why_not()) }
}

impl Face {
    /// Publishes the run and what is in flight.
    pub(super) fn publish(&self, state: &Arc<RunState>, live: &Live) {
        self.states.send_replace(RunSnapshot { state: Arc::clone(state), live: Arc::new(live.clone()) });
    }

    /// Sends an update, or keeps it until there is space. If the face is gone, the update is dropped; the engine stops
    /// because its request channel is closed.
    pub(super) fn tell(&mut self, update: Update) {
        if !self.waiting.is_empty() {
            return self.waiting.push_back(update);
        }
        if let Err(mpsc::error::TrySendError::Full(update)) = self.updates.try_send(update) {
            self.waiting.push_back(update);
        }
    }

    /// Whether updates wait for space.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether so many updates wait that no further request may be taken.
    pub(super) fn is_behind(&self) -> bool {
        self.waiting.len() >= QUEUE
    }

    /// Sends the oldest waiting update as soon as there is space. Dropping this future loses nothing.
    pub(super) async fn send_waiting(&mut self) {
        let Ok(room) = self.updates.reserve().await else { return self.waiting.clear() };
        if let Some(update) = self.waiting.pop_front() {
            room.send(update);
        }
    }

    /// Sends all waiting updates and then the final one. Has a timeout, as there may be no reader any more.
    pub(super) async fn tell_last(mut self, last: Update) {
        self.waiting.push_back(last);
        let all = async {
            while self.has_waiting() {
                self.send_waiting().await;
            }
        };
        let _ = timeout(LAST_WORD, all).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checklist::{ActionKey, Checklist, Plan, Profile, Promotion, Role, Source, freeze};
    use crate::engine::{Engine, forgotten};
    use crate::process::Permit;
    use crate::run::{Act, Command, Request, RequestId, Start};

    fn plan() -> Plan {
        let checklist = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\n\
                         title = \"P\"\nwhy = \"w\"\nconfirm = \"one\"\n";
        let checklist = Checklist::parse(Source::new("c", checklist)).unwrap();
        let profile = Profile::parse(Source::new("p", "environment = \"t\"")).unwrap();
        freeze(&checklist, &profile, &Promotion::default()).unwrap()
    }

    fn state() -> Arc<RunState> {
        Arc::new(forgotten(plan()).unwrap().1)
    }

    fn done(n: u64) -> Update {
        Update::Response(RequestId(n), Response::Done(n))
    }

    fn id(update: &Update) -> u64 {
        match update {
            Update::Response(RequestId(id), _) => *id,
            _ => u64::MAX,
        }
    }

    #[tokio::test]
    async fn answers_wait_for_room_in_order_and_nothing_more_is_asked_meanwhile() {
        let (mut face, _requests, mut handle) = pair(&state(), Keyring::default());
        let many = 2 * QUEUE as u64;
        (0..many).for_each(|n| face.tell(done(n)));
        assert!(face.is_behind());
        let reader = tokio::spawn(async move {
            let mut read = Vec::new();
            while let Some(update) = handle.updates.recv().await {
                read.push(id(&update));
            }
            read
        });
        face.tell_last(Update::Stopped).await;
        let expected: Vec<_> = (0..many).chain([u64::MAX]).collect();
        assert_eq!(reader.await.unwrap(), expected);
    }

    #[tokio::test]
    async fn who_has_gone_holds_nothing_up() {
        let (mut face, _requests, handle) = pair(&state(), Keyring::default());
        (0..2 * QUEUE as u64).for_each(|n| face.tell(done(n)));
        drop(handle);
        face.tell(done(0));
        face.tell_last(Update::Stopped).await;
    }

    /// Every kind of request gets one response with its id, and the state that the response is about is published
    /// before.
    #[tokio::test]
    async fn each_request_is_answered_once_and_by_its_id() {
        let (log, state) = forgotten(plan()).unwrap();
        let (engine, mut handle) = Engine::new(log, state, vec![], vec![], Permit::for_tests());
        let running = tokio::spawn(engine.run());
        let act = |act| Request::Act(Box::new(Command::new("alice@x", act)));
        let note = || Act::Note { point: None, text: "n".into() };
        let start =
            Start { action: ActionKey::new("s.p", "a"), nth: 1, dry: false, typed: None, checked: vec![] };
        let requests = [
            act(note()),
            Request::ProbeTroubled,
            act(Act::Join { key: "ssh-ed25519 A".into(), role: Role::Driver }),
            Request::Probe("s.p".into()),
            Request::Aside(Box::new(Command::new("alice@x", note()))),
            Request::Run { by: "alice@x".into(), start: Box::new(start) },
            act(note()),
            Request::Stop,
        ];
        for (n, request) in requests.into_iter().enumerate() {
            let id = RequestId(10 + n as u64);
            handle.requests.send(NumberedRequest { id, request }).await.unwrap();
        }
        let mut answered = Vec::new();
        while let Some(update) = handle.updates.recv().await {
            match update {
                Update::Response(RequestId(id), response) => {
                    let seq = handle.states.borrow().state.seq;
                    assert!(!matches!(response, Response::Done(done) if done > seq), "{response:?} at {seq}");
                    answered.push((id, matches!(response, Response::Done(_))));
                }
                other => assert!(matches!(other, Update::Stopped), "{other:?}"),
            }
        }
        running.await.unwrap();
        assert_eq!(answered, [(10, false), (11, false), (12, true), (13, false), (15, false), (16, true)]);
    }

    #[tokio::test]
    async fn nothing_is_told_before_what_waits_for_room() {
        let (mut face, _requests, mut handle) = pair(&state(), Keyring::default());
        let many = QUEUE as u64 + 1;
        (0..many).for_each(|n| face.tell(done(n)));
        // Now there is space, and one update waits for it.
        assert_eq!(handle.updates.recv().await.as_ref().map(id), Some(0));
        face.tell(done(many));
        let mut read = Vec::new();
        loop {
            while let Ok(update) = handle.updates.try_recv() {
                read.push(id(&update));
            }
            if !face.has_waiting() {
                break;
            }
            face.send_waiting().await;
        }
        assert!(read.into_iter().eq(1..=many));
    }
}
