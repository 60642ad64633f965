//! The mouse on the checklist: it selects and scrolls. It never acts on the run.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{ChecklistView, Focus, View, section_panels};
use crate::tui::context::Context;
use crate::tui::layer::Effect;
use crate::tui::widgets::hit_map::HitTarget;

/// The lines that the detail scrolls per notch of the wheel.
const LINES_PER_NOTCH: isize = 3;

impl ChecklistView {
    /// Handles a mouse event. Events with a modifier are left to the terminal.
    pub fn mouse(&mut self, event: MouseEvent, cx: &Context) -> Vec<Effect> {
        let position = Position::new(event.column, event.row);
        match event.kind {
            _ if event.modifiers != KeyModifiers::NONE => {}
            MouseEventKind::Down(MouseButton::Left) => {
                self.click(position, cx);
                return vec![Effect::ClearNotice];
            }
            MouseEventKind::ScrollUp => self.wheel(position, -1, cx),
            MouseEventKind::ScrollDown => self.wheel(position, 1, cx),
            _ => {}
        }
        Vec::new()
    }

    /// The target at a position.
    fn target_at(&self, position: Position, cx: &Context) -> Option<HitTarget> {
        let arrangement = self.arrangement(cx);
        if self.is_detail_visible(&arrangement) && arrangement.detail.contains(position) {
            return Some(HitTarget::Detail);
        }
        let lines = section_panels::placed_lines(&View::new(cx, self), &arrangement);
        lines.into_iter().find(|line| line.area.contains(position))?.target
    }

    fn click(&mut self, position: Position, cx: &Context) {
        let target = self.target_at(position, cx);
        if self.is_typing_filter() {
            self.finish_filter(cx);
        }
        self.focus = match target {
            None => self.focus,
            Some(HitTarget::Detail) => Focus::Detail,
            Some(_) => Focus::List,
        };
        match target {
            Some(HitTarget::Section(section)) => self.selection.open_section(&self.visible, section),
            Some(HitTarget::Point(section, point)) => self.selection.select(section, point),
            Some(HitTarget::Detail) | None => {}
        }
    }

    /// Scrolls the detail, or moves the selection of the list, at a position.
    fn wheel(&mut self, position: Position, notches: isize, cx: &Context) {
        let arrangement = self.arrangement(cx);
        if self.target_at(position, cx) == Some(HitTarget::Detail) {
            let scroll = self.scroll.saturating_add_signed(notches * LINES_PER_NOTCH);
            self.scroll = scroll.min(self.scroll_limit(cx));
        } else if !self.is_detail_fullscreen(&arrangement)
            && let Some(section) = arrangement.section_at(position, self.selection.section)
        {
            self.selection.move_by(&self.visible, section, notches);
        }
    }
}
