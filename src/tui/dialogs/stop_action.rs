//! The dialog that asks whether to stop the running action.

use crossterm::event::KeyEvent;

use super::{Dialog, DialogLayer, is_yes};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text;
use crate::tui::widgets::dialog_view::DialogView;
use gonogo_core::checklist::ActionKey;
use gonogo_core::run::Act;
use gonogo_core::text;

/// Asks whether to stop an action.
#[derive(Clone, Debug)]
pub struct StopActionDialog {
    /// The action.
    action: ActionKey,
    /// The position of its start entry.
    started: u64,
}

/// Opens the dialog if an action is running.
pub fn open(cx: &Context) -> Effect {
    match cx.run.state.running_action() {
        Some((key, action_run)) => {
            Effect::open(DialogLayer::new(StopActionDialog { action: key.clone(), started: action_run.seq }))
        }
        None => Effect::Refuse("no action is running".into()),
    }
}

impl Dialog for StopActionDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let (key, started) = (&self.action, self.started);
        let mut dialog = DialogView::new(format!("stop {}", text::line(&key.to_string())), StyleRole::Failed);
        if let Some(action_run) = cx
            .run
            .state
            .action(key)
            .and_then(|state| state.newest_run())
            .filter(|action_run| action_run.seq == started)
        {
            dialog.put(vec![styled(&action_text::describe_run(cx, action_run), Theme::strong())], width, 0);
            dialog.gap();
        }
        let text = "SIGTERM goes to its process group, and SIGKILL after ten seconds. What it has changed so far stays changed.";
        dialog.put(vec![styled(text, Theme::text())], width, 0);
        let me = cx.name_and_role(&cx.session.operator.principal);
        dialog.keys(cx, &[("y", &format!("stop it as {me}")), ("Esc", "keep it running")], width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let Self { action, started } = self.clone();
        let notice = format!("asked {action} to end");
        Reaction::Close(vec![Effect::act(cx, Act::Stop { action, started }, notice, None)])
    }
}
