//! `gonogo check`: runs every probe once; writes no log.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use tokio::sync::Notify;

use super::exiting::{SignalRequest, WorkerThreads, on_signals, pause_when_stopped, wait_until_stopped};
use super::git;
use super::loaded_profile::{LoadedProfile, store};
use super::printing::is_colored;
use super::trust;
use crate::cli::{CheckArgs, CheckFormat};
use crate::engine::{self, Engine, EngineHandle, PreviousRuns, clock};
use crate::headless::{self, LeftOut, Selection};
use crate::process::Permit;
use crate::secret_store::when_not_prompting;
use gonogo_core::checklist::{Plan, Promotion};
use gonogo_core::error::Exit;
use gonogo_core::files;
use gonogo_core::run::{InFlight, Judgement, NumberedRequest, Request, RunSnapshot, RunState, Update};
use gonogo_core::secret::SecretRef;

pub(super) fn check(arguments: &CheckArgs) -> Result<Exit> {
    let target = &arguments.target;
    let promotion = Promotion { release: target.release.clone(), previous: target.previous.clone() };
    let loaded = LoadedProfile::read(&target.profile)?;
    let mut plan = loaded.plan(&promotion)?;
    let left_out = selection(arguments).apply(&mut plan).map_err(|why| anyhow!(why))?;
    let plan = without_dependencies(plan);
    let permit = trust::require(&loaded, [&plan], target.trust)?;
    let missing =
        target.release.as_ref().and_then(|tag| git::Tags::of(loaded.repository(), &permit).missing_tag(tag));
    if let Some(missing) = missing {
        note!("gonogo: warning: {missing}");
    }
    let workers = WorkerThreads::start(2)?;
    let CheckResult { state, interrupted } = workers.block_on(run_probes(plan, loaded.secrets(), permit))?;
    let now = clock::now();
    let judgement = state.judge(&now);
    for (format, path) in &arguments.output {
        let text = render(*format, &judgement, &left_out, false);
        files::write_readable(path, &text).with_context(|| format!("output {}", path.display()))?;
    }
    let text = render(arguments.format, &judgement, &left_out, is_colored());
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
    if interrupted {
        note!("gonogo: interrupted; probes without a result are reported as pending");
        return Ok(Exit::Interrupted);
    }
    Ok(headless::exit_code(&judgement))
}

/// The results, and whether a signal interrupted the probes.
struct CheckResult {
    state: RunState,
    interrupted: bool,
}

fn selection(arguments: &CheckArgs) -> Selection {
    let CheckArgs { only, machine, no_effects, after_deploy, .. } = arguments;
    Selection { only: only.clone(), machine: *machine, no_effects: *no_effects, after_deploy: *after_deploy }
}

fn render(format: CheckFormat, judgement: &Judgement, left_out: &LeftOut, color: bool) -> String {
    match format {
        CheckFormat::Human => headless::human(judgement, left_out, color),
        CheckFormat::Json => headless::json(judgement, left_out),
        CheckFormat::Junit => headless::junit(judgement, left_out, None),
        CheckFormat::Tap => headless::tap(judgement, left_out),
    }
}

/// Removes all dependencies: nobody confirms points or runs actions here, so every probe runs at once.
fn without_dependencies(mut plan: Plan) -> Plan {
    for point in plan.sections.iter_mut().flat_map(|section| &mut section.points) {
        point.due = None;
        point.after.clear();
        point.actions.clear();
        point.frozen_after = None;
        for probe in &mut point.probes {
            // No action has run, so the probe does not wait for its effect.
            if probe.after_action.take().is_some() {
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
async fn run_probes(plan: Plan, secrets: Vec<SecretRef>, permit: Permit) -> Result<CheckResult> {
    let (log, state) = engine::ephemeral_run(plan)?;
    let mut latest = Arc::new(state.clone());
    // If the last run cannot be read, results are not compared with it.
    let last = store(None).ok().and_then(|store| engine::last_sealed_run(&store, None, &state).ok()?.sealed);
    let (engine, mut handle) = Engine::new(log, state, Vec::new(), secrets, permit);
    let engine =
        engine.with_previous_runs(PreviousRuns { last_sealed: last.map(Arc::new), fingerprint_key: None });
    let interrupt = Arc::new(Notify::new());
    let on_end = Arc::clone(&interrupt);
    pause_when_stopped()?;
    // A stopped and continued program runs on.
    on_signals(move |request| {
        if request == SignalRequest::End {
            on_end.notify_one();
        }
    })?;
    let running = tokio::spawn(engine.run());
    let interrupted = tokio::select! {
        result = wait_for_results(&mut handle, &mut latest) => result.map(|()| false)?,
        () = interrupt.notified() => true,
    };
    clear_progress();
    handle.requests.send(NumberedRequest::without_reply(Request::Stop)).await.ok();
    // Nothing is stored, so nothing is lost if a task does not stop in time.
    wait_until_stopped(running).await?;
    Ok(CheckResult { state: Arc::unwrap_or_clone(latest), interrupted })
}

/// Waits until every runnable probe has a result; `seen` is the current state of the run.
async fn wait_for_results(handle: &mut EngineHandle, latest: &mut Arc<RunState>) -> Result<()> {
    loop {
        tokio::select! {
            biased;
            Ok(()) = handle.states.changed() => {
                let RunSnapshot { state, in_flight } = handle.states.borrow_and_update().clone();
                show_progress(&state, &in_flight);
                *latest = state;
                if in_flight.running.is_empty() && is_finished(latest, &in_flight) {
                    return Ok(());
                }
            }
            update = handle.updates.recv() => match update {
                Some(Update::Failed(failure)) => return Err(failure.into()),
                Some(Update::Stopped) | None => return Ok(()),
                Some(Update::Warning(why)) => {
                    clear_progress();
                    note!("gonogo: {}", gonogo_core::text::line(&why));
                }
                Some(Update::Response(..)) => {}
            },
        }
    }
}

fn is_finished(state: &RunState, in_flight: &InFlight) -> bool {
    gonogo_core::run::due_probes(state, &clock::now())
        .iter()
        .all(|due| in_flight.unlogged.contains(&due.probe))
}

fn show_progress(state: &RunState, in_flight: &InFlight) {
    if !io::stderr().is_terminal() {
        return;
    }
    let total = state.plan.points().map(|point| point.probes.len()).sum::<usize>();
    let done = total.saturating_sub(in_flight.running.len());
    let current = in_flight
        .running
        .keys()
        .next()
        .map(|probe| gonogo_core::text::line(&probe.to_string()))
        .unwrap_or_default();
    when_not_prompting(|| drop(write!(io::stderr(), "\r\x1b[K{done}/{total} probes · {current}")));
}

fn clear_progress() {
    if io::stderr().is_terminal() {
        when_not_prompting(|| drop(write!(io::stderr(), "\r\x1b[K")));
    }
}
