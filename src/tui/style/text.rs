//! Text for the screen: escaping, measuring, truncating, wrapping.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use gonogo_core::text;

/// The width of a text, in cells.
pub fn width(text: &str) -> usize {
    // Most text is plain ASCII: one cell per byte.
    if text::is_plain(text) { text.len() } else { text.width() }
}

/// The width of spans, in cells.
pub fn spans_width(spans: &[Span]) -> usize {
    spans.iter().map(|span| width(&span.content)).sum()
}

/// A number of cells as a coordinate of the screen.
pub fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// A span of untrusted text, with control characters escaped.
pub fn styled(untrusted: &str, style: Style) -> Span<'static> {
    Span::styled(text::line(untrusted), style)
}

/// The maximum number of bytes that are laid out per cell. A cell can hold several: combining marks.
const MAX_BYTES_PER_CELL: usize = 8;

/// Cuts a text that is far too long for `cells`, and says how much was cut. It bounds the work of each frame, however
/// long the text is.
pub fn clip_to_cells(text: &str, cells: usize) -> String {
    text::clip(text, cells.saturating_mul(MAX_BYTES_PER_CELL))
}

/// Truncates a text to `limit` cells, the last of them `…`.
pub fn truncate(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let mut truncated = fitting_prefix(text, limit.saturating_sub(1)).trim_end().to_owned();
    if limit > 0 {
        truncated.push('…');
    }
    truncated
}

/// The longest prefix of a text that fits into `limit` cells.
fn fitting_prefix(text: &str, limit: usize) -> &str {
    if text::is_plain(text) {
        return &text[..limit.min(text.len())];
    }
    let mut used = 0;
    let mut end = 0;
    for (start, grapheme) in text.grapheme_indices(true) {
        used += width(grapheme);
        if used > limit {
            break;
        }
        end = start + grapheme.len();
    }
    &text[..end]
}

