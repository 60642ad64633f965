//! The inputs of layers.

use crossterm::event::{KeyEvent, MouseEvent};

use crate::tui::UnlockResult;
use crate::tui::reading::excerpt::Excerpt;
use crate::tui::reading::log_search::{LogSearch, LogSearchResult};
use crate::tui::review_log::ReviewProgress;
use gonogo_core::checklist::PointId;
use gonogo_core::time::Moment;

/// An input. It goes to the topmost layer first, and down until a layer handles it.
#[derive(Debug)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// A pasted text.
    Paste(String),
    /// A mouse event.
    Mouse(MouseEvent),
    /// Go to a point of the checklist.
    ShowPoint(PointId),
    /// The person's editor has ended: the new text, or why there is none.
    Edited(Result<String, String>),
    /// The screen was resized.
    Resize,
    /// The time has changed, in a review.
    Tick(Moment),
    /// The result of unlocking the key of an operator to be added.
    KeyUnlocked(Result<UnlockResult, String>),
    /// Progress of reading and verifying the log of a review.
    ReviewProgress(ReviewProgress),
    /// A part of an action's output was read.
    OutputRead(Box<Excerpt>),
    /// A step of a search in the log has finished.
    LogSearched(Box<LogSearch>, LogSearchResult),
}
