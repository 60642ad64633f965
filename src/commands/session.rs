//! A session of a run: the engine and the screen.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::editor::prepare_edit;
use super::exiting::{SignalRequest, WorkerThreads, on_signals, wait_until_stopped};
use super::screen_options::ScreenOptions;
use super::settings::Settings;
use super::simulated_operators::SimulatedOperators;
use super::{identity, resume};
use crate::engine::{Engine, EngineHandle, Keyring, Log, OpenRun, PreviousRuns, clock};
use crate::process::Permit;
use crate::tui::terminal::{TerminalGuard, TerminalOptions};
use crate::tui::{
    self, AddOperatorRequest, Msg, SessionEnd, Setup, UnlockKey, UnlockResult, forward_updates,
};
use gonogo_core::checklist::Notify;
use gonogo_core::error::chain;
use gonogo_core::journal::attachments::ActionOutputs;
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::lock_owner::LockOwnerFile;
use gonogo_core::run::{Act, Command, InFlight, NumberedRequest, RunSnapshot, RunState, Update};
use gonogo_core::secret::SecretRef;
use gonogo_core::text::line;

/// How long the last notifications may take after the run has been closed.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(3);

/// The start of a session.
pub(super) struct RunSession {
    /// The run.
    pub(super) opened: OpenRun,
    /// The signers; the first one is the active operator at the start.
    pub(super) signers: Vec<Signer>,
    /// Secrets to redact, in addition to the plan's.
    pub(super) secrets: Vec<SecretRef>,
    /// The permit to start the plan's programs.
    pub(super) permit: Permit,
    /// The act of `--replan`.
    pub(super) replan: Option<Act>,
    /// Notices at the start.
    pub(super) notices: Vec<String>,
    /// The previous runs.
    pub(super) previous: PreviousRuns,
    /// The options of the screen.
    pub(super) screen: ScreenOptions,
    /// The profile's notifications, and the command that joins the run.
    pub(super) notify: (Vec<Notify>, String),
    /// The faults that a diagnosis can name, in a drill.
    pub(super) faults: Vec<String>,
    /// The operators that gonogo simulates, in a rehearsal.
    pub(super) simulated: Option<SimulatedOperators>,
}

impl RunSession {
    /// Runs engine and screen until the operator quits.
    ///
    /// # Errors
    /// When the engine or the screen cannot be started, or the log cannot be written.
    pub(super) fn run(self) -> Result<SessionEnd> {
        let path = self.opened.journal.path().to_owned();
        let by = self.signers.first().map(|signer| signer.principal.clone()).unwrap_or_default();
        let lock_owner = self.opened.lock_owner;
        let last_sealed = self.previous.last_sealed.clone();
        let log = Log::Durable(Box::new(self.opened.journal));
        let (engine, handle) = Engine::new(log, self.opened.state, self.signers, self.secrets, self.permit);
        let mut engine = engine.with_previous_runs(self.previous).with_screen();
        for command in self.opened.first_commands {
            engine.execute(&command)?;
        }
        if let Some(act) = self.replan {
            engine.execute(&Command::new(by.clone(), act))?;
        }
        let notifier = engine.notifier(self.notify.0, self.notify.1);
        let state = Arc::clone(engine.state());
        let operator =
            state.operator(&by).cloned().ok_or_else(|| anyhow!("{by} does not take part in this run"))?;
        let simulated = self.simulated.as_ref().map(|other| other.reviewer().to_owned());
        let setup = Setup {
            operator,
            log_name: path.display().to_string(),
            directory: working_directory(),
            ends_with_session: self.simulated.is_some(),
            faults: self.faults,
            appearance: self.screen.appearance,
            clock: Box::new(clock::now),
            unlock: key_unlocker(handle.keys.clone(), simulated, state.plan.rehearsal.is_some()),
            review: None,
            outputs: Some(ActionOutputs::beside(&path)),
            last_sealed,
            notices: self.notices,
            read_only: false,
        };
        let workers = WorkerThreads::start(2)?;
        if let Some(other) = self.simulated {
            workers.spawn(other.run(handle.states.clone(), handle.requests.clone()));
        }
        let (states, queue) = (handle.states.clone(), mpsc::channel());
        // Before the engine runs: nothing that it does is missed.
        let notifying = notifier.run(states.clone(), warn_on_screen(queue.0.clone()));
        let (running, notifying) = (workers.spawn(engine.run()), workers.spawn(notifying));
        let end = show(&workers, &setup, self.screen.terminal, state, handle, queue);
        // The engine stops when its requests end; everything acknowledged is on disk by then.
        stop(&workers, running, notifying, lock_owner)?;
        // Entries may have been written since the screen was last drawn.
        let RunSnapshot { state, in_flight } = states.borrow().clone();
        report_unfinished(&in_flight);
        Ok(SessionEnd { state, ..end? })
    }
}

