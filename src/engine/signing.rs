//! Signing outside of the engine's loop. A key may wait for a person. Meanwhile results are held back for a while,
//! stops and rollback steps go first, and an entry that was signed for an outdated position is signed again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::action::Env;
use super::scheduler::Told;
use super::system::System;
use super::{NotDone, QUEUE};
use crate::journal::chain::{LinkError, Unsigned};
use crate::journal::file::AppendError;
use crate::journal::keys::{SignError, Signer};
use crate::run::{Act, Command, RequestId};

/// How long results are held back while a key is awaited, so that its signature still fits.
const HOLD: Duration = Duration::from_secs(15);

/// A command on its way into the log.
pub(super) struct Job {
    pub(super) command: Command,
    pub(super) then: Then,
}

/// What happens when it is logged or rejected.
pub(super) enum Then {
    /// Send a response.
    Answer(RequestId),
    /// Nothing: no request waits for it.
    Nothing,
    /// Launch an action, and send a response.
    Begin(RequestId, Env),
}

impl Job {
    /// Whether it goes before other jobs, because it makes production safe again.
    fn is_urgent(&self) -> bool {
        match &self.command.act {
            Act::Stop { .. } => true,
            Act::Start(start) => start.action.is_way_back(),
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
pub(super) struct Signed {
    token: u64,
    sig: Result<String, SignError>,
}

/// An entry that a key has to sign.
pub(super) struct InFlight {
    token: u64,
    pub(super) job: Job,
    pub(super) unsigned: Unsigned,
    pub(super) signer: Arc<Signer>,
    /// The end of the time for which results are held back.
    hold: Instant,
    sig: Option<Result<String, SignError>>,
}

/// The entries that wait for keys. At most one urgent and one other entry are being signed.
pub(super) struct Signing {
    system: Arc<dyn System>,
    tell: mpsc::Sender<Signed>,
    pub(super) told: mpsc::Receiver<Signed>,
    tokens: u64,
    urgent: Option<InFlight>,
    other: Option<InFlight>,
    /// The jobs after those.
    waiting: VecDeque<Job>,
    /// Results that are held back.
    held: VecDeque<Told>,
}

impl Signing {
    pub(super) fn new(system: Arc<dyn System>) -> Self {
        let (tell, told) = mpsc::channel(QUEUE);
        let (urgent, other, tokens) = (None, None, 0);
        let (waiting, held) = (VecDeque::new(), VecDeque::new());
        Self { system, tell, told, tokens, urgent, other, waiting, held }
    }

    /// Whether a job can start now. Otherwise it is queued, if there is space.
    pub(super) fn admit(&mut self, job: Job) -> Admission {
        let is_its_turn = if job.is_urgent() { self.urgent.is_none() } else { !self.is_busy() };
        if is_its_turn {
            return Admission::Begins(Box::new(job));
        }
        if self.waiting.len() >= QUEUE {
            return Admission::Full(Box::new(job));
        }
        self.waiting.push_back(job);
        Admission::Waits
    }

    fn is_busy(&self) -> bool {
        self.urgent.is_some() || self.other.is_some() || !self.waiting.is_empty()
    }

    /// Asks a key for its signature.
    pub(super) fn ask(
        &mut self,
        job: Job,
        unsigned: Unsigned,
        signer: Arc<Signer>,
    ) -> Result<(), Box<(Job, NotDone)>> {
        self.tokens += 1;
        let (token, tell) = (self.tokens, self.tell.clone());
        let told = Box::new(move |sig| {
            // If the engine has stopped, there is no receiver any more. There is always space: at most two keys are
            // asked.
            let _ = tell.try_send(Signed { token, sig });
        });
        if let Err(error) = self.system.sign(unsigned.clone(), Arc::clone(&signer), told) {
            return Err(Box::new((job, NotDone::NoThread(error.to_string()))));
        }
        let slot = if job.is_urgent() { &mut self.urgent } else { &mut self.other };
        *slot = Some(InFlight { token, job, unsigned, signer, hold: Instant::now() + HOLD, sig: None });
        Ok(())
    }

    /// Takes the answer of a key.
    pub(super) fn take(&mut self, signed: Signed) {
        let slots = [&mut self.urgent, &mut self.other];
        let flight = slots.into_iter().flatten().find(|flight| flight.token == signed.token);
        if let Some(flight) = flight {
            flight.sig = Some(signed.sig);
        }
    }

    /// The next answered entry. While an urgent entry is pending, no other entry is returned.
    pub(super) fn answered(&mut self) -> Option<(InFlight, Result<String, SignError>)> {
        let slot = if self.urgent.is_some() { &mut self.urgent } else { &mut self.other };
        let sig = slot.as_mut()?.sig.take()?;
        Some((slot.take()?, sig))
    }

    /// The next queued job.
    pub(super) fn next(&mut self) -> Option<Job> {
        let urgent = self.waiting.iter().position(Job::is_urgent).filter(|_| self.urgent.is_none());
        let is_free = self.urgent.is_none() && self.other.is_none();
        self.waiting.remove(urgent.or_else(|| is_free.then_some(0))?)
    }

    /// The operator whose key is awaited.
    pub(super) fn awaited(&self) -> Option<&str> {
        let flight = self.urgent.as_ref().or(self.other.as_ref())?;
        Some(&flight.signer.principal)
    }

    /// Holds a result back while a key has time, up to a limit. Otherwise returns it.
    pub(super) fn hold(&mut self, told: Told) -> Option<Told> {
        let is_result = matches!(told, Told::Ended { .. });
        if !is_result || !self.holds() || self.held.len() >= QUEUE {
            return Some(told);
        }
        self.held.push_back(told);
        None
    }

    fn holds(&self) -> bool {
        let now = Instant::now();
        [&self.urgent, &self.other].into_iter().flatten().any(|flight| now < flight.hold)
    }

    /// The results that need not be held back any more: all, or none while a key has time.
    pub(super) fn released(&mut self) -> VecDeque<Told> {
        if self.holds() { VecDeque::new() } else { self.all_held() }
    }

    /// All results that are held back.
    pub(super) fn all_held(&mut self) -> VecDeque<Told> {
        std::mem::take(&mut self.held)
    }

    /// All jobs that are not logged, in order.
    pub(super) fn abandon(&mut self) -> Vec<Job> {
        let flights = [self.urgent.take(), self.other.take()].into_iter().flatten().map(|flight| flight.job);
        flights.chain(std::mem::take(&mut self.waiting)).collect()
    }
}

/// Whether a job can start.
pub(super) enum Admission {
    /// Now.
    Begins(Box<Job>),
    /// When it is its turn.
    Waits,
    /// The queue is full.
    Full(Box<Job>),
}

/// The error for a missing signature.
pub(super) fn unsigned(why: SignError) -> NotDone {
    NotDone::Log(AppendError::Link(LinkError::Sign(why)))
}

#[cfg(test)]
mod tests {
    use super::super::system::Machine;
    use super::*;
    use crate::checklist::{ActionKey, ProbeKey, ROLLBACK};
    use crate::journal::chain::Chain;
    use crate::journal::entry::Noted;
    use crate::journal::keys::tests::signer;
    use crate::outcome::Outcome;
    use crate::run::{Start, Wanted};
    use crate::time::{Moment, Utc};

    fn job(act: Act) -> Job {
        Job { command: Command::new("alice@x", act), then: Then::Answer(RequestId(1)) }
    }

    fn note() -> Job {
        job(Act::Note { point: None, text: "n".into() })
    }

    fn stop() -> Job {
        job(Act::Stop { action: ActionKey::new("p", "a"), started: 1 })
    }

    fn begins(point: &str) -> Job {
        let action = ActionKey::new(point, "a");
        job(Act::Start(Box::new(Start { action, nth: 1, dry: false, typed: None, checked: Vec::new() })))
    }

    fn ask(signing: &mut Signing, job: Job) {
        let at = Moment { wall: Utc::from_millis(0), boot: "b".into(), mono: 0 };
        let event = Noted { point: None, text: "n".into() }.into();
        let unsigned = Chain::new("r".into()).prepare(at, "alice@x", event).unwrap();
        assert!(signing.ask(job, unsigned, Arc::new(signer("alice@x"))).is_ok());
    }

    fn result(attempt: u64) -> Told {
        let look = Wanted { probe: ProbeKey::new("p", "p"), before: false };
        let outcome = Outcome::of(Vec::new(), "");
        Told::Ended { look, attempt, begun: Utc::from_millis(0), took: Duration::ZERO, outcome }
    }

    #[test]
    fn results_are_held_back_in_order_in_bounds_and_not_for_ever() {
        let mut signing = Signing::new(Arc::new(Machine::default()));
        assert!(signing.hold(result(0)).is_some(), "no key is waited for");
        ask(&mut signing, note());
        for n in 0..QUEUE as u64 {
            assert!(signing.hold(result(n)).is_none());
        }
        assert!(signing.hold(result(64)).is_some(), "there is room for so many");
        assert!(signing.released().is_empty());
        let flight = signing.other.as_mut().unwrap();
        flight.hold = Instant::now();
        assert!(signing.hold(result(65)).is_some(), "its time is over");
        let held = signing.released();
        assert_eq!(held.len(), QUEUE);
        for (n, told) in held.iter().enumerate() {
            assert!(matches!(told, Told::Ended { attempt, .. } if *attempt == n as u64));
        }
    }

    #[test]
    fn a_stop_goes_first_and_other_things_wait_for_their_turn() {
        let mut signing = Signing::new(Arc::new(Machine::default()));
        ask(&mut signing, note());
        assert!(matches!(signing.admit(begins("p")), Admission::Waits));
        assert!(matches!(signing.admit(note()), Admission::Waits));
        let Admission::Begins(job) = signing.admit(stop()) else { panic!("it waits") };
        ask(&mut signing, *job);
        assert!(matches!(signing.admit(begins(ROLLBACK)), Admission::Waits), "one at a time");
        for _ in 0..2 {
            let signed = signing.told.blocking_recv().unwrap();
            signing.take(signed);
        }
        // Both are signed. The stop goes first, then the rollback.
        let is_stop = |job: &Job| matches!(job.command.act, Act::Stop { .. });
        assert!(signing.answered().is_some_and(|(flight, sig)| is_stop(&flight.job) && sig.is_ok()));
        assert!(signing.next().is_some_and(|job| job.is_urgent()));
        assert!(signing.answered().is_some_and(|(flight, _)| !is_stop(&flight.job)));
        assert!(matches!(signing.next().map(|job| job.command.act), Some(Act::Start(_))));
        assert!(matches!(signing.next().map(|job| job.command.act), Some(Act::Note { .. })));
        assert!(signing.next().is_none());
    }

    #[test]
    fn not_more_waits_than_there_is_room_for() {
        let mut signing = Signing::new(Arc::new(Machine::default()));
        ask(&mut signing, note());
        for _ in 0..QUEUE {
            assert!(matches!(signing.admit(note()), Admission::Waits));
        }
        assert!(matches!(signing.admit(note()), Admission::Full(_)));
        assert_eq!(signing.abandon().len(), 1 + QUEUE);
    }

    #[test]
    fn the_key_that_stops_an_action_is_named_before_another() {
        let mut signing = Signing::new(Arc::new(Machine::default()));
        assert_eq!(signing.awaited(), None);
        for (by, job, awaited) in
            [("bob@x", note(), "bob@x"), ("ann@x", stop(), "ann@x"), ("bob@x", note(), "ann@x")]
        {
            let at = Moment { wall: Utc::from_millis(0), boot: "b".into(), mono: 0 };
            let event = Noted { point: None, text: "n".into() }.into();
            let unsigned = Chain::new("r".into()).prepare(at, by, event).unwrap();
            assert!(signing.ask(job, unsigned, Arc::new(signer(by))).is_ok());
            assert_eq!(signing.awaited(), Some(awaited));
        }
    }
}
