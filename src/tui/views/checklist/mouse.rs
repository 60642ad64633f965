//! What the mouse does: it chooses what is looked at. It never answers, and changes nothing in the run.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{ChecklistView, Focus, View, section_panels};
use crate::tui::context::Context;
use crate::tui::layer::Effect;
use crate::tui::widgets::hit_map::HitTarget;

/// How many lines of a text one notch of the wheel moves.
const NOTCH: isize = 3;

impl ChecklistView {
    /// Takes in what the mouse did. With a modifier it is the terminal's own business.
    pub fn mouse(&mut self, event: MouseEvent, cx: &Context) -> Vec<Effect> {
        let at = Position::new(event.column, event.row);
        match event.kind {
            _ if event.modifiers != KeyModifiers::NONE => {}
            MouseEventKind::Down(MouseButton::Left) => {
                self.click(at, cx);
                return vec![Effect::ClearNotice];
            }
            MouseEventKind::ScrollUp => self.wheel(at, -1, cx),
            MouseEventKind::ScrollDown => self.wheel(at, 1, cx),
            _ => {}
        }
        Vec::new()
    }

    /// What is under the pointer.
    fn thing(&self, at: Position, cx: &Context) -> Option<HitTarget> {
        let arrangement = self.arrangement(cx);
        if self.has_detail(&arrangement) && arrangement.detail.contains(at) {
            return Some(HitTarget::Detail);
        }
        let placed = section_panels::placed(&View::new(cx, self), &arrangement);
        placed.into_iter().find(|placed| placed.area.contains(at))?.thing
    }

    fn click(&mut self, at: Position, cx: &Context) {
        let thing = self.thing(at, cx);
        if self.is_typing_filter() {
            self.keep_filter(cx);
        }
        self.focus = match thing {
            None => self.focus,
            Some(HitTarget::Detail) => Focus::Detail,
            Some(_) => Focus::List,
        };
        match thing {
            Some(HitTarget::Section(section)) => self.selection.open(&self.visible, section),
            Some(HitTarget::Point(section, point)) => self.selection.select(section, point),
            Some(HitTarget::Detail) | None => {}
        }
    }

    /// A list is moved through by its selection, which is always in view; a text by its lines.
    fn wheel(&mut self, at: Position, notches: isize, cx: &Context) {
        let arrangement = self.arrangement(cx);
        if self.thing(at, cx) == Some(HitTarget::Detail) {
            let to = self.scroll.saturating_add_signed(notches * NOTCH);
            self.scroll = to.min(self.scroll_limit(cx));
        } else if !self.is_detail_alone(&arrangement)
            && let Some(section) = arrangement.section_at(at, self.selection.section)
        {
            self.selection.roll(&self.visible, section, notches);
        }
    }
}
