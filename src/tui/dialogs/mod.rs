//! What lies over the screen: one file for each. A dialog says what it shows and what keys do to it; where it lies, how
//! it scrolls and that it takes every key, is the same for all.

pub mod action_failed;
pub mod add_operator;
pub mod confirm;
pub mod entry;
pub mod help;
pub mod notices;
pub mod plan_proposal;
pub mod retract;
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

use crate::tui::Unlocked;
use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::keymap::{self, Answer};
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction, TextFocus};
use crate::tui::widgets::dialog_view::{DialogView, text_width};

/// How many lines one notch of the wheel moves.
const NOTCH: isize = 3;

/// Something that lies over the screen.
pub trait Dialog: Any + Debug {
    /// What it shows, on lines so wide.
    fn view(&self, cx: &Context, width: usize) -> DialogView;

    /// Takes in a key. What it ignores scrolls it or closes it, or is nothing.
    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction;

    /// Takes in what was pasted.
    fn paste(&mut self, _text: &str) {}

    /// What is typed into it now.
    fn text_focus(&self, _cx: &Context) -> TextFocus {
        TextFocus::None
    }

    /// Whether a key would decide something, which is possible only where the question has been seen.
    fn decides(&self, key: KeyEvent, _cx: &Context) -> bool {
        is_decision(key)
    }

    /// Why a key does nothing before the dialog has been scrolled to its end, if it does nothing.
    fn must_be_read(&self, _key: KeyEvent, _cx: &Context) -> Option<&'static str> {
        None
    }

    /// Which of its questions it asks.
    fn stage(&self) -> u8 {
        0
    }

    /// What came of the key that it waits for.
    fn unlocked(&mut self, _unlocked: &Result<Unlocked, String>, _cx: &Context) -> Reaction {
        Reaction::Ignored
    }

    /// Takes in why what it asked for was refused.
    fn refused(&mut self, _why: &str) {}
}

/// Whether a key says yes, or chooses what a dialog offers.
pub const fn is_decision(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Enter | KeyCode::Char('y' | 'Y' | 's' | 'a'))
}

/// A dialog over the screen, and how far it is scrolled.
#[derive(Debug)]
pub struct DialogLayer {
    dialog: Box<dyn Dialog>,
    /// The first line shown.
    pub scroll: usize,
}

impl DialogLayer {
    /// A dialog, at its begin.
    pub fn new(dialog: impl Dialog) -> Self {
        Self { dialog: Box::new(dialog), scroll: 0 }
    }

    /// The dialog, if it is of that type.
    #[cfg(test)]
    pub fn is<T: Dialog>(&self) -> Option<&T> {
        (&*self.dialog as &dyn Any).downcast_ref()
    }

    fn view(&self, cx: &Context) -> DialogView {
        self.dialog.view(cx, text_width(cx.area))
    }

    /// Moves what is shown by so many lines, within the limits.
    fn scroll_by(&mut self, lines: isize, cx: &Context) {
        self.scroll = self.scroll.saturating_add_signed(lines).min(self.view(cx).limit(cx.area));
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        if let Some(why) = self.dialog.must_be_read(key, cx)
            && self.scroll < self.view(cx).limit(cx.area)
        {
            return Reaction::Handled(vec![Effect::Refuse(why.to_owned())]);
        }
        let reaction = self.dialog.key(key, cx);
        if !matches!(reaction, Reaction::Ignored) {
            return reaction;
        }
        match keymap::answer(key) {
            Some(Answer::No) => return Reaction::close(),
            Some(Answer::Scroll(lines)) => self.scroll_by(lines, cx),
            _ => {}
        }
        Reaction::handled()
    }

    fn mouse(&mut self, event: MouseEvent, cx: &Context) {
        let at = Position::new(event.column, event.row);
        let lines = match event.kind {
            MouseEventKind::ScrollUp => -NOTCH,
            MouseEventKind::ScrollDown => NOTCH,
            _ => return,
        };
        if event.modifiers == KeyModifiers::NONE && self.view(cx).place(cx.area).contains(at) {
            self.scroll_by(lines, cx);
        }
    }
}

impl Layer for DialogLayer {
    fn level(&self) -> Level {
        Level::Dialog
    }

    fn on(&mut self, input: &Input, cx: &Context) -> Reaction {
        match input {
            Input::Key(key) => return self.key(*key, cx),
            Input::Paste(text) => self.dialog.paste(text),
            Input::Mouse(event) => self.mouse(*event, cx),
            Input::Unlocked(unlocked) => return self.dialog.unlocked(unlocked, cx),
            _ => return Reaction::Ignored,
        }
        Reaction::handled()
    }

    fn draw(&self, cx: &Context, frame: &mut Frame) {
        self.view(cx).draw(cx, frame, self.scroll);
    }

    /// It lists its own keys, and no other works.
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

    fn refused(&mut self, why: &str) {
        self.dialog.refused(why);
    }
}

/// What a key does that closes what only tells something.
pub fn close_on_enter(key: KeyEvent) -> Reaction {
    match keymap::answer(key) {
        Some(Answer::On) => Reaction::close(),
        _ => Reaction::Ignored,
    }
}

/// Whether a key says yes.
pub fn is_yes(key: KeyEvent) -> bool {
    keymap::answer(key) == Some(Answer::Yes)
}
