//! Queries about the layers of a test screen.

use super::test_screen::TestScreen;
use crate::tui::Msg;
use crate::tui::app::HostEffect;
use crate::tui::dialogs::{Dialog, DialogLayer};
use crate::tui::style::layout::Arrangement;
use crate::tui::views::checklist::ChecklistView;
use crate::tui::views::review::Review;
use gonogo_core::checklist::Point;
use gonogo_core::run::{Act, NumberedRequest, Request, RequestId};
use gonogo_core::time::Moment;

impl TestScreen {
    /// The checklist.
    pub fn checklist(&self) -> &ChecklistView {
        let reviewed = || self.app.layers.find::<Review>().map(|review| &review.checklist);
        self.app.layers.find::<ChecklistView>().or_else(reviewed).unwrap()
    }

    /// The arrangement of the panels.
    pub fn arrangement(&self) -> Arrangement {
        self.checklist().arrangement(&self.app.context())
    }

    /// The selected point, if one is shown.
    pub fn point(&self) -> Option<&Point> {
        self.checklist().point(&self.app.run.state.plan)
    }

    /// The requests sent to the engine, with their ids.
    pub fn requests(&self) -> Vec<(RequestId, Request)> {
        let sent = |effect: &HostEffect| match effect {
            HostEffect::Send(NumberedRequest { id, request }) => Some((*id, request.clone())),
            _ => None,
        };
        self.effects.iter().filter_map(sent).collect()
    }

    /// The acts requested from the engine.
    pub fn acts(&self) -> Vec<Act> {
        let act = |effect: &HostEffect| match effect {
            HostEffect::Send(NumberedRequest { request: Request::Act(command), .. }) => {
                Some(command.act.clone())
            }
            _ => None,
        };
        self.effects.iter().filter_map(act).collect()
    }

    /// The id of the selected point.
    pub fn selected(&self) -> &str {
        &self.point().unwrap().id
    }

    /// The text of the current notice.
    pub fn notice(&self) -> &str {
        self.app.notices.notice.as_ref().map_or("", |notice| &notice.text)
    }

    /// Whether a dialog is on top.
    pub fn has_dialog(&self) -> bool {
        self.app.layers.has_dialog()
    }

    /// The topmost dialog, if it is of type `T`.
    pub fn dialog<T: Dialog>(&self) -> Option<&T> {
        self.app.layers.find::<DialogLayer>()?.downcast()
    }

    /// The scroll position of the topmost dialog.
    pub fn dialog_scroll(&self) -> Option<usize> {
        self.app.layers.find::<DialogLayer>().map(|dialog| dialog.scroll)
    }

    /// The topmost dialog in debug format, for comparisons.
    pub fn dialog_debug(&self) -> Option<String> {
        self.app.layers.find::<DialogLayer>().map(|dialog| format!("{dialog:?}"))
    }

    /// Handles a message at a given time.
    pub fn message(&mut self, message: Msg, now: Moment) {
        self.app.tick(now);
        let effects = self.app.update(message);
        self.effects.extend(effects);
    }
}
