//! Whether to put on record that the release was rolled back.

use crossterm::event::KeyEvent;

use super::{Dialog, is_yes};
use crate::run::Act;
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// The question.
#[derive(Clone, Debug)]
pub struct RolledBackDialog;

impl Dialog for RolledBackDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut sheet = DialogView::new("rolled back", StyleRole::Needs);
        let to = cx.plan().previous.as_deref().unwrap_or_default();
        let told = format!("You confirm that {} is rolled back to {to}.", cx.plan().release);
        sheet.put(vec![styled(&told, Theme::strong())], width, 0);
        sheet.gap();
        let told = "Every rollback step succeeded. The points of verification then check the restored release, and nothing more is deployed in this run.";
        sheet.put(vec![styled(told, Theme::text())], width, 0);
        let me = cx.person(&cx.session.me.principal);
        sheet.keys(cx, &[("y", &format!("say so as {me}")), ("Esc", "cancel")], width);
        sheet
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let said = "on record: rolled back".into();
        Reaction::Close(vec![Effect::act(cx, Act::RollBack { reason: None }, said, None)])
    }
}
