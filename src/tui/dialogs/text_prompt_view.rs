//! The sheet that asks for words.

use ratatui::text::Line;

use crate::text;
use crate::tui::context::{Context, padded};
use crate::tui::dialogs::text_prompt::{Purpose, Stage, TextPrompt};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// The fewest rows that a field for words has.
const ROWS: usize = 2;

/// What it looks like.
pub fn sheet(cx: &Context, width: usize, prompt: &TextPrompt) -> DialogView {
    let id = text::line(&prompt.point);
    let (title, question) = match prompt.purpose {
        Purpose::Waive => (format!("waive {id}"), "Why may this point pass?"),
        Purpose::Exempt => (format!("{id} does not apply"), "Why does this point not concern this run?"),
        Purpose::Note => (format!("note on {id}"), "What is to be remembered?"),
        Purpose::RollBack => ("rolled back".to_owned(), "Why were rollback steps skipped?"),
        Purpose::Abandon => ("abandon the run".to_owned(), "Why will this run not be sealed?"),
        Purpose::StandForTwo(_) => (format!("confirm {id} for two"), "Why do you stand for two people?"),
    };
    let mut sheet = DialogView::new(title, StyleRole::Needs);
    if let Some(point) = cx.plan().point(&prompt.point) {
        sheet.put(vec![styled(&point.title, Theme::strong())], width, 0);
        sheet.gap();
    }
    sheet.put(vec![styled(question, Theme::text())], width, 0);
    sheet.field(cx, width, &prompt.words, ROWS, prompt.stage == Stage::Words);
    sheet.at_end = prompt.stage == Stage::Ask;
    if prompt.purpose == Purpose::Waive {
        term(cx, &mut sheet, width, prompt);
    }
    consequences(cx, &mut sheet, width, prompt);
    if let Some(wrong) = &prompt.wrong {
        sheet.gap();
        sheet.put(vec![cx.toned(&format!("✖ {}", text::line(wrong)), StyleRole::Failed)], width, 2);
    }
    keys(cx, &mut sheet, width, prompt);
    sheet
}

fn term(cx: &Context, sheet: &mut DialogView, width: usize, prompt: &TextPrompt) {
    sheet.gap();
    sheet.put(vec![styled("For how long? ", Theme::text()), cx.dim("such as 90m, 24h, 2d")], width, 0);
    let (rows, (_, column)) = prompt.span.rows(10);
    let typed = rows.into_iter().next().unwrap_or_default();
    if prompt.stage == Stage::Span {
        sheet.cursor = Some((column, sheet.body.len()));
    }
    let mut spans = padded(vec![styled(&typed, Theme::text())], 11);
    for span in &mut spans {
        span.style = span.style.patch(cx.theme.field());
    }
    let until = match prompt.until(cx) {
        Ok(until) => cx.dim(&format!("  until {}", until.readable())),
        Err(_) => cx.toned("  not a time yet", StyleRole::Stale),
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
fn consequences(cx: &Context, sheet: &mut DialogView, width: usize, prompt: &TextPrompt) {
    if prompt.purpose == Purpose::Abandon {
        sheet.gap();
        let told = "It ends the run for everybody: nothing can be added to it, and it is never sealed. The next run of \
                    the environment names it as abandoned.";
        return sheet.put(vec![cx.toned(told, StyleRole::Needs)], width, 0);
    }
    if !matches!(prompt.purpose, Purpose::Waive | Purpose::Exempt) {
        return;
    }
    let Some(point) = cx.plan().point(&prompt.point) else { return };
    if cx.run.state.people_to_waive(point) > 1 {
        sheet.gap();
        let told = "This point is mandatory: it takes two people, and the second has to do the same.";
        sheet.put(vec![cx.toned(told, StyleRole::Needs)], width, 0);
    }
}

fn keys(cx: &Context, sheet: &mut DialogView, width: usize, prompt: &TextPrompt) {
    let me = cx.person(&cx.session.me.principal);
    let (yes, other) = match prompt.purpose {
        Purpose::Waive => (format!("waive as {me}"), true),
        Purpose::Exempt | Purpose::RollBack => (format!("say so as {me}"), false),
        Purpose::Abandon => (format!("abandon it as {me}"), false),
        Purpose::Note | Purpose::StandForTwo(_) => (String::new(), false),
    };
    match prompt.stage {
        Stage::Ask => sheet.keys(cx, &[("y", &yes), ("Esc", "change the words")], width),
        Stage::Words if other => {
            sheet.keys(cx, &[("Enter", "continue"), ("Tab", "for how long"), ("Esc", "cancel")], width);
        }
        Stage::Words if prompt.purpose == Purpose::Note => {
            sheet.keys(cx, &[("Enter", &format!("note as {me}")), ("Esc", "cancel")], width);
        }
        Stage::Span => {
            sheet.keys(cx, &[("Enter", "continue"), ("Tab", "the reason"), ("Esc", "cancel")], width);
        }
        Stage::Words => sheet.keys(cx, &[("Enter", "continue"), ("Esc", "cancel")], width),
    }
}
