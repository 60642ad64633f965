//! What was run, and how it ended.

use serde::Serialize;

use crate::checklist::{Action, ActionKey, ROLLBACK};
use crate::journal::entry::Ended;
use crate::run::{Deed, RunState};
use crate::text::{block, line};

/// One action and the newest running of it that counts.
#[derive(Debug, Serialize)]
pub struct ActionPart {
    /// Its id within the point.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The command, secrets as references.
    pub command: Option<String>,
    /// `pass`, `fail`, `error` where nobody knows how it ended, `running`; `none` if it was not run.
    pub class: &'static str,
    /// How it ended, in words.
    pub ended: Option<String>,
    /// Who let it run.
    pub by: Option<String>,
    /// The entry that it began with.
    pub seq: Option<u64>,
    /// When it began, RFC 3339.
    pub at: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// How often it was begun in all.
    pub times: u64,
    /// What it printed.
    pub output: Option<Printed>,
}

/// What an action printed.
#[derive(Debug, Serialize)]
pub struct Printed {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: String,
    /// Where they are, relative to the log's directory.
    pub kept: String,
    /// The last lines.
    pub tail: String,
}

/// The way back, and that it was gone.
#[derive(Debug, Serialize)]
pub struct WayBack {
    /// Its steps.
    pub steps: Vec<ActionPart>,
    /// What is on record: to which release and digest, by whom, when.
    pub done: Option<String>,
}

/// The actions of a point, or the steps of the way back.
pub(super) fn actions(state: &RunState, point: &str, actions: &[Action]) -> Vec<ActionPart> {
    actions.iter().map(|action| part(state, point, action)).collect()
}

/// The way back, where any of it was gone.
pub(super) fn way_back(state: &RunState) -> Option<WayBack> {
    let steps = || actions(state, ROLLBACK, &state.plan.rollback);
    let done = state.rolled_back.as_ref().map(|back| {
        let digest = back.digest.as_deref().unwrap_or("of a digest that was not seen");
        let reason = back.reason.as_ref().map(|why| format!("; left out {}: {why}", back.left.join(", ")));
        let told = format!("to {} ({digest}) by {}, {}", back.release, back.by, back.at.wall.readable());
        line(&(told + &reason.unwrap_or_default()))
    });
    (state.is_going_back() || done.is_some()).then(|| WayBack { steps: steps(), done })
}

fn part(state: &RunState, point: &str, action: &Action) -> ActionPart {
    let known = state.action(&ActionKey::new(point, &action.id));
    let deed = known.and_then(|known| known.latest.as_ref());
    let finished = deed.and_then(|deed| deed.finished.as_ref());
    let output = finished.and_then(|finished| finished.output.as_ref());
    ActionPart {
        id: line(&action.id),
        title: line(&action.title),
        command: action.program.as_ref().map(|program| line(&program.shown(false))),
        class: class(deed),
        ended: finished.map(|finished| line(&finished.told())),
        by: deed.map(|deed| line(&deed.by)),
        seq: deed.map(|deed| deed.seq),
        at: deed.map(|deed| deed.at.wall.to_string()),
        took_ms: finished.map_or(0, |finished| finished.took_ms),
        times: known.map_or(0, |known| known.times),
        output: output.map(|output| Printed {
            bytes: output.bytes,
            sha256: output.sha256.to_string(),
            kept: line(&output.kept),
            tail: block(&output.tail),
        }),
    }
}

fn class(deed: Option<&Deed>) -> &'static str {
    match deed.map(|deed| deed.finished.as_ref().map(|finished| &finished.ended)) {
        None => "none",
        Some(None) => "running",
        Some(Some(ended)) if ended.is_good() => "pass",
        Some(Some(Ended::Unknown(_))) => "error",
        Some(Some(_)) => "fail",
    }
}
