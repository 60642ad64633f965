//! The dialog that asks for the confirmation of a point.

use crossterm::event::KeyEvent;

use super::{Dialog, is_yes};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::symbols::{observation_symbol, outcome_symbol};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use gonogo_core::checklist::{Confirm, PointId};
use gonogo_core::journal::entry::Evidence;
use gonogo_core::outcome::Observation;
use gonogo_core::run::{Act, ProbeRun, evidence};
use gonogo_core::text;

/// Asks whether to confirm a point.
#[derive(Clone, Debug)]
pub struct ConfirmDialog {
    /// The point.
    pub point: PointId,
    /// The evidence that is shown and confirmed.
    pub evidence: Vec<Evidence>,
    /// Why one person confirms for two, in a solo run.
    pub reason: Option<String>,
}

impl Dialog for ConfirmDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        dialog_view(cx, width, &self.point, &self.evidence, self.reason.as_deref())
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let notice = format!("confirmed {}", self.point);
        let Self { point, evidence, reason } = self.clone();
        Reaction::Close(vec![Effect::act(cx, Act::Confirm { point, evidence, reason }, notice, None)])
    }
}

/// The content of the dialog.
fn dialog_view(
    cx: &Context,
    width: usize,
    id: &str,
    evidence: &[Evidence],
    reason: Option<&str>,
) -> DialogView {
    let mut dialog = DialogView::new(format!("confirm {}", text::line(id)), StyleRole::Attention);
    let point = cx.plan().point(id);
    if let Some(point) = point {
        dialog.put(vec![styled(&point.title, Theme::strong())], width, 0);
        // There is nothing else to read: the whole of what is confirmed.
        if evidence.is_empty() && point.why != point.title {
            for line in text::block(&point.why).lines() {
                dialog.put(vec![styled(line, Theme::text())], width, 0);
            }
        }
    }
    dialog.gap();
    evidence_section(cx, &mut dialog, width, id, evidence);
    if let Some(reason) = reason {
        dialog.gap();
        let text = format!("For two, because: {}", text::line(reason));
        dialog.put(vec![styled(&text, Theme::text())], width, 2);
    }
    if point.is_some_and(|point| point.confirm == Confirm::Two) && !cx.plan().solo {
        dialog.gap();
        dialog.put(vec![cx.dim("It takes two different people with two different keys.")], width, 0);
    }
    if has_changed(cx, id, evidence) {
        dialog.gap();
        let text = "⚠ The results have changed since you opened this. Cancel, and check them again.";
        dialog.put(vec![cx.with_role(text, StyleRole::Failed)], width, 2);
    }
    let me = cx.name_and_role(&cx.session.operator.principal);
    dialog.keys(cx, &[("y", &format!("confirm as {me}")), ("Esc", "cancel")], width);
    dialog
}

fn has_changed(cx: &Context, id: &str, shown: &[Evidence]) -> bool {
    let current = cx.plan().point(id).zip(cx.run.state.point(id));
    current.is_none_or(|(point, state)| evidence(point, state) != shown)
}

/// The evidence: the probe runs, each with its digest.
fn evidence_section(cx: &Context, dialog: &mut DialogView, width: usize, id: &str, evidence: &[Evidence]) {
    if evidence.is_empty() {
        let text = "This point has no probe. You confirm it on your own word.";
        return dialog.put(vec![styled(text, Theme::text())], width, 0);
    }
    dialog.put(vec![cx.dim("You confirm (sign) this evidence:")], width, 0);
    for seen in evidence {
        let run = cx.run.state.point(id).and_then(|state| state.probes.get(&seen.probe));
        let run = run.and_then(|probe| probe.latest.as_ref()).filter(|run| run.seq == seen.seq);
        evidence_lines(cx, dialog, width, id, seen, run);
    }
}

fn evidence_lines(
    cx: &Context,
    dialog: &mut DialogView,
    width: usize,
    id: &str,
    seen: &Evidence,
    run: Option<&ProbeRun>,
) {
    let title =
        cx.plan().point(id).and_then(|point| point.probes.iter().find(|probe| probe.id == seen.probe));
    let title = title.map_or(seen.probe.as_str(), |probe| probe.title.as_str());
    let (symbol, role) = run.map_or(("◷", StyleRole::Stale), |run| outcome_symbol(run.outcome.class));
    let ago = run.map_or_else(|| "replaced since".to_owned(), |run| cx.ago(&run.at));
    dialog.put(vec![cx.with_role(&format!("{symbol} "), role), styled(title, Theme::strong())], width, 2);
    let facts = format!("  log #{} · evidence {} · {ago}", seen.seq, seen.hash);
    dialog.put(vec![cx.dim(&facts)], width, 2);
    for observation in run.into_iter().flat_map(|run| &run.outcome.observations) {
        observation_lines(cx, dialog, width, observation);
    }
}

/// An observation, whole: what was seen, and what was expected if that differs.
fn observation_lines(cx: &Context, dialog: &mut DialogView, width: usize, seen: &Observation) {
    let (symbol, role) = observation_symbol(seen);
    let expected = match seen.ok {
        Some(true) => String::new(),
        _ => format!(" (expected {})", text::line(&seen.expected)),
    };
    let text = format!("{}: {}{expected}", text::line(&seen.what), text::line(&seen.seen));
    dialog.put(vec![cx.with_role(&format!("  {symbol} "), role), styled(&text, Theme::text())], width, 4);
}
