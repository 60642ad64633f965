//! A session at the screen: the engine of a run, and whoever sits before it.

use std::sync::{Arc, mpsc};

use anyhow::{Result, anyhow};
use tokio::sync::watch;

use super::ending::{SignalRequest, Workers, on_signals, stopped};
use super::{identity, played, resume};
use crate::diagnostic::please_report;
use crate::engine::{Engine, Handle, Log, Opened, Past, clock};
use crate::error::{ErrorKind, Failure, chain};
use crate::journal::keys::Signer;
use crate::journal::side::Outputs;
use crate::process::Permit;
use crate::run::{Act, Command, NumberedRequest, RunSnapshot, RunState, Update};
use crate::secret::SecretRef;
use crate::text::line;
use crate::ui::terminal::{Taken, read_events};
use crate::ui::{self, Left, Look, Msg, Newcomer, Newest, Setup, Unlocked};

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
        let (keys, played) = (handle.keys.clone(), self.played.clone());
        let is_rehearsal = state.plan.rehearsal.is_some();
        let unlock = Arc::new(move |newcomer: &Newcomer| match &played {
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
        if let Some(other) = self.played {
            workers.spawn(played::play(other, handle.states.clone(), handle.requests.clone()));
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
    match resume::not_trusted(&newcomer.principal, public, is_rehearsal) {
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
    Ok(ui::run(&mut taken.terminal()?, &mut taken, setup, state, &messages, &mut send)?)
}

/// Takes to the screen what the engine tells: the newest state once however often it changes meanwhile, and before the
/// answers that it belongs to.
async fn forward(
    mut states: watch::Receiver<RunSnapshot>,
    mut updates: tokio::sync::mpsc::Receiver<Update>,
    to_screen: mpsc::Sender<Msg>,
) {
    let newest = Newest::default();
    loop {
        let update = tokio::select! {
            biased;
            Ok(()) = states.changed() => None,
            update = updates.recv() => match update {
                None => break,
                update => update,
            },
        };
        for message in with_newest(&mut states, &newest, update) {
            if to_screen.send(message).is_err() {
                return;
            }
        }
    }
    // Comes after `Stopped` and changes nothing then; without it, a crashed engine would go unnoticed.
    let told = format!("the engine has stopped; this is a bug, {}", please_report());
    let crashed = Failure::new(ErrorKind::Internal, told);
    let _ = to_screen.send(Msg::Update(Update::Broken(crashed)));
}

/// An update behind the state that it belongs to: the engine publishes it before, but it may not have been seen here.
fn with_newest(
    states: &mut watch::Receiver<RunSnapshot>,
    newest: &Newest,
    update: Option<Update>,
) -> impl Iterator<Item = Msg> {
    let state = states.borrow_and_update().clone();
    // A state that the screen has not taken yet waits in its place already.
    let told = newest.put(state).then(|| Msg::State(newest.clone()));
    told.into_iter().chain(update.map(Msg::Update))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checklist::{Checklist, Profile, Promotion, Source, freeze};
    use crate::engine::forgotten;
    use crate::run::{RequestId, Response};

    /// The run with so many entries.
    fn at(state: &RunState, seq: u64) -> RunSnapshot {
        let mut state = state.clone();
        state.seq = seq;
        RunSnapshot { state: Arc::new(state), live: Arc::default() }
    }

    fn run() -> RunState {
        let checklist = Checklist::standard().unwrap();
        let profile = Profile::parse(Source::new("p", "environment = \"t\"")).unwrap();
        forgotten(freeze(&checklist, &profile, &Promotion::default()).unwrap()).unwrap().1
    }

    #[test]
    fn an_answer_that_is_seen_before_its_state_comes_after_it() {
        let state = run();
        let (publish, mut states) = watch::channel(at(&state, 0));
        publish.send_replace(at(&state, 1));
        let newest = Newest::default();
        let done = || Some(Update::Response(RequestId(1), Response::Done(1)));
        let messages: Vec<_> = with_newest(&mut states, &newest, done()).collect();
        assert!(matches!(messages[..], [Msg::State(_), Msg::Update(Update::Response(..))]), "{messages:?}");
        // Not taken yet: the next one takes its place, and no second message waits.
        publish.send_replace(at(&state, 2));
        assert_eq!(with_newest(&mut states, &newest, done()).count(), 1);
        assert_eq!(newest.take().unwrap().state.seq, 2);
    }

    /// However many states and answers come while the screen has no time, no answer comes to it before its state, and
    /// the states that wait are one.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_newest_state_comes_before_the_answers_and_once() {
        let state = run();
        let (publish, states) = watch::channel(at(&state, 0));
        let (answer, updates) = tokio::sync::mpsc::channel(4);
        let (tell, messages) = mpsc::channel();
        let forwarding = tokio::spawn(forward(states, updates, tell));
        for n in 1..=200 {
            publish.send_replace(at(&state, n));
            if n % 3 == 0 {
                answer.send(Update::Response(RequestId(n), Response::Done(n))).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
        drop((publish, answer));
        forwarding.await.unwrap();
        let (mut seen, mut states, mut answers) = (0, 0, 0);
        for message in messages.try_iter() {
            match message {
                Msg::State(newest) => {
                    states += 1;
                    seen = newest.take().map_or(seen, |now| now.state.seq);
                }
                Msg::Update(Update::Response(RequestId(n), _)) => {
                    answers += 1;
                    assert!(seen >= n, "answer {n} came with the state {seen}");
                }
                other => assert!(matches!(other, Msg::Update(Update::Broken(_))), "{other:?}"),
            }
        }
        assert_eq!((states, answers, seen), (1, 66, 200));
    }
}
