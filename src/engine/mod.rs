//! The engine: one loop that takes requests and results in one order, checks the rules, makes entries durable, and
//! publishes the state only after that.

mod action_launch;
mod action_watch;
mod actions;
pub mod clock;
mod face;
mod keyring;
mod log;
mod notifications;
mod opening;
mod probe_task;
mod probes;
mod recording;
mod rule_checker;
mod scheduler;
mod signing;
pub mod supervisor;
mod supervisor_launch;
mod system;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

use self::action_launch::ActionEvent;
use self::action_watch::WatchHandle;
pub use self::face::EngineHandle;
use self::face::{Face, accepted_or_rejected};
pub use self::keyring::Keyring;
pub use self::log::Log;
pub use self::notifications::Notifier;
pub use self::opening::{
    LastSealedRun, LogWarnings, NewRun, OpenRun, OpenRunError, ephemeral_run, execute_alone, find_open, host,
    last_sealed_run, log_warnings, open, reopen,
};
use self::probes::needs_rerun;
pub use self::rule_checker::RuleChecker;
use self::scheduler::{ProbeEvent, Scheduler};
use self::signing::{JobCompletion, SigningJob, SigningQueue};
use self::system::{HostSystem, System};
use crate::diagnostic;
use crate::probes::FingerprintKey;
use crate::process::Permit;
use crate::secret_store::Terminal;
use gonogo_core::checklist::Notify;
use gonogo_core::error::{ErrorKind, Failure, HasKind};
use gonogo_core::journal::entry::Event;
use gonogo_core::journal::file::AppendError;
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::marks::MarkError;
use gonogo_core::run::{
    Command, NumberedRequest, Rejection, Request, RequestId, Response, RunState, Update, decide,
};
use gonogo_core::secret::SecretRef;
use gonogo_core::time::Moment;

/// How often the engine checks for results that have become stale.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// Upper bound for preloading secrets before the first probe starts.
const SECRET_PRELOAD_TIMEOUT: Duration = Duration::from_secs(2);
/// How many requests and results may wait.
const QUEUE_CAPACITY: usize = 64;

/// A run in progress.
pub struct Engine {
    system: Arc<dyn System>,
    log: Log,
    state: Arc<RunState>,
    keys: Keyring,
    secrets: Vec<SecretRef>,
    previous_runs: PreviousRuns,
    scheduler: Scheduler,
    probe_events: mpsc::Receiver<ProbeEvent>,
    /// The channel of events from actions.
    action_events: (mpsc::Sender<ActionEvent>, mpsc::Receiver<ActionEvent>),
    /// The action that is being watched.
    action_watch: Option<WatchHandle>,
    /// The request for the action whose pre-flight checks are running.
    preparing_request: Option<RequestId>,
    /// Entries that wait for a signature.
    signing: SigningQueue,
    requests: mpsc::Receiver<NumberedRequest>,
    face: Face,
}

/// What the previous runs of this environment left.
#[derive(Clone, Debug, Default)]
pub struct PreviousRuns {
    /// The last sealed run.
    pub last_sealed: Option<Arc<RunState>>,
    /// The environment's key for fingerprints of secrets.
    pub fingerprint_key: Option<FingerprintKey>,
}

/// Why a command was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The rules reject it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The log cannot take it.
    #[error(transparent)]
    Log(#[from] AppendError),
    /// It would put a secret into the log.
    #[error("your text contains a secret ({0}); nothing was logged. Remove it")]
    ContainsSecret(String),
    /// The key that must sign it is not here.
    #[error("{0}'s key is not here; act on the machine that has it")]
    NoKey(String),
    /// Another entry was logged while the key was awaited.
    #[error(
        "the log changed while your key was awaited; nothing was logged. Check the current state and repeat it"
    )]
    LogChanged,
    /// The queue of the key is full.
    #[error(
        "a signature is still awaited, and the queue is full; nothing was logged. Touch or confirm the key, then repeat it"
    )]
    KeyAwaited,
    /// The system has no resources for a thread.
    #[error("cannot ask for a signature: {0}; nothing was logged")]
    NoThread(String),
    /// The start of an action could not be marked.
    #[error(transparent)]
    Mark(#[from] MarkError),
}

impl HasKind for ActError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Log(error) => error.kind(),
            Self::Mark(_) => ErrorKind::Io,
            Self::NoThread(_) => ErrorKind::Environment,
            Self::Rejected(_)
            | Self::ContainsSecret(_)
            | Self::NoKey(_)
            | Self::LogChanged
            | Self::KeyAwaited => ErrorKind::User,
        }
    }
}

