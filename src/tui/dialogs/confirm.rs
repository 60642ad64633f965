//! Whether to confirm a point: the evidence, and who signs it.

use crossterm::event::KeyEvent;
use ratatui::text::Span;

use super::{Dialog, is_yes};
use crate::checklist::{Confirm, PointId};
use crate::journal::entry::Evidence;
use crate::outcome::Observation;
use crate::run::{Act, ProbeRun, evidence};
use crate::text;
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::symbols::{of_class, of_seen};
use crate::tui::style::text::{ellipsis, styled};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// The question whether to confirm.
#[derive(Clone, Debug)]
pub struct ConfirmDialog {
    /// The point.
    pub point: PointId,
    /// What the person sees while asked.
    pub of: Vec<Evidence>,
    /// Why they stand for two.
    pub reason: Option<String>,
}

impl Dialog for ConfirmDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        confirm(cx, width, &self.point, &self.of, self.reason.as_deref())
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let said = format!("confirmed {}", self.point);
        let Self { point, of, reason } = self.clone();
        Reaction::Close(vec![Effect::act(cx, Act::Confirm { point, evidence: of, reason }, said, None)])
    }
}

/// Whether to confirm: the evidence, and who says so.
fn confirm(cx: &Context, width: usize, id: &str, of: &[Evidence], reason: Option<&str>) -> DialogView {
    let mut sheet = DialogView::new(format!("confirm {}", text::line(id)), StyleRole::Needs);
    let point = cx.plan().point(id);
    if let Some(point) = point {
        sheet.put(vec![styled(&point.title, Theme::strong())], width, 0);
    }
    sheet.gap();
    basis(cx, &mut sheet, width, id, of);
    if let Some(reason) = reason {
        sheet.gap();
        let told = format!("For two, because: {}", text::line(reason));
        sheet.put(vec![styled(&told, Theme::text())], width, 2);
    }
    if point.is_some_and(|point| point.confirm == Confirm::Two) && !cx.plan().solo {
        sheet.gap();
        sheet.put(vec![cx.dim("It takes two different people with two different keys.")], width, 0);
    }
    if has_changed(cx, id, of) {
        sheet.gap();
        let told = "⚠ The results have changed since you opened this. Cancel, and check them again.";
        sheet.put(vec![cx.toned(told, StyleRole::Failed)], width, 2);
    }
    let me = cx.person(&cx.session.me.principal);
    sheet.keys(cx, &[("y", &format!("confirm as {me}")), ("Esc", "cancel")], width);
    sheet
}

fn has_changed(cx: &Context, id: &str, of: &[Evidence]) -> bool {
    let now = cx.plan().point(id).zip(cx.run.state.point(id));
    now.is_none_or(|(point, state)| evidence(point, state) != of)
}

/// What a confirmation rests on: the looks that the person sees, each with its digest.
fn basis(cx: &Context, sheet: &mut DialogView, width: usize, id: &str, of: &[Evidence]) {
    if of.is_empty() {
        let told = "This point has no probe. You confirm it on your own word.";
        return sheet.put(vec![styled(told, Theme::text())], width, 0);
    }
    sheet.put(vec![cx.dim("You confirm (sign) this evidence:")], width, 0);
    for seen in of {
        let look = cx.run.state.point(id).and_then(|state| state.probes.get(&seen.probe));
        let look = look.and_then(|probe| probe.latest.as_ref()).filter(|look| look.seq == seen.seq);
        evidence_lines(cx, sheet, width, id, seen, look);
    }
}

fn evidence_lines(
    cx: &Context,
    sheet: &mut DialogView,
    width: usize,
    id: &str,
    seen: &Evidence,
    look: Option<&ProbeRun>,
) {
    let title =
        cx.plan().point(id).and_then(|point| point.probes.iter().find(|probe| probe.id == seen.probe));
    let title = title.map_or(seen.probe.as_str(), |probe| probe.title.as_str());
    let (sign, tone) = look.map_or(("◷", StyleRole::Stale), |look| of_class(look.outcome.class));
    let ago = look.map_or_else(|| "replaced since".to_owned(), |look| cx.ago(&look.at));
    sheet.put(vec![cx.toned(&format!("{sign} "), tone), styled(title, Theme::strong())], width, 2);
    let facts = format!("  log #{} · evidence {} · {ago}", seen.seq, seen.hash.short());
    sheet.put(vec![cx.dim(&facts)], width, 2);
    for observation in look.into_iter().flat_map(|look| &look.outcome.observations) {
        sheet.body.push(brief(cx, observation, width).into());
    }
}

/// An observation in one line.
fn brief(cx: &Context, seen: &Observation, width: usize) -> Vec<Span<'static>> {
    let (sign, tone) = of_seen(seen.ok);
    let told = format!("{}: {}", text::line(&seen.what), text::line(&seen.seen));
    vec![
        cx.toned(&format!("  {sign} "), tone),
        styled(&ellipsis(&told, width.saturating_sub(4)), Theme::text()),
    ]
}
