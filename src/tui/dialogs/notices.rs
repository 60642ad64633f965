//! The dialog that shows notices at the start of a session.

use crossterm::event::KeyEvent;

use super::{Dialog, close_on_enter, refuse_unused};
use crate::tui::context::Context;
use crate::tui::layer::Reaction;
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// Shows notices.
#[derive(Clone, Debug)]
pub struct NoticesDialog(pub Vec<String>);

impl Dialog for NoticesDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut dialog = DialogView::new("before you continue", StyleRole::Attention);
        for notice in &self.0 {
            dialog.put(
                vec![cx.with_role("· ", StyleRole::Attention), styled(notice, Theme::text())],
                width,
                2,
            );
        }
        dialog.keys(cx, &[("Enter", "continue")], width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        match close_on_enter(key) {
            Reaction::Ignored => refuse_unused(key, "Enter continues"),
            closed => closed,
        }
    }
}
