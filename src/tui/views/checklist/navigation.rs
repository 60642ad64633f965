//! Moving about: among the points, in the detail.

use std::sync::Arc;

use crate::text;
use crate::tui::app::{App, Focus};
use crate::tui::context::View;
use crate::tui::keymap::Intent;
use crate::tui::style::layout::{Arrangement, Size};
use crate::tui::views::checklist::detail;

impl App {
    /// Moves about, if that is what is asked for.
    pub fn moved(&mut self, intent: Intent) -> bool {
        let shown = &self.shown;
        let size = self.arrangement().size;
        match intent {
            Intent::PageUp => self.scroll_by(-1, 1),
            Intent::PageDown => self.scroll_by(1, 1),
            Intent::HalfUp => self.scroll_by(-1, 2),
            Intent::HalfDown => self.scroll_by(1, 2),
            Intent::Section(number) => self.place.open(shown, number),
            Intent::NextSection => self.place.turn(shown, 1),
            Intent::PreviousSection => self.place.turn(shown, -1),
            Intent::Detail => self.focus = Focus::Detail,
            Intent::Back if self.focus == Focus::List => self.show_all(),
            Intent::Back => self.focus = Focus::List,
            Intent::NextHuman => self.next_human(),
            _ if self.focus == Focus::Detail => return self.moved_detail(intent),
            Intent::Up => self.place.up(shown, size),
            Intent::Down => self.place.down(shown, size),
            Intent::Left => self.place.aside(shown, size, false),
            Intent::Right => self.place.aside(shown, size, true),
            Intent::First => self.place.end(shown, false),
            Intent::Last => self.place.end(shown, true),
            _ => return false,
        }
        true
    }

    fn moved_detail(&mut self, intent: Intent) -> bool {
        match intent {
            Intent::Up => self.scroll = self.scroll.saturating_sub(1),
            Intent::Down => self.scroll = (self.scroll + 1).min(self.scroll_limit()),
            Intent::First => self.scroll = 0,
            Intent::Last => self.scroll = self.scroll_limit(),
            Intent::Left => self.focus = Focus::List,
            Intent::Right => {}
            _ => return false,
        }
        true
    }

    /// To the proposed plan, if one is pending, or to the next of the points that are shown; those that a filter hides are told of.
    fn next_human(&mut self) {
        if self.can_accept_proposal() && self.open_proposal() {
            return;
        }
        let view = View::new(self);
        let shown: Vec<_> = (0..self.shown.sections()).flat_map(|section| view.points(section)).collect();
        let here = view.point().and_then(|here| shown.iter().position(|point| point.id == here.id));
        let (before, after) = shown.split_at(here.map_or(0, |here| here + 1));
        let next = after.iter().chain(before).find(|point| view.needs_human(point));
        let next = next.map(|point| point.id.clone());
        let hidden = view.plan().points().filter(|point| view.needs_human(point)).count();
        match next {
            Some(id) => self.place.go_to(&Arc::clone(&self.state.plan), &id),
            None if hidden > 0 => {
                let needs = if hidden == 1 { "needs" } else { "need" };
                let hidden = text::count(hidden, "point");
                self.say(&format!("nothing shown needs a human; {hidden} that the filter hides {needs} one"));
            }
            None if self.open_proposal() => {}
            None => self.say("nothing needs a human now"),
        }
    }

    fn scroll_by(&mut self, pages: isize, parts: usize) {
        let page = usize::from(self.arrangement().detail.height) / parts;
        let lines = page.saturating_sub(1).max(1).cast_signed() * pages;
        self.scroll = self.scroll.saturating_add_signed(lines).min(self.scroll_limit());
    }

    /// How far the detail can be scrolled.
    pub fn scroll_limit(&self) -> usize {
        let Arrangement { detail, below, .. } = self.arrangement();
        let lines = detail::lines(&View::new(self), usize::from(detail.width), below).len();
        lines.saturating_sub(usize::from(detail.height))
    }

    /// Whether the detail fills the screen.
    pub fn is_detail_alone(&self, arrangement: &Arrangement) -> bool {
        arrangement.size == Size::Small && !arrangement.below && self.focus == Focus::Detail
    }
}
