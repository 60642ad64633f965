//! The engine: one loop that takes requests and results in one order, asks the rules, makes what they
//! say durable, and only then shows it.

mod acting;
mod action;
pub mod clock;
mod face;
mod keyring;
mod log;
mod opening;
mod probe_run;
mod probing;
mod rules;
mod scheduler;
pub mod supervisor;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{info, warn};

use self::action::{Acted, Watching};
pub use self::face::Handle;
use self::face::{Face, accepted};
pub use self::keyring::Keyring;
pub use self::log::Log;
pub use self::opening::{
    History, OpenRunError, Opened, Opening, find_open, forgotten, history, host, open, reopen, unread_logs,
};
use self::probing::is_troubled;
pub use self::rules::ByTheRules;
use self::scheduler::{Scheduler, Told};
use crate::diagnostic;
use crate::error::{ErrorKind, Failure, HasKind};
use crate::journal::entry::Event;
use crate::journal::file::AppendError;
use crate::journal::keys::Signer;
use crate::probe::FingerprintKey;
use crate::process::Permit;
use crate::run::{Command, NumberedRequest, Refusal, Request, RequestId, Response, RunState, Update, decide};
use crate::secret::SecretRef;

/// How often it looks for results that have become stale.
const TICK: Duration = Duration::from_secs(1);
/// How long the secrets may keep the run from beginning.
const LEARNING: Duration = Duration::from_secs(2);
/// How many requests and results may wait.
const QUEUE: usize = 64;

/// A run in progress.
pub struct Engine {
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
}

impl HasKind for NotDone {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Log(error) => error.kind(),
            Self::Refused(_) | Self::Secret(_) | Self::NoKey(_) => ErrorKind::User,
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
        let (tell, told) = mpsc::channel(QUEUE);
        let (scheduler, state) = (Scheduler::new(tell, permit), Arc::new(state));
        diagnostic::redact_with(scheduler.keeper());
        let keys = Keyring::default();
        for signer in signers {
            keys.add(signer);
        }
        let (face, requests, handle) = face::pair(&state, keys.clone());
        let (past, acted) = (Past::default(), mpsc::channel(QUEUE));
        let (watching, preparing) = (None, None);
        let engine = Self {
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
        let mut clock = clock::Watch::new(clock::now());
        info!(run = self.state.run, seq = self.state.seq, "engine started");
        self.publish();
        self.learn_secrets().await;
        self.attach();
        let last = loop {
            let going = tokio::select! {
                biased;
                () = self.face.send_waiting(), if self.face.has_waiting() => Going::On,
                request = self.requests.recv(), if !self.face.is_behind() => self.serve(request),
                Some(acted) = self.acted.1.recv() => self.acted(acted),
                Some(told) = self.told.recv() => self.hear(told),
                _ = tick.tick() => {
                    clock.look(clock::now()).into_iter().for_each(|jump| self.say(Update::Warned(jump)));
                    self.check_log(Going::On)
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

    fn serve(&mut self, asked: Option<NumberedRequest>) -> Going {
        let Some(NumberedRequest { id, request }) = asked else { return self.check_log(Going::Stopped) };
        match request {
            Request::Stop => return self.check_log(Going::Stopped),
            Request::Act(command) => return self.act(id, &command),
            Request::Aside(command) => return self.act_aside(&command),
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

    fn act(&mut self, id: RequestId, command: &Command) -> Going {
        match self.carry_out(command) {
            Ok(seq) => {
                self.stop_if_asked();
                self.publish();
                self.answer(id, Response::Done(seq));
                Going::On
            }
            Err(NotDone::Log(broken @ AppendError::Broken { .. })) => Going::Broken(broken.to_string()),
            Err(refused) => {
                self.answer(id, Response::Refused(refused.to_string()));
                Going::On
            }
        }
    }

    /// The same, without an answer; the log breaking is told all the same.
    fn act_aside(&mut self, command: &Command) -> Going {
        if let Err(NotDone::Log(broken @ AppendError::Broken { .. })) = self.carry_out(command) {
            return Going::Broken(broken.to_string());
        }
        // Who is refused has not done anything, and nobody waits for them.
        self.publish();
        Going::On
    }

    /// Asks the rules, makes what they say durable, takes it in. Gives the position of the last entry.
    ///
    /// # Errors
    /// Why nothing was done.
    pub fn carry_out(&mut self, command: &Command) -> Result<u64, NotDone> {
        self.check_words(command)?;
        let now = clock::now();
        for event in decide(&self.state, command.clone(), &now)? {
            let signer = self.signer_for(&command.by, &event)?;
            let entry = self.log.append(now.clone(), &command.by, event, signer.as_deref())?;
            Arc::make_mut(&mut self.state).apply(&entry);
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
