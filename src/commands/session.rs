//! A session at the screen: the engine of a run, and whoever sits before it.

use std::sync::{Arc, mpsc};

use anyhow::{Result, anyhow};

use super::ending::{SignalRequest, Workers, on_signals, stopped};
use super::settings::Settings;
use super::simulated_reviewer::SimulatedReviewer;
use super::{identity, resume};
use crate::engine::{Engine, Handle, Log, Opened, Past, clock};
use crate::error::chain;
use crate::journal::keys::Signer;
use crate::journal::side::Outputs;
use crate::process::Permit;
use crate::run::{Act, Command, NumberedRequest, RunSnapshot, RunState};
use crate::secret::SecretRef;
use crate::text::line;
use crate::tui::terminal::{Taken, read_events};
use crate::tui::{self, Left, Look, Msg, Newcomer, Setup, Unlocked, forward};

/// What a session begins with.
pub(super) struct Session {
    /// The run.
    pub(super) opened: Opened,
    /// Who acts here; the first of them sits at the screen.
    pub(super) signers: Vec<Signer>,
    /// What is kept out of the log, beside the plan's secrets.
    pub(super) secrets: Vec<SecretRef>,
    /// The permit to start what the plan names.
    pub(super) permit: Permit,
    /// What is asked of the run's plan.
    pub(super) replan: Option<Act>,
    /// What a person is told at the start.
    pub(super) notices: Vec<String>,
    /// What there was before.
    pub(super) past: Past,
    /// How it looks.
    pub(super) look: Look,
    /// Who of them gonogo simulates.
    pub(super) simulated: Option<SimulatedReviewer>,
}

impl Session {
    /// Runs engine and screen until the person leaves.
    ///
    /// # Errors
    /// When the engine or the screen cannot be started, or the log cannot be written.
    pub(super) fn sit(self) -> Result<Left> {
        let path = self.opened.journal.path().to_owned();
        let by = self.signers.first().map(|signer| signer.principal.clone()).unwrap_or_default();
        let held = self.opened.held;
        let last = self.past.last.clone();
        let log = Log::Durable(Box::new(self.opened.journal));
        let (engine, handle) = Engine::new(log, self.opened.state, self.signers, self.secrets, self.permit);
        let mut engine = engine.after(self.past).beside_a_screen();
        for command in self.opened.first {
            engine.carry_out(&command)?;
        }
        if let Some(act) = self.replan {
            engine.carry_out(&Command::new(by.clone(), act))?;
        }
        let state = Arc::clone(engine.state());
        let me =
            state.operator(&by).cloned().ok_or_else(|| anyhow!("{by} does not take part in this run"))?;
        let keys = handle.keys.clone();
        let simulated = self.simulated.as_ref().map(|other| other.principal().to_owned());
        let is_rehearsal = state.plan.rehearsal.is_some();
        let unlock = Arc::new(move |newcomer: &Newcomer| match &simulated {
            Some(other) => Err(format!("in this rehearsal the other one is {other}, who acts by themselves")),
            None => identity::unlock(newcomer, &keys)
                .and_then(|unlocked| is_trusted(newcomer, unlocked, is_rehearsal)),
        });
        let log = path.display().to_string();
        let outputs = Some(Outputs::beside(&path));
        let (look, notices, clock) = (self.look, self.notices, Box::new(clock::now));
        let setup =
            Setup { me, log, look, clock, unlock, review: None, outputs, last, notices, looks_on: false };
        let workers = Workers::start(2)?;
        if let Some(other) = self.simulated {
            workers.spawn(other.run(handle.states.clone(), handle.requests.clone()));
        }
        let (running, states) = (workers.spawn(engine.run()), handle.states.clone());
        let left = on_screen(&workers, &setup, state, handle);
        // The engine stops when its requests end; what it has acknowledged is on disk then.
        let has_stopped = workers.block_on(stopped(running));
        if let Some(other) = held.lost_to() {
            say!("{} has taken the run over, on {}", line(&other.principal), line(&other.host));
        }
        if !matches!(has_stopped, Ok(true)) {
            held.keep_recorded();
        }
        if !has_stopped? {
            note!(
                "gonogo: something was still waited for and given up (a disk that does not answer, for instance); what of it is in the log, the next start tells"
            );
        }
        // Something may have been put on record since the screen was drawn last.
        let RunSnapshot { state, live } = states.borrow().clone();
        if let Some((action, _)) = &live.preparing {
            say!("{} did not begin: gonogo was left while it was being checked", line(&action.to_string()));
        }
        if let Some(principal) = &live.signing {
            say!("what waited for the key of {} was not logged", line(principal));
        }
        Ok(Left { state, ..left? })
    }
}

/// Nobody joins at the keyboard whose signature the settings would call invalid.
fn is_trusted(newcomer: &Newcomer, unlocked: Unlocked, is_rehearsal: bool) -> Result<Unlocked, String> {
    let Unlocked::Key(public) = &unlocked else { return Ok(unlocked) };
    let trusted = Settings::read().and_then(|settings| {
        // As they are now: this may be long after the start.
        resume::not_trusted(&newcomer.principal, public, is_rehearsal, &settings)
    });
    match trusted {
        Ok(None) => Ok(unlocked),
        Ok(Some(why)) => Err(why),
        Err(error) => Err(chain(error.as_ref())),
    }
}

/// Shows a run until the person leaves.
///
/// # Errors
/// When there is no terminal to be had.
pub(super) fn on_screen(
    workers: &Workers,
    setup: &Setup,
    state: Arc<RunState>,
    handle: Handle,
) -> Result<Left> {
    let (tell, messages) = mpsc::channel();
    let Handle { requests, states, updates, .. } = handle;
    workers.spawn(forward(states, updates, tell.clone()));
    hear_signals(&tell)?;
    let mut send = |request: NumberedRequest| {
        // A full queue means that the engine is behind the person; waiting keeps the order.
        let _ = requests.blocking_send(request);
    };
    let mut taken = Taken::take()?;
    read_events(tell)?;
    Ok(tui::run(&mut *taken.terminal()?, &mut taken, setup, state, &messages, &mut send)?)
}

/// SIGTERM, SIGHUP and SIGINT leave the screen as `q` does; after SIGCONT it is drawn anew.
pub(super) fn hear_signals(tell: &mpsc::Sender<Msg>) -> Result<()> {
    let tell = tell.clone();
    on_signals(move |asked| {
        let means = match asked {
            SignalRequest::End => Msg::Leave,
            SignalRequest::Continue => Msg::Continued,
        };
        // A screen that has ended hears nothing.
        let _ = tell.send(means);
    })?;
    Ok(())
}
