//! How commands get into the log: decided, signed, made durable, applied, answered.

use std::sync::Arc;

use super::action::{Entered, Env};
use super::log::on_disk;
use super::signing::{Admission, InFlight, Job, Signed, Then, unsigned};
use super::watch::Came;
use super::{Engine, Going, NotDone};
use crate::journal::chain::Unsigned;
use crate::journal::entry::{Entry, Event};
use crate::journal::file::AppendError;
use crate::journal::keys::{SignError, Signer};
use crate::run::{Act, Command, RequestId, Response, Start, decide};
use crate::time::Moment;

/// The decision about a command, and its signer.
struct Decided {
    event: Event,
    at: Moment,
    signer: Option<Arc<Signer>>,
}

impl Engine {
    /// Starts a command. The response comes when it is logged or rejected.
    pub(super) async fn submit(&mut self, job: Job) -> Going {
        match self.signing.admit(job) {
            Admission::Begins(job) => self.begin_job(*job).await,
            Admission::Waits => Going::On,
            Admission::Full(job) => self.done(*job, Err(NotDone::KeyAwaited)).await,
        }
    }

    async fn begin_job(&mut self, job: Job) -> Going {
        match self.decided(&job.command) {
            Ok(decided) => self.sign(job, decided).await,
            Err(why) => self.done(job, Err(why)).await,
        }
    }

    fn decided(&self, command: &Command) -> Result<Decided, NotDone> {
        self.check_words(command)?;
        let at = self.now();
        let event = self.decide_one(command, &at)?;
        let signer = self.signer_for(&command.by, &event)?;
        Ok(Decided { event, at, signer })
    }

    fn decide_one(&self, command: &Command, at: &Moment) -> Result<Event, NotDone> {
        let events = decide(&self.state, command.clone(), at)?;
        events.into_iter().next().ok_or(NotDone::WentOn)
    }

    /// Signs it: at once with a key that is here, or through an agent, which may prompt a person.
    async fn sign(&mut self, job: Job, decided: Decided) -> Going {
        let Decided { event, at, signer } = decided;
        let by = &job.command.by;
        let asked = match signer {
            Some(signer) if self.system.may_wait(&signer) => match self.log.prepare(at, by, event) {
                Ok(unsigned) => self.signing.ask(job, unsigned, signer),
                Err(why) => Err(Box::new((job, why.into()))),
            },
            signer => {
                let append = |engine: &mut Self| engine.append(at, by, event, signer.as_deref());
                let done = self.marked(&job.command.act, append);
                return self.done(job, done).await;
            }
        };
        if let Err(refused) = asked {
            let (job, why) = *refused;
            return self.done(job, Err(why)).await;
        }
        self.tell_whose_key_is_awaited();
        Going::On
    }

    /// Makes the decided entry durable, and applies it. Returns its position.
    pub(super) fn append(
        &mut self,
        at: Moment,
        by: &str,
        event: Event,
        signer: Option<&Signer>,
    ) -> Result<u64, NotDone> {
        let entry = self.log.append(at, by, event, signer)?;
        Arc::make_mut(&mut self.state).apply(&entry);
        Ok(self.state.seq)
    }

    /// Marks an action that is about to start, and logs the start. Other commands need no mark.
    fn marked(
        &mut self,
        act: &Act,
        record: impl FnOnce(&mut Self) -> Result<u64, NotDone>,
    ) -> Result<u64, NotDone> {
        let marks = self.log.marks().filter(|_| matches!(act, Act::Start(_))).cloned();
        let Some(marks) = marks else { return record(self) };
        let (started, prev) = (self.state.seq + 1, self.state.head);
        on_disk(|| marks.plan(started, prev))?;
        record(self).inspect_err(|_| marks.withdraw(started))
    }

    fn tell_whose_key_is_awaited(&mut self) {
        self.scheduler.live_mut().signing = self.signing.awaited().map(str::to_owned);
        self.publish();
    }

    /// A signature has arrived. If it still fits, the entry is logged; otherwise it is signed again or rejected. Then
    /// the queue continues.
    pub(super) async fn signed(&mut self, signed: Signed) -> Going {
        self.signing.take(signed);
        while let Some((flight, sig)) = self.signing.answered() {
            if let broken @ (Going::Broken(_) | Going::Stopped) = self.settle(flight, sig).await {
                return broken;
            }
        }
        let going = self.next_jobs().await;
        self.tell_whose_key_is_awaited();
        going
    }

