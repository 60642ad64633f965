//! The content of the text prompt.

use ratatui::text::Line;

use crate::tui::context::{Context, pad_right};
use crate::tui::dialogs::rolled_back::undone_section;
use crate::tui::dialogs::text_prompt::{PromptPurpose, PromptStage, TextPrompt};
use crate::tui::keymap::EDITOR_HINT;
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use gonogo_core::text;

/// The minimum number of rows of the text field.
const TEXT_ROWS: usize = 2;

/// The content of the prompt.
pub fn dialog_view(cx: &Context, width: usize, prompt: &TextPrompt) -> DialogView {
    let id = text::line(&prompt.point);
    let (title, question) = match prompt.purpose {
        PromptPurpose::Waive => (format!("waive {id}"), "Why is it waived?"),
        PromptPurpose::Exempt => (format!("{id} is not applicable"), "Why is it not applicable?"),
        PromptPurpose::Note => (format!("note on {id}"), "The note:"),
        PromptPurpose::RolledBack => ("rolled back".to_owned(), "Why were rollback steps skipped?"),
        PromptPurpose::Abandon => ("abandon the run".to_owned(), "Why will this run not be sealed?"),
        PromptPurpose::BeginRollback(_) => ("begin the rollback".to_owned(), "Why does the rollback begin?"),
        PromptPurpose::Stop { ref action, .. } => {
            (format!("stop {}", text::line(&action.to_string())), "Why is it stopped?")
        }
        PromptPurpose::ConfirmForTwo(_) => (format!("confirm {id} for two"), "Why is one person enough?"),
    };
    let mut dialog = DialogView::new(title, StyleRole::Attention);
    if let Some(point) = cx.plan().point(&prompt.point) {
        dialog.put(vec![styled(&point.title, Theme::strong())], width, 0);
        dialog.gap();
    }
    if prompt.purpose == PromptPurpose::RolledBack {
        undone_section(cx, &mut dialog, width);
    }
    dialog.put(vec![styled(question, Theme::text())], width, 0);
    dialog.field(cx, width, &prompt.text, TEXT_ROWS, prompt.stage == PromptStage::Text);
    dialog.at_end = prompt.stage == PromptStage::Confirm;
    if prompt.purpose == PromptPurpose::Waive {
        duration_section(cx, &mut dialog, width, prompt);
    }
    consequences(cx, &mut dialog, width, prompt);
    if let Some(error) = &prompt.error {
        dialog.gap();
        dialog.put(vec![cx.with_role(&format!("✖ {}", text::line(error)), StyleRole::Failed)], width, 2);
    }
    add_keys(cx, &mut dialog, width, prompt);
    dialog
}

fn duration_section(cx: &Context, dialog: &mut DialogView, width: usize, prompt: &TextPrompt) {
    dialog.gap();
    dialog.put(vec![styled("For how long? ", Theme::text()), cx.dim("such as 90m, 24h, 2d")], width, 0);
    let (rows, (_, column)) = prompt.duration.rows(10);
    let text = rows.into_iter().next().unwrap_or_default();
    if prompt.stage == PromptStage::Duration {
        dialog.cursor = Some((column, dialog.body.len()));
    }
    let mut spans = pad_right(vec![styled(&text, Theme::text())], 11);
    for span in &mut spans {
        span.style = span.style.patch(cx.theme.field());
    }
    let until = match prompt.until(cx) {
        Ok(until) => cx.dim(&format!("  until {}", until.readable())),
        Err(_) => cx.with_role("  not a time yet", StyleRole::Stale),
    };
    if 11 + until.width() <= width {
        spans.push(until);
        dialog.body.push(Line::from(spans));
    } else {
        dialog.body.push(Line::from(spans));
        dialog.put(vec![until], width, 2);
    }
}

/// The consequences of the act.
fn consequences(cx: &Context, dialog: &mut DialogView, width: usize, prompt: &TextPrompt) {
    if prompt.purpose == PromptPurpose::Abandon {
        dialog.gap();
        let text = "It ends the run for everybody: nothing can be added to it, and it is never sealed. The next run of \
                    the environment names it as abandoned.";
        return dialog.put(vec![cx.with_role(text, StyleRole::Attention)], width, 0);
    }
    if !matches!(prompt.purpose, PromptPurpose::Waive | PromptPurpose::Exempt) {
        return;
    }
    let Some(point) = cx.plan().point(&prompt.point) else { return };
    if cx.run.state.people_to_waive(point) > 1 {
        dialog.gap();
        let text = "This point is mandatory: a second person has to do the same before it counts.";
        dialog.put(vec![cx.with_role(text, StyleRole::Attention)], width, 0);
    }
}

fn add_keys(cx: &Context, dialog: &mut DialogView, width: usize, prompt: &TextPrompt) {
    let me = cx.name_and_role(&cx.session.operator.principal);
    let (yes, has_duration) = match prompt.purpose {
        PromptPurpose::Waive => (format!("waive as {me}"), true),
        PromptPurpose::Exempt => (format!("mark as not applicable as {me}"), false),
        PromptPurpose::RolledBack => (format!("record as {me}"), false),
        PromptPurpose::Abandon => (format!("abandon it as {me}"), false),
        PromptPurpose::Note
        | PromptPurpose::ConfirmForTwo(_)
        | PromptPurpose::BeginRollback(_)
        | PromptPurpose::Stop { .. } => (String::new(), false),
    };
    match prompt.stage {
        PromptStage::Confirm => dialog.keys(cx, &[("y", &yes), ("Esc", "edit")], width),
        PromptStage::Text if has_duration => {
            dialog.keys(
                cx,
                &[("Enter", "continue"), ("Tab", "for how long"), EDITOR_HINT, ("Esc", "cancel")],
                width,
            );
        }
        PromptStage::Text if prompt.purpose == PromptPurpose::Note => {
            dialog.keys(cx, &[("Enter", &format!("note as {me}")), EDITOR_HINT, ("Esc", "cancel")], width);
        }
        PromptStage::Duration => {
            dialog.keys(cx, &[("Enter", "continue"), ("Tab", "the reason"), ("Esc", "cancel")], width);
        }
        PromptStage::Text => dialog.keys(cx, &[("Enter", "continue"), EDITOR_HINT, ("Esc", "cancel")], width),
    }
}
