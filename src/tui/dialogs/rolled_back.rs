//! The dialog that asks whether to record that the release was rolled back.

use crossterm::event::KeyEvent;

use super::{Dialog, is_yes};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use gonogo_core::run::Act;

/// Asks whether to record the rollback.
#[derive(Clone, Debug)]
pub struct RolledBackDialog;

impl Dialog for RolledBackDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut dialog = DialogView::new("rolled back", StyleRole::Attention);
        let to = cx.plan().previous.as_deref().unwrap_or_default();
        let text = format!("You confirm that {} is rolled back to {to}.", cx.plan().release);
        dialog.put(vec![styled(&text, Theme::strong())], width, 0);
        dialog.gap();
        undone_section(cx, &mut dialog, width);
        let text = "The points that verify a rollback then check the restored release, and nothing more is deployed in this run.";
        dialog.put(vec![styled(text, Theme::text())], width, 0);
        let me = cx.name_and_role(&cx.session.operator.principal);
        dialog.keys(cx, &[("y", &format!("record as {me}")), ("Esc", "cancel")], width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let notice = "on record: rolled back".into();
        Reaction::Close(vec![Effect::act(cx, Act::RollBack { reason: None }, notice, None)])
    }
}

/// The steps of the rollback that have not succeeded: what they would have undone is still there.
pub fn undone_section(cx: &Context, dialog: &mut DialogView, width: usize) {
    let undone = cx.undone_rollback_steps();
    if undone.is_empty() {
        let text = "Every rollback step succeeded.";
        return dialog.put(vec![styled(text, Theme::text())], width, 0);
    }
    let text = "These steps are not done, so their part of the rollback is missing:";
    dialog.put(vec![cx.with_role(text, StyleRole::Attention)], width, 0);
    for (title, why) in undone {
        let spans = vec![cx.dim("– "), styled(&title, Theme::strong()), cx.dim(&format!(" · {why}"))];
        dialog.put(spans, width, 2);
    }
    dialog.gap();
}
