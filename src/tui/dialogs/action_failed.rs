//! The dialog that reports a failed action.

use crossterm::event::KeyEvent;
use ratatui::text::Line;

use super::{Dialog, refuse_unused};
use crate::tui::context::Context;
use crate::tui::keymap::{self, Intent};
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::{styled, wrap};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text;
use crate::tui::widgets::dialog_view::DialogView;
use gonogo_core::checklist::ActionKey;
use gonogo_core::text;

/// How many rows of its output are shown: with them, the dialog fits on 24 lines.
const MAX_OUTPUT_ROWS: usize = 9;

/// Reports a failed action, with the end of its output and the contacts.
#[derive(Clone, Debug)]
pub struct ActionFailedDialog {
    /// The action.
    pub action: ActionKey,
    /// The position of its start entry.
    pub started: u64,
}

impl Dialog for ActionFailedDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let (key, started) = (&self.action, self.started);
        let mut dialog =
            DialogView::new(format!("{} did not succeed", text::line(&key.to_string())), StyleRole::Failed);
        let run = cx.run.state.action(key).and_then(|run| run.latest.as_ref());
        if let Some(action_run) = run.filter(|action_run| action_run.seq == started) {
            dialog.put(
                vec![cx.with_role(&action_text::describe_run(cx, action_run), StyleRole::Failed)],
                width,
                0,
            );
            dialog.gap();
            let output = action_run.end.as_ref().and_then(|finished| finished.output.as_ref());
            let rows = output
                .map_or("", |output| &output.tail)
                .lines()
                .flat_map(|line| wrap(vec![cx.dim("│ "), styled(line, Theme::text())], width, 2));
            put_end(cx, &mut dialog, rows.collect());
        }
        for contact in &cx.plan().contacts {
            let contact_line = format!("{}  {}  {}", contact.role, contact.name, contact.channel);
            dialog.put(vec![cx.dim(&contact_line)], width, 2);
        }
        let others = [("o", "all it printed"), ("Esc", "stay here")];
        let rollback =
            Some(("A", "roll back")).filter(|_| !cx.plan().rollback.is_empty() && !key.is_rollback());
        // Where nothing that it reverts has run, a rollback is not what comes next.
        let (first, last) = if cx.run.state.has_deployed() { (rollback, None) } else { (None, rollback) };
        dialog.keys(cx, &first.into_iter().chain(others).chain(last).collect::<Vec<_>>(), width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        match keymap::intent(key) {
            Some(Intent::Rollback) => Reaction::Close(vec![Effect::OpenRollback]),
            Some(Intent::Output) => {
                let (point, action) = (self.action.point.clone(), self.action.clone());
                Reaction::Close(vec![Effect::OpenOutput(point, Some(action))])
            }
            Some(Intent::Back | Intent::Enter | Intent::Quit) => Reaction::close(),
            _ => refuse_unused(key, "Esc closes it"),
        }
    }
}

/// Adds the last rows of an output: a command says last why it failed.
fn put_end(cx: &Context, dialog: &mut DialogView, rows: Vec<Line<'static>>) {
    let hidden = rows.len().saturating_sub(MAX_OUTPUT_ROWS);
    if hidden > 0 {
        dialog.body.push(Line::from(cx.dim("│ …")));
    }
    dialog.body.extend(rows.into_iter().skip(hidden));
}
