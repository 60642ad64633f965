//! Whether to stop the action at work.

use crossterm::event::KeyEvent;

use super::{Dialog, DialogLayer, is_yes};
use crate::checklist::ActionKey;
use crate::run::Act;
use crate::text;
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text;
use crate::tui::widgets::dialog_view::DialogView;

/// The question.
#[derive(Clone, Debug)]
pub struct StopDialog {
    /// Which.
    action: ActionKey,
    /// The position of its begin.
    started: u64,
}

/// Asks whether to stop what is at work.
pub fn open(cx: &Context) -> Effect {
    match cx.run.state.running_action() {
        Some((key, deed)) => {
            Effect::open(DialogLayer::new(StopDialog { action: key.clone(), started: deed.seq }))
        }
        None => Effect::Refuse("no action is running".into()),
    }
}

impl Dialog for StopDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let (key, started) = (&self.action, self.started);
        let mut sheet = DialogView::new(format!("stop {}", text::line(&key.to_string())), StyleRole::Failed);
        if let Some(deed) =
            cx.run.state.action(key).and_then(|known| known.newest_run()).filter(|deed| deed.seq == started)
        {
            sheet.put(vec![styled(&action_text::told(cx, deed), Theme::strong())], width, 0);
            sheet.gap();
        }
        let told = "It is asked to end (SIGTERM to its whole group), has ten seconds, and is killed then. What it has half done stays half done.";
        sheet.put(vec![styled(told, Theme::text())], width, 0);
        let me = cx.person(&cx.session.me.principal);
        sheet.keys(cx, &[("y", &format!("stop it as {me}")), ("Esc", "keep it running")], width);
        sheet
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let Self { action, started } = self.clone();
        let said = format!("asked {action} to end");
        Reaction::Close(vec![Effect::act(cx, Act::Stop { action, started }, said, None)])
    }
}
