//! The connection between the engine and its faces. Snapshots go through a channel that keeps only the newest,
//! responses through a small queue, so neither grows without a reader.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::{Keyring, QUEUE_CAPACITY};
use gonogo_core::run::{InFlight, NumberedRequest, Response, RunSnapshot, RunState, Update};

/// How long the final update waits for space in the queue.
const FINAL_UPDATE_TIMEOUT: Duration = Duration::from_secs(1);

/// The face's end of an engine.
pub struct EngineHandle {
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
    backlog: VecDeque<Update>,
}

/// Both ends, for a run in this state.
pub(super) fn pair(
    state: &Arc<RunState>,
    keys: Keyring,
) -> (Face, mpsc::Receiver<NumberedRequest>, EngineHandle) {
    let first = RunSnapshot { state: Arc::clone(state), in_flight: Arc::default() };
    let (send_state, states) = watch::channel(first);
    let (send_update, updates) = mpsc::channel(QUEUE_CAPACITY);
    let (send_request, requests) = mpsc::channel(QUEUE_CAPACITY);
    let face = Face { states: send_state, updates: send_update, backlog: VecDeque::new() };
    (face, requests, EngineHandle { requests: send_request, states, updates, keys })
}

/// The response to a request that logs nothing.
pub(super) fn accepted_or_rejected(is_accepted: bool, why_not: impl FnOnce() -> String) -> Response {
    if is_accepted { Response::Accepted } else { Response::Rejected(why_not()) }
}

impl Face {
    /// Publishes the run and what is in flight.
    pub(super) fn publish(&self, state: &Arc<RunState>, in_flight: &InFlight) {
        self.states
            .send_replace(RunSnapshot { state: Arc::clone(state), in_flight: Arc::new(in_flight.clone()) });
    }

    /// Sends an update, or keeps it until there is space. If the face is gone, the update is dropped; the engine stops
    /// because its request channel is closed.
    pub(super) fn notify(&mut self, update: Update) {
        if !self.backlog.is_empty() {
            return self.backlog.push_back(update);
        }
        if let Err(mpsc::error::TrySendError::Full(update)) = self.updates.try_send(update) {
            self.backlog.push_back(update);
        }
    }

    /// Whether updates wait for space.
    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Whether so many updates wait that no further request may be taken.
    pub(super) fn is_backlog_full(&self) -> bool {
        self.backlog.len() >= QUEUE_CAPACITY
    }

    /// Sends the oldest waiting update as soon as there is space. Dropping this future loses nothing.
    pub(super) async fn send_backlog(&mut self) {
        let Ok(room) = self.updates.reserve().await else { return self.backlog.clear() };
        if let Some(update) = self.backlog.pop_front() {
            room.send(update);
        }
    }

    /// Sends all waiting updates and then the final one. Has a timeout, as there may be no reader any more.
    pub(super) async fn notify_last(mut self, last: Update) {
        self.backlog.push_back(last);
        let flush = async {
            while self.has_backlog() {
                self.send_backlog().await;
            }
        };
        let _ = timeout(FINAL_UPDATE_TIMEOUT, flush).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, ephemeral_run};
    use crate::process::Permit;
    use gonogo_core::checklist::{ActionKey, Checklist, Plan, Profile, Promotion, Role, SourceFile, resolve};
    use gonogo_core::run::{Act, Command, Request, RequestId, StartRequest};

    fn plan() -> Plan {
        let checklist = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.p\"\n\
                         title = \"P\"\nwhy = \"w\"\nconfirm = \"one\"\n";
        let checklist = Checklist::parse(SourceFile::new("c", checklist)).unwrap();
        let profile = Profile::parse(SourceFile::new("p", "environment = \"t\"")).unwrap();
        resolve(&checklist, &profile, &Promotion::default()).unwrap()
    }

    fn state() -> Arc<RunState> {
        Arc::new(ephemeral_run(plan()).unwrap().1)
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
    async fn responses_wait_for_space_in_order_and_requests_wait_too() {
        let (mut face, _requests, mut handle) = pair(&state(), Keyring::default());
        let many = 2 * QUEUE_CAPACITY as u64;
        (0..many).for_each(|n| face.notify(done(n)));
        assert!(face.is_backlog_full());
        let reader = tokio::spawn(async move {
            let mut read = Vec::new();
            while let Some(update) = handle.updates.recv().await {
                read.push(id(&update));
            }
            read
        });
        face.notify_last(Update::Stopped).await;
        let expected: Vec<_> = (0..many).chain([u64::MAX]).collect();
        assert_eq!(reader.await.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_closed_face_blocks_nothing() {
        let (mut face, _requests, handle) = pair(&state(), Keyring::default());
        (0..2 * QUEUE_CAPACITY as u64).for_each(|n| face.notify(done(n)));
        drop(handle);
        face.notify(done(0));
        face.notify_last(Update::Stopped).await;
    }

    /// Every kind of request gets one response with its id, and the state that the response is about is published
    /// before.
    #[tokio::test]
    async fn each_request_is_answered_once_and_by_its_id() {
        let (log, state) = ephemeral_run(plan()).unwrap();
        let (engine, mut handle) = Engine::new(log, state, vec![], vec![], Permit::for_tests());
        let running = tokio::spawn(engine.run());
        let act = |act| Request::Act(Box::new(Command::new("alice@x", act)));
        let note = || Act::Note { point: None, text: "n".into() };
        let start = StartRequest {
            action: ActionKey::new("s.p", "a"),
            attempt: 1,
            dry_run: false,
            typed_environment: None,
            preflight: vec![],
            reason: None,
        };
        let requests = [
            act(note()),
            Request::RerunNeeded,
            act(Act::Join { key: "ssh-ed25519 A".into(), role: Role::Driver }),
            Request::RunProbes("s.p".into()),
            Request::ActWithoutReply(Box::new(Command::new("alice@x", note()))),
            Request::RunAction { by: "alice@x".into(), start: Box::new(start) },
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
    async fn no_update_overtakes_the_backlog() {
        let (mut face, _requests, mut handle) = pair(&state(), Keyring::default());
        let many = QUEUE_CAPACITY as u64 + 1;
        (0..many).for_each(|n| face.notify(done(n)));
        // Now there is space, and one update waits for it.
        assert_eq!(handle.updates.recv().await.as_ref().map(id), Some(0));
        face.notify(done(many));
        let mut read = Vec::new();
        loop {
            while let Ok(update) = handle.updates.try_recv() {
                read.push(id(&update));
            }
            if !face.has_backlog() {
                break;
            }
            face.send_backlog().await;
        }
        assert!(read.into_iter().eq(1..=many));
    }
}
