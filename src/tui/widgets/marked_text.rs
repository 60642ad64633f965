//! Text in which the letters that a search has found are marked: bold and underlined, so without colour too.

use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use crate::tui::fuzzy::{MatchMode, Query};
use gonogo_core::text;

/// A text with its matches marked.
pub fn marked(untrusted: &str, style: Style, query: &Query, mode: MatchMode) -> Vec<Span<'static>> {
    let shown = text::line(untrusted);
    let positions = query.positions(&shown, mode);
    let is_marked = |at: usize| positions.binary_search(&at).is_ok();
    let mut spans: Vec<Span> = Vec::new();
    let mut was_marked = None;
    for (at, letter) in shown.chars().enumerate() {
        match spans.last_mut().filter(|_| was_marked == Some(is_marked(at))) {
            Some(last) => last.content.to_mut().push(letter),
            None => spans.push(Span::styled(letter.to_string(), mark(style, is_marked(at)))),
        }
        was_marked = Some(is_marked(at));
    }
    spans
}

fn mark(style: Style, is_marked: bool) -> Style {
    if is_marked { style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED) } else { style }
}
