//! The stack of layers. Inputs go from the top down until a layer handles them; layers are drawn from the bottom up.

#[cfg(test)]
use std::any::Any;
use std::time::{Duration, Instant};

use crossterm::event::KeyEvent;
use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::context::Context;
use crate::tui::input::Input;
use crate::tui::layer::{Effect, Hint, Layer, Level, Reaction, TextFocus};
use crate::tui::palette::PaletteContent;

/// How long a question must have been on the screen, whole, before a key can answer it.
pub const READING_TIME: Duration = Duration::from_millis(600);

/// Why a key that was read too early to answer a question is refused.
pub const KEY_TOO_EARLY: &str = "key ignored: this dialog has only just been shown; press it again";
/// Why a key does not answer a question that is longer than the screen.
pub const NOT_READ: &str = "key ignored: scroll to the end of this dialog first (Down or PgDn)";

#[derive(Debug)]
struct StackedLayer {
    layer: Box<dyn Layer>,
    /// The stage of the current question.
    stage: u8,
    /// Whether a part of it was on the screen.
    is_drawn: bool,
    /// When it was first on the screen, whole.
    drawn_at: Option<Instant>,
}

/// The stack. The lowest layer is never closed.
#[derive(Debug, Default)]
pub struct Layers(Vec<StackedLayer>);

impl Layers {
    /// Opens a layer, and closes all layers at its level and above.
    pub fn open(&mut self, layer: Box<dyn Layer>) {
        let index = self.0.iter().position(|entry| entry.layer.level() >= layer.level());
        self.0.truncate(index.unwrap_or(self.0.len()));
        self.0.push(StackedLayer { stage: layer.stage(), layer, is_drawn: false, drawn_at: None });
    }

    /// Passes an input from the top down until a layer handles it.
    pub fn dispatch(&mut self, input: &Input, cx: &Context) -> Vec<Effect> {
        for index in (0..self.0.len()).rev() {
            match self.0[index].layer.handle(input, cx) {
                Reaction::Ignored => {}
                Reaction::Handled(effects) => return effects,
                Reaction::Close(effects) => {
                    self.0.truncate(index.max(1));
                    return effects;
                }
            }
        }
        Vec::new()
    }

    /// All layers, from the bottom up.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut (dyn Layer + 'static)> {
        self.0.iter_mut().map(|entry| &mut *entry.layer)
    }

    /// All layers, from the bottom up.
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

    /// Whether the topmost layer takes keys as text.
    pub fn text_focus(&self, cx: &Context) -> TextFocus {
        self.top().map_or(TextFocus::None, |top| top.text_focus(cx))
    }

    /// Whether a dialog may open by itself: no other dialog and no text field has the keys.
    pub fn can_interrupt(&self, cx: &Context) -> bool {
        !self.has_dialog() && self.text_focus(cx) == TextFocus::None
    }

    /// The hints of the topmost layer.
    pub fn hints(&self, cx: &Context) -> Option<Vec<Hint>> {
        self.top().and_then(|top| top.hints(cx))
    }

    /// The part of the screen that all of them leave free.
    pub fn remaining_area(&self, screen: Rect) -> Rect {
        self.iter().fold(screen, |room, layer| layer.remaining_area(room))
    }

    /// What the palette lists for the topmost view.
    pub fn palette_content(&self, cx: &Context) -> Option<PaletteContent> {
        self.iter().rev().find_map(|layer| layer.palette_content(cx))
    }

    /// Lists in an open palette what is possible now.
    pub fn refresh_palette(&mut self, cx: &Context) {
        let is_palette = self.top().is_some_and(Layer::is_palette);
        if let Some(content) = is_palette.then(|| self.palette_content(cx)).flatten()
            && let Some(top) = self.0.last_mut()
        {
            top.layer.set_palette(content);
        }
    }

    /// Closes all layers above a level.
    pub fn close_above(&mut self, level: Level) {
        self.0.retain(|entry| entry.layer.level() <= level);
    }

    /// Draws the views, or the dialogs.
    pub fn draw(&self, cx: &Context, frame: &mut Frame, are_dialogs: bool) {
        let of_kind = |layer: &&(dyn Layer + 'static)| (layer.level() == Level::Dialog) == are_dialogs;
        self.iter().filter(of_kind).for_each(|layer| layer.draw(cx, frame));
    }

    /// Marks layers that ask another question than before as not drawn.
    pub fn reset_changed_stages(&mut self) {
        for entry in &mut self.0 {
            if entry.stage != entry.layer.stage() {
                (entry.stage, entry.is_drawn, entry.drawn_at) = (entry.layer.stage(), false, None);
            }
        }
    }

    /// Records when the layers were first drawn, all of what they ask.
    pub fn mark_drawn(&mut self, at: Instant) {
        for entry in &mut self.0 {
            entry.is_drawn = true;
            if entry.layer.is_seen_whole() {
                entry.drawn_at.get_or_insert(at);
            }
        }
    }

    /// Why a key that would answer a question does not: it was read before the question had been on the screen, whole,
    /// for [`READING_TIME`]. Text is always accepted.
    pub fn early_reason(&self, key: KeyEvent, read_at: Instant, cx: &Context) -> Option<&'static str> {
        let StackedLayer { is_drawn, drawn_at, .. } =
            self.0.last().filter(|entry| entry.layer.decides(key, cx))?;
        match drawn_at {
            Some(drawn_at) if read_at >= *drawn_at + READING_TIME => None,
            None if *is_drawn => Some(NOT_READ),
            _ => Some(KEY_TOO_EARLY),
        }
    }
}

impl Layers {
    /// Restarts the reading time of the question after a key that came too early, so that a key that is held never
    /// answers it.
    pub fn restart_reading(&mut self, read_at: Instant) {
        if let Some(drawn_at) = self.0.last_mut().and_then(|entry| entry.drawn_at.as_mut()) {
            *drawn_at = (*drawn_at).max(read_at);
        }
    }
}

#[cfg(test)]
impl Layers {
    /// The topmost layer of a type.
    pub fn find<T: Layer>(&self) -> Option<&T> {
        self.iter().rev().find_map(|layer| (layer as &dyn Any).downcast_ref())
    }

    /// The topmost layer of a type.
    pub fn find_mut<T: Layer>(&mut self) -> Option<&mut T> {
        self.iter_mut().rev().find_map(|layer| (layer as &mut dyn Any).downcast_mut())
    }
}
