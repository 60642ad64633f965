//! Opening a run, and going on with one that was left.

use std::path::{Path, PathBuf};

use super::{Log, NotDone, clock, random_id};
use crate::checklist::{Lock, Plan, Role};
use crate::error::{ErrorKind, HasKind};
use crate::journal::before::Before;
use crate::journal::chain::Chain;
use crate::journal::entry::{
    Enrolled, Entry, Event, MACHINE, Opened as OpenedEvent, Predecessor, PredecessorEnd, RULES,
};
use crate::journal::file::{AppendError, Journal, OpenJournalError, Reopened};
use crate::journal::keys::Signer;
use crate::journal::raw::{self, RawLog};
use crate::journal::store::{Store, StoreError, peek};
use crate::outcome::Sha256Hex;
use crate::run::{Act, Command, RunState};

/// What a new run is opened with.
pub struct Opening {
    /// What it is judged by.
    pub plan: Plan,
    /// What its checklist holds fast.
    pub lock: Lock,
    /// SHA-256 of the profile file.
    pub profile_sha256: Sha256Hex,
    /// The commit that the release tag names, where known.
    pub commit: Option<String>,
    /// What the person who opens it does.
    pub role: Role,
}

/// A run that is open for writing.
pub struct Opened {
    /// Its log.
    pub journal: Journal,
    /// Its state.
    pub state: RunState,
    /// What must be put on record first.
    pub first: Vec<Command>,
}

/// Why a run cannot be opened or gone on with.
#[derive(Debug, thiserror::Error)]
pub enum OpenRunError {
    /// The log cannot be opened.
    #[error(transparent)]
    Journal(#[from] OpenJournalError),
    /// The directory of logs cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first entry cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What comes first cannot be done.
    #[error(transparent)]
    First(#[from] NotDone),
    /// The same name with another key.
    #[error("{0} takes part in this run with another key; act with that one, or under another name")]
    OtherKey(String),
    /// The log begins with something else.
    #[error("{path}: the log does not begin with an opened entry", path = .0.display())]
    NotARun(PathBuf),
}

impl HasKind for OpenRunError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Journal(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Append(error) => error.kind(),
            Self::First(error) => error.kind(),
            Self::OtherKey(_) => ErrorKind::User,
            Self::NotARun(_) => ErrorKind::Io,
        }
    }
}

/// The newest run of an environment that is not sealed, if there is one.
///
/// # Errors
/// When the logs cannot be read.
pub fn find_open(store: &Store, environment: &str) -> Result<Option<(PathBuf, RunState)>, StoreError> {
    for path in store.logs(environment)?.into_iter().rev() {
        match RunState::fold(&peek(&path)?) {
            Some(state) if state.is_sealed() => return Ok(None),
            Some(state) => return Ok(Some((path, state))),
            // A log of another version is never resumed, and does not keep a new run from opening.
            None if is_of_another_version(&path)? => return Ok(None),
            // Nothing was acknowledged in a log without a first entry.
            None => {}
        }
    }
    Ok(None)
}

/// A log that cannot be read as a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadLog {
    /// Where it is.
    pub path: PathBuf,
    /// Why it cannot be read.
    pub why: String,
    /// Whether it is whole, and only of another version.
    pub is_of_another_version: bool,
}

/// The logs of an environment that cannot be read and are newer than the newest one that can.
///
/// # Errors
/// When a file cannot be read at all.
pub fn unread_logs(store: &Store, environment: &str) -> Result<Vec<UnreadLog>, StoreError> {
    let mut unread = Vec::new();
    for path in store.logs(environment)?.into_iter().rev() {
        if !peek(&path)?.is_empty() {
            break;
        }
        // An empty file is what a crash leaves before anything was acknowledged.
        unread.extend(raw::why_unread(&path)?.map(|(why, is_of_another_version)| UnreadLog {
            path,
            why,
            is_of_another_version,
        }));
    }
    Ok(unread)
}

fn is_of_another_version(path: &Path) -> Result<bool, StoreError> {
    Ok(RawLog::read(path)?.is_some_and(|log| log.other_rules.is_some()))
}

/// Opens a new run. The caller holds the environment.
///
/// # Errors
/// Why it cannot be opened.
pub fn open(store: &Store, opening: Opening, signer: &Signer) -> Result<Opened, OpenRunError> {
    let now = clock::now();
    let run = random_id();
    let predecessor = predecessor(store, &opening.plan.environment)?;
    let path = store.path_of(&opening.plan.environment, now.wall, &run);
    let mut journal = Journal::create(store, &path, Chain::new(run))?;
    let event = opened_event(opening, predecessor, signer);
    let entry = match journal.append(now, &signer.principal, event, Some(signer)) {
        Ok(entry) => entry,
        Err(why) => {
            journal.discard();
            return Err(why.into());
        }
    };
    Ok(Opened { journal, state: state_of(&[entry], &path)?, first: Vec::new() })
}

