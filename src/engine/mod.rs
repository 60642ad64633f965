//! The engine: one loop that takes requests and results in one order, asks the rules, makes what they
//! say durable, and only then shows it.

mod acting;
mod action;
pub mod clock;
mod face;
mod keyring;
mod log;
mod opening;
mod rules;
mod scheduler;
pub mod supervisor;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use self::action::{Acted, Watching};
pub use self::face::Handle;
use self::face::{Face, accepted};
pub use self::keyring::Keyring;
pub use self::log::Log;
pub use self::opening::{
    History, OpenRunError, Opened, Opening, find_open, forgotten, history, host, open, reopen, unread_logs,
};
pub use self::rules::ByTheRules;
use self::scheduler::{Scheduler, Told};
use crate::checklist::{Point, Probe, ProbeKey};
use crate::journal::entry::{Event, MACHINE};
use crate::journal::file::AppendError;
use crate::journal::keys::Signer;
use crate::outcome::Class;
use crate::probe::{FingerprintKey, Given};
use crate::process::Permit;
use crate::run::{
    self, Act, Command, Judgement, Look, NumberedRequest, Refusal, Request, RequestId, Response, RunState,
    Update, Wanted, decide,
};
use crate::secret::SecretRef;
use crate::time::{Moment, Utc};

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
    /// way then are cancelled; nothing that was acknowledged is lost.
    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut clock = clock::Watch::new(clock::now());
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
                Going::Stopped => break Update::Stopped,
                Going::Broken(why) => break Update::Broken(why),
            }
        };
        self.scheduler.cancel_all();
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
                self.answer(id, accepted(any, || format!("{point} has no probe that can look now")));
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

    fn hear(&mut self, told: Told) -> Going {
        let Told::Ended { look, attempt, begun, took, outcome } = told else {
            if let Told::Try { probe, attempt, tries, so_far } = told {
                self.scheduler.tried(&probe, attempt, tries, so_far);
                self.publish();
            }
            return Going::On;
        };
        let newest = self.scheduler.newest(&look.probe);
        self.scheduler.ended(&look.probe, attempt, (!look.before).then_some(begun));
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let Wanted { probe, before } = look;
        let act = Act::Finish { probe, attempt, newest, before, took_ms, outcome };
        match self.carry_out(&Command::new(MACHINE, act)) {
            Err(NotDone::Log(broken @ AppendError::Broken { .. })) => {
                return Going::Broken(broken.to_string());
            }
            // A result that came too late, or after the seal, is dropped: it was never shown.
            Ok(_) | Err(_) => self.publish(),
        }
        Going::On
    }

    fn start_wanted(&mut self) {
        let now = clock::now();
        let running = &self.scheduler.live().running;
        let mut wanted = run::wanted(&self.state, &now);
        wanted.retain(|look| !running.contains_key(&look.probe));
        self.start(wanted, &now);
    }

    fn start(&mut self, looks: Vec<Wanted>, now: &Moment) -> bool {
        let any = !looks.is_empty();
        for look in looks {
            let known = self.state.probe(&look.probe).map_or(0, |probe| probe.looks);
            let given = self.given(&look.probe);
            self.scheduler.start(&self.state.plan, look, known, given, now);
        }
        if any {
            self.publish();
        }
        any
    }

    /// What a look is given of this run and the last sealed one.
    fn given(&self, key: &ProbeKey) -> Given {
        let since = self.state.plan.probe(key).and_then(|probe| probe.since.as_ref());
        let seen = since.and_then(|since| self.state.probe(since)?.latest.as_ref());
        let seen = seen.filter(|look| look.outcome.is_begun());
        // A look of an earlier process began so long before it was logged at least.
        let digest_of = self.state.plan.probe(key).and_then(|probe| probe.digest_of.as_ref());
        let begun = |look: &Look| look.at.wall.minus(Duration::from_millis(look.took_ms));
        let own = since.and_then(|since| self.scheduler.begun(since));
        let last = self.past.last.as_ref().and_then(|run| run.probe(key)?.latest.as_ref());
        Given {
            since: seen.map(|look| own.unwrap_or_else(|| begun(look))),
            digest: digest_of.map(|key| self.digest_seen(key)),
            opened: self.opened(),
            last: last.map(|look| Arc::clone(&look.outcome)),
            fingerprint: self.past.fingerprint.clone(),
        }
    }

    /// The digest that the newest look of a probe has seen.
    fn digest_seen(&self, key: &ProbeKey) -> Option<String> {
        self.state.probe(key)?.latest.as_ref()?.outcome.digest().map(str::to_owned)
    }

    /// When the run was opened, if it is one that is kept.
    fn opened(&self) -> Option<Utc> {
        matches!(self.log, Log::Durable(_)).then_some(self.state.opened.wall)
    }

    /// Starts every possible look that is meant, whether or not it is needed. Whether there was one.
    fn look_again(&mut self, is_meant: impl Fn(&Judgement, &Point, &Probe) -> bool) -> bool {
        let (state, now) = (Arc::clone(&self.state), clock::now());
        if !state.seals.is_empty() {
            return false;
        }
        let judgement = state.judge(&now);
        let probes =
            state.plan.points().flat_map(|point| point.probes.iter().map(move |probe| (point, probe)));
        let meant = probes.filter(|(point, probe)| is_meant(&judgement, point, probe));
        let looks = meant.filter_map(|(point, probe)| run::possible(&judgement, point, probe)).collect();
        self.start(looks, &now)
    }

    fn publish(&self) {
        self.face.publish(&self.state, self.scheduler.live());
    }

    fn say(&mut self, update: Update) {
        self.face.tell(update);
    }

    fn answer(&mut self, to: RequestId, answer: Response) {
        self.say(Update::Response(to, answer));
    }
}

fn is_troubled(judgement: &Judgement, point: &Point, probe: &Probe) -> bool {
    let state = judgement.state.point(&point.id).and_then(|state| state.probes.get(&probe.id));
    let latest = state.and_then(|state| state.latest.as_ref());
    judgement.is_stale(point, probe) || latest.is_none_or(|look| look.outcome.class != Class::Pass)
}

enum Going {
    On,
    Stopped,
    Broken(String),
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
