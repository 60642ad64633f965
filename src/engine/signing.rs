//! Signing outside of the engine's loop. A key may wait for a person. Meanwhile results are held back for a while,
//! stops and rollback steps go first, and an entry that was signed for an outdated position is signed again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::action_launch::ActionEnv;
use super::scheduler::ProbeEvent;
use super::system::System;
use super::{ActError, QUEUE_CAPACITY};
use gonogo_core::journal::chain::{LinkError, UnsignedEntry};
use gonogo_core::journal::file::AppendError;
use gonogo_core::journal::keys::{SignError, Signer};
use gonogo_core::run::{Act, Command, RequestId};

/// How long results are held back while a key is awaited, so that its signature still fits.
const HOLD_TIMEOUT: Duration = Duration::from_secs(15);

/// A command on its way into the log.
pub(super) struct SigningJob {
    pub(super) command: Command,
    pub(super) completion: JobCompletion,
}

/// What happens when it is logged or rejected.
pub(super) enum JobCompletion {
    /// Send a response.
    Reply(RequestId),
    /// Nothing: no request waits for it.
    Nothing,
    /// Launch an action, and send a response.
    LaunchAction(RequestId, ActionEnv),
}

impl SigningJob {
    /// Whether it goes before other jobs, because it makes production safe again.
    fn is_urgent(&self) -> bool {
        match &self.command.act {
            Act::Stop { .. } => true,
            Act::Start(start) => start.action.is_rollback(),
            _ => false,
        }
    }

    /// Whether it may be signed again without asking, if it means the same after the log has changed.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(
            self.command.act,
            Act::Confirm { .. } | Act::Note { .. } | Act::Retract { .. } | Act::Stop { .. }
        )
    }
}

/// The answer of a key.
pub(super) struct SignatureEvent {
    token: u64,
    sig: Result<String, SignError>,
}

/// An entry that a key has to sign.
pub(super) struct PendingSignature {
    token: u64,
    pub(super) job: SigningJob,
    pub(super) unsigned: UnsignedEntry,
    pub(super) signer: Arc<Signer>,
    /// The end of the time for which results are held back.
    hold_until: Instant,
    sig: Option<Result<String, SignError>>,
}

/// The entries that wait for keys. At most one urgent and one other entry are being signed.
pub(super) struct SigningQueue {
    system: Arc<dyn System>,
    sender: mpsc::Sender<SignatureEvent>,
    pub(super) signatures: mpsc::Receiver<SignatureEvent>,
    tokens: u64,
    urgent: Option<PendingSignature>,
    other: Option<PendingSignature>,
    /// The jobs after those.
    queue: VecDeque<SigningJob>,
    /// Results that are held back.
    held_results: VecDeque<ProbeEvent>,
}

impl SigningQueue {
    pub(super) fn new(system: Arc<dyn System>) -> Self {
        let (sender, signatures) = mpsc::channel(QUEUE_CAPACITY);
        let (urgent, other, tokens) = (None, None, 0);
        let (queue, held_results) = (VecDeque::new(), VecDeque::new());
        Self { system, sender, signatures, tokens, urgent, other, queue, held_results }
    }

    /// Whether a job can start now. Otherwise it is queued, if there is space.
    pub(super) fn admit(&mut self, job: SigningJob) -> Admission {
        let is_its_turn = if job.is_urgent() { self.urgent.is_none() } else { !self.is_busy() };
        if is_its_turn {
            return Admission::Start(Box::new(job));
        }
        if self.queue.len() >= QUEUE_CAPACITY {
            return Admission::Full(Box::new(job));
        }
        self.queue.push_back(job);
        Admission::Wait
    }

    fn is_busy(&self) -> bool {
        self.urgent.is_some() || self.other.is_some() || !self.queue.is_empty()
    }

    /// Asks a key for its signature.
    pub(super) fn request(
        &mut self,
        job: SigningJob,
        unsigned: UnsignedEntry,
        signer: Arc<Signer>,
    ) -> Result<(), Box<(SigningJob, ActError)>> {
        self.tokens += 1;
        let (token, sender) = (self.tokens, self.sender.clone());
        let callback = Box::new(move |sig| {
            // If the engine has stopped, there is no receiver any more. There is always space: at most two keys are
            // asked.
            let _ = sender.try_send(SignatureEvent { token, sig });
        });
        if let Err(error) = self.system.sign(unsigned.clone(), Arc::clone(&signer), callback) {
            return Err(Box::new((job, ActError::NoThread(error.to_string()))));
        }
        let slot = if job.is_urgent() { &mut self.urgent } else { &mut self.other };
        *slot = Some(PendingSignature {
            token,
            job,
            unsigned,
            signer,
            hold_until: Instant::now() + HOLD_TIMEOUT,
            sig: None,
        });
        Ok(())
    }

