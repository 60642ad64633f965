//! The engine: one loop that takes requests and results in one order, checks the rules, makes entries durable, and
//! publishes the state only after that.

mod acting;
mod action;
pub mod clock;
mod face;
mod hand_over;
mod keyring;
mod log;
mod opening;
mod probe_run;
mod probing;
mod recording;
mod rules;
mod scheduler;
mod signing;
pub mod supervisor;
mod system;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

use self::action::Acted;
pub use self::face::Handle;
use self::face::{Face, accepted};
pub use self::keyring::Keyring;
pub use self::log::Log;
pub use self::opening::{
    Doubtful, History, OpenRunError, Opened, Opening, carry_out_alone, doubtful, find_open, forgotten,
    history, host, open, reopen,
};
use self::probing::is_troubled;
pub use self::rules::ByTheRules;
use self::scheduler::{Scheduler, Told};
use self::signing::{Job, Signing, Then};
use self::system::{Machine, System};
use self::watch::Watching;
use crate::diagnostic;
use crate::error::{ErrorKind, Failure, HasKind};
use crate::journal::entry::Event;
use crate::journal::file::AppendError;
use crate::journal::keys::Signer;
use crate::journal::marks::MarkError;
use crate::probe::FingerprintKey;
use crate::process::Permit;
use crate::run::{Command, NumberedRequest, Refusal, Request, RequestId, Response, RunState, Update, decide};
use crate::secret::{SecretRef, Terminal};
use crate::time::Moment;

/// How often the engine checks for results that have become stale.
const TICK: Duration = Duration::from_secs(1);
/// Upper bound for preloading secrets before the first probe starts.
const LEARNING: Duration = Duration::from_secs(2);
/// How many requests and results may wait.
const QUEUE: usize = 64;

/// A run in progress.
pub struct Engine {
    system: Arc<dyn System>,
    log: Log,
    state: Arc<RunState>,
    keys: Keyring,
    secrets: Vec<SecretRef>,
    past: Past,
    scheduler: Scheduler,
    told: mpsc::Receiver<Told>,
    /// The channel of events from actions.
    acted: (mpsc::Sender<Acted>, mpsc::Receiver<Acted>),
    /// The action that is being watched.
    watching: Option<Watching>,
    /// The request for the action whose pre-flight checks are running.
    preparing: Option<RequestId>,
    /// Entries that wait for a signature.
    signing: Signing,
    requests: mpsc::Receiver<NumberedRequest>,
    face: Face,
}

/// What the previous runs of this environment left.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The last sealed run.
    pub last: Option<Arc<RunState>>,
    /// The environment's key for fingerprints of secrets.
    pub fingerprint: Option<FingerprintKey>,
}

/// Why a command was not executed.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// The rules reject it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The log cannot take it.
    #[error(transparent)]
    Log(#[from] AppendError),
    /// It would put a secret into the log.
    #[error("your text contains a secret ({0}); nothing was logged. Remove it")]
    Secret(String),
    /// The key that must sign it is not here.
    #[error("{0}'s key is not here; act on the machine that has it")]
    NoKey(String),
    /// Another entry was logged while the key was awaited.
    #[error(
        "the log changed while your key was awaited; nothing was logged. Check the current state and repeat it"
    )]
    WentOn,
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

