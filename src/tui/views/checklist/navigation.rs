//! Moving about: among the points, in the detail.

use super::{ChecklistView, Focus, View, detail};
use crate::text;
use crate::tui::context::Context;
use crate::tui::dialogs::plan_proposal;
use crate::tui::keymap::Intent;
use crate::tui::layer::Effect;
use crate::tui::style::layout::Arrangement;

impl ChecklistView {
    /// Moves about, if that is what is asked for.
    pub fn moved(&mut self, intent: Intent, cx: &Context) -> Option<Vec<Effect>> {
        let (shown, size) = (&self.visible, self.arrangement(cx).size);
        match intent {
            Intent::PageUp => self.scroll_by(-1, 1, cx),
            Intent::PageDown => self.scroll_by(1, 1, cx),
            Intent::HalfUp => self.scroll_by(-1, 2, cx),
            Intent::HalfDown => self.scroll_by(1, 2, cx),
            Intent::Section(number) => self.selection.open(shown, number),
            Intent::NextSection => self.selection.turn(shown, 1),
            Intent::PreviousSection => self.selection.turn(shown, -1),
            Intent::Detail => self.focus = Focus::Detail,
            Intent::Back if self.focus == Focus::List => self.show_all(cx),
            Intent::Back => self.focus = Focus::List,
            Intent::NextHuman => return Some(self.next_human(cx).into_iter().collect()),
            _ if self.focus == Focus::Detail => return self.moved_detail(intent, cx).then(Vec::new),
            Intent::Up => self.selection.up(shown, size),
            Intent::Down => self.selection.down(shown, size),
            Intent::Left => self.selection.aside(shown, size, false),
            Intent::Right => self.selection.aside(shown, size, true),
            Intent::First => self.selection.end(shown, false),
            Intent::Last => self.selection.end(shown, true),
            _ => return None,
        }
        Some(Vec::new())
    }

    fn moved_detail(&mut self, intent: Intent, cx: &Context) -> bool {
        match intent {
            Intent::Up => self.scroll = self.scroll.saturating_sub(1),
            Intent::Down => self.scroll = (self.scroll + 1).min(self.scroll_limit(cx)),
            Intent::First => self.scroll = 0,
            Intent::Last => self.scroll = self.scroll_limit(cx),
            Intent::Left => self.focus = Focus::List,
            Intent::Right => {}
            _ => return false,
        }
        true
    }

    /// To the proposed plan, if one is pending, or to the next of the points that are shown; those that a filter hides are told of.
    fn next_human(&mut self, cx: &Context) -> Option<Effect> {
        let proposal = plan_proposal::open(cx);
        if plan_proposal::can_accept(cx) && proposal.is_some() {
            return proposal;
        }
        let view = View::new(cx, self);
        let shown: Vec<_> = (0..self.visible.sections()).flat_map(|section| view.points(section)).collect();
        let here = view.point().and_then(|here| shown.iter().position(|point| point.id == here.id));
        let (before, after) = shown.split_at(here.map_or(0, |here| here + 1));
        let next = after.iter().chain(before).find(|point| cx.needs_human(point));
        let next = next.map(|point| point.id.clone());
        let hidden = cx.plan().points().filter(|point| cx.needs_human(point)).count();
        match next {
            Some(id) => {
                self.selection.go_to(cx.plan(), &id);
                None
            }
            None if hidden > 0 => {
                let needs = if hidden == 1 { "needs" } else { "need" };
                let hidden = text::count(hidden, "point");
                let said = format!("nothing shown needs a human; {hidden} that the filter hides {needs} one");
                Some(Effect::Say(said))
            }
            None => Some(proposal.unwrap_or_else(|| Effect::Say("nothing needs a human now".into()))),
        }
    }

    fn scroll_by(&mut self, pages: isize, parts: usize, cx: &Context) {
        let page = usize::from(self.arrangement(cx).detail.height) / parts;
        let lines = page.saturating_sub(1).max(1).cast_signed() * pages;
        self.scroll = self.scroll.saturating_add_signed(lines).min(self.scroll_limit(cx));
    }

    /// How far the detail can be scrolled.
    pub fn scroll_limit(&self, cx: &Context) -> usize {
        let Arrangement { detail, below, .. } = self.arrangement(cx);
        let lines = detail::lines(&View::new(cx, self), usize::from(detail.width), below).len();
        lines.saturating_sub(usize::from(detail.height))
    }
}
