//! Setting text: cleaning it, measuring it, breaking it into lines.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::text;

/// How many cells a text takes.
pub fn width(text: &str) -> usize {
    // Most text is plain: a cell for each byte.
    if text::is_plain(text) { text.len() } else { text.width() }
}

/// How many cells spans take.
pub fn width_of(spans: &[Span]) -> usize {
    spans.iter().map(|span| width(&span.content)).sum()
}

/// A number of cells as the screen counts them.
pub fn cells(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// A text, whoever wrote it, ready to be shown.
pub fn styled(foreign: &str, style: Style) -> Span<'static> {
    Span::styled(text::line(foreign), style)
}

/// How many bytes of a text are set for each cell that it can take: letters may bear many marks.
const BYTES_OF_A_CELL: usize = 8;

/// As much of a text as can stand in so many cells; what was cut is counted. However long a text is, so much is set in
/// every frame.
pub fn clipped(text: &str, cells: usize) -> String {
    text::clip(text, cells.saturating_mul(BYTES_OF_A_CELL))
}

/// At most `limit` cells of a text, the last of them `…` if something is left out.
pub fn ellipsis(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let mut short = fitting(text, limit.saturating_sub(1)).trim_end().to_owned();
    if limit > 0 {
        short.push('…');
    }
    short
}

/// As much of the beginning of a text as fits.
fn fitting(text: &str, limit: usize) -> &str {
    if text::is_plain(text) {
        return &text[..limit.min(text.len())];
    }
    let mut taken = 0;
    let mut end = 0;
    for (start, grapheme) in text.grapheme_indices(true) {
        taken += width(grapheme);
        if taken > limit {
            break;
        }
        end = start + grapheme.len();
    }
    &text[..end]
}

/// Shortens a line of several styles.
pub fn shorten(spans: Vec<Span<'static>>, limit: usize) -> Vec<Span<'static>> {
    let mut left = limit;
    let mut kept = Vec::with_capacity(spans.len());
    let mut spans = spans.into_iter().peekable();
    while let Some(span) = spans.next() {
        let rest: usize = spans.clone().map(|span| span.width()).sum();
        if span.width() + rest <= left {
            kept.push(span);
            kept.extend(spans);
            return kept;
        }
        let room = if rest > 0 && span.width() < left { span.width() } else { left };
        let cut = room < span.width() || left <= span.width();
        kept.push(Span::styled(
            if cut { shortened(&span.content, left) } else { span.content.into_owned() },
            span.style,
        ));
        if cut {
            return kept;
        }
        left -= room;
    }
    kept
}

fn shortened(text: &str, limit: usize) -> String {
    if limit == 0 { String::new() } else { format!("{}…", fitting(text, limit - 1).trim_end()) }
}

/// At most so many lines; the last one tells that something is left out.
pub fn at_most(mut lines: Vec<Line<'static>>, most: usize, limit: usize) -> Vec<Line<'static>> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            let style = last.spans.last().map_or(Style::new(), |span| span.style);
            last.spans.push(Span::styled("…", style));
            // Where the line is full, the last character makes room.
            let spans = std::mem::take(&mut last.spans);
            *last = Line::from(shorten(spans, limit));
        }
    }
    lines
}

