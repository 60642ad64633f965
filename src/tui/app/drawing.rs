//! Drawing the layers.

use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::layout::Rect;

use super::{App, QUIT_TIMEOUT};
use crate::tui::context::Context;
use crate::tui::layer::Layer;
use crate::tui::style::layout::{draw_too_small, is_too_small};
use crate::tui::style::symbols::{self, SPINNER_FRAME_MS};
use crate::tui::summary::Summary;
use crate::tui::widgets::hint_line::HintLine;

impl App {
    /// Draws the screen on a frame of any size.
    pub fn draw(&mut self, frame: &mut Frame) {
        self.screen = frame.area();
        self.notices.expire(&self.run.now);
        if !self.run.summary.is_current(&self.run, &self.session) {
            let summary = Summary::compute(&self.context());
            self.run.summary = summary;
        }
        let (area, dialog_screen) = (self.area(), self.dialog_screen());
        let cx = Context { dialog_screen, ..Context::new(&self.run, &self.session, self.screen, area) };
        self.layers.refresh_palette(&cx);
        self.layers.iter_mut().for_each(|layer| layer.prepare(&cx));
        if is_too_small(frame.area()) {
            draw_too_small(frame);
        } else {
            self.draw_layers(frame);
        }
        if self.session.appearance.ascii {
            symbols::to_ascii(frame.buffer_mut());
        }
    }

    fn draw_layers(&self, frame: &mut Frame) {
        let cx = Context { dialog_screen: self.dialog_screen(), ..self.context() };
        let line = self.hint_line(&cx);
        self.layers.draw(&cx, frame, false);
        line.draw(&cx, frame);
        self.layers.draw(&cx, frame, true);
        if self.layers.has_dialog() && line.notice.is_some() {
            line.draw(&cx, frame);
        }
    }

    fn hint_line(&self, cx: &Context) -> HintLine<'_> {
        HintLine {
            notice: self.notices.notice.as_ref(),
            is_guarded: self.notices.is_typing_guarded(self.layers.has_dialog()),
            hints: self.layers.hints(cx),
            is_saving: self.pending.is_saving(),
            is_quitting: self.quit_state.stop_requested.is_some(),
        }
    }

    /// The part of the screen above a notice. Dialogs keep to it: the notice would cover their keys, or lines that then
    /// count as seen.
    fn dialog_screen(&self) -> Rect {
        let cx = self.context();
        let top = self.hint_line(&cx).notice_area(&cx).map(|area| area.y);
        let top = top.filter(|_| self.layers.has_dialog() && !is_too_small(self.screen));
        Rect { height: top.map_or(self.screen.height, |y| y - self.screen.y), ..self.screen }
    }

    /// The window title, if it has changed since it was last set.
    pub fn new_title(&mut self) -> Option<String> {
        let cx = Context::new(&self.run, &self.session, self.screen, self.screen);
        self.attention.new_title(&cx)
    }

    /// Makes the title be set again, after another program used the terminal.
    pub fn forget_title(&mut self) {
        self.attention.forget_title();
    }

    /// Records that the layers were drawn at `at`: keys read later may answer what they ask.
    pub fn mark_drawn(&mut self, at: Instant) {
        self.layers.mark_drawn(at);
    }

    /// How long the screen can stay as it is without input: spinners and the clock move.
    pub fn redraw_interval(&self) -> Duration {
        let is_busy = !self.run.in_flight.running.is_empty()
            || self.pending.is_saving()
            || self.run.in_flight.preparing_action.is_some()
            || self.run.state.running_action().is_some();
        let interval = Duration::from_millis(if is_busy { SPINNER_FRAME_MS } else { 1000 });
        let interval = self.layers.iter().find_map(Layer::redraw_interval).unwrap_or(interval);
        let interval =
            if self.quit_state.stop_requested.is_some() { interval.min(QUIT_TIMEOUT / 4) } else { interval };
        self.notices.guard_remaining(&self.run.now).map_or(interval, |remaining| interval.min(remaining))
    }
}
