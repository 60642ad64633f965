//! Notices about actions that have started or finished.

use crate::tui::context::Context;
use crate::tui::dialogs::DialogLayer;
use crate::tui::dialogs::action_failed::ActionFailedDialog;
use crate::tui::layer::Effect;
use gonogo_core::checklist::ActionKey;
use gonogo_core::run::{ActionRun, RunState};

/// Returns the notice to show if an action has started or finished since the state `before`. If `can_interrupt`, the
/// failure of an action opens a dialog; otherwise, and for dry runs, it is shown as a refusal.
pub fn detect(before: &RunState, cx: &Context, can_interrupt: bool) -> Option<Effect> {
    let was_running = before.running_action().map(|(_, action_run)| action_run.seq);
    let state = &cx.run.state;
    // Not every state is seen: an action can have started and finished in between. A review also moves backwards.
    let running = state.running_action().map(|(_, action_run)| action_run.seq);
    let is_later = |action_run: &ActionRun| !cx.is_review() && action_run.seq > before.seq;
    let is_new = |action_run: &ActionRun| {
        was_running.is_none() && (running == Some(action_run.seq) || is_later(action_run))
    };
    let changed = action_runs(state)
        .filter(|(_, action_run)| Some(action_run.seq) == was_running || is_new(action_run));
    let (key, action_run) = changed.max_by_key(|(_, action_run)| action_run.seq)?;
    let started = action_run.seq;
    let Some(end) = &action_run.end else {
        return was_running.is_none().then(|| Effect::Notify(format!("{key} started · log #{started}")));
    };
    let notice = format!("{key}: {}", end.describe());
    Some(if end.exit.is_success() {
        Effect::Notify(notice)
    } else if !can_interrupt || action_run.dry_run || cx.is_review() {
        Effect::Refuse(notice)
    } else {
        Effect::open(DialogLayer::new(ActionFailedDialog { action: key.clone(), started }))
    })
}

/// The latest run and dry run of each action.
fn action_runs(state: &RunState) -> impl Iterator<Item = (&ActionKey, &ActionRun)> {
    let runs =
        state.actions.iter().flat_map(|(key, state)| [(key, &state.latest), (key, &state.latest_dry_run)]);
    runs.filter_map(|(key, action_run)| Some((key, action_run.as_ref()?)))
}
