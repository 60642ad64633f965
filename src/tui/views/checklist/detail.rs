//! All there is to know of one control point, set in lines.

use ratatui::text::{Line, Span};

use super::View;
use crate::checklist::Point;
use crate::run::{PointState, Status, explain};
use crate::tui::style::text::{at_most, styled, wrap};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::views::checklist::confirmations;
use crate::tui::views::checklist::probe_results;
use crate::tui::widgets::action_text;
use crate::tui::widgets::text_builder::{MAX_PARAGRAPH, TextBuilder, contacts};
use crate::{text, time};

/// How many notes of a point are shown, the newest ones.
const NOTES: usize = 100;

/// The detail of the selected point, for a text that wide; without its name where that stands above.
pub fn lines(view: &View, width: usize, is_named: bool) -> Vec<Line<'static>> {
    let mut paper = TextBuilder { width, lines: Vec::new() };
    if let Some(point) = view.point()
        && let Some(state) = view.run.state.point(&point.id)
    {
        let status = view.status(point);
        if !is_named {
            let title = text::clip(&point.title, MAX_PARAGRAPH);
            paper.put(vec![styled(&title, Theme::strong())], 0);
            paper.put(vec![view.dim(&name(point))], 0);
            paper.gap();
        }
        standing(view, &mut paper, point, &status);
        body(view, &mut paper, point, state, &status);
        paper.end(view);
    } else {
        paper.put(vec![view.dim(nothing(view))], 0);
    }
    paper.lines
}

/// What stands where no point is selected.
fn nothing(view: &View) -> &'static str {
    if view.checklist.is_filtered() {
        "No point of this section fits the filter. Esc shows all."
    } else {
        "No point."
    }
}

/// A point's id, and whether it can be set aside by one person.
pub fn name(point: &Point) -> String {
    let mandatory = if point.mandatory { " · mandatory" } else { "" };
    format!("{}{mandatory}", text::line(&point.id))
}

/// What is wrong comes before what it is about.
fn body(view: &View, paper: &mut TextBuilder, point: &Point, state: &PointState, status: &Status) {
    if status.is_no_go() {
        contacts(view, paper);
        action_text::part(view, paper, point);
        probe_results::part(view, paper, point, state);
        confirmations::part(view, paper, point, state, status);
        notes(view, paper, state);
        paper.part(view, "what is asked");
        about(view, paper, point);
    } else {
        paper.gap();
        about(view, paper, point);
        action_text::part(view, paper, point);
        confirmations::part(view, paper, point, state, status);
        probe_results::part(view, paper, point, state);
        notes(view, paper, state);
    }
    tailored(view, paper, point);
}

fn about(view: &View, paper: &mut TextBuilder, point: &Point) {
    let why = text::clip(&point.why, MAX_PARAGRAPH);
    let told = why.split_whitespace().collect::<Vec<_>>().join(" ");
    paper.put(vec![view.dim(&told)], 0);
}

/// The state in a word, and what is behind it.
fn standing(view: &View, paper: &mut TextBuilder, point: &Point, status: &Status) {
    let (sign, tone) = view.settled_sign(point, status);
    let word = match status {
        // Nothing is asked of those who only look on.
        Status::NeedsConfirmation { .. } if view.read_only() => view.word(point, status),
        status => status.label(),
    };
    let word = view.toned(&format!("{sign} {}", word.to_uppercase()), tone);
    if let Some(elapsed) = view.probing(&point.id) {
        let busy = format!("{} probing {}", view.sign(point, status).0, time::span(elapsed));
        paper.put(vec![view.toned(&busy, StyleRole::Busy), view.dim(" · so far "), word], 2);
    } else {
        paper.put(vec![word], 2);
    }
    let why = text::clip(&explain(&view.judgement, &point.id, status), MAX_PARAGRAPH);
    if !why.is_empty() {
        let style = if status.is_no_go() { view.theme.prose(tone) } else { Theme::text() };
        let lines = wrap(vec![Span::raw("  "), styled(&why, style)], paper.width, 2);
        // The whole of it stands below, with the probe that saw it.
        let most = if matches!(status, Status::Failed | Status::Error) { 2 } else { lines.len() };
        paper.lines.extend(at_most(lines, most, paper.width));
    }
}

fn notes(view: &View, paper: &mut TextBuilder, state: &PointState) {
    if state.notes.is_empty() {
        return;
    }
    paper.part(view, "notes");
    let earlier = state.notes.len().saturating_sub(NOTES);
    for note in state.notes.iter().rev().take(NOTES) {
        let head = format!("{} · {} · log #{}", view.person(&note.by), view.ago(&note.at), note.seq);
        paper.put(vec![view.dim(&head)], 2);
        for line in note.text.lines() {
            paper.put(vec![Span::raw("  "), styled(line, Theme::text())], 2);
        }
    }
    if earlier > 0 {
        paper.put(vec![view.dim(&format!("and {earlier} before them; the log has them all"))], 2);
    }
}

fn tailored(view: &View, paper: &mut TextBuilder, point: &Point) {
    let mut changes = view.plan().tailored.iter().filter(|change| change.point == point.id).peekable();
    if changes.peek().is_none() {
        return;
    }
    paper.part(view, "tailored by the profile");
    for change in changes {
        paper.put(vec![view.dim("· "), styled(&change.what, Theme::text())], 2);
    }
}
