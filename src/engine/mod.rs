//! The engine: one loop that takes requests and results in one order, asks the rules, makes what they
//! say durable, and only then shows it.

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

/// How often it looks for results that have become stale.
const TICK: Duration = Duration::from_secs(1);
/// How long the secrets may keep the run from beginning.
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
    /// What the tasks of actions tell, and their end of it.
    acted: (mpsc::Sender<Acted>, mpsc::Receiver<Acted>),
    /// The action that is watched.
    watching: Option<Watching>,
    /// Who asked for the action that is being checked before it begins.
    preparing: Option<RequestId>,
    /// What waits for somebody's key.
    signing: Signing,
    requests: mpsc::Receiver<NumberedRequest>,
    face: Face,
}

/// What the runs before this one in its environment have left.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The last sealed one.
    pub last: Option<Arc<RunState>>,
    /// The environment's key for fingerprints of secrets.
    pub fingerprint: Option<FingerprintKey>,
}

/// Why something asked for was not done.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The log says no.
    #[error(transparent)]
    Log(#[from] AppendError),
    /// It would put a secret into the log.
    #[error("your words hold a secret ({0}); nothing was logged. Say it without")]
    Secret(String),
    /// It would have to be signed by somebody whose key is not here.
    #[error("{0} has no key here; they act where their key is")]
    NoKey(String),
    /// Another entry came before it while its key was waited for.
    #[error(
        "the run went on while your key was waited for, and nothing was logged. See how it stands now, and do it again"
    )]
    WentOn,
    /// Too much waits for a key already.
    #[error(
        "a key is still waited for, and much waits behind it; nothing was logged. Touch or confirm the key, and do it again"
    )]
    KeyAwaited,
    /// The system has no room.
    #[error("cannot ask for a signature: {0}; nothing was logged")]
    NoThread(String),
    /// It could not be marked that an action begins.
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
    /// An engine for a run in this state, for the operators whose keys are here. Beside the plan's secrets,
    /// it keeps those of `secrets` out of the log. Probes, secrets and actions start programs with `permit`.
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

    /// The same, on another machine.
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

    /// The same, with what the runs before this one have left.
    #[must_use]
    pub fn after(mut self, past: Past) -> Self {
        self.past = past;
        self
    }

    /// The same, with another program in place of this one that supervises actions (`supervise`).
    #[must_use]
    pub fn supervised_by(mut self, program: PathBuf) -> Self {
        self.system = Arc::new(Machine { supervisor: Some(program) });
        self
    }

    /// The same, beside a screen: programs that print secrets get no terminal, on which they would draw over it.
    #[must_use]
    pub fn beside_a_screen(mut self) -> Self {
        self.scheduler.ask_on(Terminal::Withheld);
        self
    }

    /// The run as it stands.
    #[must_use]
    pub fn state(&self) -> &Arc<RunState> {
        &self.state
    }

    /// Runs until it is asked to stop, nobody listens any more, or the log breaks. Probes that are under
    /// way then are cancelled; nothing that was acknowledged is lost, and what they have changed is logged.
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

    /// Before the first look and the first word: what a probe has not read yet can be in another's answer.
    fn learn_secrets(&self) -> impl Future<Output = ()> + use<> {
        let secrets = [self.secrets.clone(), self.state.plan.secrets()].concat();
        let keeper = self.scheduler.keeper().clone();
        async move {
            // A file may be a pipe that nobody writes to.
            let _ = timeout(LEARNING, keeper.learn(&secrets)).await;
        }
    }

    /// A log that was moved away or deleted is told at once, not when something is lost.
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

    /// Asks the rules, makes what they say durable, takes it in. Gives the position of the last entry. Waits for the key
    /// that signs.
    ///
    /// # Errors
    /// Why nothing was done.
    pub fn carry_out(&mut self, command: &Command) -> Result<u64, NotDone> {
        self.check_words(command)?;
        let now = self.now();
        for event in decide(&self.state, command.clone(), &now)? {
            let signer = self.signer_for(&command.by, &event)?;
            self.append(now.clone(), &command.by, event, signer.as_deref())?;
        }
        Ok(self.state.seq)
    }

    /// What a person types is signed as it was typed, so a secret in it is refused rather than taken out.
    fn check_words(&self, command: &Command) -> Result<(), NotDone> {
        let mut found = BTreeMap::new();
        let words = command.act.words().unwrap_or_default();
        let _ = self.scheduler.keeper().redactor().clean(words, &mut found);
        found.into_keys().next().map_or(Ok(()), |rule| Err(NotDone::Secret(rule)))
    }

    /// The key that signs an event: the one that the run has for this person, or that they join with.
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

    /// What the clocks say.
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

/// What is told last when the log takes no more: nothing else stops the engine.
fn broken(why: String) -> Update {
    Update::Broken(Failure::new(ErrorKind::Io, why))
}

/// 128 random bits in hex. Falls back to clock and process id where the system has no
/// randomness; an id need not be secret.
#[must_use]
pub fn random_id() -> String {
    let mut bytes = [0u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        let seed = format!("{:?} {}", std::time::SystemTime::now(), std::process::id());
        bytes.copy_from_slice(&crate::outcome::Sha256Hex::of(seed.as_bytes()).0[..16]);
    }
    base16ct::lower::encode_string(&bytes)
}
