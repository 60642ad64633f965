//! Opening a run, and resuming one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{ActError, Log, action_watch, clock, random_id};
use gonogo_core::checklist::{Lock, Plan, Role};
use gonogo_core::error::{ErrorKind, HasKind};
use gonogo_core::journal::chain::{Chain, LinkError};
use gonogo_core::journal::entry::{
    EnrolledOperator, Entry, Event, MACHINE, Opened as OpenedEvent, Predecessor, PredecessorState, RULES,
    UnsupportedRules,
};
use gonogo_core::journal::file::{AppendError, Journal, OpenJournalError, Reopened};
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::lock_owner::{self, LockOwner, LockOwnerFile};
use gonogo_core::journal::predecessor::PredecessorLog;
use gonogo_core::journal::raw::RawLog;
use gonogo_core::journal::run_order::{DamagedLog, LinkedLog, SortedLogs};
use gonogo_core::journal::store::{LogStore, StoreError, read_unverified};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::run::{Act, Command, RunState, decide};

/// What a new run is opened with.
pub struct NewRun {
    /// The plan.
    pub plan: Plan,
    /// The fixed parts of its checklist.
    pub lock: Lock,
    /// SHA-256 of the profile file.
    pub profile_sha256: Sha256Hex,
    /// The commit of the release tag, if known.
    pub commit: Option<String>,
    /// The role of the operator who opens it.
    pub role: Role,
}

/// A run that is open for writing.
pub struct OpenRun {
    /// Its log.
    pub journal: Journal,
    /// Its state.
    pub state: RunState,
    /// What must be logged first.
    pub first_commands: Vec<Command>,
    /// The record that this process owns the log.
    pub lock_owner: LockOwnerFile,
}

/// Why a run cannot be opened or resumed.
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
    /// The first commands cannot be executed.
    #[error(transparent)]
    FirstCommand(#[from] ActError),
    /// The operator has another key in this run.
    #[error("{0} has another key in this run; use that key, or another name")]
    OtherKey(String),
    /// The log does not start with an `opened` entry.
    #[error("{path}: the log does not begin with an opened entry", path = .0.display())]
    NotARun(PathBuf),
}

impl HasKind for OpenRunError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Journal(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Append(error) => error.kind(),
            Self::FirstCommand(error) => error.kind(),
            Self::OtherKey(_) => ErrorKind::User,
            Self::NotARun(_) => ErrorKind::Io,
        }
    }
}

/// The newest run of an environment, if it is still open.
///
/// # Errors
/// When the logs cannot be read.
pub fn find_open(store: &LogStore, environment: &str) -> Result<Option<(PathBuf, RunState)>, StoreError> {
    let newest = sorted_logs(store, environment)?.runs.pop();
    // A log of another version is never resumed, but a new run can be opened.
    let Some(LinkedLog { path, other_rules: None, .. }) = newest else { return Ok(None) };
    let state = RunState::fold(&read_unverified(&path)?);
    Ok(state.filter(|state| !state.is_ended()).map(|state| (path, state)))
}

/// What must be reported about an environment's logs before a run is opened or resumed.
#[derive(Debug, Default)]
pub struct LogWarnings {
    /// Logs that cannot be read.
    pub damaged: Vec<DamagedLog>,
    /// The newest log, if it is of another version.
    pub other_version: Option<(PathBuf, UnsupportedRules)>,
    /// Other open runs that no later run follows.
    pub also_open: Vec<(PathBuf, RunState)>,
}

/// What must be reported about an environment's logs.
///
/// # Errors
/// When a file cannot be read.
pub fn log_warnings(store: &LogStore, environment: &str) -> Result<LogWarnings, StoreError> {
    let SortedLogs { mut runs, mut damaged, empty } = sorted_logs(store, environment)?;
    for path in empty {
        if let Some(last) = store.head_of_log(&path)? {
            damaged.push(DamagedLog::missing_entries(path, last.seq));
        }
    }
    let followed: BTreeSet<String> = runs.iter().filter_map(|log| log.link.previous.clone()).collect();
    let newest = runs.pop();
    let mut also_open = Vec::new();
    for log in runs.into_iter().filter(|log| log.other_rules.is_none() && !followed.contains(&log.link.run)) {
        let state = RunState::fold(&read_unverified(&log.path)?).filter(|state| !state.is_ended());
        also_open.extend(state.map(|state| (log.path, state)));
    }
    let other_version = newest.and_then(|log| Some((log.path, log.other_rules?)));
    Ok(LogWarnings { damaged, other_version, also_open })
}

