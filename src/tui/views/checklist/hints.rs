//! The likeliest next keys on the checklist.

use super::{Focus, View};
use crate::checklist::Point;
use crate::run::Status;
use crate::tui::keymap::{HELP, Intent};
use crate::tui::layer::Hint;
use crate::tui::style::layout::Arrangement;

/// The likeliest next keys.
pub fn hints(view: &View, arrangement: &Arrangement) -> Vec<Hint> {
    let mut hints = Vec::new();
    if view.checklist.is_detail_alone(arrangement) {
        hints.push(("Esc", "back"));
    } else if view.checklist.is_filtered() && view.checklist.focus == Focus::List {
        hints.push(("Esc", "show all"));
    }
    if view.read_only() {
        hints.extend([("o", "output"), ("v", "verdict")]);
    } else if !view.run.state.is_closing() {
        hints.extend(view.point().map(|point| for_point(view, point)).unwrap_or_default());
        hints.extend(for_run(view));
    } else if !view.run.state.is_ended() {
        let can = view.can_seal();
        hints.extend(Some(("p", "the other operator")).filter(|_| !can));
        hints.push(("v", if can { "verdict and seal" } else { "verdict" }));
    }
    if view.checklist.focus == Focus::List {
        hints.push(("Enter", "detail"));
    } else {
        hints.push(("PgUp PgDn", "scroll"));
        if !view.checklist.is_detail_alone(arrangement) {
            hints.push(("Esc", "back"));
        }
    }
    hints.extend([("/", "filter"), ("q", "quit"), HELP]);
    hints
}

/// What can be done about a point in its state.
fn for_point(view: &View, point: &Point) -> Vec<Hint> {
    let status = view.status(point);
    let mut hints: Vec<Hint> = match &status {
        Status::NeedsConfirmation { .. } if view.run.state.is_exemption_pending(point) => Vec::new(),
        Status::NeedsConfirmation { .. } if view.is_mine(point, &status) => vec![("space", "confirm")],
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
        hints.extend(set_aside(view, point));
        hints.extend(
            Some(("y", "copy command"))
                .filter(|_| status.is_no_go() && view.works(Intent::Copy, Some(point))),
        );
        hints.push(("n", "note"));
    } else {
        // Nothing is asked of anybody yet.
        hints.push(("n", "note"));
        hints.extend(set_aside(view, point));
    }
    hints
}

/// The two ways to close a point that has not passed, where the rules allow them.
fn set_aside<'a>(view: &'a View, point: &'a Point) -> impl Iterator<Item = Hint> + use<'a> {
    let ways = [(Intent::Waive, ("w", "waive")), (Intent::Exempt, ("x", "not applicable"))];
    ways.into_iter().filter(|(intent, _)| view.works(*intent, Some(point))).map(|(_, hint)| hint)
}

fn has_own_act(view: &View, point: &Point) -> bool {
    let me = &view.session.me.principal;
    view.run.state.point(&point.id).is_some_and(|state| {
        state.confirmations.iter().any(|act| act.by == *me)
            || state.waivers.iter().any(|act| act.by == *me)
            || state.exemptions.iter().any(|act| act.by == *me)
    })
}

fn for_run(view: &View) -> Vec<Hint> {
    let summary = &view.run.summary;
    if summary.closed == summary.total as u64 {
        return vec![("v", if view.can_seal() { "seal" } else { "verdict" })];
    }
    let here = view.point().is_some_and(|point| view.needs_human(point));
    let waits = summary.need_human > usize::from(here);
    let mut hints: Vec<Hint> = match (&view.run.state.proposal, waits) {
        (Some(_), _) => vec![("!", "proposed plan")],
        (None, true) => vec![("!", "next for you")],
        (None, false) => Vec::new(),
    };
    if summary.is_stale {
        hints.push(("R", "probe the stale"));
    }
    hints.push(("v", "verdict"));
    hints
}
