//! The layers of the screen, the one on top last. What comes goes from the top down until one handles it; they are
//! drawn from the bottom up.

#[cfg(test)]
use std::any::Any;
use std::time::Instant;

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction, TextFocus};

/// What is told of a key that came too early.
pub const UNSEEN: &str =
    "that key came before the question was on the screen; look at it, and press the key again";

#[derive(Debug)]
struct StackedLayer {
    layer: Box<dyn Layer>,
    /// Which of its questions it asks.
    stage: u8,
    /// When that was drawn first, if it was.
    drawn: Option<Instant>,
}

/// The stack. The lowest layer is never taken away.
#[derive(Debug, Default)]
pub struct Layers(Vec<StackedLayer>);

impl Layers {
    /// Puts a layer on top, in the place of those at its level and above.
    pub fn open(&mut self, layer: Box<dyn Layer>) {
        let below = self.0.iter().position(|entry| entry.layer.level() >= layer.level());
        self.0.truncate(below.unwrap_or(self.0.len()));
        self.0.push(StackedLayer { stage: layer.stage(), layer, drawn: None });
    }

    /// Passes on what comes, from the top down.
    pub fn pass(&mut self, input: &Input, cx: &Context) -> Vec<Effect> {
        for at in (0..self.0.len()).rev() {
            match self.0[at].layer.on(input, cx) {
                Reaction::Ignored => {}
                Reaction::Handled(effects) => return effects,
                Reaction::Close(effects) => {
                    self.0.truncate(at.max(1));
                    return effects;
                }
            }
        }
        Vec::new()
    }

    /// All of them, from the bottom up.
    pub fn each(&mut self) -> impl DoubleEndedIterator<Item = &mut (dyn Layer + 'static)> {
        self.0.iter_mut().map(|entry| &mut *entry.layer)
    }

    /// All of them, from the bottom up, to be looked at.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &(dyn Layer + 'static)> {
        self.0.iter().map(|entry| &*entry.layer)
    }

    fn top(&self) -> Option<&dyn Layer> {
        self.0.last().map(|entry| &*entry.layer)
    }

    /// Whether a dialog is on top.
    pub fn has_dialog(&self) -> bool {
        self.top().is_some_and(|top| top.level() == Level::Dialog)
    }

    /// What is typed into the one on top.
    pub fn text_focus(&self, cx: &Context) -> TextFocus {
        self.top().map_or(TextFocus::None, |top| top.text_focus(cx))
    }

    /// Whether a dialog that nobody asked for takes no keys away from anybody.
    pub fn is_free(&self, cx: &Context) -> bool {
        !self.has_dialog() && self.text_focus(cx) == TextFocus::None
    }

    /// The likeliest next keys.
    pub fn hints(&self, cx: &Context) -> Option<Vec<Hint>> {
        self.top().and_then(|top| top.hints(cx))
    }

    /// What they leave of a screen.
    pub fn room(&self, screen: Rect) -> Rect {
        self.iter().fold(screen, |room, layer| layer.room(room))
    }

    /// Draws those that have the screen, or the dialogs over it.
    pub fn draw(&self, cx: &Context, frame: &mut Frame, are_dialogs: bool) {
        let of_kind = |layer: &&(dyn Layer + 'static)| (layer.level() == Level::Dialog) == are_dialogs;
        self.iter().filter(of_kind).for_each(|layer| layer.draw(cx, frame));
    }

    /// Another question than the one that was drawn has not been seen.
    pub fn notice_questions(&mut self) {
        for entry in &mut self.0 {
            if entry.stage != entry.layer.stage() {
                (entry.stage, entry.drawn) = (entry.layer.stage(), None);
            }
        }
    }

    /// Takes in that they were drawn.
    pub fn are_drawn(&mut self, at: Instant) {
        self.0.iter_mut().for_each(|entry| {
            entry.drawn.get_or_insert(at);
        });
    }

    /// Whether a key would decide what its reader has not seen: read before the question was drawn, as in a burst of
    /// keys or a paste. Words are taken as words, however they come.
    pub fn is_unseen(&self, key: KeyEvent, read: Instant, cx: &Context) -> bool {
        let unseen = |entry: &StackedLayer| {
            entry.layer.decides(key, cx) && entry.drawn.is_none_or(|drawn| read <= drawn)
        };
        self.0.last().is_some_and(unseen)
    }
}

#[cfg(test)]
impl Layers {
    /// The highest layer of a type.
    pub fn find<T: Layer>(&self) -> Option<&T> {
        self.iter().rev().find_map(|layer| (layer as &dyn Any).downcast_ref())
    }

    /// The highest layer of a type, to be changed.
    pub fn find_mut<T: Layer>(&mut self) -> Option<&mut T> {
        self.each().rev().find_map(|layer| (layer as &mut dyn Any).downcast_mut())
    }

    /// Takes away what lies over that level.
    pub fn close_above(&mut self, level: Level) {
        self.0.retain(|entry| entry.layer.level() <= level);
    }

    /// When the one on top was drawn.
    pub fn drawn(&mut self) -> &mut Option<Instant> {
        &mut self.0.last_mut().unwrap().drawn
    }
}
