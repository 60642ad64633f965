//! The dialogs, one per file. A dialog defines its content and its keys; position, scrolling and closing are common to
//! all of them.

pub mod action_failed;
pub mod add_operator;
pub mod confirm;
pub mod diagnosis;
pub mod entry;
pub mod help;
pub mod notices;
pub mod palette;
pub mod plan_proposal;
pub mod quit;
pub mod retract;
pub mod rollback_run;
pub mod rolled_back;
pub mod run_action;
pub mod seal;
pub mod stop_action;
pub mod switch_operator;
pub mod text_prompt;
mod text_prompt_view;
pub mod verdict;

use std::any::Any;
use std::fmt::Debug;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::Position;

use crate::tui::UnlockResult;
use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::keymap::{self, DialogKey};
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction, TextFocus};
use crate::tui::palette::PaletteContent;
use crate::tui::style::layout::is_too_small;
use crate::tui::widgets::dialog_view::{DialogView, text_width};

/// How many lines the mouse wheel scrolls.
const WHEEL_LINES: isize = 3;

/// A dialog.
pub trait Dialog: Any + Debug {
    /// Its content, on lines of `width` cells.
    fn view(&self, cx: &Context, width: usize) -> DialogView;

    /// Handles a key. Keys that it ignores can scroll or close it.
    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction;

    /// Handles pasted text.
    fn paste(&mut self, _text: &str) {}

    /// Whether it takes keys as text.
    fn text_focus(&self, _cx: &Context) -> TextFocus {
        TextFocus::None
    }

    /// Whether a key would answer the question. Such a key is refused if it was read before the question was drawn.
    fn decides(&self, key: KeyEvent, _cx: &Context) -> bool {
        is_decision(key)
    }

    /// A number for the question that it asks, see [`Layer::stage`].
    fn stage(&self) -> u8 {
        0
    }

    /// Handles the result of unlocking a key.
    fn on_key_unlocked(&mut self, _unlocked: &Result<UnlockResult, String>, _cx: &Context) -> Reaction {
        Reaction::Ignored
    }

    /// Handles a text that comes back from the person's editor, or why there is none.
    fn on_edited(&mut self, _edited: &Result<String, String>) -> Reaction {
        Reaction::Ignored
    }

    /// Called before the dialog is reopened because its request was rejected.
    fn on_rejected(&mut self, _why: &str) {}

    /// Handles a mouse event, on a line of its text if it is on one. If it ignores the wheel, its text scrolls.
    fn mouse(&mut self, _event: MouseEvent, _line: Option<usize>, _cx: &Context) -> Reaction {
        Reaction::Ignored
    }

    /// Whether it is the palette.
    fn is_palette(&self) -> bool {
        false
    }

    /// See [`Layer::set_palette`].
    fn set_palette(&mut self, _content: PaletteContent) {}
}

/// Whether a key answers yes or chooses an option.
pub const fn is_decision(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Enter | KeyCode::Char('y' | 'Y' | 's' | 'a'))
}

/// The answer to `?` in a dialog.
const OWN_KEYS: &str = "a dialog lists its keys in its last line; Esc closes it";

/// A dialog as a layer, with its scroll position.
#[derive(Debug)]
pub struct DialogLayer {
    dialog: Box<dyn Dialog>,
    /// The first line shown.
    pub scroll: usize,
    /// The question whose lines were seen, how many from its beginning, and whether that is all.
    seen: SeenLines,
}

/// How much of a question has been on the screen.
#[derive(Clone, Copy, Debug, Default)]
struct SeenLines {
    stage: u8,
    count: usize,
    are_all: bool,
}

impl DialogLayer {
    /// A dialog, scrolled to its beginning.
    pub fn new(dialog: impl Dialog) -> Self {
        Self { dialog: Box::new(dialog), scroll: 0, seen: SeenLines::default() }
    }

    /// The dialog, if it is of type `T`.
    #[cfg(test)]
    pub fn downcast<T: Dialog>(&self) -> Option<&T> {
        (&*self.dialog as &dyn Any).downcast_ref()
    }

    fn view(&self, cx: &Context) -> DialogView {
        self.dialog.view(cx, text_width(cx.area))
    }

    /// Scrolls by so many lines, within the limits.
    fn scroll_by(&mut self, lines: isize, cx: &Context) {
        self.scroll = self.scroll.saturating_add_signed(lines).min(self.view(cx).scroll_limit(cx));
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let reaction = self.dialog.key(key, cx);
        if !matches!(reaction, Reaction::Ignored) {
            return reaction;
        }
        match keymap::dialog_key(key) {
            Some(DialogKey::No) => return Reaction::close(),
            Some(DialogKey::Help) => {
                return Reaction::Handled(vec![Effect::Refuse(OWN_KEYS.to_owned())]);
            }
            Some(DialogKey::Scroll(lines)) => self.scroll_by(lines, cx),
            Some(DialogKey::ScrollPages(pages)) => {
                // One line of the page before stays, so that nothing is skipped.
                let shown = self.view(cx).shown_lines(cx, self.scroll).len();
                self.scroll_by(pages * shown.saturating_sub(1).max(1).cast_signed(), cx);
            }
            _ => {}
        }
        Reaction::handled()
    }

