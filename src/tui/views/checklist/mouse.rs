//! What the mouse does: it chooses what is looked at. It never answers, and changes nothing in the run.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::tui::app::{App, Focus};
use crate::tui::context::View;
use crate::tui::layers::Top;
use crate::tui::views::checklist as draw;
use crate::tui::views::checklist::section_panels as panels;
use crate::tui::views::review::timeline;
use crate::tui::widgets::dialog_view::Sheet;
use crate::tui::widgets::hit_map::Thing;

/// How many lines of a text one notch of the wheel moves.
const NOTCH: isize = 3;

impl App {
    /// Takes in what the mouse did. With a modifier it is the terminal's own business.
    pub fn mouse(&mut self, event: MouseEvent) {
        let at = Position::new(event.column, event.row);
        match event.kind {
            _ if event.modifiers != KeyModifiers::NONE => {}
            MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left)
                if self.scrubbed(at) => {}
            MouseEventKind::Down(MouseButton::Left) => self.click(at),
            MouseEventKind::ScrollUp => self.wheel(at, -1),
            MouseEventKind::ScrollDown => self.wheel(at, 1),
            _ => {}
        }
    }

    /// Whether the pointer is on the time line; goes where it points.
    fn scrubbed(&mut self, at: Position) -> bool {
        let bar = timeline::bar_place(self.screen());
        if self.review.is_none() || self.top() != Top::Points || !bar.contains(at) {
            return false;
        }
        self.scrub(usize::from(at.x - bar.x) * 1000 / usize::from(bar.width.max(1)));
        true
    }

    /// What is under the pointer.
    fn thing(&self, at: Position) -> Option<Thing> {
        let arrangement = self.arrangement();
        if draw::has_detail(self, &arrangement) && arrangement.detail.contains(at) {
            return Some(Thing::Detail);
        }
        let placed = panels::placed(&View::new(self), &arrangement);
        placed.into_iter().find(|placed| placed.area.contains(at))?.thing
    }

    /// A question stands until a key answers it, and what is hidden is not chosen.
    fn click(&mut self, at: Position) {
        if self.top() != Top::Points {
            return;
        }
        self.notice = None;
        let thing = self.thing(at);
        if self.is_typing_filter() {
            self.keep_filter();
        }
        self.focus = match thing {
            None => self.focus,
            Some(Thing::Detail) => Focus::Detail,
            Some(_) => Focus::List,
        };
        match thing {
            Some(Thing::Section(section)) => self.place.open(&self.shown, section),
            Some(Thing::Point(section, point)) => self.place.select(section, point),
            Some(Thing::Detail) | None => {}
        }
    }

    /// A list is moved through by its selection, which is always in view; a text by its lines.
    fn wheel(&mut self, at: Position, notches: isize) {
        match self.top() {
            Top::Dialog => {
                let Some(dialog) = self.dialog.take() else { return };
                let over = Sheet::of(&View::new(self), &dialog).place(self.area).contains(at);
                self.scroll_dialog(dialog, if over { notches * NOTCH } else { 0 });
            }
            Top::Pager => self.pager_wheel(notches * NOTCH),
            Top::WayBack(_) => {}
            Top::Points => self.wheel_points(at, notches),
        }
    }

    fn wheel_points(&mut self, at: Position, notches: isize) {
        let arrangement = self.arrangement();
        if self.thing(at) == Some(Thing::Detail) {
            let to = self.scroll.saturating_add_signed(notches * NOTCH);
            self.scroll = to.min(self.scroll_limit());
        } else if !self.is_detail_alone(&arrangement)
            && let Some(section) = arrangement.section_at(at, self.place.section)
        {
            self.place.roll(&self.shown, section, notches);
        }
    }
}
