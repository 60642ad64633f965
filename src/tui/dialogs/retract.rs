//! The dialog that asks whether to retract one's own entry.

use crossterm::event::{KeyCode, KeyEvent};

use super::{Dialog, is_yes};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use gonogo_core::checklist::{Point, PointId};
use gonogo_core::run::{Act, OwnEntry, PointState};
use gonogo_core::text;

/// Asks whether to retract an entry: one of the operator's entries on a point.
#[derive(Clone, Debug)]
pub struct RetractDialog {
    /// The point.
    point: PointId,
    /// The entries, the newest first.
    entries: Vec<OwnEntry>,
    /// The index of the one to retract.
    selected: usize,
}

impl RetractDialog {
    /// About an operator's entries on a point.
    pub fn new(point: &Point, state: &PointState, operator: &str) -> Self {
        Self { point: point.id.clone(), entries: state.own_entries(operator), selected: 0 }
    }
}

impl Dialog for RetractDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut dialog =
            DialogView::new(format!("retract: {}", text::line(&self.point)), StyleRole::Attention);
        dialog.put(vec![styled("Retract your", Theme::text())], width, 2);
        for (index, entry) in self.entries.iter().enumerate() {
            let (marker, style) =
                if index == self.selected { ("▌ ", Theme::strong()) } else { ("  ", cx.theme.dim()) };
            let entry = format!("{}, log #{}", entry.description, entry.seq);
            dialog.put(vec![styled(marker, cx.theme.accent()), styled(&entry, style)], width, 2);
        }
        dialog.gap();
        let text =
            "Without a confirmation or an exception the point is open again. Both entries stay in the log.";
        dialog.put(vec![cx.dim(text)], width, 0);
        let retract = format!("retract as {}", cx.name_and_role(&cx.session.operator.principal));
        let another = (self.entries.len() > 1).then_some(("Tab", "another entry"));
        let keys: Vec<_> =
            [Some(("y", retract.as_str())), another, Some(("Esc", "cancel"))].into_iter().flatten().collect();
        dialog.keys(cx, &keys, width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if key.code == KeyCode::Tab {
            self.selected = (self.selected + 1) % self.entries.len().max(1);
            return Reaction::handled();
        }
        let target = self.entries.get(self.selected).map(|entry| entry.seq);
        if !is_yes(key) {
            return Reaction::Ignored;
        }
        let (point, notice) = (self.point.clone(), format!("retracted on {}", self.point));
        Reaction::Close(vec![Effect::act(cx, Act::Retract { point, target }, notice, None)])
    }
}
