//! Text in which the letters that a search has found are marked: bold and underlined, so without colour too.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use crate::tui::fuzzy::{MatchMode, Query};
use gonogo_core::text;

/// A text with its matches marked.
pub fn marked(untrusted: &str, style: Style, query: &Query, mode: MatchMode) -> Vec<Span<'static>> {
    let shown = text::line(untrusted);
    let positions = query.positions(&shown, mode);
    if positions.is_empty() {
        return vec![Span::styled(shown, style)];
    }
    let is_marked = |at: usize| positions.binary_search(&at).is_ok();
    marked_spans(shown.chars().enumerate().map(|(at, letter)| (letter, is_marked(at))), style)
}

/// Marks the matches of a text in the lines that it was wrapped to. Lines may leave out its spaces.
pub fn mark_lines(lines: &mut [Line<'static>], text: &str, query: &Query, mode: MatchMode) {
    let positions = query.positions(text, mode);
    if positions.is_empty() {
        return;
    }
    let letters: Vec<_> = text.chars().collect();
    let mut next = 0;
    let mut is_marked = |letter: char| {
        let skipped = letters[next..].iter().take_while(|other| **other == ' ' && letter != ' ').count();
        let at = next + skipped;
        if letters.get(at) != Some(&letter) {
            return false;
        }
        next = at + 1;
        positions.binary_search(&at).is_ok()
    };
    for line in lines {
        let mut spans = Vec::new();
        for span in &line.spans {
            let letters = span.content.chars().map(|letter| (letter, is_marked(letter)));
            spans.extend(marked_spans(letters, span.style));
        }
        line.spans = spans;
    }
}

/// Letters as spans, as few as possible.
fn marked_spans(letters: impl Iterator<Item = (char, bool)>, style: Style) -> Vec<Span<'static>> {
    let mut spans: Vec<Span> = Vec::new();
    let mut was_marked = None;
    for (letter, is_marked) in letters {
        match spans.last_mut().filter(|_| was_marked == Some(is_marked)) {
            Some(last) => last.content.to_mut().push(letter),
            None => spans.push(Span::styled(letter.to_string(), mark(style, is_marked))),
        }
        was_marked = Some(is_marked);
    }
    spans
}

fn mark(style: Style, is_marked: bool) -> Style {
    if is_marked { style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED) } else { style }
}
