//! A session at the screen: the engine of a run, and whoever sits before it.

use std::sync::{Arc, mpsc};

use anyhow::{Result, anyhow};
use tokio::sync::watch;

use super::ending::{Asked, Workers, on_signals};
use super::{holding, identity, played, resume};
use crate::engine::{Engine, Handle, Log, Opened, Past, clock};
use crate::error::chain;
use crate::journal::keys::Signer;
use crate::journal::side::Outputs;
use crate::process::Permit;
use crate::run::{Act, Command, Request, RunState, Update};
use crate::secret::SecretRef;
use crate::text::line;
use crate::ui::terminal::{Taken, read_events};
use crate::ui::{self, Left, Look, Msg, Newcomer, Setup, Unlocked};

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
    /// Who of them is played by gonogo.
    pub(super) played: Option<String>,
}

impl Session {
    /// Runs engine and screen until the person leaves.
    ///
    /// # Errors
    /// When the engine or the screen cannot be started, or the log cannot be written.
    pub(super) fn sit(self) -> Result<Left> {
        let path = self.opened.journal.path().to_owned();
        let by = self.signers.first().map(|signer| signer.principal.clone()).unwrap_or_default();
        let held = holding::hold(&path, &by)?;
        let last = self.past.last.clone();
        let log = Log::Durable(Box::new(self.opened.journal));
        let (engine, handle) = Engine::new(log, self.opened.state, self.signers, self.secrets, self.permit);
        let mut engine = engine.after(self.past);
        for command in self.opened.first {
            engine.carry_out(&command)?;
        }
        if let Some(act) = self.replan {
            engine.carry_out(&Command::new(by.clone(), act))?;
        }
        let state = Arc::clone(engine.state());
        let me =
            state.operator(&by).cloned().ok_or_else(|| anyhow!("{by} does not take part in this run"))?;
        let (keys, played) = (handle.keys.clone(), self.played.clone());
        let is_rehearsal = state.plan.rehearsal.is_some();
        let unlock = Box::new(move |newcomer: &Newcomer| match &played {
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
        let watched = self.played.map(|other| {
            let (tell, told) = watch::channel(Arc::clone(&state));
            workers.spawn(played::play(other, told, handle.requests.clone()));
            tell
        });
        let running = workers.spawn(engine.run());
        let left = on_screen(&workers, &setup, state, handle, watched);
        // The engine stops when its requests end; what it has acknowledged is on disk then.
        let stopped = workers.wait_for(running)?;
        if let Some(other) = held.lost_to() {
            println!("{} has taken the run over, on {}", line(&other.principal), line(&other.host));
        }
        if !stopped {
            eprintln!(
                "gonogo: something was still waited for and given up (a key to be touched, or a disk); what of it is in the log, the next start tells"
            );
        }
        left
    }
}

/// Nobody joins at the keyboard whose signature the settings would call invalid.
fn is_trusted(newcomer: &Newcomer, unlocked: Unlocked, is_rehearsal: bool) -> Result<Unlocked, String> {
    let Unlocked::Key(public) = &unlocked else { return Ok(unlocked) };
    match resume::not_trusted(&newcomer.principal, public, is_rehearsal) {
        Ok(None) => Ok(unlocked),
        Ok(Some(why)) => Err(why),
        Err(error) => Err(chain(error.as_ref())),
    }
}

/// Shows a run until the person leaves; `watched` is told of each of its states.
///
/// # Errors
/// When there is no terminal to be had.
pub(super) fn on_screen(
    workers: &Workers,
    setup: &Setup,
    state: Arc<RunState>,
    handle: Handle,
    watched: Option<watch::Sender<Arc<RunState>>>,
) -> Result<Left> {
    let (tell, messages) = mpsc::channel();
    let Handle { requests, mut updates, .. } = handle;
    let to_screen = tell.clone();
    workers.spawn(async move {
        while let Some(update) = updates.recv().await {
            if let (Some(watched), Update::State(state, _)) = (&watched, &update) {
                // Who does not watch any more needs not be told.
                let _ = watched.send(Arc::clone(state));
            }
            if to_screen.send(Msg::Update(update)).is_err() {
                break;
            }
        }
        // Comes after `Stopped` and changes nothing then; without it, a crashed engine would go unnoticed.
        let _ = to_screen.send(Msg::Update(Update::Broken("the engine has stopped; this is a bug".into())));
    });
    hear_signals(&tell)?;
    let mut send = |request: Request| {
        // A full queue means that the engine is behind the person; waiting keeps the order.
        let _ = requests.blocking_send(request);
    };
    let mut taken = Taken::take()?;
    read_events(tell)?;
    Ok(ui::run(&mut taken.terminal()?, &mut taken, setup, state, &messages, &mut send)?)
}

/// SIGTERM, SIGHUP and SIGINT leave the screen as `q` does; after SIGCONT it is drawn anew.
pub(super) fn hear_signals(tell: &mpsc::Sender<Msg>) -> Result<()> {
    let tell = tell.clone();
    on_signals(move |asked| {
        let means = match asked {
            Asked::End => Msg::Leave,
            Asked::Continue => Msg::Continued,
        };
        // A screen that has ended hears nothing.
        let _ = tell.send(means);
    })?;
    Ok(())
}
