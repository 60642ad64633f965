//! The sheet that asks for words.

use ratatui::text::Line;

use crate::text;
use crate::tui::context::{View, padded};
use crate::tui::dialogs::text_prompt::{Prompt, Purpose, Stage};
use crate::tui::style::text::ink;
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::widgets::dialog_view::Sheet;
use crate::tui::widgets::text_field::Field;

/// The fewest rows that a field for words has.
const ROWS: usize = 2;

/// What it looks like.
pub fn sheet(view: &View, width: usize, prompt: &Prompt) -> Sheet {
    let id = text::line(&prompt.point);
    let (title, question) = match prompt.purpose {
        Purpose::Waive => (format!("waive {id}"), "Why may this point pass?"),
        Purpose::Exempt => (format!("{id} does not apply"), "Why does this point not concern this run?"),
        Purpose::Note => (format!("note on {id}"), "What is to be remembered?"),
        Purpose::RollBack => ("rolled back".to_owned(), "Why were steps of the way back left out?"),
        Purpose::Abandon => ("abandon the run".to_owned(), "Why will this run not be sealed?"),
        Purpose::StandForTwo(_) => (format!("confirm {id} for two"), "Why do you stand for two people?"),
    };
    let mut sheet = Sheet::new(title, Tone::Needs);
    if let Some(point) = view.plan().point(&prompt.point) {
        sheet.put(vec![ink(&point.title, Theme::strong())], width, 0);
        sheet.gap();
    }
    sheet.put(vec![ink(question, Theme::text())], width, 0);
    field(view, &mut sheet, width, &prompt.words, ROWS, prompt.stage == Stage::Words);
    if prompt.purpose == Purpose::Waive {
        term(view, &mut sheet, width, prompt);
    }
    consequences(view, &mut sheet, width, prompt);
    if let Some(wrong) = &prompt.wrong {
        sheet.gap();
        sheet.put(vec![view.toned(&format!("✖ {}", text::line(wrong)), Tone::Failed)], width, 2);
    }
    keys(view, &mut sheet, width, prompt);
    sheet
}

/// A field, and the cursor in it if the person is there.
pub fn field(view: &View, sheet: &mut Sheet, width: usize, field: &Field, least: usize, here: bool) {
    let (mut rows, (row, column)) = field.rows(width.saturating_sub(1));
    rows.resize(rows.len().max(least), String::new());
    if here {
        sheet.cursor = Some((column, sheet.body.len() + row));
    }
    for row in rows {
        let spans = padded(vec![ink(&row, Theme::text())], width);
        sheet.body.push(Line::from(spans).style(view.theme.field()));
    }
}

fn term(view: &View, sheet: &mut Sheet, width: usize, prompt: &Prompt) {
    sheet.gap();
    sheet.put(vec![ink("For how long? ", Theme::text()), view.dim("such as 90m, 24h, 2d")], width, 0);
    let (rows, (_, column)) = prompt.span.rows(10);
    let typed = rows.into_iter().next().unwrap_or_default();
    if prompt.stage == Stage::Span {
        sheet.cursor = Some((column, sheet.body.len()));
    }
    let mut spans = padded(vec![ink(&typed, Theme::text())], 11);
    for span in &mut spans {
        span.style = span.style.patch(view.theme.field());
    }
    let until = match view.app.until(prompt) {
        Ok(until) => view.dim(&format!("  until {}", until.readable())),
        Err(_) => view.toned("  not a time yet", Tone::Stale),
    };
    if 11 + until.width() <= width {
        spans.push(until);
        sheet.body.push(Line::from(spans));
    } else {
        sheet.body.push(Line::from(spans));
        sheet.put(vec![until], width, 2);
    }
}

/// What the act will come to, and what it will not.
fn consequences(view: &View, sheet: &mut Sheet, width: usize, prompt: &Prompt) {
    if prompt.purpose == Purpose::Abandon {
        sheet.gap();
        let told = "It ends the run for everybody: nothing can be added to it, and it is never sealed. The next run of \
                    the environment names it as abandoned.";
        return sheet.put(vec![view.toned(told, Tone::Needs)], width, 0);
    }
    if !matches!(prompt.purpose, Purpose::Waive | Purpose::Exempt) {
        return;
    }
    let Some(point) = view.plan().point(&prompt.point) else { return };
    if view.app.state.people_to_set_aside(point) > 1 {
        sheet.gap();
        let told = "This point is mandatory: it takes two people, and the second has to do the same.";
        sheet.put(vec![view.toned(told, Tone::Needs)], width, 0);
    }
}

fn keys(view: &View, sheet: &mut Sheet, width: usize, prompt: &Prompt) {
    let me = view.person(&view.app.me.principal);
    let (yes, other) = match prompt.purpose {
        Purpose::Waive => (format!("waive as {me}"), true),
        Purpose::Exempt | Purpose::RollBack => (format!("say so as {me}"), false),
        Purpose::Abandon => (format!("abandon it as {me}"), false),
        Purpose::Note | Purpose::StandForTwo(_) => (String::new(), false),
    };
    match prompt.stage {
        Stage::Ask => sheet.keys(view, &[("y", &yes), ("Esc", "change the words")], width),
        Stage::Words if other => {
            sheet.keys(view, &[("Enter", "go on"), ("Tab", "for how long"), ("Esc", "leave it")], width);
        }
        Stage::Words if prompt.purpose == Purpose::Note => {
            sheet.keys(view, &[("Enter", &format!("note as {me}")), ("Esc", "leave it")], width);
        }
        Stage::Span => {
            sheet.keys(view, &[("Enter", "go on"), ("Tab", "the reason"), ("Esc", "leave it")], width);
        }
        Stage::Words => sheet.keys(view, &[("Enter", "go on"), ("Esc", "leave it")], width),
    }
}
