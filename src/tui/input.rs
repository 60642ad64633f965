//! What comes to the layers of the screen.

use crossterm::event::{KeyEvent, MouseEvent};

use crate::time::Moment;
use crate::tui::Unlocked;
use crate::tui::reading::excerpt::Excerpt;
use crate::tui::reading::seek::{Seek, Sought};
use crate::tui::record::Progress;

/// What comes to the layers: to the one on top first, to those below it until one handles it.
#[derive(Debug)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// A pasted text.
    Paste(String),
    /// The mouse.
    Mouse(MouseEvent),
    /// The screen has another size.
    Resize,
    /// Time has passed, in a review.
    Tick(Moment),
    /// What came of the key of an operator to be added.
    Unlocked(Result<Unlocked, String>),
    /// How far the log of a review has been read.
    Reviewed(Progress),
    /// What was read of an output.
    Output(Box<Excerpt>),
    /// What a search in the log has come to.
    Searched(Box<Seek>, Sought),
}