/// Waits until the engine has stopped and its notifications are out, and says what has not ended.
fn stop<N>(
    workers: &WorkerThreads,
    running: JoinHandle<()>,
    notifying: JoinHandle<N>,
    lock_owner: LockOwnerFile,
) -> Result<()> {
    let has_stopped = workers.block_on(wait_until_stopped(running));
    if let Some(other) = lock_owner.taken_over_by() {
        say!("{} took the run over, on {}", line(&other.principal), line(&other.host));
    }
    if !matches!(has_stopped, Ok(true)) {
        lock_owner.leave_in_place();
    }
    let is_stopped = has_stopped?;
    if is_stopped && workers.block_on(async { timeout(NOTIFY_TIMEOUT, notifying).await }).is_err() {
        note!("gonogo: a notification was not answered before gonogo quit");
    }
    if !is_stopped {
        note!(
            "gonogo: an operation was still blocked when gonogo quit (such as a disk that does not respond); the next start shows what reached the log"
        );
    }
    Ok(())
}

/// Prints what was not logged because gonogo quit.
fn report_unfinished(in_flight: &InFlight) {
    if let Some((action, _)) = &in_flight.preparing_action {
        say!("{} did not start: gonogo quit during its checks", line(&action.to_string()));
    }
    if let Some(principal) = &in_flight.awaited_signer {
        say!("the entry that waited for the key of {} was not logged", line(principal));
    }
}

/// Unlocks the keys of operators that are added in a session, and stores them in `keys`.
fn key_unlocker(keys: Keyring, simulated: Option<String>, is_rehearsal: bool) -> Arc<UnlockKey> {
    Arc::new(move |request: &AddOperatorRequest| match &simulated {
        Some(other) => Err(format!("in this rehearsal the other operator is {other}, simulated by gonogo")),
        None => identity::unlock(request, &keys)
            .and_then(|unlocked| check_trusted(request, unlocked, is_rehearsal)),
    })
}

/// Rejects an operator who is not a trusted signer of the settings: their signatures would be invalid.
fn check_trusted(
    request: &AddOperatorRequest,
    unlocked: UnlockResult,
    is_rehearsal: bool,
) -> Result<UnlockResult, String> {
    let UnlockResult::Unlocked(public) = &unlocked else { return Ok(unlocked) };
    let trusted = Settings::read().and_then(|settings| {
        // Read again: the settings may have changed since the start.
        resume::why_not_trusted(&request.principal, public, is_rehearsal, &settings)
    });
    match trusted {
        Ok(None) => Ok(unlocked),
        Ok(Some(why)) => Err(why),
        Err(error) => Err(chain(error.as_ref())),
    }
}

/// Shows a run until the operator quits.
///
/// # Errors
/// When there is no terminal.
pub(super) fn show(
    workers: &WorkerThreads,
    setup: &Setup,
    options: TerminalOptions,
    state: Arc<RunState>,
    handle: EngineHandle,
    (sender, messages): (mpsc::Sender<Msg>, mpsc::Receiver<Msg>),
) -> Result<SessionEnd> {
    let EngineHandle { requests, states, updates, .. } = handle;
    workers.spawn(forward_updates(states, updates, sender.clone()));
    forward_signals(&sender)?;
    let mut send = |request: NumberedRequest| {
        // A full queue means that the engine is behind the person; waiting keeps the order.
        let _ = requests.blocking_send(request);
    };
    let mut guard = TerminalGuard::acquire()?.with_options(options).with_editor(prepare_edit());
    guard.read_events(sender)?;
    Ok(tui::run(&mut *guard.terminal()?, &mut guard, setup, state, &messages, &mut send)?)
}

/// Shows warnings on the screen; after its end, on standard error.
fn warn_on_screen(sender: mpsc::Sender<Msg>) -> impl Fn(String) + Send {
    move |warning| {
        if let Err(mpsc::SendError(Msg::Update(Update::Warning(warning)))) =
            sender.send(Msg::Update(Update::Warning(warning)))
        {
            note!("gonogo: {warning}");
        }
    }
}

/// SIGTERM, SIGHUP and SIGINT close the screen as `q` does; after SIGCONT it is drawn again.
pub(super) fn forward_signals(sender: &mpsc::Sender<Msg>) -> Result<()> {
    let sender = sender.clone();
    on_signals(move |request| {
        let message = match request {
            SignalRequest::End => Msg::Quit,
            SignalRequest::Continue => Msg::Continued,
        };
        // Fails only if the screen has ended.
        let _ = sender.send(message);
    })?;
    Ok(())
}

/// The working directory, in which commands run; empty if it has been deleted.
pub(super) fn working_directory() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}
