//! The hints of the checklist view.

use super::{Focus, View};
use crate::tui::keymap::{HELP_HINT, Intent, PALETTE_HINT};
use crate::tui::layer::Hint;
use crate::tui::style::layout::Arrangement;
use gonogo_core::checklist::Point;
use gonogo_core::run::Status;

/// The most likely next keys.
pub fn hints(view: &View, arrangement: &Arrangement) -> Vec<Hint> {
    let mut hints = Vec::new();
    if view.checklist.is_detail_fullscreen(arrangement) {
        hints.push(("Esc", "back"));
    } else if view.checklist.is_filtered() && view.checklist.focus == Focus::List {
        hints.push(("Esc", "show all"));
    }
    if view.is_read_only() {
        hints.extend([("o", "output"), ("v", "verdict")]);
    } else if !view.run.state.is_closing() {
        hints.extend(view.point().map(|point| point_hints(view, point)).unwrap_or_default());
        hints.extend(run_hints(view));
    } else if !view.run.state.is_ended() {
        let can_seal = view.can_seal();
        hints.extend(Some(("p", "the other operator")).filter(|_| !can_seal));
        hints.push(("v", if can_seal { "verdict and seal" } else { "verdict" }));
    } else if !view.plan().rollback.is_empty() && !view.session.ends_with_session {
        hints.extend([("A", "rollback run"), ("v", "verdict")]);
    }
    let first = usize::from(hints.first().is_some_and(|(key, _)| *key == "Esc"));
    match enter_hint(view, arrangement) {
        Some((key, hint)) => {
            hints.retain(|(other, _)| *other != key);
            hints.insert(first, hint);
        }
        None if view.checklist.focus == Focus::List => hints.insert(first, ("Enter", "detail")),
        None => {}
    }
    if view.checklist.focus == Focus::Detail {
        hints.push(("PgUp PgDn", "scroll"));
        if !view.checklist.is_detail_fullscreen(arrangement) {
            hints.push(("Esc", "back"));
        }
    }
    hints.extend([("/", "filter"), ("q", "quit"), PALETTE_HINT, HELP_HINT]);
    // The keys that a newcomer needs are never those that do not fit.
    if let Some(guide) = hints.iter().position(|(key, _)| *key == "!") {
        hints[first..=guide].rotate_right(1);
    }
    hints
}

/// The key that Enter stands for here, and the hint for both, if it does the obvious thing about the point. It does that
/// only where the detail is in view.
fn enter_hint(view: &View, arrangement: &Arrangement) -> Option<(&'static str, Hint)> {
    let point = view.point().filter(|_| view.checklist.is_detail_visible(arrangement))?;
    Some(match view.obvious_intent(point)? {
        Intent::Confirm => ("space", ("Enter space", "confirm")),
        Intent::RunAction => ("a", ("Enter a", "run")),
        Intent::Output => ("o", ("Enter o", "output")),
        Intent::RunProbes => ("r", ("Enter r", "probe again")),
        Intent::Exempt => ("x", ("Enter x", "not applicable")),
        _ => return None,
    })
}

/// The keys for a point in its status.
fn point_hints(view: &View, point: &Point) -> Vec<Hint> {
    let status = view.status(point);
    let mut hints: Vec<Hint> = match &status {
        // Nothing of the deployment starts any more.
        Status::Blocked(_) | Status::Interrupted(_) | Status::Failed
            if view.run.state.is_rolling_back() && !point.actions.is_empty() =>
        {
            vec![("A", "rollback"), ("o", "output")]
        }
        Status::NeedsConfirmation { .. } if view.run.state.is_exemption_pending(point) => Vec::new(),
        Status::NeedsConfirmation { .. } if view.needs_my_confirmation(point, &status) => {
            vec![("space", "confirm")]
        }
        Status::NeedsConfirmation { .. } => vec![("u", "retract")],
        Status::NeedsAction(_) => vec![("a", "run")],
        Status::Running(_) => vec![("o", "output"), ("S", "stop")],
        Status::Interrupted(_) => vec![("a", "run again"), ("o", "output")],
        Status::Failed if !point.actions.is_empty() => {
            vec![("a", "run again"), ("A", "rollback"), ("o", "output")]
        }
        Status::Failed | Status::Error | Status::Stale => vec![("r", "probe again")],
        status if status.is_done() && has_own_act(view, point) => vec![("u", "retract")],
        _ => Vec::new(),
    };
    if status.is_no_go() || matches!(status, Status::NeedsConfirmation { .. }) {
        hints.extend(exception_hints(view, point));
        hints.extend(
            Some(("c", "copy command"))
                .filter(|_| status.is_no_go() && view.is_available(Intent::CopyCommand, Some(point))),
        );
        hints.push(("n", "note"));
    } else {
        // Nobody has to do anything about it yet.
        hints.push(("n", "note"));
    }
    hints
}

/// Waive and not applicable, as far as the rules allow them.
fn exception_hints<'a>(view: &'a View, point: &'a Point) -> impl Iterator<Item = Hint> + use<'a> {
    let hints = [(Intent::Waive, ("w", "waive")), (Intent::Exempt, ("x", "not applicable"))];
    hints.into_iter().filter(|(intent, _)| view.is_available(*intent, Some(point))).map(|(_, hint)| hint)
}

fn has_own_act(view: &View, point: &Point) -> bool {
    let me = &view.session.operator.principal;
    view.run.state.point(&point.id).is_some_and(|state| {
        state.confirmations.iter().any(|act| act.by == *me)
            || state.waivers.iter().any(|act| act.by == *me)
            || state.exemptions.iter().any(|act| act.by == *me)
    })
}

fn run_hints(view: &View) -> Vec<Hint> {
    let summary = &view.run.summary;
    if summary.done == summary.total as u64 {
        return vec![("v", if view.can_seal() { "seal" } else { "verdict" })];
    }
    let mut hints = vec![("!", if view.run.state.proposal.is_some() { "proposed plan" } else { "next" })];
    if summary.is_stale {
        hints.push(("R", "probe the stale"));
    }
    hints.push(("v", "verdict"));
    hints
}