fn sorted_logs(store: &LogStore, environment: &str) -> Result<SortedLogs, StoreError> {
    SortedLogs::sort(&store.logs(environment)?)
}

/// Opens a new run. The caller holds the environment's lock.
///
/// # Errors
/// Why it cannot be opened.
pub fn open(store: &LogStore, opening: NewRun, signer: &Signer) -> Result<OpenRun, OpenRunError> {
    let now = clock::now();
    let run = random_id();
    let predecessor = predecessor(store, &opening.plan.environment)?;
    let path = store.path_of(&opening.plan.environment, now.wall, &run);
    let chain = Chain::new(run);
    let event = opened_event(opening, predecessor, signer);
    let entry = chain.prepare(now, &signer.principal, event).map_err(AppendError::from)?;
    // Before the log exists: the key may wait for a person, who may quit.
    let sig = entry.sign(signer).map_err(|error| AppendError::from(LinkError::from(error)))?;
    let mut journal = Journal::create(store, &path, chain)?;
    let lock_owner = record_owner(&path, &signer.principal)?;
    let entry = match journal.append_signed(entry, sig, signer) {
        Ok(entry) => entry,
        Err(why) => {
            journal.discard();
            return Err(why.into());
        }
    };
    Ok(OpenRun { journal, state: state_of(&[entry], &path)?, first_commands: Vec::new(), lock_owner })
}

/// Resumes a run. What must be logged first (a recovery, the resumption, a new operator) is in `first_commands`.
///
/// # Errors
/// Why it cannot be resumed.
pub fn reopen(store: &LogStore, path: &Path, signer: &Signer, role: Role) -> Result<OpenRun, OpenRunError> {
    let Reopened { journal, entries, torn, in_doubt } = Journal::reopen(store, path)?;
    let state = state_of(&entries, path)?;
    // A process that quits removes its owner record. If the record is gone, all entries were acknowledged, if not
    // here.
    let in_doubt = in_doubt.filter(|_| lock_owner::is_recorded(path));
    let lock_owner = record_owner(path, &signer.principal)?;
    let mut first_commands = Vec::new();
    if !state.is_closing() {
        if torn.is_some() || in_doubt.is_some() {
            first_commands.push(Command::new(MACHINE, Act::Recover { torn, in_doubt }));
        }
        let resume = Act::Resume { gonogo: version(), host: host() };
        first_commands.push(Command::new(MACHINE, resume));
        first_commands.extend(join(&state, signer, role)?);
    }
    Ok(OpenRun { journal, state, first_commands, lock_owner })
}

/// Executes one act in a run without a screen, after what must be logged first.
///
/// # Errors
/// Why it was not executed.
pub fn execute_alone(opened: OpenRun, signer: &Signer, act: Act) -> Result<RunState, ActError> {
    let OpenRun { mut journal, mut state, first_commands, lock_owner: _held } = opened;
    let last = Command::new(signer.principal.clone(), act);
    // True whether or not the act succeeds.
    if let Some(command) = finished_meanwhile(&journal, &state) {
        append_command(&mut journal, &mut state, command, signer)?;
    }
    // Rejected before any entry is logged that only makes sense with it.
    if state.operator(&signer.principal).is_some() {
        decide(&state, last.clone(), &clock::now())?;
    }
    for command in first_commands.into_iter().chain([last]) {
        append_command(&mut journal, &mut state, command, signer)?;
    }
    Ok(state)
}

fn append_command(
    journal: &mut Journal,
    state: &mut RunState,
    command: Command,
    signer: &Signer,
) -> Result<(), ActError> {
    let (by, now) = (command.by.clone(), clock::now());
    for event in decide(state, command, &now)? {
        let signer = Some(signer).filter(|_| event.needs_signature());
        let entry = journal.append(now.clone(), &by, event, signer)?;
        state.apply(&entry);
    }
    Ok(())
}

