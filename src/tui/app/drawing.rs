//! How the layers are drawn, and when.

use std::time::{Duration, Instant};

use ratatui::Frame;

use super::{App, LEAVING};
use crate::tui::context::Context;
use crate::tui::layer::Layer;
use crate::tui::style::layout::{is_too_small, too_small};
use crate::tui::style::symbols::{self, SPIN_MS};
use crate::tui::summary::Summary;
use crate::tui::widgets::hint_line::HintLine;

impl App {
    /// Draws itself, on a frame of whatever size it has.
    pub fn draw_in(&mut self, frame: &mut Frame) {
        self.screen = frame.area();
        self.notices.forget(&self.run.now);
        if !self.run.summary.is_of(&self.run, &self.session) {
            let summary = Summary::of(&self.context());
            self.run.summary = summary;
        }
        let area = self.area();
        let cx = Context::new(&self.run, &self.session, self.screen, area);
        self.layers.each().for_each(|layer| layer.prepare(&cx));
        if is_too_small(frame.area()) {
            too_small(frame);
        } else {
            self.draw_layers(frame);
        }
        if self.session.appearance.ascii {
            symbols::to_ascii(frame.buffer_mut());
        }
    }

    fn draw_layers(&self, frame: &mut Frame) {
        let (cx, has_dialog) = (self.context(), self.layers.has_dialog());
        let line = HintLine {
            notice: self.notices.notice.as_ref(),
            is_guarded: self.notices.is_guarded(has_dialog),
            hints: self.layers.hints(&cx),
            is_saving: self.pending.is_saving(),
            is_leaving: self.ending.leaving.is_some(),
        };
        self.layers.draw(&cx, frame, false);
        line.draw(&cx, frame);
        self.layers.draw(&cx, frame, true);
        if has_dialog && line.notice.is_some() {
            line.draw(&cx, frame);
        }
    }

    /// Takes in that it was drawn: what is seen may be answered at once.
    pub fn are_drawn(&mut self, at: Instant) {
        self.layers.are_drawn(at);
    }

    /// How long nothing moves of itself: the spinner turns while something is under way, the clock always.
    pub fn pause(&self) -> Duration {
        let busy = !self.run.live.running.is_empty()
            || self.pending.is_saving()
            || self.run.live.preparing_action.is_some()
            || self.run.state.running_action().is_some();
        let pause = Duration::from_millis(if busy { SPIN_MS } else { 1000 });
        let pause = self.layers.iter().find_map(Layer::pause).unwrap_or(pause);
        let pause = if self.ending.leaving.is_some() { pause.min(LEAVING / 4) } else { pause };
        self.notices.guarded_for(&self.run.now).map_or(pause, |guarded| pause.min(guarded))
    }
}
