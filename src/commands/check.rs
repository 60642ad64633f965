//! `gonogo check`: every probe once, nothing written.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::load::{Loaded, store};
use super::trust;
use crate::checklist::{Plan, Promotion};
use crate::cli::{CheckArgs, Format};
use crate::engine::{self, Engine, Handle, Past, clock};
use crate::error::Exit;
use crate::headless::{self, Selection};
use crate::process::Permit;
use crate::run::{Judgement, Live, Request, RunState, Update};
use crate::secret::SecretRef;

pub(super) fn check(arguments: &CheckArgs) -> Result<Exit> {
    let target = &arguments.target;
    let promotion = Promotion { release: target.release.clone(), previous: target.previous.clone() };
    let loaded = Loaded::read(&target.profile)?;
    let mut plan = all_due(loaded.plan(&promotion)?);
    let left_out = selection(arguments).apply(&mut plan).map_err(|why| anyhow!(why))?;
    let permit = trust::require(&loaded, [&plan], target.trust)?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let Looked { state, interrupted } = runtime.block_on(look(plan, loaded.secrets(), permit))?;
    let now = clock::now();
    let judgement = state.judge(&now);
    for (format, path) in &arguments.output {
        let told = render(*format, &judgement, &left_out, false);
        fs::write(path, told).with_context(|| format!("output {}", path.display()))?;
    }
    let told = render(arguments.format, &judgement, &left_out, is_colored());
    let mut out = io::stdout().lock();
    out.write_all(told.as_bytes()).and_then(|()| out.flush())?;
    if interrupted {
        eprintln!("gonogo: interrupted; what had not ended is told as pending");
        return Ok(Exit::Interrupted);
    }
    Ok(headless::exit(&judgement))
}

/// What was seen, and whether a signal came before it was all.
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

/// Nobody closes points or runs actions here, so nothing waits for them: everything is looked at as it is now.
fn all_due(mut plan: Plan) -> Plan {
    for point in plan.sections.iter_mut().flat_map(|section| &mut section.points) {
        point.due = None;
        point.after.clear();
        point.actions.clear();
        point.frozen_by = None;
        for probe in &mut point.probes {
            // What an action should have done is not waited for: none was run.
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

/// Runs every probe to its end, or until a signal comes.
async fn look(plan: Plan, secrets: Vec<SecretRef>, permit: Permit) -> Result<Looked> {
    let (log, state) = engine::forgotten(plan)?;
    let mut seen = Arc::new(state.clone());
    // Whatever keeps the last run from being read: nothing is compared with it then.
    let last = store(None).ok().and_then(|store| engine::history(&store, &state).ok()?.sealed);
    let (engine, mut handle) = Engine::new(log, state, Vec::new(), secrets, permit);
    let engine = engine.after(Past { last: last.map(Arc::new), fingerprint: None });
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let running = tokio::spawn(engine.run());
    let interrupted = tokio::select! {
        watched = watch(&mut handle, &mut seen) => watched.map(|()| false)?,
        _ = interrupt.recv() => true,
        _ = terminate.recv() => true,
    };
    clear_progress();
    handle.requests.send(Request::Stop).await.ok();
    running.await?;
    Ok(Looked { state: Arc::unwrap_or_clone(seen), interrupted })
}

/// Waits until every probe that can look has looked; `seen` is the run as it stands.
async fn watch(handle: &mut Handle, seen: &mut Arc<RunState>) -> Result<()> {
    while let Some(update) = handle.updates.recv().await {
        match update {
            Update::State(state, live) => {
                show_progress(&state, &live);
                *seen = state;
                if live.running.is_empty() && looked(seen, &live) {
                    return Ok(());
                }
            }
            Update::Broken(why) => anyhow::bail!(why),
            Update::Stopped => break,
            Update::Warned(why) => eprintln!("gonogo: {}", crate::text::line(&why)),
            Update::Done(_) | Update::Refused(_) | Update::NotBegun(..) => {}
        }
    }
    Ok(())
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
    let _ = write!(io::stderr(), "\r\x1b[K{done}/{all} probes · {now}");
}

fn clear_progress() {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
}

fn is_colored() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
