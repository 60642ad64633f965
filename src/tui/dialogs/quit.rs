//! The dialog that asks whether to quit where that loses something.

use crossterm::event::KeyEvent;

use super::diagnosis::{self, AfterDiagnosis};
use super::{Dialog, DialogLayer, is_yes};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// Asks whether to quit an open rehearsal, which cannot be resumed.
#[derive(Clone, Debug)]
pub struct QuitDialog;

/// Quits, or asks first. A run of a real environment is resumed where it was left.
pub fn request(cx: &Context) -> Effect {
    let loses_rehearsal = cx.session.ends_with_session && !cx.run.state.is_ended();
    if loses_rehearsal { Effect::open(DialogLayer::new(QuitDialog)) } else { Effect::Quit }
}

impl Dialog for QuitDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut dialog = DialogView::new("quit the rehearsal", StyleRole::Attention);
        let text = "The rehearsal ends with its stack, and cannot be resumed. Its log stays, open.";
        dialog.put(vec![styled(text, Theme::text())], width, 0);
        if !cx.session.faults.is_empty() {
            let text = "You are asked what is broken; then the debrief says it, and the drill is over.";
            dialog.put(vec![cx.with_role(text, StyleRole::Attention)], width, 0);
        }
        dialog.keys(cx, &[("y", "quit"), ("Esc", "continue")], width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let diagnosis = diagnosis::request(cx, AfterDiagnosis::Quit);
        Reaction::Close(vec![diagnosis.unwrap_or(Effect::Quit)])
    }
}
