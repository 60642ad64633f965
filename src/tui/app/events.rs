//! Handling of the terminal's events.

use std::mem;

use crossterm::event::{Event, KeyEventKind};
use ratatui::layout::Rect;

use super::{App, HostEffect};
use crate::tui::ColorScheme;
use crate::tui::input::Input;
use crate::tui::keymap::{self, Intent};
use crate::tui::layer::TextFocus;
use crate::tui::style::layout::is_too_small;
use crate::tui::terminal::replies::BACKGROUND_TIMEOUT;
use gonogo_core::text::count;

impl App {
    pub(super) fn on_event(&mut self, event: Event) -> Vec<HostEffect> {
        self.attention.on_input(&event, &self.run.now);
        match event {
            Event::Resize(width, height) => self.resize(Rect::new(0, 0, width, height)),
            Event::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
            Event::Key(_) | Event::Paste(_) | Event::Mouse(_) if is_too_small(self.screen) => {
                self.event_while_too_small(&event)
            }
            Event::Key(key) => self.key(key),
            Event::Paste(text) => self.paste(text),
            Event::Mouse(event) => self.dispatch(&Input::Mouse(event)),
            _ => Vec::new(),
        }
    }

    fn resize(&mut self, screen: Rect) -> Vec<HostEffect> {
        self.screen = screen;
        self.run.is_tail_stale = true;
        if !is_too_small(screen) && mem::take(&mut self.input.ignored_keys) {
            self.refuse("keys were ignored while the window was too small");
        }
        self.dispatch(&Input::Resize)
    }

    /// Nobody sees what would happen, so only quitting is possible.
    fn event_while_too_small(&mut self, event: &Event) -> Vec<HostEffect> {
        if let Event::Key(key) = event
            && keymap::intent(*key) == Some(Intent::Quit)
            && (keymap::is_control(*key) || self.layers.text_focus(&self.context()) == TextFocus::None)
        {
            return self.quit();
        }
        self.input.ignored_keys |= !matches!(event, Event::Mouse(_));
        Vec::new()
    }

    fn paste(&mut self, text: String) -> Vec<HostEffect> {
        if self.layers.text_focus(&self.context()) == TextFocus::None {
            let characters = count(text.chars().count(), "character");
            self.refuse(&format!("pasted text ignored: {characters}, and no text field is open"));
            return Vec::new();
        }
        self.dispatch(&Input::Paste(text))
    }

    /// Adapts the colours to the terminal's background, unless it is reported so late that the change would disturb.
    pub(super) fn set_background(&mut self, scheme: ColorScheme) {
        let query = self.input.background_query.take();
        if query.is_some_and(|asked| self.run.now.since(&asked) <= BACKGROUND_TIMEOUT) {
            self.session.appearance.color_scheme = scheme;
        }
    }
}