/// Breaks spans into lines of at most `limit` cells, between words where possible. Every line but the
/// first begins `hang` cells further in.
pub fn wrap(spans: Vec<Span<'static>>, limit: usize, hang: usize) -> Vec<Line<'static>> {
    if width_of(&spans) <= limit {
        return vec![Line::from(spans)];
    }
    let hang = if hang * 2 > limit { 0 } else { hang };
    let mut setter = Setter { limit: limit.max(2), hang, lines: vec![Line::default()], column: 0, gap: 0 };
    for span in spans {
        for word in span.content.split_inclusive(' ') {
            setter.word(word, span.style);
        }
    }
    setter.lines
}

/// Breaks spans into lines of at most `limit` cells wherever that is, as a terminal does. At least one line.
pub fn fold(spans: Vec<Span<'static>>, limit: usize) -> Vec<Line<'static>> {
    let mut setter = Setter { limit: limit.max(2), hang: 0, lines: vec![Line::default()], column: 0, gap: 0 };
    for span in spans {
        setter.letters(&span.content, span.style);
    }
    setter.lines
}

struct Setter {
    limit: usize,
    hang: usize,
    lines: Vec<Line<'static>>,
    column: usize,
    gap: usize,
}

impl Setter {
    fn word(&mut self, word: &str, style: Style) {
        let body = word.trim_end_matches(' ');
        let size = width(body);
        if size > 0 {
            let begun = self.column > if self.lines.len() > 1 { self.hang } else { 0 };
            let fits_alone = size <= self.limit - self.hang;
            if begun && self.column + self.gap + size > self.limit && (fits_alone || self.is_nearly_full()) {
                self.turn();
            }
            self.space(style);
            self.letters(body, style);
        }
        self.gap += word.len() - body.len();
    }

    /// Whether too little is left of the line to begin a word that needs several lines anyway.
    fn is_nearly_full(&self) -> bool {
        self.column + self.gap + 8 > self.limit
    }

    fn space(&mut self, style: Style) {
        let gap = std::mem::take(&mut self.gap);
        if gap > 0 {
            self.push(&" ".repeat(gap), style);
        }
    }

    fn letters(&mut self, mut body: &str, style: Style) {
        while !body.is_empty() {
            let mut part = fitting(body, self.limit.saturating_sub(self.column));
            if part.is_empty() {
                if self.column > self.hang {
                    self.turn();
                    continue;
                }
                // Wider than a whole line: one character has to stand there all the same.
                part = body.graphemes(true).next().unwrap_or(body);
            }
            self.push(part, style);
            body = &body[part.len()..];
        }
    }

    fn turn(&mut self) {
        self.lines.push(Line::default());
        self.gap = 0;
        self.column = 0;
        if self.hang > 0 {
            self.push(&" ".repeat(self.hang), Style::new());
        }
    }

    fn push(&mut self, text: &str, style: Style) {
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
    fn plain_text_takes_the_cells_that_any_text_does() {
        let plain: String = (' '..='~').collect();
        assert_eq!((width(&plain), plain.width()), (95, 95));
        for limit in 0..100 {
            // The last letter makes it take the way of any other text.
            let other = format!("{plain}é");
            assert_eq!(fitting(&plain, limit), fitting(&other, limit.min(95)), "{limit}");
        }
        assert_eq!(width_of(&[Span::raw("ab"), Span::raw("漢")]), 4);
    }

    #[test]
    fn lines_break_between_words_and_hang() {
        assert_eq!(wrapped("  ✖ one two three", 10, 4), ["  ✖ one", "    two", "    three"]);
    }

    #[test]
    fn a_long_word_is_broken_and_wide_characters_count_twice() {
        assert_eq!(wrapped("abcdefghij", 4, 0), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("漢字漢字", 5, 0), ["漢字", "漢字"]);
        assert_eq!(ellipsis("漢字漢字", 6), "漢字…");
    }

    #[test]
    fn no_line_is_longer_than_it_may_be() {
        let text = "a bb ccc dddd 漢字 https://example.com/very/long/path?x=1 e\u{301}e\u{301} 👩‍🚀";
        for limit in 4..30 {
            for line in wrapped(text, limit, 2) {
                assert!(width(&line) <= limit, "{limit}: {line:?}");
            }
        }
    }

    #[test]
    fn a_line_of_several_styles_is_shortened_at_its_end() {
        let spans = vec![Span::raw("abc "), Span::raw("defgh"), Span::raw("ij")];
        let short: String = shorten(spans, 7).iter().map(|span| span.content.to_string()).collect();
        assert_eq!(short, "abc de…");
    }
}
