//! How commands get into the log: decided, signed, made durable, applied, answered.

use std::sync::Arc;

use super::action_launch::{ActionEnv, LoggedStart};
use super::action_watch::ActionResult;
use super::log::block_on_disk;
use super::signing::{Admission, JobCompletion, PendingSignature, SignatureEvent, SigningJob, sign_error};
use super::{ActError, Engine, LoopControl};
use gonogo_core::journal::chain::UnsignedEntry;
use gonogo_core::journal::entry::{Entry, Event};
use gonogo_core::journal::file::AppendError;
use gonogo_core::journal::keys::{SignError, Signer};
use gonogo_core::run::{Act, Command, RequestId, Response, StartRequest, decide};
use gonogo_core::time::Moment;

/// The decision about a command, and its signer.
struct DecidedEvent {
    event: Event,
    at: Moment,
    signer: Option<Arc<Signer>>,
}

impl Engine {
    /// Starts a command. The response comes when it is logged or rejected.
    pub(super) async fn submit(&mut self, job: SigningJob) -> LoopControl {
        match self.signing.admit(job) {
            Admission::Start(job) => self.start_job(*job).await,
            Admission::Wait => LoopControl::Continue,
            Admission::Full(job) => self.finish_job(*job, Err(ActError::KeyAwaited)).await,
        }
    }

    async fn start_job(&mut self, job: SigningJob) -> LoopControl {
        match self.decide_command(&job.command) {
            Ok(decided) => self.request_signature(job, decided).await,
            Err(why) => self.finish_job(job, Err(why)).await,
        }
    }

    fn decide_command(&self, command: &Command) -> Result<DecidedEvent, ActError> {
        self.check_text(command)?;
        let at = self.now();
        let event = self.decide_one(command, &at)?;
        let signer = self.signer_for(&command.by, &event)?;
        Ok(DecidedEvent { event, at, signer })
    }

    fn decide_one(&self, command: &Command, at: &Moment) -> Result<Event, ActError> {
        let events = decide(&self.state, command.clone(), at)?;
        events.into_iter().next().ok_or(ActError::LogChanged)
    }

    /// Signs it: at once with a key that is here, or through an agent, which may prompt a person.
    async fn request_signature(&mut self, job: SigningJob, decided: DecidedEvent) -> LoopControl {
        let DecidedEvent { event, at, signer } = decided;
        let by = &job.command.by;
        let requested = match signer {
            Some(signer) if self.system.may_block(&signer) => match self.log.prepare(at, by, event) {
                Ok(unsigned) => self.signing.request(job, unsigned, signer),
                Err(why) => Err(Box::new((job, why.into()))),
            },
            signer => {
                let append = |engine: &mut Self| engine.append(at, by, event, signer.as_deref());
                let done = self.append_marked(&job.command.act, append);
                return self.finish_job(job, done).await;
            }
        };
        if let Err(rejected) = requested {
            let (job, why) = *rejected;
            return self.finish_job(job, Err(why)).await;
        }
        self.publish_awaited_signer();
        LoopControl::Continue
    }

    /// Makes the decided entry durable, and applies it. Returns its position.
    pub(super) fn append(
        &mut self,
        at: Moment,
        by: &str,
        event: Event,
        signer: Option<&Signer>,
    ) -> Result<u64, ActError> {
        let entry = self.log.append(at, by, event, signer)?;
        Arc::make_mut(&mut self.state).apply(&entry);
        Ok(self.state.seq)
    }

    /// Marks an action that is about to start, and logs the start. Other commands need no mark.
    fn append_marked(
        &mut self,
        act: &Act,
        record: impl FnOnce(&mut Self) -> Result<u64, ActError>,
    ) -> Result<u64, ActError> {
        let marks = self.log.marks().filter(|_| matches!(act, Act::Start(_))).cloned();
        let Some(marks) = marks else { return record(self) };
        let (started, prev) = (self.state.seq + 1, self.state.head);
        block_on_disk(|| marks.mark_planned(started, prev))?;
        record(self).inspect_err(|_| marks.remove_planned(started))
    }

    fn publish_awaited_signer(&mut self) {
        self.scheduler.in_flight_mut().awaited_signer = self.signing.awaited_signer().map(str::to_owned);
        self.publish();
    }

    /// A signature has arrived. If it still fits, the entry is logged; otherwise it is signed again or rejected. Then
    /// the queue continues.
    pub(super) async fn on_signature(&mut self, signed: SignatureEvent) -> LoopControl {
        self.signing.on_signature(signed);
        while let Some((pending, sig)) = self.signing.next_signed() {
            if let broken @ (LoopControl::Fail(_) | LoopControl::Stop) =
                self.finish_signature(pending, sig).await
            {
                return broken;
            }
        }
        let control = self.start_next_jobs().await;
        self.publish_awaited_signer();
        control
    }

