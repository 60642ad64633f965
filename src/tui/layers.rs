//! What is on top of the screen. It alone has the keys, the mouse and what is pasted.

use crate::tui::app::App;
use crate::tui::dialogs::Dialog;
use crate::tui::views::output::Pager;

/// What is on top, and so has the keys, the mouse and what is pasted. What is under it stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Top {
    /// A dialog, over whatever was there before.
    Dialog,
    /// The output of an action.
    Pager,
    /// The way back, at this step.
    WayBack(usize),
    /// The points.
    Points,
}

impl App {
    /// What is on top.
    pub const fn top(&self) -> Top {
        match (&self.dialog, &self.pager, self.way_back) {
            (Some(_), _, _) => Top::Dialog,
            (None, Some(_), _) => Top::Pager,
            (None, None, Some(step)) => Top::WayBack(step),
            (None, None, None) => Top::Points,
        }
    }

    /// Whether keys go to something that is typed under no dialog.
    pub fn is_typing(&self) -> bool {
        match self.top() {
            Top::Dialog | Top::WayBack(_) => false,
            Top::Pager => self.pager.as_ref().is_some_and(Pager::is_typing),
            Top::Points => self.is_typing_filter(),
        }
    }

    /// What is pasted goes where text is being typed, and is nothing elsewhere.
    pub fn paste(&mut self, text: &str) {
        match self.top() {
            Top::Dialog => match &mut self.dialog {
                Some(Dialog::Words(prompt)) => prompt.paste(text),
                Some(Dialog::Newcomer(form)) => form.paste(text),
                Some(Dialog::Run(form)) => form.typed.paste(text),
                _ => {}
            },
            Top::Pager => self.pager_paste(text),
            Top::WayBack(_) => {}
            Top::Points if self.is_typing_filter() => self.filter_paste(text),
            Top::Points => self.review_paste(text),
        }
    }
}
