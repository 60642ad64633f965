//! That an action went wrong, and what can be done.

use crossterm::event::KeyEvent;

use super::Dialog;
use crate::checklist::ActionKey;
use crate::text;
use crate::tui::context::Context;
use crate::tui::keymap::{self, Intent};
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text;
use crate::tui::widgets::dialog_view::DialogView;

/// What has to be known at once.
#[derive(Clone, Debug)]
pub struct ActionFailedDialog {
    /// Which.
    pub action: ActionKey,
    /// The position of its begin.
    pub started: u64,
}

impl Dialog for ActionFailedDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let (key, started) = (&self.action, self.started);
        let mut sheet =
            DialogView::new(format!("{} did not succeed", text::line(&key.to_string())), StyleRole::Failed);
        let known = cx.run.state.action(key).and_then(|known| known.latest.as_ref());
        if let Some(deed) = known.filter(|deed| deed.seq == started) {
            sheet.put(vec![cx.toned(&action_text::told(cx, deed), StyleRole::Failed)], width, 0);
            sheet.gap();
            let output = deed.end.as_ref().and_then(|finished| finished.output.as_ref());
            for line in output.map_or("", |output| &output.tail).lines() {
                sheet.put(vec![cx.dim("│ "), styled(line, Theme::text())], width, 2);
            }
        }
        for contact in &cx.plan().contacts {
            let told = format!("{}  {}  {}", contact.role, contact.name, contact.channel);
            sheet.put(vec![cx.dim(&told)], width, 2);
        }
        let back = (!cx.plan().rollback.is_empty() && !key.is_rollback()).then_some(("A", "roll back"));
        let keys: Vec<_> = back.into_iter().chain([("o", "all it printed"), ("Esc", "stay here")]).collect();
        sheet.keys(cx, &keys, width);
        sheet
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        let key = keymap::intent(key);
        match key {
            Some(Intent::WayBack) => Reaction::Close(vec![Effect::OpenRollback]),
            Some(Intent::Output) => {
                let (point, action) = (self.action.point.clone(), self.action.clone());
                Reaction::Close(vec![Effect::OpenOutput(point, Some(action))])
            }
            Some(Intent::Back | Intent::Detail | Intent::Leave) => Reaction::close(),
            _ => Reaction::handled(),
        }
    }
}