/// Truncates spans to `limit` cells, the last of them `…`.
pub fn truncate_spans(spans: Vec<Span<'static>>, limit: usize) -> Vec<Span<'static>> {
    let mut remaining = limit;
    let mut truncated = Vec::with_capacity(spans.len());
    let mut spans = spans.into_iter().peekable();
    while let Some(span) = spans.next() {
        let rest: usize = spans.clone().map(|span| span.width()).sum();
        if span.width() + rest <= remaining {
            truncated.push(span);
            truncated.extend(spans);
            return truncated;
        }
        let room = if rest > 0 && span.width() < remaining { span.width() } else { remaining };
        let cut = room < span.width() || remaining <= span.width();
        truncated.push(Span::styled(
            if cut { truncate_part(&span.content, remaining) } else { span.content.into_owned() },
            span.style,
        ));
        if cut {
            return truncated;
        }
        remaining -= room;
    }
    truncated
}

fn truncate_part(text: &str, limit: usize) -> String {
    if limit == 0 { String::new() } else { format!("{}…", fitting_prefix(text, limit - 1).trim_end()) }
}

/// Truncates lines to a number of lines; the last one then ends with `…`.
pub fn limit_lines(mut lines: Vec<Line<'static>>, max_lines: usize, limit: usize) -> Vec<Line<'static>> {
    if lines.len() > max_lines {
        lines.truncate(max_lines);
        if let Some(last) = lines.last_mut() {
            let style = last.spans.last().map_or(Style::new(), |span| span.style);
            last.spans.push(Span::styled("…", style));
            // A full line loses its last character.
            let spans = std::mem::take(&mut last.spans);
            *last = Line::from(truncate_spans(spans, limit));
        }
    }
    lines
}

/// Wraps spans into lines of at most `limit` cells, between words where possible. All lines but the first are indented
/// by `hang` cells.
pub fn wrap(spans: Vec<Span<'static>>, limit: usize, hang: usize) -> Vec<Line<'static>> {
    if spans_width(&spans) <= limit {
        return vec![Line::from(spans)];
    }
    let hang = if hang * 2 > limit { 0 } else { hang };
    let mut breaker =
        LineBreaker { limit: limit.max(2), hang, lines: vec![Line::default()], column: 0, gap: 0 };
    for span in spans {
        for word in span.content.split_inclusive(' ') {
            breaker.push_word(word, span.style);
        }
    }
    breaker.lines
}

/// Breaks spans into lines of at most `limit` cells, within words too, as a terminal does. Returns at least one line.
pub fn fold(spans: Vec<Span<'static>>, limit: usize) -> Vec<Line<'static>> {
    let mut breaker =
        LineBreaker { limit: limit.max(2), hang: 0, lines: vec![Line::default()], column: 0, gap: 0 };
    for span in spans {
        breaker.push_text(&span.content, span.style);
    }
    breaker.lines
}

/// Breaks text into lines.
struct LineBreaker {
    limit: usize,
    hang: usize,
    lines: Vec<Line<'static>>,
    column: usize,
    gap: usize,
}

impl LineBreaker {
    fn push_word(&mut self, word: &str, style: Style) {
        let body = word.trim_end_matches(' ');
        let size = width(body);
        if size > 0 {
            let is_line_started = self.column > if self.lines.len() > 1 { self.hang } else { 0 };
            let fits_alone = size <= self.limit - self.hang;
            if is_line_started
                && self.column + self.gap + size > self.limit
                && (fits_alone || self.is_nearly_full())
            {
                self.break_line();
            }
            self.push_gap(style);
            self.push_text(body, style);
        }
        self.gap += word.len() - body.len();
    }

    /// Whether a word that is longer than a line should start on the next one, as too little of this one is left.
    fn is_nearly_full(&self) -> bool {
        self.column + self.gap + 8 > self.limit
    }

    fn push_gap(&mut self, style: Style) {
        let gap = std::mem::take(&mut self.gap);
        if gap > 0 {
            self.push_part(&" ".repeat(gap), style);
        }
    }

    fn push_text(&mut self, mut body: &str, style: Style) {
        while !body.is_empty() {
            let mut part = fitting_prefix(body, self.limit.saturating_sub(self.column));
            if part.is_empty() {
                if self.column > self.hang {
                    self.break_line();
                    continue;
                }
                // A character that is wider than the line is put there all the same.
                part = body.graphemes(true).next().unwrap_or(body);
            }
            self.push_part(part, style);
            body = &body[part.len()..];
        }
    }

    fn break_line(&mut self) {
        self.lines.push(Line::default());
        self.gap = 0;
        self.column = 0;
        if self.hang > 0 {
            self.push_part(&" ".repeat(self.hang), Style::new());
        }
    }

    fn push_part(&mut self, text: &str, style: Style) {
        self.column += width(text);
        let Some(line) = self.lines.last_mut() else { return };
        match line.spans.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(text),
            _ => line.spans.push(Span::styled(text.to_owned(), style)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, limit: usize, hang: usize) -> Vec<String> {
        wrap(vec![Span::raw(text.to_owned())], limit, hang).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn plain_and_other_text_have_the_same_width() {
        let plain: String = (' '..='~').collect();
        assert_eq!((width(&plain), plain.width()), (95, 95));
        for limit in 0..100 {
            // The `é` makes it take the slow path.
            let other = format!("{plain}é");
            assert_eq!(fitting_prefix(&plain, limit), fitting_prefix(&other, limit.min(95)), "{limit}");
        }
        assert_eq!(spans_width(&[Span::raw("ab"), Span::raw("漢")]), 4);
    }

    #[test]
    fn lines_break_between_words_and_are_indented() {
        assert_eq!(wrapped("  ✖ one two three", 10, 4), ["  ✖ one", "    two", "    three"]);
    }

    #[test]
    fn a_long_word_is_broken_and_wide_characters_count_twice() {
        assert_eq!(wrapped("abcdefghij", 4, 0), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("漢字漢字", 5, 0), ["漢字", "漢字"]);
        assert_eq!(truncate("漢字漢字", 6), "漢字…");
    }

    #[test]
    fn no_line_exceeds_the_limit() {
        let text = "a bb ccc dddd 漢字 https://example.com/very/long/path?x=1 e\u{301}e\u{301} 👩‍🚀";
        for limit in 4..30 {
            for line in wrapped(text, limit, 2) {
                assert!(width(&line) <= limit, "{limit}: {line:?}");
            }
        }
    }

    #[test]
    fn spans_of_several_styles_are_truncated_at_the_end() {
        let spans = vec![Span::raw("abc "), Span::raw("defgh"), Span::raw("ij")];
        let truncated: String =
            truncate_spans(spans, 7).iter().map(|span| span.content.to_string()).collect();
        assert_eq!(truncated, "abc de…");
    }
}
