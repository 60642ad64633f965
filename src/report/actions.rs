//! The actions of a run, and how they ended.

use serde::Serialize;

use gonogo_core::checklist::{Action, ActionKey, ROLLBACK};
use gonogo_core::journal::entry::{ActionExit, ActionStarted, Entry, Event};
use gonogo_core::run::{ActionEnd, ActionRun, RunState};
use gonogo_core::text::{block, line};

/// One action and its newest valid run.
#[derive(Debug, Serialize)]
pub struct ActionPart {
    /// Its id within the point.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The command, secrets as references.
    pub command: Option<String>,
    /// `pass`, `fail`, `error` if its end is unknown, `running`; `none` if it was not run.
    pub class: &'static str,
    /// How it ended, in words.
    pub ended: Option<String>,
    /// Who started it.
    pub by: Option<String>,
    /// The entry that started it.
    pub seq: Option<u64>,
    /// When it started, RFC 3339.
    pub at: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// How often it was started.
    pub times: u64,
    /// Its output.
    pub output: Option<OutputPart>,
}

/// The output of an action.
#[derive(Debug, Serialize)]
pub struct OutputPart {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Its file, relative to the log's directory.
    pub kept: String,
    /// The last lines.
    pub tail: String,
}

/// The rollback.
#[derive(Debug, Serialize)]
pub struct RollbackPart {
    /// Its steps, each with the run that counts.
    pub steps: Vec<ActionPart>,
    /// The runs of steps that no longer count.
    pub outdated: Vec<OutdatedRun>,
    /// The recorded rollback: to which release and digest, by whom, when.
    pub done: Option<String>,
}

/// A run of a step that no longer counts. It has changed something all the same.
#[derive(Debug, Serialize)]
pub struct OutdatedRun {
    /// The id of the step.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Why it no longer counts.
    pub why: &'static str,
    /// How it ended, in words; none if that is not in the log.
    pub ended: Option<String>,
    /// Who started it.
    pub by: String,
    /// The entry that started it.
    pub seq: u64,
    /// When it started, RFC 3339.
    pub at: String,
}

/// The actions of a point, or the steps of the rollback.
pub(super) fn action_parts(state: &RunState, point: &str, actions: &[Action]) -> Vec<ActionPart> {
    actions.iter().map(|action| action_part(state, point, action)).collect()
}

/// The rollback, if any step was run or it was recorded.
pub(super) fn rollback_part(entries: &[Entry], state: &RunState) -> Option<RollbackPart> {
    let steps = || action_parts(state, ROLLBACK, &state.plan.rollback);
    let done = state.rolled_back.as_ref().map(|rollback| {
        let digest = rollback.digest.as_deref().unwrap_or("digest unknown");
        let reason = rollback
            .reason
            .as_ref()
            .map(|why| format!("; steps left out: {} ({why})", rollback.skipped_steps.join(", ")));
        let text =
            format!("to {} ({digest}) by {}, {}", rollback.release, rollback.by, rollback.at.wall.readable());
        line(&(text + &reason.unwrap_or_default()))
    });
    (state.is_rolling_back() || done.is_some()).then(|| RollbackPart {
        steps: steps(),
        outdated: outdated_runs(entries, state),
        done,
    })
}

/// The runs of the rollback's steps other than dry runs and those that count.
fn outdated_runs(entries: &[Entry], state: &RunState) -> Vec<OutdatedRun> {
    let started = entries.iter().filter_map(|entry| match &entry.event {
        Event::ActionStarted(event) if event.action.is_rollback() && !event.dry_run => Some((entry, event)),
        _ => None,
    });
    let newest = |event: &ActionStarted| Some(state.action(&event.action)?.latest.as_ref()?.seq);
    started
        .filter(|(entry, event)| newest(event) != Some(entry.header.seq))
        .map(|(entry, event)| outdated_run(entries, state, entry, event, newest(event).is_some()))
        .collect()
}

fn outdated_run(
    entries: &[Entry],
    state: &RunState,
    entry: &Entry,
    event: &ActionStarted,
    is_repeated: bool,
) -> OutdatedRun {
    let title = state.plan.action(&event.action).map_or(&event.action.action, |step| &step.title);
    OutdatedRun {
        id: line(&event.action.action),
        title: line(title),
        why: if is_repeated { "it was run again" } else { "an earlier step was run after it" },
        ended: end_of(entries, entry.header.seq),
        by: line(&entry.header.by),
        seq: entry.header.seq,
        at: entry.header.at.wall.to_string(),
    }
}

/// How the run that an entry started has ended, in words.
fn end_of(entries: &[Entry], started: u64) -> Option<String> {
    entries.iter().find_map(|entry| match &entry.event {
        Event::ActionFinished(event) if event.started == started => {
            let (seq, at) = (entry.header.seq, entry.header.at.clone());
            let (exit, cause, took_ms) = (event.exit.clone(), event.cause, event.took_ms);
            let end = ActionEnd { seq, at, took_ms, exit, cause, output: None };
            Some(line(&end.describe()))
        }
        _ => None,
    })
}

fn action_part(state: &RunState, point: &str, action: &Action) -> ActionPart {
    let noted = state.noted_replicas;
    let state = state.action(&ActionKey::new(point, &action.id));
    let run = state.and_then(|state| state.latest.as_ref());
    let finished = run.and_then(|run| run.end.as_ref());
    let output = finished.and_then(|finished| finished.output.as_ref());
    ActionPart {
        id: line(&action.id),
        title: line(&action.title),
        command: action.program.as_ref().map(|program| line(&program.command_line(false, noted))),
        class: class(run),
        ended: finished.map(|finished| line(&finished.describe())),
        by: run.map(|run| line(&run.by)),
        seq: run.map(|run| run.seq),
        at: run.map(|run| run.at.wall.to_string()),
        took_ms: finished.map_or(0, |finished| finished.took_ms),
        times: state.map_or(0, |state| state.attempts),
        output: output.map(|output| OutputPart {
            bytes: output.bytes,
            sha256: output.sha256.to_string(),
            kept: line(&output.file),
            tail: block(&output.tail),
        }),
    }
}

fn class(run: Option<&ActionRun>) -> &'static str {
    match run.map(|run| run.end.as_ref().map(|finished| &finished.exit)) {
        None => "none",
        Some(None) => "running",
        Some(Some(ended)) if ended.is_success() => "pass",
        Some(Some(ActionExit::Unknown(_))) => "error",
        Some(Some(_)) => "fail",
    }
}
