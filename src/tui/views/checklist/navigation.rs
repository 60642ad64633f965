//! Navigation: among the points, and in the detail.

use super::{ChecklistView, Focus, View, detail};
use crate::tui::context::Context;
use crate::tui::keymap::Intent;
use crate::tui::layer::Effect;
use crate::tui::style::layout::Arrangement;

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
            Intent::Enter => return Some(self.enter(cx)),
            Intent::Back if self.focus == Focus::List => self.clear_filter(cx),
            Intent::Back => self.focus = Focus::List,
            Intent::Guide => return Some(self.guide(cx)),
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

    /// Shows the detail; where it is shown, does the obvious thing about the point, or else moves the focus there.
    fn enter(&mut self, cx: &Context) -> Vec<Effect> {
        let is_visible = self.is_detail_visible(&self.arrangement(cx));
        let obvious = self.point(cx.plan()).filter(|_| is_visible).and_then(|point| cx.obvious_intent(point));
        if let Some(intent) = obvious {
            return self.request(intent, cx);
        }
        self.focus = Focus::Detail;
        Vec::new()
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