    async fn settle(&mut self, flight: InFlight, sig: Result<String, SignError>) -> Going {
        let InFlight { job, unsigned: entry, signer, .. } = flight;
        match sig {
            Err(why) => self.done(job, Err(unsigned(why))).await,
            Ok(sig) if entry.comes_after(self.state.head) => {
                let done = self.marked(&job.command.act, |engine| engine.append_signed(entry, sig, &signer));
                self.done(job, done).await
            }
            Ok(_) => self.sign_again(job, &entry).await,
        }
    }

    fn append_signed(&mut self, entry: Unsigned, sig: String, signer: &Signer) -> Result<u64, NotDone> {
        let entry: Entry = self.log.append_signed(entry, sig, signer)?;
        Arc::make_mut(&mut self.state).apply(&entry);
        Ok(self.state.seq)
    }

    /// The log has changed since the entry was signed. The person may not mean it any more, unless the entry is still
    /// the same.
    async fn sign_again(&mut self, job: Job, before: &Unsigned) -> Going {
        match self.decided(&job.command) {
            Ok(decided) if job.is_repeatable() && decided.event == *before.event() => {
                self.sign(job, decided).await
            }
            Ok(_) => self.done(job, Err(NotDone::WentOn)).await,
            Err(why) => self.done(job, Err(why)).await,
        }
    }

    /// Logs the results that no longer need to be held back, and starts the next jobs of the queue.
    pub(super) async fn next_jobs(&mut self) -> Going {
        loop {
            for told in self.signing.released() {
                if let broken @ Going::Broken(_) = self.hear(told) {
                    return broken;
                }
            }
            let Some(job) = self.signing.next() else { return Going::On };
            if let broken @ (Going::Broken(_) | Going::Stopped) = self.begin_job(job).await {
                return broken;
            }
        }
    }

    /// Finishes a job that was logged or rejected.
    async fn done(&mut self, job: Job, done: Result<u64, NotDone>) -> Going {
        let done = match done {
            Err(NotDone::Log(broken @ AppendError::Broken { .. })) => {
                return Going::Broken(broken.to_string());
            }
            done => done,
        };
        if done.is_ok() {
            self.stop_if_asked();
        }
        match (job.then, job.command.act, done) {
            (Then::Begin(id, env), Act::Start(start), Ok(started)) => {
                self.begin(id, &start, started, env).await
            }
            // If it was rejected and nobody waits for a response, nothing happened.
            (Then::Nothing, ..) => {
                self.publish();
                Going::On
            }
            (Then::Begin(id, _) | Then::Answer(id), _, done) => {
                self.publish();
                let answer = done.map_or_else(|why| Response::Refused(why.to_string()), Response::Done);
                self.answer(id, answer);
                Going::On
            }
        }
    }

    /// Launches an action whose start is logged. Afterwards the action has started, or its failure to start is logged.
    async fn begin(&mut self, id: RequestId, start: &Start, started: u64, env: Env) -> Going {
        let plan = Arc::clone(&self.state.plan);
        let prev = self.state.action(&start.action).and_then(|known| known.newest()).map(|deed| deed.prev);
        let watching = match (self.runner(), plan.action(&start.action), prev) {
            (Some(runner), Some(action), Some(prev)) => {
                let entered = Entered { action: start.action.clone(), started, prev };
                runner.start(action, entered, start.dry, env).await
            }
            _ => Err(Came::not_begun("this run has no log")),
        };
        let going = match watching {
            Ok(watching) => {
                self.watching = Some(watching);
                self.publish();
                Going::On
            }
            Err(came) => self.record(came.act(start.action.clone(), started)),
        };
        self.answer(id, Response::Done(started));
        going
    }

    /// Reports for everything that still waits for a key that nothing was logged.
    pub(super) fn abandon_unsigned(&mut self) {
        for job in self.signing.abandon() {
            if let Then::Answer(id) | Then::Begin(id, _) = job.then {
                let why = "gonogo was stopped before it was signed; nothing was logged";
                self.answer(id, Response::Refused(why.into()));
            }
        }
    }
}
