//! `gonogo check`: runs every probe once; writes no log.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::Notify;

use super::ending::{SignalRequest, Workers, on_signals, pause_when_stopped, stopped};
use super::git;
use super::load::{Loaded, store};
use super::trust;
use crate::checklist::{Plan, Promotion};
use crate::cli::{CheckArgs, Format};
use crate::engine::{self, Engine, Handle, Past, clock};
use crate::error::Exit;
use crate::files;
use crate::headless::{self, Selection};
use crate::process::Permit;
use crate::run::{Judgement, Live, NumberedRequest, Request, RunSnapshot, RunState, Update};
use crate::secret::{SecretRef, unless_asked};

pub(super) fn check(arguments: &CheckArgs) -> Result<Exit> {
    let target = &arguments.target;
    let promotion = Promotion { release: target.release.clone(), previous: target.previous.clone() };
    let loaded = Loaded::read(&target.profile)?;
    let mut plan = all_due(loaded.plan(&promotion)?);
    let left_out = selection(arguments).apply(&mut plan).map_err(|why| anyhow!(why))?;
    let permit = trust::require(&loaded, [&plan], target.trust)?;
    let missing =
        target.release.as_ref().and_then(|tag| git::Tags::of(loaded.repository(), &permit).lack(tag));
    if let Some(missing) = missing {
        note!("gonogo: warning: {missing}");
    }
    let workers = Workers::start(2)?;
    let Looked { state, interrupted } = workers.block_on(look(plan, loaded.secrets(), permit))?;
    let now = clock::now();
    let judgement = state.judge(&now);
    for (format, path) in &arguments.output {
        let told = render(*format, &judgement, &left_out, false);
        files::write_readable(path, &told).with_context(|| format!("output {}", path.display()))?;
    }
    let told = render(arguments.format, &judgement, &left_out, is_colored());
    let mut out = io::stdout().lock();
    out.write_all(told.as_bytes()).and_then(|()| out.flush())?;
    if interrupted {
        note!("gonogo: interrupted; probes without a result are reported as pending");
        return Ok(Exit::Interrupted);
    }
    Ok(headless::exit(&judgement))
}

/// The results, and whether a signal interrupted the probes.
struct Looked {
    state: RunState,
    interrupted: bool,
}

fn selection(arguments: &CheckArgs) -> Selection {
    let CheckArgs { only, machine, no_effects, .. } = arguments;
    Selection { only: only.clone(), machine: *machine, no_effects: *no_effects }
}

fn render(format: Format, judgement: &Judgement, left_out: &[String], color: bool) -> String {
    match format {
        Format::Human => headless::human(judgement, left_out, color),
        Format::Json => headless::json(judgement, left_out),
        Format::Junit => headless::junit(judgement, left_out, None),
        Format::Tap => headless::tap(judgement, left_out),
    }
}

/// Removes all dependencies: nobody confirms points or runs actions here, so every probe runs at once.
fn all_due(mut plan: Plan) -> Plan {
    for point in plan.sections.iter_mut().flat_map(|section| &mut section.points) {
        point.due = None;
        point.after.clear();
        point.actions.clear();
        point.frozen_by = None;
        for probe in &mut point.probes {
            // No action has run, so the probe does not wait for its effect.
            if probe.of.take().is_some() {
                (probe.within_ms, probe.hold_ms) = (0, 0);
            }
            probe.due = None;
        }
    }
    plan.guards.clear();
    plan.rollback.clear();
    plan
}

/// Runs every probe to its end, or until a signal.
async fn look(plan: Plan, secrets: Vec<SecretRef>, permit: Permit) -> Result<Looked> {
    let (log, state) = engine::forgotten(plan)?;
    let mut seen = Arc::new(state.clone());
    // If the last run cannot be read, results are not compared with it.
    let last = store(None).ok().and_then(|store| engine::history(&store, None, &state).ok()?.sealed);
    let (engine, mut handle) = Engine::new(log, state, Vec::new(), secrets, permit);
    let engine = engine.after(Past { last: last.map(Arc::new), fingerprint: None });
    let interrupt = Arc::new(Notify::new());
    let asked = Arc::clone(&interrupt);
    pause_when_stopped()?;
    // A stopped and continued program runs on.
    on_signals(move |what| {
        if what == SignalRequest::End {
            asked.notify_one();
        }
    })?;
    let running = tokio::spawn(engine.run());
    let interrupted = tokio::select! {
        watched = watch(&mut handle, &mut seen) => watched.map(|()| false)?,
        () = interrupt.notified() => true,
    };
    clear_progress();
    handle.requests.send(NumberedRequest::unanswered(Request::Stop)).await.ok();
    // Nothing is stored, so nothing is lost if a task does not stop in time.
    stopped(running).await?;
    Ok(Looked { state: Arc::unwrap_or_clone(seen), interrupted })
}

/// Waits until every runnable probe has a result; `seen` is the current state of the run.
async fn watch(handle: &mut Handle, seen: &mut Arc<RunState>) -> Result<()> {
    loop {
        tokio::select! {
            biased;
            Ok(()) = handle.states.changed() => {
                let RunSnapshot { state, live } = handle.states.borrow_and_update().clone();
                show_progress(&state, &live);
                *seen = state;
                if live.running.is_empty() && looked(seen, &live) {
                    return Ok(());
                }
            }
            update = handle.updates.recv() => match update {
                Some(Update::Broken(failure)) => return Err(failure.into()),
                Some(Update::Stopped) | None => return Ok(()),
                Some(Update::Warned(why)) => {
                    clear_progress();
                    note!("gonogo: {}", crate::text::line(&why));
                }
                Some(Update::Response(..)) => {}
            },
        }
    }
}

fn looked(state: &RunState, live: &Live) -> bool {
    crate::run::wanted(state, &clock::now()).iter().all(|look| live.lost.contains(&look.probe))
}

fn show_progress(state: &RunState, live: &Live) {
    if !io::stderr().is_terminal() {
        return;
    }
    let all = state.plan.points().map(|point| point.probes.len()).sum::<usize>();
    let done = all.saturating_sub(live.running.len());
    let now =
        live.running.keys().next().map(|probe| crate::text::line(&probe.to_string())).unwrap_or_default();
    unless_asked(|| drop(write!(io::stderr(), "\r\x1b[K{done}/{all} probes · {now}")));
}

fn clear_progress() {
    if io::stderr().is_terminal() {
        unless_asked(|| drop(write!(io::stderr(), "\r\x1b[K")));
    }
}

fn is_colored() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
