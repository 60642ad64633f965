//! `gonogo status`: the state of an open run, for people and programs, without its screen.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::loaded_profile::{LoadedProfile, store};
use super::run_list::list_runs;
use crate::cli::StatusArgs;
use crate::engine::{clock, find_open};
use gonogo_core::checklist::{Action, Point, ROLLBACK};
use gonogo_core::error::Exit;
use gonogo_core::journal::entry::Decision;
use gonogo_core::journal::raw;
use gonogo_core::journal::store::{LogStore, read_unverified};
use gonogo_core::run::{Judgement, RunState, Status, evidence, explain, judge, valid_confirmations};
use gonogo_core::text::line;
use gonogo_core::time::Moment;

pub(super) fn status(arguments: &StatusArgs) -> Result<Exit> {
    let store = store(arguments.log_dir.as_deref())?;
    let (log, state) = match &arguments.run {
        Some(path) if path.extension().is_some_and(|end| end == "toml") => open_run_of(&store, path)?,
        Some(path) => (path.clone(), read(path)?),
        None => only_open_run(&store)?,
    };
    let now = clock::now();
    let text = if arguments.json {
        format!("{:#}\n", as_json(&log, &state, &now))
    } else {
        human(&log, &state, &now)
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
    Ok(exit(&state, &now))
}

/// The exit code: that of a sealed run is its verdict's, whoever asks; an open one is open.
fn exit(state: &RunState, now: &Moment) -> Exit {
    match judge(&state.judge(now)).decision {
        _ if !state.is_sealed() => Exit::LogOpen,
        Decision::Go => Exit::Success,
        _ => Exit::NoGo,
    }
}

/// The open run of a profile's environment.
fn open_run_of(store: &LogStore, profile: &Path) -> Result<(PathBuf, RunState)> {
    let loaded = LoadedProfile::read(profile)?;
    let environment = loaded.environment();
    let Some(open) = find_open(store, environment)? else {
        bail!("{}: no run of {} is open here", profile.display(), line(environment));
    };
    Ok(open)
}

/// The run of a log.
fn read(log: &Path) -> Result<RunState> {
    let named = || format!("run log {}", log.display());
    if let Some(state) = RunState::fold(&read_unverified(log).with_context(named)?) {
        return Ok(state);
    }
    let why = raw::why_unreadable(log)?.unwrap_or_else(|| "it is empty".into());
    bail!("{}: {}", named(), line(&why))
}

/// The open run on this machine, if there is only one.
fn only_open_run(store: &LogStore) -> Result<(PathBuf, RunState)> {
    let mut open = Vec::new();
    for run in list_runs(store)?.into_iter().filter(|run| run.is_open && !run.rehearsal) {
        open.extend(read(&run.path).ok().filter(|state| !state.is_ended()).map(|state| (run.path, state)));
    }
    match open.len() {
        0 => bail!("no run is open on this machine, rehearsals not counted; `gonogo review` lists them all"),
        1 => Ok(open.remove(0)),
        _ => {
            let logs = open.iter().map(|(log, state)| {
                format!(
                    "\n  {} {}  {}",
                    line(&state.plan.environment),
                    line(&state.plan.release),
                    log.display()
                )
            });
            bail!("several runs are open; give the profile or the log of one:{}", logs.collect::<String>())
        }
    }
}

fn standing(state: &RunState) -> &'static str {
    match &state.abandoned {
        Some(_) => "abandoned",
        None if state.is_sealed() => "sealed",
        None if !state.seals.is_empty() => "being sealed",
        None => "open",
    }
}