    /// Handles a mouse event. Events with a modifier are left to the terminal.
    fn mouse(&mut self, event: MouseEvent, cx: &Context) -> Reaction {
        let is_wheel = matches!(event.kind, MouseEventKind::ScrollUp | MouseEventKind::ScrollDown);
        if !is_wheel && !self.dialog.is_palette() {
            return Reaction::handled();
        }
        let (position, view) = (Position::new(event.column, event.row), self.view(cx));
        if event.modifiers != KeyModifiers::NONE || !view.area(cx).contains(position) {
            return Reaction::handled();
        }
        let reaction = self.dialog.mouse(event, view.line_at(cx, self.scroll, position), cx);
        match (&reaction, event.kind) {
            (Reaction::Ignored, MouseEventKind::ScrollUp) => self.scroll_by(-WHEEL_LINES, cx),
            (Reaction::Ignored, MouseEventKind::ScrollDown) => self.scroll_by(WHEEL_LINES, cx),
            (Reaction::Ignored, _) => {}
            _ => return reaction,
        }
        Reaction::handled()
    }
}

impl Layer for DialogLayer {
    fn level(&self) -> Level {
        Level::Dialog
    }

    fn handle(&mut self, input: &Input, cx: &Context) -> Reaction {
        match input {
            Input::Key(key) => return self.key(*key, cx),
            Input::Paste(text) => self.dialog.paste(text),
            Input::Mouse(event) => return self.mouse(*event, cx),
            Input::KeyUnlocked(unlocked) => return self.dialog.on_key_unlocked(unlocked, cx),
            Input::Edited(edited) => return self.dialog.on_edited(edited),
            _ => return Reaction::Ignored,
        }
        Reaction::handled()
    }

    fn draw(&self, cx: &Context, frame: &mut Frame) {
        let mut view = self.view(cx);
        if !self.seen.are_all {
            view.mark_unread(cx, |key| self.dialog.decides(key, cx));
        }
        view.draw(cx, frame, self.scroll);
    }

    /// The frame that follows shows these lines. Lines count as seen from the beginning on, without a gap.
    fn prepare(&mut self, cx: &Context) {
        if self.seen.stage != self.dialog.stage() {
            self.seen = SeenLines { stage: self.dialog.stage(), ..SeenLines::default() };
        }
        let view = self.view(cx);
        let shown = view.shown_lines(cx, self.scroll);
        if !is_too_small(cx.screen) && shown.start <= self.seen.count {
            self.seen.count = self.seen.count.max(shown.end);
        }
        self.seen.are_all = self.seen.count >= view.body.len();
    }

    fn is_seen_whole(&self) -> bool {
        self.seen.are_all
    }

    /// None: the dialog lists its keys itself.
    fn hints(&self, _: &Context) -> Option<Vec<Hint>> {
        Some(Vec::new())
    }

    fn text_focus(&self, cx: &Context) -> TextFocus {
        self.dialog.text_focus(cx)
    }

    fn decides(&self, key: KeyEvent, cx: &Context) -> bool {
        self.dialog.decides(key, cx)
    }

    fn stage(&self) -> u8 {
        self.dialog.stage()
    }

    fn on_rejected(&mut self, why: &str) {
        self.dialog.on_rejected(why);
    }

    fn is_palette(&self) -> bool {
        self.dialog.is_palette()
    }

    fn set_palette(&mut self, content: PaletteContent) {
        self.dialog.set_palette(content);
    }
}

/// Refuses a key that a dialog does not use. For dialogs that open by themselves: the key may be meant for what had the
/// keys before.
pub fn refuse_unused(key: KeyEvent, keys: &str) -> Reaction {
    let is_scroll = matches!(keymap::dialog_key(key), Some(DialogKey::Scroll(_) | DialogKey::ScrollPages(_)));
    if is_scroll || key.code == KeyCode::Esc {
        return Reaction::Ignored;
    }
    Reaction::Handled(vec![Effect::Refuse(format!("key ignored: this dialog has opened by itself; {keys}"))])
}

/// Closes a dialog without a question on Enter.
pub fn close_on_enter(key: KeyEvent) -> Reaction {
    match keymap::dialog_key(key) {
        Some(DialogKey::Next) => Reaction::close(),
        _ => Reaction::Ignored,
    }
}

/// Whether a key answers yes.
pub fn is_yes(key: KeyEvent) -> bool {
    keymap::dialog_key(key) == Some(DialogKey::Yes)
}
