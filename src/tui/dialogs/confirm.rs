//! The sheets that tell something, or ask for a y.

use ratatui::text::Span;

use crate::checklist::Confirm;
use crate::journal::entry::Evidence;
use crate::outcome::Observation;
use crate::run::{Look, evidence};
use crate::text;
use crate::tui::context::View;
use crate::tui::style::symbols::{of_class, of_seen};
use crate::tui::style::text::{ellipsis, ink};
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::widgets::dialog_view::Sheet;

/// What is told at the start.
pub fn notices(view: &View, width: usize) -> Sheet {
    let mut sheet = Sheet::new("before you go on", Tone::Needs);
    for notice in &view.app.notices {
        sheet.put(vec![view.toned("· ", Tone::Needs), ink(notice, Theme::text())], width, 2);
    }
    sheet.keys(view, &[("Enter", "go on")], width);
    sheet
}

/// Whether to confirm: the evidence, and who says so.
pub fn confirm(view: &View, width: usize, id: &str, of: &[Evidence], reason: Option<&str>) -> Sheet {
    let mut sheet = Sheet::new(format!("confirm {}", text::line(id)), Tone::Needs);
    let point = view.plan().point(id);
    if let Some(point) = point {
        sheet.put(vec![ink(&point.title, Theme::strong())], width, 0);
    }
    sheet.gap();
    basis(view, &mut sheet, width, id, of);
    if let Some(reason) = reason {
        sheet.gap();
        let told = format!("For two, because: {}", text::line(reason));
        sheet.put(vec![ink(&told, Theme::text())], width, 2);
    }
    if point.is_some_and(|point| point.confirm == Confirm::Two) && !view.plan().solo {
        sheet.gap();
        sheet.put(vec![view.dim("It takes two different people with two different keys.")], width, 0);
    }
    if has_changed(view, id, of) {
        sheet.gap();
        let told = "⚠ This has changed since you opened it. Leave it, and look again.";
        sheet.put(vec![view.toned(told, Tone::Failed)], width, 2);
    }
    let me = view.person(&view.app.me.principal);
    sheet.keys(view, &[("y", &format!("confirm as {me}")), ("Esc", "leave it")], width);
    sheet
}

/// Whether to put on record that the release was rolled back.
pub fn rolled_back(view: &View, width: usize) -> Sheet {
    let mut sheet = Sheet::new("rolled back", Tone::Needs);
    let to = view.plan().previous.as_deref().unwrap_or_default();
    let told = format!("You say that {} has been rolled back to {to}.", view.plan().release);
    sheet.put(vec![ink(&told, Theme::strong())], width, 0);
    sheet.gap();
    let told = "Every step of the way back went well. From then on the points of verification look at what runs again, and nothing more is deployed in this run.";
    sheet.put(vec![ink(told, Theme::text())], width, 0);
    let me = view.person(&view.app.me.principal);
    sheet.keys(view, &[("y", &format!("say so as {me}")), ("Esc", "leave it")], width);
    sheet
}

fn has_changed(view: &View, id: &str, of: &[Evidence]) -> bool {
    let now = view.plan().point(id).zip(view.app.state.point(id));
    now.is_none_or(|(point, state)| evidence(point, state) != of)
}

/// What a confirmation rests on: the looks that the person sees, each with its digest.
fn basis(view: &View, sheet: &mut Sheet, width: usize, id: &str, of: &[Evidence]) {
    if of.is_empty() {
        let told = "Nothing is probed here. You say that it is as it must be.";
        return sheet.put(vec![ink(told, Theme::text())], width, 0);
    }
    sheet.put(vec![view.dim("You confirm what was seen:")], width, 0);
    for seen in of {
        let look = view.app.state.point(id).and_then(|state| state.probes.get(&seen.probe));
        let look = look.and_then(|probe| probe.latest.as_ref()).filter(|look| look.seq == seen.seq);
        evidence_lines(view, sheet, width, id, seen, look);
    }
}

fn evidence_lines(
    view: &View,
    sheet: &mut Sheet,
    width: usize,
    id: &str,
    seen: &Evidence,
    look: Option<&Look>,
) {
    let title =
        view.plan().point(id).and_then(|point| point.probes.iter().find(|probe| probe.id == seen.probe));
    let title = title.map_or(seen.probe.as_str(), |probe| probe.title.as_str());
    let (sign, tone) = look.map_or(("◷", Tone::Stale), |look| of_class(look.outcome.class));
    let ago = look.map_or_else(|| "replaced since".to_owned(), |look| view.ago(&look.at));
    sheet.put(vec![view.toned(&format!("{sign} "), tone), ink(title, Theme::strong())], width, 2);
    let facts = format!("  entry {} · evidence {} · {ago}", seen.seq, seen.hash.short());
    sheet.put(vec![view.dim(&facts)], width, 2);
    for observation in look.into_iter().flat_map(|look| &look.outcome.observations) {
        sheet.body.push(brief(view, observation, width).into());
    }
}

/// An observation in one line.
fn brief(view: &View, seen: &Observation, width: usize) -> Vec<Span<'static>> {
    let (sign, tone) = of_seen(seen.ok);
    let told = format!("{}: {}", text::line(&seen.what), text::line(&seen.seen));
    vec![
        view.toned(&format!("  {sign} "), tone),
        ink(&ellipsis(&told, width.saturating_sub(4)), Theme::text()),
    ]
}

/// Whether to take an act back.
pub fn retract(view: &View, width: usize, id: &str, what: &str) -> Sheet {
    let mut sheet = Sheet::new(format!("take back on {}", text::line(id)), Tone::Needs);
    sheet.put(vec![ink("You take back ", Theme::text()), ink(what, Theme::strong())], width, 2);
    sheet.gap();
    sheet.put(
        vec![view.dim("The point opens again. The act and its taking back stay in the log.")],
        width,
        0,
    );
    let me = view.person(&view.app.me.principal);
    sheet.keys(view, &[("y", &format!("take it back as {me}")), ("Esc", "leave it")], width);
    sheet
}