/// The end of the action that was running when the run was left, if it has ended.
fn finished_meanwhile(journal: &Journal, state: &RunState) -> Option<Command> {
    let (key, action_run) = state.running_action()?;
    let result = action_watch::poll_once(journal.path(), journal.marks(), key, action_run)?;
    Some(Command::new(MACHINE, result.into_act(key.clone(), action_run.seq)))
}

/// Records that this process owns a log, whose lock it has.
fn record_owner(log: &Path, principal: &str) -> Result<LockOwnerFile, OpenRunError> {
    let own = LockOwner::this_process(principal, host(), clock::now().wall);
    lock_owner::record_owner(log, own)
        .map_err(|source| StoreError { path: lock_owner::path_of(log), source }.into())
}

fn join(state: &RunState, signer: &Signer, role: Role) -> Result<Option<Command>, OpenRunError> {
    match state.operator(&signer.principal) {
        Some(operator) if operator.key == signer.public => Ok(None),
        Some(operator) => Err(OpenRunError::OtherKey(operator.principal.clone())),
        None => {
            let (principal, key) = (signer.principal.clone(), signer.public.clone());
            // Before anything is logged: an operator who cannot join leaves no entry.
            state.check_enrolment(&EnrolledOperator { principal, key, role }).map_err(ActError::from)?;
            let join = Act::Join { key: signer.public.clone(), role };
            Ok(Some(Command::new(signer.principal.clone(), join)))
        }
    }
}

/// What came before a run in its environment.
#[derive(Debug, Default)]
pub struct LastSealedRun {
    /// The newest sealed run, as its log has it; it is not verified.
    pub sealed: Option<RunState>,
    /// What is wrong with the log of the previous run.
    pub problem: Option<String>,
}

/// The history before a run. The run's own log, if there is one, is not read again.
///
/// # Errors
/// When the logs cannot be read.
pub fn last_sealed_run(
    store: &LogStore,
    own: Option<&Path>,
    state: &RunState,
) -> Result<LastSealedRun, StoreError> {
    let mut logs = store.logs(&state.plan.environment)?;
    logs.retain(|log| Some(log.as_path()) != own);
    let problem = state.predecessor.as_ref().and_then(|run| PredecessorLog::find(&logs, run).problem(run));
    let mut sealed = None;
    for log in SortedLogs::sort(&logs)?.runs.iter().rev() {
        sealed = RunState::fold(&read_unverified(&log.path)?)
            .filter(|run| run.run != state.run && run.is_sealed());
        if sealed.is_some() {
            break;
        }
    }
    Ok(LastSealedRun { sealed, problem })
}

/// A run that is not written to a file, for a check that leaves no trace.
///
/// # Errors
/// When the plan is too large for an entry.
pub fn ephemeral_run(plan: Plan) -> Result<(Log, RunState), OpenRunError> {
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
    let (entry, _) =
        chain.build_entry(clock::now(), MACHINE, event.into(), None).map_err(AppendError::from)?;
    let log = Log::Ephemeral(Chain::after(&entry));
    Ok((log, state_of(&[entry], Path::new("-"))?))
}

fn opened_event(opening: NewRun, previous_run: Option<Predecessor>, signer: &Signer) -> Event {
    let operator = EnrolledOperator {
        principal: signer.principal.clone(),
        key: signer.public.clone(),
        role: opening.role,
    };
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

fn predecessor(store: &LogStore, environment: &str) -> Result<Option<Predecessor>, StoreError> {
    let Some(LinkedLog { path, other_rules, .. }) = sorted_logs(store, environment)?.runs.pop() else {
        return Ok(None);
    };
    if other_rules.is_some() {
        let from_raw =
            |RawLog { run, seq, head }| Predecessor { run, seq, head, state: PredecessorState::OtherVersion };
        return Ok(RawLog::read(&path)?.map(from_raw));
    }
    Ok(RunState::fold(&read_unverified(&path)?).map(|state| {
        let end_state = match &state.abandoned {
            Some(_) => PredecessorState::Abandoned,
            None if state.is_sealed() => PredecessorState::Sealed,
            None => PredecessorState::Open,
        };
        Predecessor { run: state.run, seq: state.seq, head: state.head, state: end_state }
    }))
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
    gonogo_core::text::line(&name.nodename().to_string_lossy())
}
