//! A session of a run: the engine and the screen.

use std::sync::{Arc, mpsc};

use anyhow::{Result, anyhow};

use super::exiting::{SignalRequest, WorkerThreads, on_signals, wait_until_stopped};
use super::settings::Settings;
use super::simulated_reviewer::SimulatedReviewer;
use super::{identity, resume};
use crate::engine::{Engine, EngineHandle, Log, OpenRun, PreviousRuns, clock};
use crate::error::chain;
use crate::journal::attachments::ActionOutputs;
use crate::journal::keys::Signer;
use crate::process::Permit;
use crate::run::{Act, Command, NumberedRequest, RunSnapshot, RunState};
use crate::secret::SecretRef;
use crate::text::line;
use crate::tui::terminal::{Taken, read_events};
use crate::tui::{self, Left, Look, Msg, Newcomer, Setup, Unlocked, forward};

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
    /// The appearance.
    pub(super) appearance: Look,
    /// The signer that gonogo simulates, in a rehearsal.
    pub(super) simulated: Option<SimulatedReviewer>,
}

impl RunSession {
    /// Runs engine and screen until the operator quits.
    ///
    /// # Errors
    /// When the engine or the screen cannot be started, or the log cannot be written.
    pub(super) fn run(self) -> Result<Left> {
        let path = self.opened.journal.path().to_owned();
        let by = self.signers.first().map(|signer| signer.principal.clone()).unwrap_or_default();
        let held = self.opened.lock_owner;
        let last = self.previous.last_sealed.clone();
        let log = Log::Durable(Box::new(self.opened.journal));
        let (engine, handle) = Engine::new(log, self.opened.state, self.signers, self.secrets, self.permit);
        let mut engine = engine.with_previous_runs(self.previous).with_screen();
        for command in self.opened.first_commands {
            engine.execute(&command)?;
        }
        if let Some(act) = self.replan {
            engine.execute(&Command::new(by.clone(), act))?;
        }
        let state = Arc::clone(engine.state());
        let me =
            state.operator(&by).cloned().ok_or_else(|| anyhow!("{by} does not take part in this run"))?;
        let keys = handle.keys.clone();
        let simulated = self.simulated.as_ref().map(|other| other.principal().to_owned());
        let is_rehearsal = state.plan.rehearsal.is_some();
        let unlock = Arc::new(move |newcomer: &Newcomer| match &simulated {
            Some(other) => {
                Err(format!("in this rehearsal the other operator is {other}, simulated by gonogo"))
            }
            None => identity::unlock(newcomer, &keys)
                .and_then(|unlocked| check_trusted(newcomer, unlocked, is_rehearsal)),
        });
        let log = path.display().to_string();
        let outputs = Some(ActionOutputs::beside(&path));
        let (look, notices, clock) = (self.appearance, self.notices, Box::new(clock::now));
        let setup =
            Setup { me, log, look, clock, unlock, review: None, outputs, last, notices, looks_on: false };
        let workers = WorkerThreads::start(2)?;
        if let Some(other) = self.simulated {
            workers.spawn(other.run(handle.states.clone(), handle.requests.clone()));
        }
        let (running, states) = (workers.spawn(engine.run()), handle.states.clone());
        let left = show(&workers, &setup, state, handle);
        // The engine stops when its requests end; what it has acknowledged is on disk then.
        let has_stopped = workers.block_on(wait_until_stopped(running));
        if let Some(other) = held.taken_over_by() {
            say!("{} took the run over, on {}", line(&other.principal), line(&other.host));
        }
        if !matches!(has_stopped, Ok(true)) {
            held.leave_in_place();
        }
        if !has_stopped? {
            note!(
                "gonogo: an operation was still blocked when gonogo quit (such as a disk that does not respond); the next start shows what reached the log"
            );
        }
        // Entries may have been written since the screen was last drawn.
        let RunSnapshot { state, in_flight: live } = states.borrow().clone();
        if let Some((action, _)) = &live.preparing_action {
            say!("{} did not start: gonogo quit during its checks", line(&action.to_string()));
        }
        if let Some(principal) = &live.awaited_signer {
            say!("the entry that waited for the key of {} was not logged", line(principal));
        }
        Ok(Left { state, ..left? })
    }
}

/// Rejects an operator whose signatures would be invalid with the trusted signers of the settings.
fn check_trusted(newcomer: &Newcomer, unlocked: Unlocked, is_rehearsal: bool) -> Result<Unlocked, String> {
    let Unlocked::Key(public) = &unlocked else { return Ok(unlocked) };
    let trusted = Settings::read().and_then(|settings| {
        // Read again: the settings may have changed since the start.
        resume::why_not_trusted(&newcomer.principal, public, is_rehearsal, &settings)
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
    state: Arc<RunState>,
    handle: EngineHandle,
) -> Result<Left> {
    let (tell, messages) = mpsc::channel();
    let EngineHandle { requests, states, updates, .. } = handle;
    workers.spawn(forward(states, updates, tell.clone()));
    forward_signals(&tell)?;
    let mut send = |request: NumberedRequest| {
        // A full queue means that the engine is behind the person; waiting keeps the order.
        let _ = requests.blocking_send(request);
    };
    let mut taken = Taken::take()?;
    read_events(tell)?;
    Ok(tui::run(&mut *taken.terminal()?, &mut taken, setup, state, &messages, &mut send)?)
}

/// SIGTERM, SIGHUP and SIGINT close the screen as `q` does; after SIGCONT it is drawn again.
pub(super) fn forward_signals(tell: &mpsc::Sender<Msg>) -> Result<()> {
    let tell = tell.clone();
    on_signals(move |asked| {
        let means = match asked {
            SignalRequest::End => Msg::Leave,
            SignalRequest::Continue => Msg::Continued,
        };
        // Fails only if the screen has ended.
        let _ = tell.send(means);
    })?;
    Ok(())
}