/// Goes on with a run. What must be put on record first (what was recovered, that it is resumed, that
/// somebody joins) is in `first`.
///
/// # Errors
/// Why it cannot be gone on with.
pub fn reopen(store: &Store, path: &Path, signer: &Signer, role: Role) -> Result<Opened, OpenRunError> {
    let Reopened { journal, entries, torn, in_doubt } = Journal::reopen(store, path)?;
    let state = state_of(&entries, path)?;
    let mut first = Vec::new();
    if !state.is_sealed() && state.seals.is_empty() {
        if torn.is_some() || in_doubt.is_some() {
            first.push(Command::new(MACHINE, Act::Recover { torn, in_doubt }));
        }
        let resume = Act::Resume { gonogo: version(), host: host() };
        first.push(Command::new(MACHINE, resume));
        first.extend(join(&state, signer, role)?);
    }
    Ok(Opened { journal, state, first })
}

fn join(state: &RunState, signer: &Signer, role: Role) -> Result<Option<Command>, OpenRunError> {
    match state.operator(&signer.principal) {
        Some(known) if known.key == signer.public => Ok(None),
        Some(known) => Err(OpenRunError::OtherKey(known.principal.clone())),
        None => {
            let (principal, key) = (signer.principal.clone(), signer.public.clone());
            // Before anything is put on record: who cannot take part leaves no entry.
            state.may_enrol(&Enrolled { principal, key, role }).map_err(NotDone::from)?;
            let join = Act::Join { key: signer.public.clone(), role };
            Ok(Some(Command::new(signer.principal.clone(), join)))
        }
    }
}

/// What there was before a run in its environment.
#[derive(Debug, Default)]
pub struct History {
    /// The newest sealed run, as its log has it; nobody has verified that.
    pub sealed: Option<RunState>,
    /// What is wrong with the log of the run before.
    pub trouble: Option<String>,
}

/// Looks back from a run.
///
/// # Errors
/// When the logs cannot be read.
pub fn history(store: &Store, state: &RunState) -> Result<History, StoreError> {
    let logs = store.logs(&state.plan.environment)?;
    let trouble = state.predecessor.as_ref().and_then(|run| Before::among(&logs, run).trouble(run));
    let mut sealed = None;
    for path in logs.iter().rev() {
        sealed = RunState::fold(&peek(path)?).filter(|run| run.run != state.run && run.is_sealed());
        if sealed.is_some() {
            break;
        }
    }
    Ok(History { sealed, trouble })
}

/// A run that is written nowhere, for a look that leaves nothing behind.
///
/// # Errors
/// When the plan is too large for an entry.
pub fn forgotten(plan: Plan) -> Result<(Log, RunState), OpenRunError> {
    let chain = Chain::new(random_id());
    let event = OpenedEvent {
        rules: RULES,
        plan_sha256: plan.digest(),
        plan,
        edition: Lock::default().edition(),
        lock: Lock::default(),
        roster: Vec::new(),
        previous_run: None,
        commit: None,
        gonogo: version(),
        host: host(),
        profile_sha256: Sha256Hex::ZERO,
    };
    let (entry, _) = chain.link(clock::now(), MACHINE, event.into(), None).map_err(AppendError::from)?;
    let log = Log::Forgotten(Chain::after(&entry));
    Ok((log, state_of(&[entry], Path::new("-"))?))
}

fn opened_event(opening: Opening, previous_run: Option<Predecessor>, signer: &Signer) -> Event {
    let operator =
        Enrolled { principal: signer.principal.clone(), key: signer.public.clone(), role: opening.role };
    OpenedEvent {
        rules: RULES,
        plan_sha256: opening.plan.digest(),
        plan: opening.plan,
        edition: opening.lock.edition(),
        lock: opening.lock,
        roster: vec![operator],
        previous_run,
        commit: opening.commit,
        gonogo: version(),
        host: host(),
        profile_sha256: opening.profile_sha256,
    }
    .into()
}

fn predecessor(store: &Store, environment: &str) -> Result<Option<Predecessor>, StoreError> {
    for path in store.logs(environment)?.into_iter().rev() {
        if let Some(state) = RunState::fold(&peek(&path)?) {
            let ended = if state.is_sealed() { PredecessorEnd::Sealed } else { PredecessorEnd::Open };
            return Ok(Some(Predecessor { run: state.run, seq: state.seq, head: state.head, ended }));
        }
        if let Some(RawLog { run, seq, head, other_rules: Some(_) }) = RawLog::read(&path)? {
            return Ok(Some(Predecessor { run, seq, head, ended: PredecessorEnd::OtherVersion }));
        }
    }
    Ok(None)
}

fn state_of(entries: &[Entry], path: &Path) -> Result<RunState, OpenRunError> {
    RunState::fold(entries).ok_or_else(|| OpenRunError::NotARun(path.to_owned()))
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// This host's name.
#[must_use]
pub fn host() -> String {
    let name = rustix::system::uname();
    crate::text::line(&name.nodename().to_string_lossy())
}
