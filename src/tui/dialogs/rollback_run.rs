//! The dialog that asks whether to open a rollback run after the seal.

use crossterm::event::KeyEvent;

use super::{Dialog, DialogLayer, is_yes};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// Asks whether to open a run in which the sealed release is rolled back.
#[derive(Clone, Debug)]
pub struct RollbackRunDialog;

/// Opens the dialog, if the run is sealed and another can follow it.
pub fn open(cx: &Context) -> Effect {
    match cx.read_only_reason() {
        Some(why) => Effect::Refuse(why.to_owned()),
        None if cx.session.ends_with_session => {
            Effect::Refuse("a rehearsal ends with its stack: no run can follow it".to_owned())
        }
        None => Effect::open(DialogLayer::new(RollbackRunDialog)),
    }
}

impl Dialog for RollbackRunDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut dialog = DialogView::new("open a rollback run", StyleRole::Attention);
        let plan = cx.plan();
        let previous = plan.previous.as_deref().unwrap_or_default();
        let text = format!("Roll back {} to {previous} in a run of its own?", plan.release);
        dialog.put(vec![styled(&text, Theme::strong())], width, 0);
        dialog.gap();
        let text = "This run is sealed: nothing can be added to it. The new one has the same release and previous release, a \
                    log of its own that names this one, and its own verdict and seals. gonogo closes this screen and opens it.";
        dialog.put(vec![styled(text, Theme::text())], width, 0);
        dialog.keys(cx, &[("y", "open it"), ("Esc", "cancel")], width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        if is_yes(key) { Reaction::Close(vec![Effect::OpenRollbackRun]) } else { Reaction::Ignored }
    }
}