impl Engine {
    /// Creates an engine for a run in this state, for the operators whose keys are here. Secrets of the plan and those
    /// of `secrets` are redacted in the log. Probes, secret commands and actions start programs with `permit`.
    #[must_use]
    pub fn new(
        log: Log,
        state: RunState,
        signers: Vec<Signer>,
        secrets: Vec<SecretRef>,
        permit: Permit,
    ) -> (Self, EngineHandle) {
        Self::with_system(Arc::new(HostSystem::default()), log, state, signers, secrets, permit)
    }

    /// Like [`Engine::new`], on another system.
    fn with_system(
        system: Arc<dyn System>,
        log: Log,
        state: RunState,
        signers: Vec<Signer>,
        secrets: Vec<SecretRef>,
        permit: Permit,
    ) -> (Self, EngineHandle) {
        let (probe_sender, probe_events) = mpsc::channel(QUEUE_CAPACITY);
        let (scheduler, state) = (Scheduler::new(probe_sender, permit, Arc::clone(&system)), Arc::new(state));
        diagnostic::redact_with(scheduler.secret_store());
        let keys = Keyring::default();
        for signer in signers {
            keys.add(signer);
        }
        let (face, requests, handle) = face::pair(&state, keys.clone());
        let (previous_runs, action_events) = (PreviousRuns::default(), mpsc::channel(QUEUE_CAPACITY));
        let (action_watch, preparing_request) = (None, None);
        let signing = SigningQueue::new(Arc::clone(&system));
        let engine = Self {
            system,
            log,
            state,
            keys,
            secrets,
            previous_runs,
            scheduler,
            probe_events,
            action_events,
            action_watch,
            preparing_request,
            signing,
            requests,
            face,
        };
        (engine, handle)
    }

    /// Adds what the previous runs left.
    #[must_use]
    pub fn with_previous_runs(mut self, previous_runs: PreviousRuns) -> Self {
        self.previous_runs = previous_runs;
        self
    }

    /// Sends notifications of this run. `join` is the command that joins it.
    #[must_use]
    pub fn notifier(&self, notify: Vec<Notify>, join: String) -> Notifier {
        Notifier { notify, join, secret_store: self.scheduler.secret_store().clone() }
    }

    /// Uses another program to supervise actions (`supervise`).
    #[must_use]
    pub fn with_supervisor(mut self, program: PathBuf) -> Self {
        self.system = Arc::new(HostSystem { supervisor: Some(program) });
        self
    }

    /// For use with a screen: secret commands get no terminal, because they would draw over the screen.
    #[must_use]
    pub fn with_screen(mut self) -> Self {
        self.scheduler.set_terminal(Terminal::Withheld);
        self
    }

    /// The current state of the run.
    #[must_use]
    pub fn state(&self) -> &Arc<RunState> {
        &self.state
    }