fn human(log: &Path, state: &RunState, now: &Moment) -> String {
    let judgement = state.judge(now);
    let verdict = judge(&judgement);
    let plan = &state.plan;
    let rehearsal = if plan.rehearsal.is_some() { " (a rehearsal)" } else { "" };
    let mut lines = vec![
        format!(
            "{} {}{rehearsal}: {} {}/{}, {}",
            line(&plan.environment),
            line(&plan.release),
            verdict.decision,
            verdict.done,
            verdict.total,
            standing(state)
        ),
        format!("  log      {} (not verified; gonogo verify does)", line(&log.display().to_string())),
    ];
    if let Some((key, run)) = state.running_action() {
        lines.push(format!("  running  {key} by {}, log #{}", line(&run.by), run.seq));
    }
    if let Some(rollback) = &state.rolled_back {
        lines.push(format!("  rollback rolled back to {}, log #{}", line(&rollback.release), rollback.seq));
    } else if state.is_rolling_back() {
        lines.push(format!("  rollback {}", rollback_progress(state)));
    }
    if state.are_consumers_paused() {
        lines.push("  rollback the consumers are paused".to_owned());
    }
    // In a rollback, no action of the deployment is next.
    let is_next = |point: &&Point| judgement.status(&point.id) != Status::Blocked(ROLLBACK.into());
    let open = plan.points().filter(|point| !judgement.status(&point.id).is_done()).filter(is_next);
    for point in open {
        let status = judgement.status(&point.id);
        let why = explain(&judgement, &point.id, &status);
        let why = if why.is_empty() { String::new() } else { format!(": {}", line(&why)) };
        lines.push(format!("  {:<3}{} {}{why}", status.symbol(), line(&point.id), status.label()));
    }
    lines.extend(state.missing_seals().iter().map(|role| format!("  the {role}'s seal is missing")));
    lines.join("\n") + "\n"
}

/// How far the rollback is, and its next step.
fn rollback_progress(state: &RunState) -> String {
    let required: Vec<_> = state.plan.rollback.iter().filter(|step| step.is_required()).collect();
    let is_done = |step: &Action| state.rollback_steps_done().any(|done| done.id == step.id);
    let next = required.iter().find(|step| !is_done(step));
    let next = next.map_or("next: record it".to_owned(), |step| format!("next: {}", line(&step.title)));
    format!("{} of {} steps done; {next}", state.rollback_steps_done().count(), required.len())
}

fn as_json(log: &Path, state: &RunState, now: &Moment) -> Value {
    let judgement = state.judge(now);
    let verdict = judge(&judgement);
    let recorded =
        state.verdict.as_ref().map(|verdict| json!({ "decision": verdict.decision, "seq": verdict.seq }));
    let running = state.running_action().map(|(key, run)| {
        json!({ "action": key, "dry_run": run.dry_run, "by": run.by, "seq": run.seq, "at": run.at.wall })
    });
    let rolled_back = state
        .rolled_back
        .as_ref()
        .map(|rollback| json!({ "release": rollback.release, "seq": rollback.seq }));
    json!({
        "format": 1,
        "log": log.display().to_string(),
        "run": state.run,
        "seq": state.seq,
        "head": state.head,
        "environment": state.plan.environment,
        "release": state.plan.release,
        "previous": state.plan.previous,
        "production": state.plan.production,
        "rehearsal": state.plan.rehearsal.is_some(),
        "standing": standing(state),
        "decision": verdict.decision,
        "done": verdict.done,
        "total": verdict.total,
        "recorded_verdict": recorded,
        "rolling_back": state.is_rolling_back(),
        "rolled_back": rolled_back,
        "running": running,
        "missing_seals": state.missing_seals(),
        "operators": state.roster.iter().map(|operator| json!({ "principal": operator.principal, "role": operator.role })).collect::<Vec<_>>(),
        "points": state.plan.points().map(|point| point_json(&judgement, &point.id)).collect::<Vec<_>>(),
    })
}

fn point_json(judgement: &Judgement, id: &str) -> Value {
    let (status, state) = (judgement.status(id), judgement.state);
    let parts = state.plan.point(id).zip(state.point(id));
    let evidence = parts.map(|(point, point_state)| evidence(point, point_state)).unwrap_or_default();
    let confirmed = parts.into_iter().flat_map(|(_, point_state)| valid_confirmations(point_state));
    json!({
        "id": id,
        "title": parts.map(|(point, _)| &point.title),
        "status": status.label(),
        "done": status.is_done(),
        "why": explain(judgement, id, &status),
        "confirmed_by": confirmed.map(|act| &act.by).collect::<Vec<_>>(),
        "evidence": evidence,
    })
}