    async fn finish_signature(
        &mut self,
        pending: PendingSignature,
        sig: Result<String, SignError>,
    ) -> LoopControl {
        let PendingSignature { job, unsigned: entry, signer, .. } = pending;
        match sig {
            Err(why) => self.finish_job(job, Err(sign_error(why))).await,
            Ok(sig) if entry.follows(self.state.head) => {
                let done =
                    self.append_marked(&job.command.act, |engine| engine.append_signed(entry, sig, &signer));
                self.finish_job(job, done).await
            }
            Ok(_) => self.sign_again(job, &entry).await,
        }
    }

    fn append_signed(&mut self, entry: UnsignedEntry, sig: String, signer: &Signer) -> Result<u64, ActError> {
        let entry: Entry = self.log.append_signed(entry, sig, signer)?;
        Arc::make_mut(&mut self.state).apply(&entry);
        Ok(self.state.seq)
    }

    /// The log has changed since the entry was signed. The person may not mean it any more, unless the entry is still
    /// the same.
    async fn sign_again(&mut self, job: SigningJob, previous: &UnsignedEntry) -> LoopControl {
        match self.decide_command(&job.command) {
            Ok(decided) if job.is_repeatable() && decided.event == *previous.event() => {
                self.request_signature(job, decided).await
            }
            Ok(_) => self.finish_job(job, Err(ActError::LogChanged)).await,
            Err(why) => self.finish_job(job, Err(why)).await,
        }
    }

    /// Logs the results that no longer need to be held back, and starts the next jobs of the queue.
    pub(super) async fn start_next_jobs(&mut self) -> LoopControl {
        loop {
            for event in self.signing.release_results() {
                if let broken @ LoopControl::Fail(_) = self.on_probe_event(event) {
                    return broken;
                }
            }
            let Some(job) = self.signing.next_job() else { return LoopControl::Continue };
            if let broken @ (LoopControl::Fail(_) | LoopControl::Stop) = self.start_job(job).await {
                return broken;
            }
        }
    }

    /// Finishes a job that was logged or rejected.
    async fn finish_job(&mut self, job: SigningJob, done: Result<u64, ActError>) -> LoopControl {
        let done = match done {
            Err(ActError::Log(broken @ AppendError::Broken { .. })) => {
                return LoopControl::Fail(broken.to_string());
            }
            done => done,
        };
        if done.is_ok() {
            self.stop_if_requested();
        }
        match (job.completion, job.command.act, done) {
            (JobCompletion::LaunchAction(id, env), Act::Start(start), Ok(started)) => {
                self.launch_action(id, &start, started, env).await
            }
            // If it was rejected and no request waits for a response, nothing happened.
            (JobCompletion::Nothing, ..) => {
                self.publish();
                LoopControl::Continue
            }
            (JobCompletion::LaunchAction(id, _) | JobCompletion::Reply(id), _, done) => {
                self.publish();
                let answer = done.map_or_else(|why| Response::Rejected(why.to_string()), Response::Done);
                self.answer(id, answer);
                LoopControl::Continue
            }
        }
    }

    /// Launches an action whose start is logged. Afterwards the action has started, or its failure to start is logged.
    async fn launch_action(
        &mut self,
        id: RequestId,
        start: &StartRequest,
        started: u64,
        env: ActionEnv,
    ) -> LoopControl {
        let plan = Arc::clone(&self.state.plan);
        let prev = self
            .state
            .action(&start.action)
            .and_then(|state| state.newest_run())
            .map(|action_run| action_run.prev);
        let watch = match (self.action_launcher(), plan.action(&start.action), prev) {
            (Some(launcher), Some(action), Some(prev)) => {
                let logged_start = LoggedStart { action: start.action.clone(), started, prev };
                let argv = action
                    .program
                    .as_ref()
                    .map(|program| program.argv_with_noted(start.dry_run, self.state.noted_replicas));
                launcher.launch(action, argv.unwrap_or_default(), logged_start, env).await
            }
            _ => Err(ActionResult::not_started("this run has no log")),
        };
        let control = match watch {
            Ok(watch) => {
                self.action_watch = Some(watch);
                self.publish();
                LoopControl::Continue
            }
            Err(result) => self.record_act(result.into_act(start.action.clone(), started)),
        };
        self.answer(id, Response::Done(started));
        control
    }

    /// Reports for everything that still waits for a key that nothing was logged.
    pub(super) fn reject_unsigned(&mut self) {
        for job in self.signing.cancel_all() {
            if let JobCompletion::Reply(id) | JobCompletion::LaunchAction(id, _) = job.completion {
                let why = "gonogo was stopped before it was signed; nothing was logged";
                self.answer(id, Response::Rejected(why.into()));
            }
        }
    }
}
