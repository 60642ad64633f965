//! The text of the detail: everything about the selected point.

use ratatui::text::{Line, Span};

use super::View;
use crate::tui::style::text::{limit_lines, styled, wrap};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::views::checklist::confirmations;
use crate::tui::views::checklist::probe_results;
use crate::tui::widgets::action_text;
use crate::tui::widgets::text_builder::{MAX_PARAGRAPH, TextBuilder, add_contacts};
use gonogo_core::checklist::Point;
use gonogo_core::run::{PointState, Status, explain};
use gonogo_core::{text, time};

/// The maximum number of notes that are shown, the newest first.
const MAX_NOTES: usize = 100;

/// The detail of the selected point. `is_named`: its title and id are already shown above.
pub fn lines(view: &View, width: usize, is_named: bool) -> Vec<Line<'static>> {
    let mut builder = TextBuilder { width, lines: Vec::new() };
    if let Some(point) = view.point()
        && let Some(state) = view.run.state.point(&point.id)
    {
        let status = view.status(point);
        if !is_named {
            let title = text::clip(&point.title, MAX_PARAGRAPH);
            builder.put(vec![styled(&title, Theme::strong())], 0);
            builder.put(vec![view.dim(&id_label(point))], 0);
            builder.gap();
        }
        add_status(view, &mut builder, point, &status);
        add_body(view, &mut builder, point, state, &status);
        builder.mark_truncated(view);
    } else {
        builder.put(vec![view.dim(empty_text(view))], 0);
    }
    builder.lines
}

/// The text if no point is selected.
fn empty_text(view: &View) -> &'static str {
    if view.checklist.is_filtered() {
        "No point of this section fits the filter. Esc shows all."
    } else {
        "No point."
    }
}

/// A point's id, and whether it is mandatory.
pub fn id_label(point: &Point) -> String {
    let mandatory = if point.mandatory { " · mandatory" } else { "" };
    format!("{}{mandatory}", text::line(&point.id))
}

/// Adds the parts of the detail. For a point with a problem, what helps to fix it comes first.
fn add_body(view: &View, builder: &mut TextBuilder, point: &Point, state: &PointState, status: &Status) {
    if status.is_no_go() {
        add_contacts(view, builder);
        add_links(view, builder, point);
        action_text::add_actions(view, builder, point);
        probe_results::add(view, builder, point, state);
        confirmations::add(view, builder, point, state, status);
        add_notes(view, builder, state);
        builder.heading(view, "why");
        add_description(view, builder, point);
    } else {
        builder.gap();
        add_description(view, builder, point);
        add_links(view, builder, point);
        action_text::add_actions(view, builder, point);
        confirmations::add(view, builder, point, state, status);
        probe_results::add(view, builder, point, state);
        add_notes(view, builder, state);
    }
    add_overrides(view, builder, point);
}

fn add_description(view: &View, builder: &mut TextBuilder, point: &Point) {
    let why = text::clip(&point.why, MAX_PARAGRAPH);
    let text = why.split_whitespace().collect::<Vec<_>>().join(" ");
    builder.put(vec![view.dim(&text)], 0);
}

/// Adds what to do and who can help, if the checklist says so.
fn add_links(view: &View, builder: &mut TextBuilder, point: &Point) {
    let runbook = point.runbook.iter().map(|link| ("runbook ", link.clone()));
    let contacts = (!point.contacts.is_empty()).then(|| ("contacts ", point.contacts.join(" · ")));
    for (name, text) in runbook.chain(contacts) {
        builder.put(vec![view.dim(name), styled(&text::line(&text), Theme::text())], 2);
    }
}

/// Adds the status and its explanation.
fn add_status(view: &View, builder: &mut TextBuilder, point: &Point, status: &Status) {
    let (symbol, role) = view.point_status_symbol(point, status);
    let word = match status {
        // An observer is not asked to confirm.
        Status::NeedsConfirmation { .. } if view.is_read_only() => view.status_word(point, status),
        status => status.label(),
    };
    let word = view.with_role(&format!("{symbol} {}", word.to_uppercase()), role);
    if let Some(elapsed) = view.probing_time(&point.id) {
        let progress = format!("{} probing {}", view.point_symbol(point, status).0, time::span(elapsed));
        builder.put(vec![view.with_role(&progress, StyleRole::Busy), view.dim(" · so far "), word], 2);
    } else {
        builder.put(vec![word], 2);
    }
    let why = text::clip(&explain(&view.judgement, &point.id, status), MAX_PARAGRAPH);
    if !why.is_empty() {
        let style = if status.is_no_go() { view.theme.prose(role) } else { Theme::text() };
        let lines = wrap(vec![Span::raw("  "), styled(&why, style)], builder.width, 2);
        // The probe's result below has the whole text.
        let max_lines = if matches!(status, Status::Failed | Status::Error) { 2 } else { lines.len() };
        builder.lines.extend(limit_lines(lines, max_lines, builder.width));
    }
}

fn add_notes(view: &View, builder: &mut TextBuilder, state: &PointState) {
    if state.notes.is_empty() {
        return;
    }
    builder.heading(view, "notes");
    let omitted = state.notes.len().saturating_sub(MAX_NOTES);
    for note in state.notes.iter().rev().take(MAX_NOTES) {
        let retracted = if note.is_retracted { " · retracted" } else { "" };
        let head = format!(
            "{} · {} · log #{}{retracted}",
            view.name_and_role(&note.by),
            view.ago(&note.at),
            note.seq
        );
        builder.put(vec![view.dim(&head)], 2);
        let style = if note.is_retracted { view.theme.dim() } else { Theme::text() };
        for line in note.text.lines() {
            builder.put(vec![Span::raw("  "), styled(line, style)], 2);
        }
    }
    if omitted > 0 {
        builder.put(vec![view.dim(&format!("and {omitted} before them; the log has them all"))], 2);
    }
}

fn add_overrides(view: &View, builder: &mut TextBuilder, point: &Point) {
    let mut changes = view.plan().tailored.iter().filter(|change| change.point == point.id).peekable();
    if changes.peek().is_none() {
        return;
    }
    builder.heading(view, "tailored by the profile");
    for change in changes {
        builder.put(vec![view.dim("· "), styled(&change.what, Theme::text())], 2);
    }
}