    /// Takes the answer of a key.
    pub(super) fn on_signature(&mut self, event: SignatureEvent) {
        let slots = [&mut self.urgent, &mut self.other];
        let pending = slots.into_iter().flatten().find(|pending| pending.token == event.token);
        if let Some(pending) = pending {
            pending.sig = Some(event.sig);
        }
    }

    /// The next answered entry. While an urgent entry is pending, no other entry is returned.
    pub(super) fn next_signed(&mut self) -> Option<(PendingSignature, Result<String, SignError>)> {
        let slot = if self.urgent.is_some() { &mut self.urgent } else { &mut self.other };
        let sig = slot.as_mut()?.sig.take()?;
        Some((slot.take()?, sig))
    }

    /// The next queued job.
    pub(super) fn next_job(&mut self) -> Option<SigningJob> {
        let urgent = self.queue.iter().position(SigningJob::is_urgent).filter(|_| self.urgent.is_none());
        let is_free = self.urgent.is_none() && self.other.is_none();
        self.queue.remove(urgent.or_else(|| is_free.then_some(0))?)
    }

    /// The operator whose key is awaited.
    pub(super) fn awaited_signer(&self) -> Option<&str> {
        let pending = self.urgent.as_ref().or(self.other.as_ref())?;
        Some(&pending.signer.principal)
    }

    /// Holds a result back while a key has time, up to a limit. Otherwise returns it.
    pub(super) fn hold_result(&mut self, event: ProbeEvent) -> Option<ProbeEvent> {
        let is_result = matches!(event, ProbeEvent::Finished { .. });
        if !is_result || !self.is_holding() || self.held_results.len() >= QUEUE_CAPACITY {
            return Some(event);
        }
        self.held_results.push_back(event);
        None
    }

    fn is_holding(&self) -> bool {
        let now = Instant::now();
        [&self.urgent, &self.other].into_iter().flatten().any(|pending| now < pending.hold_until)
    }

    /// The results that need not be held back any more: all, or none while a key has time.
    pub(super) fn release_results(&mut self) -> VecDeque<ProbeEvent> {
        if self.is_holding() { VecDeque::new() } else { self.release_all() }
    }

    /// All results that are held back.
    pub(super) fn release_all(&mut self) -> VecDeque<ProbeEvent> {
        std::mem::take(&mut self.held_results)
    }

    /// All jobs that are not logged, in order.
    pub(super) fn cancel_all(&mut self) -> Vec<SigningJob> {
        let jobs = [self.urgent.take(), self.other.take()].into_iter().flatten().map(|pending| pending.job);
        jobs.chain(std::mem::take(&mut self.queue)).collect()
    }
}

/// Whether a job can start.
pub(super) enum Admission {
    /// Now.
    Start(Box<SigningJob>),
    /// When it is its turn.
    Wait,
    /// The queue is full.
    Full(Box<SigningJob>),
}

/// The error for a missing signature.
pub(super) fn sign_error(why: SignError) -> ActError {
    ActError::Log(AppendError::Link(LinkError::Sign(why)))
}

#[cfg(test)]
mod tests {
    use super::super::system::HostSystem;
    use super::*;
    use gonogo_core::checklist::{ActionKey, ProbeKey, ROLLBACK};
    use gonogo_core::journal::chain::Chain;
    use gonogo_core::journal::entry::Noted;
    use gonogo_core::outcome::Outcome;
    use gonogo_core::run::{DueProbe, StartRequest};
    use gonogo_core::testing::signer;
    use gonogo_core::time::{Moment, Utc};

    fn job(act: Act) -> SigningJob {
        SigningJob { command: Command::new("alice@x", act), completion: JobCompletion::Reply(RequestId(1)) }
    }

    fn note() -> SigningJob {
        job(Act::Note { point: None, text: "n".into() })
    }

    fn stop() -> SigningJob {
        job(Act::Stop { action: ActionKey::new("p", "a"), started: 1, reason: None })
    }

    fn start_action(point: &str) -> SigningJob {
        let action = ActionKey::new(point, "a");
        job(Act::Start(Box::new(StartRequest {
            action,
            attempt: 1,
            dry_run: false,
            typed_environment: None,
            preflight: Vec::new(),
            reason: None,
        })))
    }

