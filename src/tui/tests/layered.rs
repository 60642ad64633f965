//! What lies where on a screen.

use super::keys::Screen;
use crate::checklist::Point;
use crate::time::Moment;
use crate::tui::Msg;
use crate::tui::dialogs::{Dialog, DialogLayer};
use crate::tui::style::layout::Arrangement;
use crate::tui::views::checklist::ChecklistView;
use crate::tui::views::review::Review;

impl Screen {
    /// Where the person is in the checklist.
    pub fn checklist(&self) -> &ChecklistView {
        let reviewed = || self.app.layers.find::<Review>().map(|review| &review.checklist);
        self.app.layers.find::<ChecklistView>().or_else(reviewed).unwrap()
    }

    /// Where everything stands.
    pub fn arrangement(&self) -> Arrangement {
        self.checklist().arrangement(&self.app.context())
    }

    /// The selected point, if one is shown.
    pub fn point(&self) -> Option<&Point> {
        self.checklist().point(&self.app.run.state.plan)
    }

    /// Whether a dialog is on top.
    pub fn has_dialog(&self) -> bool {
        self.app.layers.has_dialog()
    }

    /// The dialog on top, if it is one of these.
    pub fn dialog<T: Dialog>(&self) -> Option<&T> {
        self.app.layers.find::<DialogLayer>()?.is()
    }

    /// The first line of it that is shown.
    pub fn dialog_scroll(&self) -> Option<usize> {
        self.app.layers.find::<DialogLayer>().map(|dialog| dialog.scroll)
    }

    /// All there is to know of it.
    pub fn told_of_dialog(&self) -> Option<String> {
        self.app.layers.find::<DialogLayer>().map(|dialog| format!("{dialog:?}"))
    }

    /// What comes next, at that time.
    pub fn message(&mut self, message: Msg, now: Moment) {
        self.app.tick(now);
        let effects = self.app.update(message);
        self.effects.extend(effects);
    }
}
