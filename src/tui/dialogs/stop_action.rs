//! The dialog that asks whether to stop the running action.

use crossterm::event::KeyEvent;

use super::{Dialog, DialogLayer, is_yes};
use crate::tui::context::Context;
use crate::tui::dialogs::text_prompt::{PromptPurpose, TextPrompt};
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text;
use crate::tui::widgets::dialog_view::DialogView;
use gonogo_core::checklist::ActionKey;
use gonogo_core::run::{Act, Rejection};
use gonogo_core::text;

/// Asks whether to stop an action.
#[derive(Clone, Debug)]
pub struct StopActionDialog {
    /// The action.
    action: ActionKey,
    /// The position of its start entry.
    started: u64,
    /// Why a reviewer stops it.
    reason: Option<String>,
}

impl StopActionDialog {
    /// About an action, by the position of its start entry.
    pub const fn new(action: ActionKey, started: u64, reason: Option<String>) -> Self {
        Self { action, started, reason }
    }
}

/// Opens the dialog if an action is running; before it, the prompt for the reason of a reviewer.
pub fn open(cx: &Context) -> Effect {
    let Some((key, action_run)) = cx.run.state.running_action() else {
        return Effect::Refuse("no action is running".into());
    };
    let (action, started) = (key.clone(), action_run.seq);
    match cx.rejection(Act::Stop { action: action.clone(), started, reason: None }) {
        Some(Rejection::ReasonNeeded(_)) => {
            let purpose = PromptPurpose::Stop { action: action.clone(), started };
            Effect::open(TextPrompt::new(action.point, purpose).into_layer())
        }
        _ => Effect::open(DialogLayer::new(StopActionDialog::new(action, started, None))),
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
        if let Some(reason) = &self.reason {
            dialog.gap();
            dialog.put(vec![cx.dim("your reason: "), styled(reason, Theme::text())], width, 2);
        }
        let me = cx.name_and_role(&cx.session.operator.principal);
        dialog.keys(cx, &[("y", &format!("stop it as {me}")), ("Esc", "keep it running")], width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let Self { action, started, reason } = self.clone();
        let notice = format!("asked {action} to end");
        Reaction::Close(vec![Effect::act(cx, Act::Stop { action, started, reason }, notice, None)])
    }
}