    fn ask(signing: &mut SigningQueue, job: SigningJob) {
        let at = Moment { wall: Utc::from_millis(0), boot: "b".into(), mono: 0 };
        let event = Noted { point: None, text: "n".into() }.into();
        let unsigned = Chain::new("r".into()).prepare(at, "alice@x", event).unwrap();
        assert!(signing.request(job, unsigned, Arc::new(signer("alice@x"))).is_ok());
    }

    fn result(attempt: u64) -> ProbeEvent {
        let due = DueProbe { probe: ProbeKey::new("p", "p"), early: false };
        let outcome = Outcome::of(Vec::new(), "");
        ProbeEvent::Finished { due, attempt, begun: Utc::from_millis(0), took: Duration::ZERO, outcome }
    }

    #[test]
    fn results_are_held_back_in_order_within_limits() {
        let mut signing = SigningQueue::new(Arc::new(HostSystem::default()));
        assert!(signing.hold_result(result(0)).is_some(), "no key is waited for");
        ask(&mut signing, note());
        for n in 0..QUEUE_CAPACITY as u64 {
            assert!(signing.hold_result(result(n)).is_none());
        }
        assert!(signing.hold_result(result(64)).is_some(), "there is room for so many");
        assert!(signing.release_results().is_empty());
        let pending = signing.other.as_mut().unwrap();
        pending.hold_until = Instant::now();
        assert!(signing.hold_result(result(65)).is_some(), "its time is over");
        let released = signing.release_results();
        assert_eq!(released.len(), QUEUE_CAPACITY);
        for (n, event) in released.iter().enumerate() {
            assert!(matches!(event, ProbeEvent::Finished { attempt, .. } if *attempt == n as u64));
        }
    }

    #[test]
    fn a_stop_goes_first_and_other_jobs_wait() {
        let mut signing = SigningQueue::new(Arc::new(HostSystem::default()));
        ask(&mut signing, note());
        assert!(matches!(signing.admit(start_action("p")), Admission::Wait));
        assert!(matches!(signing.admit(note()), Admission::Wait));
        let Admission::Start(job) = signing.admit(stop()) else { panic!("it waits") };
        ask(&mut signing, *job);
        assert!(matches!(signing.admit(start_action(ROLLBACK)), Admission::Wait), "one at a time");
        for _ in 0..2 {
            let signed = signing.signatures.blocking_recv().unwrap();
            signing.on_signature(signed);
        }
        // Both are signed. The stop goes first, then the rollback.
        let is_stop = |job: &SigningJob| matches!(job.command.act, Act::Stop { .. });
        assert!(signing.next_signed().is_some_and(|(pending, sig)| is_stop(&pending.job) && sig.is_ok()));
        assert!(signing.next_job().is_some_and(|job| job.is_urgent()));
        assert!(signing.next_signed().is_some_and(|(pending, _)| !is_stop(&pending.job)));
        assert!(matches!(signing.next_job().map(|job| job.command.act), Some(Act::Start(_))));
        assert!(matches!(signing.next_job().map(|job| job.command.act), Some(Act::Note { .. })));
        assert!(signing.next_job().is_none());
    }

    #[test]
    fn a_full_queue_takes_no_more_jobs() {
        let mut signing = SigningQueue::new(Arc::new(HostSystem::default()));
        ask(&mut signing, note());
        for _ in 0..QUEUE_CAPACITY {
            assert!(matches!(signing.admit(note()), Admission::Wait));
        }
        assert!(matches!(signing.admit(note()), Admission::Full(_)));
        assert_eq!(signing.cancel_all().len(), 1 + QUEUE_CAPACITY);
    }

    #[test]
    fn the_key_that_stops_an_action_is_named_before_another() {
        let mut signing = SigningQueue::new(Arc::new(HostSystem::default()));
        assert_eq!(signing.awaited_signer(), None);
        for (by, job, awaited) in
            [("bob@x", note(), "bob@x"), ("ann@x", stop(), "ann@x"), ("bob@x", note(), "ann@x")]
        {
            let at = Moment { wall: Utc::from_millis(0), boot: "b".into(), mono: 0 };
            let event = Noted { point: None, text: "n".into() }.into();
            let unsigned = Chain::new("r".into()).prepare(at, by, event).unwrap();
            assert!(signing.request(job, unsigned, Arc::new(signer(by))).is_ok());
            assert_eq!(signing.awaited_signer(), Some(awaited));
        }
    }
}
