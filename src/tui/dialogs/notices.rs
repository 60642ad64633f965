//! What has to be known before one goes on.

use crossterm::event::KeyEvent;

use super::{Dialog, close_on_enter};
use crate::tui::context::Context;
use crate::tui::layer::Reaction;
use crate::tui::style::text::ink;
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::widgets::dialog_view::Sheet;

/// What is told at the start.
#[derive(Clone, Debug)]
pub struct NoticesDialog(pub Vec<String>);

impl Dialog for NoticesDialog {
    fn view(&self, cx: &Context, width: usize) -> Sheet {
        let mut sheet = Sheet::new("before you go on", Tone::Needs);
        for notice in &self.0 {
            sheet.put(vec![cx.toned("· ", Tone::Needs), ink(notice, Theme::text())], width, 2);
        }
        sheet.keys(cx, &[("Enter", "go on")], width);
        sheet
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        close_on_enter(key)
    }
}
