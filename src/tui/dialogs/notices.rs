//! What has to be known before one goes on.

use crossterm::event::KeyEvent;

use super::{Dialog, close_on_enter};
use crate::tui::context::Context;
use crate::tui::layer::Reaction;
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// What is told at the start.
#[derive(Clone, Debug)]
pub struct NoticesDialog(pub Vec<String>);

impl Dialog for NoticesDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut sheet = DialogView::new("before you continue", StyleRole::Needs);
        for notice in &self.0 {
            sheet.put(vec![cx.toned("· ", StyleRole::Needs), styled(notice, Theme::text())], width, 2);
        }
        sheet.keys(cx, &[("Enter", "continue")], width);
        sheet
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        close_on_enter(key)
    }
}
