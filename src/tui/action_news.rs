//! What is told of actions that have begun or ended since the run was shown last.

use crate::checklist::ActionKey;
use crate::run::{ActionRun, RunState};
use crate::tui::context::Context;
use crate::tui::dialogs::DialogLayer;
use crate::tui::dialogs::action_failed::ActionFailedDialog;
use crate::tui::layer::Effect;

/// Tells that an action has begun or ended; at once when one went wrong, unless that would take the keys away from
/// somebody who types.
pub fn since(before: &RunState, cx: &Context, is_free: bool) -> Option<Effect> {
    let at_work = before.running_action().map(|(_, deed)| deed.seq);
    let state = &cx.run.state;
    // States between are not always seen: it may have begun and ended since. A review goes back and forth.
    let under_way = state.running_action().map(|(_, deed)| deed.seq);
    let is_newer = |deed: &ActionRun| !cx.is_review() && deed.seq > before.seq;
    let is_new = |deed: &ActionRun| at_work.is_none() && (under_way == Some(deed.seq) || is_newer(deed));
    let ended = deeds_of(state).filter(|(_, deed)| Some(deed.seq) == at_work || is_new(deed));
    let (key, deed) = ended.max_by_key(|(_, deed)| deed.seq)?;
    let started = deed.seq;
    let Some(finished) = &deed.end else {
        return at_work.is_none().then(|| Effect::Say(format!("{key} started · log #{started}")));
    };
    let told = format!("{key}: {}", finished.describe());
    Some(if finished.exit.is_success() {
        Effect::Say(told)
    } else if !is_free || deed.dry_run || cx.is_review() {
        Effect::Refuse(told)
    } else {
        Effect::open(DialogLayer::new(ActionFailedDialog { action: key.clone(), started }))
    })
}

/// What has run or runs, with its action.
fn deeds_of(state: &RunState) -> impl Iterator<Item = (&ActionKey, &ActionRun)> {
    let each =
        state.actions.iter().flat_map(|(key, known)| [(key, &known.latest), (key, &known.latest_dry_run)]);
    each.filter_map(|(key, deed)| Some((key, deed.as_ref()?)))
}
