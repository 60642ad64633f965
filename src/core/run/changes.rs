//! What has changed between two states of a run that somebody may wait for.

use super::state::RunState;
use super::status::Status;
use crate::checklist::{ActionKey, PointId, Role};
use crate::journal::entry::Decision;
use crate::time::Moment;

/// A change that somebody may wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunChange {
    /// A point needs a confirmation.
    NeedsConfirmation(PointId),
    /// An action has finished.
    ActionFinished {
        /// The action.
        action: ActionKey,
        /// The position of its end entry.
        seq: u64,
        /// Whether it succeeded.
        is_success: bool,
    },
    /// A verdict was recorded.
    Verdict {
        /// The verdict.
        decision: Decision,
        /// Who recorded it.
        by: String,
        /// The position of its entry.
        seq: u64,
    },
    /// A seal was set.
    Sealed {
        /// Who sealed.
        by: String,
        /// Their role.
        role: Role,
        /// The position of its entry.
        seq: u64,
    },
}

/// The changes from a state to a later one of the same run, in the order of the plan and then of the log.
#[must_use]
pub fn changes(before: &RunState, after: &RunState, now: &Moment) -> Vec<RunChange> {
    let mut changes = Vec::new();
    if after.seq <= before.seq {
        return changes;
    }
    let (was, is) = (before.judge(now), after.judge(now));
    let needs = |status: Status| matches!(status, Status::NeedsConfirmation { .. });
    let points =
        after.plan.points().filter(|point| needs(is.status(&point.id)) && !needs(was.status(&point.id)));
    changes.extend(points.map(|point| RunChange::NeedsConfirmation(point.id.clone())));
    changes.extend(finished_actions(before, after));
    let verdict = after.verdict.as_ref().filter(|verdict| verdict.seq > before.seq);
    changes.extend(verdict.map(|verdict| RunChange::Verdict {
        decision: verdict.decision,
        by: verdict.by.clone(),
        seq: verdict.seq,
    }));
    let seals = after.seals.iter().filter(|seal| seal.seq > before.seq);
    changes.extend(seals.map(|seal| RunChange::Sealed {
        by: seal.by.clone(),
        role: seal.role,
        seq: seal.seq,
    }));
    changes
}

fn finished_actions(before: &RunState, after: &RunState) -> Vec<RunChange> {
    let runs = after.actions.iter().flat_map(|(key, state)| {
        [&state.latest, &state.latest_dry_run].into_iter().flatten().map(move |run| (key, run))
    });
    let mut finished: Vec<_> = runs
        .filter_map(|(key, run)| Some((key, run.end.as_ref()?)))
        .filter(|(_, end)| end.seq > before.seq)
        .map(|(key, end)| (end.seq, key.clone(), end.exit.is_success()))
        .collect();
    finished.sort_unstable_by_key(|(seq, ..)| *seq);
    let change = |(seq, action, is_success)| RunChange::ActionFinished { action, seq, is_success };
    finished.into_iter().map(change).collect()
}