impl HasKind for NotDone {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Log(error) => error.kind(),
            Self::Mark(_) => ErrorKind::Io,
            Self::NoThread(_) => ErrorKind::Environment,
            Self::Refused(_) | Self::Secret(_) | Self::NoKey(_) | Self::WentOn | Self::KeyAwaited => {
                ErrorKind::User
            }
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
    ) -> (Self, Handle) {
        Self::on(Arc::new(Machine::default()), log, state, signers, secrets, permit)
    }

    /// Like [`Engine::new`], on another system.
    fn on(
        system: Arc<dyn System>,
        log: Log,
        state: RunState,
        signers: Vec<Signer>,
        secrets: Vec<SecretRef>,
        permit: Permit,
    ) -> (Self, Handle) {
        let (tell, told) = mpsc::channel(QUEUE);
        let (scheduler, state) = (Scheduler::new(tell, permit, Arc::clone(&system)), Arc::new(state));
        diagnostic::redact_with(scheduler.keeper());
        let keys = Keyring::default();
        for signer in signers {
            keys.add(signer);
        }
        let (face, requests, handle) = face::pair(&state, keys.clone());
        let (past, acted) = (Past::default(), mpsc::channel(QUEUE));
        let (watching, preparing) = (None, None);
        let signing = Signing::new(Arc::clone(&system));
        let engine = Self {
            system,
            log,
            state,
            keys,
            secrets,
            past,
            scheduler,
            told,
            acted,
            watching,
            preparing,
            signing,
            requests,
            face,
        };
        (engine, handle)
    }

    /// Adds what the previous runs left.
    #[must_use]
    pub fn after(mut self, past: Past) -> Self {
        self.past = past;
        self
    }

    /// Uses another program to supervise actions (`supervise`).
    #[must_use]
    pub fn supervised_by(mut self, program: PathBuf) -> Self {
        self.system = Arc::new(Machine { supervisor: Some(program) });
        self
    }

    /// For use with a screen: secret commands get no terminal, because they would draw over the screen.
    #[must_use]
    pub fn beside_a_screen(mut self) -> Self {
        self.scheduler.ask_on(Terminal::Withheld);
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
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut clock = clock::Watch::new(self.now());
        info!(run = self.state.run, seq = self.state.seq, "engine started");
        self.publish();
        self.learn_secrets().await;
        self.attach();
        let mut recorded = self.record_unfinished();
        let last = loop {
            if let Going::Broken(why) = std::mem::replace(&mut recorded, Going::On) {
                break broken(why);
            }
            let going = tokio::select! {
                biased;
                () = self.face.send_waiting(), if self.face.has_waiting() => Going::On,
                request = self.requests.recv(), if !self.face.is_behind() => self.serve(request).await,
                Some(signed) = self.signing.told.recv() => self.signed(signed).await,
                Some(acted) = self.acted.1.recv() => self.acted(acted).await,
                Some(told) = self.told.recv() => self.hear_or_hold(told),
                _ = tick.tick() => {
                    clock.look(self.now()).into_iter().for_each(|jump| self.say(Update::Warned(jump)));
                    match self.next_jobs().await {
                        Going::On => self.check_log(Going::On),
                        other => other,
                    }
                }
            };
            match going {
                Going::On => self.start_wanted(),
                Going::Stopped => break self.leave().await,
                Going::Broken(why) => break broken(why),
            }
        };
        self.scheduler.cancel_all().await;
        self.face.tell_last(last).await;
    }

    /// Done before the first probe and the first output: a secret that no probe has read yet can occur in another
    /// probe's output.
    fn learn_secrets(&self) -> impl Future<Output = ()> + use<> {
        let secrets = [self.secrets.clone(), self.state.plan.secrets()].concat();
        let keeper = self.scheduler.keeper().clone();
        async move {
            // A secret file may be a pipe that nobody writes to.
            let _ = timeout(LEARNING, keeper.learn(&secrets)).await;
        }
    }

    /// Checks the log, so that a log that was moved or deleted is reported before an entry is lost.
    fn check_log(&mut self, otherwise: Going) -> Going {
        self.log.check().map_or_else(|gone| Going::Broken(gone.to_string()), |()| otherwise)
    }

    async fn serve(&mut self, asked: Option<NumberedRequest>) -> Going {
        let Some(NumberedRequest { id, request }) = asked else { return self.check_log(Going::Stopped) };
        match request {
            Request::Stop => return self.check_log(Going::Stopped),
            Request::Act(command) => {
                return self.submit(Job { command: *command, then: Then::Answer(id) }).await;
            }
            Request::Aside(command) => {
                return self.submit(Job { command: *command, then: Then::Nothing }).await;
            }
            Request::Run { by, start } => self.prepare(id, by, *start),
            Request::Probe(point) => {
                let any = self.look_again(|_, found, _| found.id == point);
                self.answer(id, accepted(any, || self.why_not_again(&point)));
            }
            Request::ProbeTroubled => {
                let any = self.look_again(is_troubled);
                self.answer(id, accepted(any, || "no result is wrong, missing or stale".into()));
            }
        }
        Going::On
    }

    /// Checks the rules, appends the events, applies them. Returns the position of the last entry. Waits for the
    /// signing key.
    ///
    /// # Errors
    /// Why nothing was logged.
    pub fn carry_out(&mut self, command: &Command) -> Result<u64, NotDone> {
        self.check_words(command)?;
        let now = self.now();
        for event in decide(&self.state, command.clone(), &now)? {
            let signer = self.signer_for(&command.by, &event)?;
            self.append(now.clone(), &command.by, event, signer.as_deref())?;
        }
        Ok(self.state.seq)
    }

    /// A person's text is signed as typed, so a secret in it is rejected, not redacted.
    fn check_words(&self, command: &Command) -> Result<(), NotDone> {
        let mut found = BTreeMap::new();
        let words = command.act.words().unwrap_or_default();
        let _ = self.scheduler.keeper().redactor().clean(words, &mut found);
        found.into_keys().next().map_or(Ok(()), |rule| Err(NotDone::Secret(rule)))
    }

    /// The key that signs an event: the roster's key of this operator, or the one that they join with.
    fn signer_for(&self, by: &str, event: &Event) -> Result<Option<Arc<Signer>>, NotDone> {
        if !event.is_act() || matches!(self.log, Log::Forgotten(_)) {
            return Ok(None);
        }
        let public = match event {
            Event::Joined(event) => Some(&event.key),
            _ => self.state.operator(by).map(|operator| &operator.key),
        };
        let found = public.and_then(|public| self.keys.find(by, public));
        found.map(Some).ok_or_else(|| NotDone::NoKey(by.to_owned()))
    }

    /// The current time.
    fn now(&self) -> Moment {
        self.system.now()
    }

    fn publish(&self) {
        self.face.publish(&self.state, self.scheduler.live());
    }

    fn say(&mut self, update: Update) {
        if let Update::Warned(what) = &update {
            warn!("{what}");
        }
        self.face.tell(update);
    }

    fn answer(&mut self, to: RequestId, answer: Response) {
        self.say(Update::Response(to, answer));
    }
}

enum Going {
    On,
    Stopped,
    Broken(String),
}

/// The final update when the log takes no more entries; nothing else stops the engine.
fn broken(why: String) -> Update {
    Update::Broken(Failure::new(ErrorKind::Io, why))
}

/// 128 random bits in hex. Falls back to the clock and the process id if the system has no randomness; an id need not
/// be secret.
#[must_use]
pub fn random_id() -> String {
    let mut bytes = [0u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        let seed = format!("{:?} {}", std::time::SystemTime::now(), std::process::id());
        bytes.copy_from_slice(&crate::outcome::Sha256Hex::of(seed.as_bytes()).0[..16]);
    }
    base16ct::lower::encode_string(&bytes)
}