    /// Runs until it is asked to stop, all faces are gone, or the log fails. Running probes are cancelled then;
    /// nothing acknowledged is lost, and their changes are logged.
    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut clock = clock::ClockMonitor::new(self.now());
        info!(run = self.state.run, seq = self.state.seq, "engine started");
        self.publish();
        self.preload_secrets().await;
        self.attach_running_action();
        let mut recorded = self.record_unfinished();
        let last = loop {
            if let LoopControl::Fail(why) = std::mem::replace(&mut recorded, LoopControl::Continue) {
                break log_failure(why);
            }
            let control = tokio::select! {
                biased;
                () = self.face.send_backlog(), if self.face.has_backlog() => LoopControl::Continue,
                request = self.requests.recv(), if !self.face.is_backlog_full() => self.on_request(request).await,
                Some(signed) = self.signing.signatures.recv() => self.on_signature(signed).await,
                Some(event) = self.action_events.1.recv() => self.on_action_event(event).await,
                Some(event) = self.probe_events.recv() => self.queue_probe_event(event),
                _ = tick.tick() => {
                    clock.check(self.now()).into_iter().for_each(|jump| self.send(Update::Warning(jump)));
                    match self.start_next_jobs().await {
                        LoopControl::Continue => self.check_log(LoopControl::Continue),
                        other => other,
                    }
                }
            };
            match control {
                LoopControl::Continue => self.start_due_probes(),
                LoopControl::Stop => break self.shut_down().await,
                LoopControl::Fail(why) => break log_failure(why),
            }
        };
        self.scheduler.cancel_all().await;
        self.face.notify_last(last).await;
    }

    /// Done before the first probe and the first output: a secret that no probe has read yet can occur in another
    /// probe's output.
    fn preload_secrets(&self) -> impl Future<Output = ()> + use<> {
        let secrets = [self.secrets.clone(), self.state.plan.secrets()].concat();
        let secret_store = self.scheduler.secret_store().clone();
        async move {
            // A secret file may be a pipe without a writer.
            let _ = timeout(SECRET_PRELOAD_TIMEOUT, secret_store.preload(&secrets)).await;
        }
    }

    /// Checks the log, so that a log that was moved or deleted is reported before an entry is lost.
    fn check_log(&mut self, otherwise: LoopControl) -> LoopControl {
        self.log.check().map_or_else(|error| LoopControl::Fail(error.to_string()), |()| otherwise)
    }

    async fn on_request(&mut self, request: Option<NumberedRequest>) -> LoopControl {
        let Some(NumberedRequest { id, request }) = request else { return self.check_log(LoopControl::Stop) };
        match request {
            Request::Stop => return self.check_log(LoopControl::Stop),
            Request::Act(command) => {
                return self
                    .submit(SigningJob { command: *command, completion: JobCompletion::Reply(id) })
                    .await;
            }
            Request::ActWithoutReply(command) => {
                return self
                    .submit(SigningJob { command: *command, completion: JobCompletion::Nothing })
                    .await;
            }
            Request::RunAction { by, start } => self.prepare_action(id, by, *start),
            Request::RunProbes(point) => {
                let any = self.rerun_probes(|_, candidate, _| candidate.id == point);
                self.answer(id, accepted_or_rejected(any, || self.explain_no_rerun(&point)));
            }
            Request::RerunNeeded => {
                let any = self.rerun_probes(needs_rerun);
                self.answer(id, accepted_or_rejected(any, || "no result is wrong, missing or stale".into()));
            }
        }
        LoopControl::Continue
    }

    /// Checks the rules, appends the events, applies them. Returns the position of the last entry. Waits for the
    /// signing key.
    ///
    /// # Errors
    /// Why nothing was logged.
    pub fn execute(&mut self, command: &Command) -> Result<u64, ActError> {
        self.check_text(command)?;
        let now = self.now();
        for event in decide(&self.state, command.clone(), &now)? {
            let signer = self.signer_for(&command.by, &event)?;
            self.append(now.clone(), &command.by, event, signer.as_deref())?;
        }
        Ok(self.state.seq)
    }

    /// A person's text is signed as typed, so a secret in it is rejected, not redacted.
    fn check_text(&self, command: &Command) -> Result<(), ActError> {
        let mut redactions = BTreeMap::new();
        let text = command.act.free_text().unwrap_or_default();
        let _ = self.scheduler.secret_store().redactor().redact(text, &mut redactions);
        redactions.into_keys().next().map_or(Ok(()), |rule| Err(ActError::ContainsSecret(rule)))
    }

    /// The key that signs an event: the roster's key of this operator, or the one that they join with.
    fn signer_for(&self, by: &str, event: &Event) -> Result<Option<Arc<Signer>>, ActError> {
        if !event.needs_signature() || matches!(self.log, Log::Ephemeral(_)) {
            return Ok(None);
        }
        let public = match event {
            Event::Joined(event) => Some(&event.key),
            _ => self.state.operator(by).map(|operator| &operator.key),
        };
        let signer = public.and_then(|public| self.keys.find(by, public));
        signer.map(Some).ok_or_else(|| ActError::NoKey(by.to_owned()))
    }

    /// The current time.
    fn now(&self) -> Moment {
        self.system.now()
    }

    fn publish(&self) {
        self.face.publish(&self.state, self.scheduler.in_flight());
    }

    fn send(&mut self, update: Update) {
        if let Update::Warning(what) = &update {
            warn!("{what}");
        }
        self.face.notify(update);
    }

    fn answer(&mut self, to: RequestId, answer: Response) {
        self.send(Update::Response(to, answer));
    }
}

enum LoopControl {
    Continue,
    Stop,
    Fail(String),
}

/// The final update when the log takes no more entries; nothing else stops the engine.
fn log_failure(why: String) -> Update {
    Update::Failed(Failure::new(ErrorKind::Io, why))
}

/// 128 random bits in hex. Falls back to the clock and the process id if the system has no randomness; an id need not
/// be secret.
#[must_use]
pub fn random_id() -> String {
    let mut bytes = [0u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        let seed = format!("{:?} {}", std::time::SystemTime::now(), std::process::id());
        bytes.copy_from_slice(&gonogo_core::outcome::Sha256Hex::of(seed.as_bytes()).0[..16]);
    }
    base16ct::lower::encode_string(&bytes)
}
