//! What can be shown: a view that has the screen, or a dialog over it. Its state lives in it and goes with it; what it
//! wants done outside, it says as effects.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::checklist::{ActionKey, PointId};
use crate::journal::entry::EnrolledOperator;
use crate::run::{Act, Command, Request, RunState};
use crate::tui::Newcomer;
use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::reading::excerpt::{Excerpt, PageStep};
use crate::tui::reading::seek::Seek;

/// Where a layer lies. One that is opened takes the place of those at its level and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The checklist of a run or of a review, under everything.
    Checklist,
    /// The rollback.
    Rollback,
    /// The output of an action.
    Output,
    /// A dialog.
    Dialog,
}

/// What is typed into a layer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFocus {
    /// Nothing: keys are keys.
    None,
    /// Text.
    Text,
    /// A secret.
    Secret,
}

/// Keys and what they do, as the hint line tells them.
pub type Hint = (&'static str, &'static str);

/// What a layer made of an input.
#[derive(Debug)]
pub enum Reaction {
    /// Nothing: it goes to the layer below.
    Ignored,
    /// It is dealt with.
    Handled(Vec<Effect>),
    /// It is dealt with, and the layer goes, with all that lies over it.
    Close(Vec<Effect>),
}

impl Reaction {
    /// It is dealt with, and nothing is to be done outside.
    pub const fn handled() -> Self {
        Self::Handled(Vec::new())
    }

    /// Nothing is to be done but to close the layer.
    pub const fn close() -> Self {
        Self::Close(Vec::new())
    }
}

/// What a layer wants done.
#[derive(Debug)]
pub enum Effect {
    /// Ask the engine.
    Ask(Request, PendingRequest),
    /// Ask the engine, which is told to have been asked.
    AskAndSay(Request, String),
    /// Say something at the bottom.
    Say(String),
    /// Say no at the bottom.
    Refuse(String),
    /// Nothing stands at the bottom any more.
    ClearNotice,
    /// Letters that follow are not taken for keys until there is a pause.
    GuardTyping,
    /// Open another layer.
    Open(Box<dyn Layer>),
    /// Open the rollback, or select its first open step anew.
    OpenRollback,
    /// Open the newest output of a point's actions, or of one of them.
    OpenOutput(PointId, Option<ActionKey>),
    /// Put this into the clipboard.
    Copy(String),
    /// Find the key of an operator to be added.
    Unlock(Newcomer),
    /// Somebody at this keyboard is the active operator now.
    SwitchOperator(EnrolledOperator),
    /// Show the run as it was.
    Show(Arc<RunState>),
    /// Leave.
    Leave,
    /// Suspend the program.
    Suspend,
}

impl Effect {
    /// Opens a layer.
    pub fn open(layer: impl Layer) -> Self {
        Self::Open(Box::new(layer))
    }

    /// Asks the engine for an act of the active operator.
    pub fn act(cx: &Context, act: Act, said: String, returning: Option<Box<dyn Layer>>) -> Self {
        let command = Command::new(cx.session.me.principal.clone(), act);
        let pending = PendingRequest { said: Some(said), returning, joins: None };
        Self::Ask(Request::Act(Box::new(command)), pending)
    }
}

/// Something that was asked for and is not answered yet.
#[derive(Debug, Default)]
pub struct PendingRequest {
    /// What to say when it is on record; nothing if it puts nothing there, or if the state says it.
    pub said: Option<String>,
    /// What comes back when it is refused, with what was typed for it.
    pub returning: Option<Box<dyn Layer>>,
    /// Who takes part once it is done.
    pub joins: Option<EnrolledOperator>,
}

/// Something that can be shown.
pub trait Layer: Any + Debug {
    /// Where it lies.
    fn level(&self) -> Level;

    /// Takes in what comes.
    fn on(&mut self, input: &Input, cx: &Context) -> Reaction;

    /// Draws it over what is there.
    fn draw(&self, cx: &Context, frame: &mut Frame);

    /// The likeliest next keys, the last of them always in view; `None` where the layer has the line for itself.
    fn hints(&self, cx: &Context) -> Option<Vec<Hint>>;

    /// What is typed into it now.
    fn text_focus(&self, _cx: &Context) -> TextFocus {
        TextFocus::None
    }

    /// Whether a key would decide something, which is possible only where the question has been seen.
    fn decides(&self, _key: KeyEvent, _cx: &Context) -> bool {
        false
    }

    /// Which of its questions it asks, as far as it matters whether it is the same one.
    fn stage(&self) -> u8 {
        0
    }

    /// Takes in that the run is another one than before.
    fn run_changed(&mut self, _before: &RunState, _cx: &Context) {}

    /// Takes in why what it asked for was refused: it is about to be shown again.
    fn refused(&mut self, _why: &str) {}

    /// Makes ready for a frame.
    fn prepare(&mut self, _cx: &Context) {}

    /// What it leaves of a screen for the layers under it and over it.
    fn room(&self, screen: Rect) -> Rect {
        screen
    }

    /// How long nothing moves of itself.
    fn pause(&self) -> Option<Duration> {
        None
    }

    /// The output that it shows, and what the keys did, if more of it has to be read.
    fn page_to_read(&mut self, _cx: &Context) -> Option<(Excerpt, Vec<PageStep>)> {
        None
    }

    /// The search in the log that is under way.
    fn seeking(&self) -> Option<&Seek> {
        None
    }

    /// Whether there is more to be read at once.
    fn is_searching(&self) -> bool {
        self.seeking().is_some()
    }

    /// Ends a search.
    fn stop_search(&mut self) {}
}
