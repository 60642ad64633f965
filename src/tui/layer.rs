//! Layers: views that fill the screen, and dialogs over them. A layer owns its state, and returns effects for anything
//! else that must happen.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::AddOperatorRequest;
use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::palette::PaletteContent;
use crate::tui::reading::excerpt::{Excerpt, PageStep};
use crate::tui::reading::log_search::LogSearch;
use gonogo_core::checklist::{ActionKey, PointId};
use gonogo_core::journal::entry::EnrolledOperator;
use gonogo_core::run::{Act, Command, Request, RunState};

/// The level of a layer. Opening a layer closes all layers at its level and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The checklist of a run or of a review; always the lowest layer.
    Checklist,
    /// The rollback.
    Rollback,
    /// The output of an action.
    Output,
    /// A dialog.
    Dialog,
}

/// Whether a layer takes keys as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFocus {
    /// No: keys are commands.
    None,
    /// Yes.
    Text,
    /// Yes, and the text is a secret.
    Secret,
}

/// Keys and what they do, for the hint line.
pub type Hint = (&'static str, &'static str);

/// How a layer has reacted to an input.
#[derive(Debug)]
pub enum Reaction {
    /// Not at all: the input goes to the layer below.
    Ignored,
    /// It has handled the input.
    Handled(Vec<Effect>),
    /// It has handled the input; the layer and all layers over it are closed.
    Close(Vec<Effect>),
}

impl Reaction {
    /// The input is handled, without effects.
    pub const fn handled() -> Self {
        Self::Handled(Vec::new())
    }

    /// The layer is closed, without effects.
    pub const fn close() -> Self {
        Self::Close(Vec::new())
    }
}

/// What a layer asks the app to do.
#[derive(Debug)]
pub enum Effect {
    /// Send a request to the engine.
    Send(Request, PendingRequest),
    /// Send a request to the engine, and show a notice at once.
    SendAndNotify(Request, String),
    /// Show a notice on the bottom line.
    Notify(String),
    /// Show a refusal on the bottom line.
    Refuse(String),
    /// Clear the notice.
    ClearNotice,
    /// Ignore letters until typing pauses, see `NoticeBoard`.
    GuardTyping,
    /// Open a layer.
    Open(Box<dyn Layer>),
    /// Open the palette of the topmost view.
    OpenPalette,
    /// Press a key, as if it were typed.
    PressKey(KeyEvent),
    /// Go to a point of the checklist; views over it are closed.
    ShowPoint(PointId),
    /// Open the rollback at its first open step.
    OpenRollback,
    /// End the session, and open a run in which the sealed release is rolled back.
    OpenRollbackRun,
    /// Open the latest output of a point's actions, or of one action.
    OpenOutput(PointId, Option<ActionKey>),
    /// Copy a text to the clipboard.
    Copy(String),
    /// Unlock the key of an operator to be added.
    Unlock(AddOperatorRequest),
    /// Make an operator the active one.
    SwitchOperator(EnrolledOperator),
    /// Show an earlier state of the run.
    ShowState(Arc<RunState>),
    /// Let the person edit a text in their editor.
    Edit(String),
    /// Quit.
    Quit,
    /// Suspend the program.
    Suspend,
}

impl Effect {
    /// Opens a layer.
    pub fn open(layer: impl Layer) -> Self {
        Self::Open(Box::new(layer))
    }

    /// Requests an act of the active operator.
    pub fn act(cx: &Context, act: Act, notice: String, on_rejection: Option<Box<dyn Layer>>) -> Self {
        let command = Command::new(cx.session.operator.principal.clone(), act);
        let pending = PendingRequest { notice: Some(notice), on_rejection, new_operator: None };
        Self::Send(Request::Act(Box::new(command)), pending)
    }
}

/// Why effects only refuse, if they do.
pub fn find_refusal(effects: &[Effect]) -> Option<String> {
    if effects.iter().any(|effect| matches!(effect, Effect::Open(_))) {
        return None;
    }
    effects.iter().find_map(|effect| match effect {
        Effect::Refuse(why) => Some(why.clone()),
        _ => None,
    })
}

/// What to do when the engine answers a request.
#[derive(Debug, Default)]
pub struct PendingRequest {
    /// The notice to show once the entry is in the log, if any.
    pub notice: Option<String>,
    /// The dialog to reopen, with its text, if the request is rejected.
    pub on_rejection: Option<Box<dyn Layer>>,
    /// The operator to add once the request is done.
    pub new_operator: Option<EnrolledOperator>,
}

/// A view or a dialog.
pub trait Layer: Any + Debug {
    /// Its level.
    fn level(&self) -> Level;

    /// Handles an input.
    fn handle(&mut self, input: &Input, cx: &Context) -> Reaction;

    /// Draws the layer over the layers below.
    fn draw(&self, cx: &Context, frame: &mut Frame);

    /// The hints, the most useful first; the last one is always shown. `None` if the layer uses the hint line itself.
    fn hints(&self, cx: &Context) -> Option<Vec<Hint>>;

    /// Whether it takes keys as text.
    fn text_focus(&self, _cx: &Context) -> TextFocus {
        TextFocus::None
    }

    /// Whether a key would answer a question. Such a key is refused if it was read before the question was drawn.
    fn decides(&self, _key: KeyEvent, _cx: &Context) -> bool {
        false
    }

    /// Whether all of it has been on the screen.
    fn is_seen_whole(&self) -> bool {
        true
    }

    /// A number for the question that it asks: another number means another question, which has not been drawn yet.
    fn stage(&self) -> u8 {
        0
    }

    /// What the palette lists for it; `None` if it has no palette.
    fn palette_content(&self, _cx: &Context) -> Option<PaletteContent> {
        None
    }

    /// Whether it is the palette.
    fn is_palette(&self) -> bool {
        false
    }

    /// Called before a frame is drawn, with what the palette lists now for the view below.
    fn set_palette(&mut self, _content: PaletteContent) {}

    /// Called after the state of the run has changed.
    fn on_run_changed(&mut self, _before: &RunState, _cx: &Context) {}

    /// Called before the layer is reopened because its request was rejected.
    fn on_rejected(&mut self, _why: &str) {}

    /// Called before a frame is drawn.
    fn prepare(&mut self, _cx: &Context) {}

    /// The part of the screen that it leaves to the other layers.
    fn remaining_area(&self, screen: Rect) -> Rect {
        screen
    }

    /// How long it can stay as it is without input, if it sets this for the whole screen.
    fn redraw_interval(&self) -> Option<Duration> {
        None
    }

    /// The excerpt of an output to read, with the steps to apply to it first, if there is anything to read.
    fn output_to_read(&mut self, _cx: &Context) -> Option<(Excerpt, Vec<PageStep>)> {
        None
    }

    /// The running search in the log.
    fn log_search(&self) -> Option<&LogSearch> {
        None
    }

    /// Whether a search has more to read.
    fn is_searching(&self) -> bool {
        self.log_search().is_some()
    }

    /// Stops its search.
    fn stop_search(&mut self) {}
}
