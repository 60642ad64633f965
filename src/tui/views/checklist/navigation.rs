//! Navigation: among the points, and in the detail.

use super::{ChecklistView, Focus, View, detail};
use crate::tui::context::Context;
use crate::tui::dialogs::plan_proposal;
use crate::tui::keymap::Intent;
use crate::tui::layer::Effect;
use crate::tui::style::layout::Arrangement;
use gonogo_core::text;

impl ChecklistView {
    /// Carries out an intent that moves the selection or the detail. None for any other intent.
    pub fn navigate(&mut self, intent: Intent, cx: &Context) -> Option<Vec<Effect>> {
        let (visible, size) = (&self.visible, self.arrangement(cx).size);
        match intent {
            Intent::PageUp => self.scroll_by(-1, 1, cx),
            Intent::PageDown => self.scroll_by(1, 1, cx),
            Intent::HalfUp => self.scroll_by(-1, 2, cx),
            Intent::HalfDown => self.scroll_by(1, 2, cx),
            Intent::Section(number) => self.selection.open_section(visible, number),
            Intent::NextSection => self.selection.cycle_section(visible, 1),
            Intent::PreviousSection => self.selection.cycle_section(visible, -1),
            Intent::Detail => self.focus = Focus::Detail,
            Intent::Back if self.focus == Focus::List => self.clear_filter(cx),
            Intent::Back => self.focus = Focus::List,
            Intent::NextForHuman => return Some(self.next_human(cx).into_iter().collect()),
            _ if self.focus == Focus::Detail => return self.navigate_detail(intent, cx).then(Vec::new),
            Intent::Up => self.selection.move_up(visible, size),
            Intent::Down => self.selection.move_down(visible, size),
            Intent::Left => self.selection.move_sideways(visible, size, false),
            Intent::Right => self.selection.move_sideways(visible, size, true),
            Intent::First => self.selection.select_end(visible, false),
            Intent::Last => self.selection.select_end(visible, true),
            _ => return None,
        }
        Some(Vec::new())
    }

    fn navigate_detail(&mut self, intent: Intent, cx: &Context) -> bool {
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

    /// Opens the proposed plan if it waits for this operator; else selects the next visible point that needs a person.
    /// Says so if only hidden ones do.
    fn next_human(&mut self, cx: &Context) -> Option<Effect> {
        let proposal = plan_proposal::open(cx);
        if plan_proposal::can_accept(cx) && proposal.is_some() {
            return proposal;
        }
        let view = View::new(cx, self);
        let visible: Vec<_> =
            (0..self.visible.section_count()).flat_map(|section| view.points(section)).collect();
        let selected =
            view.point().and_then(|selected| visible.iter().position(|point| point.id == selected.id));
        let (before, after) = visible.split_at(selected.map_or(0, |selected| selected + 1));
        let next = after.iter().chain(before).find(|point| cx.needs_human(point));
        let next = next.map(|point| point.id.clone());
        let hidden = cx.plan().points().filter(|point| cx.needs_human(point)).count();
        match next {
            Some(id) => {
                self.selection.select_by_id(cx.plan(), &id);
                None
            }
            None if hidden > 0 => {
                let verb = if hidden == 1 { "needs" } else { "need" };
                let hidden = text::count(hidden, "point");
                let notice =
                    format!("nothing shown needs a human; {hidden} that the filter hides {verb} one");
                Some(Effect::Notify(notice))
            }
            None => Some(proposal.unwrap_or_else(|| Effect::Notify(cx.describe_rest()))),
        }
    }

    fn scroll_by(&mut self, pages: isize, parts: usize, cx: &Context) {
        let page = usize::from(self.arrangement(cx).detail.height) / parts;
        let lines = page.saturating_sub(1).max(1).cast_signed() * pages;
        self.scroll = self.scroll.saturating_add_signed(lines).min(self.scroll_limit(cx));
    }

    /// The highest scroll offset of the detail.
    pub fn scroll_limit(&self, cx: &Context) -> usize {
        let Arrangement { detail, is_detail_below, .. } = self.arrangement(cx);
        let lines = detail::lines(&View::new(cx, self), usize::from(detail.width), is_detail_below).len();
        lines.saturating_sub(usize::from(detail.height))
    }
}
