//! A field to type into: one line of text, edited by graphemes.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::text;
use crate::tui::style::text::width;

/// What is typed, and where the cursor stands in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    text: String,
    /// A byte index between two graphemes.
    cursor: usize,
}

impl Field {
    /// A field that holds a text already, the cursor behind it.
    pub fn holding(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.len() }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Takes in a key. Keys that mean nothing here are left alone.
    pub fn key(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if key.modifiers.contains(KeyModifiers::ALT) {
            return;
        }
        match key.code {
            KeyCode::Char(c) if control => self.control(c),
            KeyCode::Char(c) => self.insert(&c.to_string()),
            KeyCode::Backspace => self.cut(self.before(), self.cursor),
            KeyCode::Delete => self.cut(self.cursor, self.after()),
            KeyCode::Left => self.cursor = self.before(),
            KeyCode::Right => self.cursor = self.after(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => {}
        }
    }

    fn control(&mut self, c: char) {
        match c {
            'a' => self.cursor = 0,
            'e' => self.cursor = self.text.len(),
            'u' => self.cut(0, self.cursor),
            'k' => self.cut(self.cursor, self.text.len()),
            'w' => self.cut(self.word_start(), self.cursor),
            'h' => self.cut(self.before(), self.cursor),
            _ => {}
        }
    }

    /// Takes in what was pasted: text, whatever it holds; line ends become spaces.
    pub fn paste(&mut self, pasted: &str) {
        let one_line = pasted.trim_end_matches(['\r', '\n']).replace("\r\n", " ").replace(['\r', '\n'], " ");
        self.insert(&one_line);
    }

    fn insert(&mut self, foreign: &str) {
        let safe = text::line(foreign);
        self.text.insert_str(self.cursor, &safe);
        self.cursor += safe.len();
        // A combining character may have joined what follows: never stand within a grapheme.
        while !self.is_between(self.cursor) {
            self.cursor += 1;
        }
    }

    fn is_between(&self, place: usize) -> bool {
        place >= self.text.len() || self.text.grapheme_indices(true).any(|(start, _)| start == place)
    }

    fn cut(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(start, _)| start)
    }

    fn after(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn word_start(&self) -> usize {
        let head = self.text[..self.cursor].trim_end();
        head.rfind(' ').map_or(0, |space| space + 1)
    }

    /// The text in rows of at most `limit` cells, broken between words where a word fits on a row, and the row
    /// and column of the cursor. A space that ends a row may stand one cell further.
    pub fn rows(&self, limit: usize) -> (Vec<String>, (usize, usize)) {
        let limit = limit.max(2);
        let mut starts = self.row_starts(limit);
        let last = starts.last().copied().unwrap_or(0);
        if self.cursor >= self.text.len() && width(&self.text[last..]) >= limit {
            starts.push(self.text.len());
        }
        let ends = starts.iter().skip(1).copied().chain([self.text.len()]);
        let rows = starts.iter().zip(ends).map(|(start, end)| self.text[*start..end].to_owned()).collect();
        let row = starts.partition_point(|start| *start <= self.cursor).saturating_sub(1);
        (rows, (row, width(&self.text[starts[row]..self.cursor])))
    }

    /// Where the rows begin.
    fn row_starts(&self, limit: usize) -> Vec<usize> {
        let (mut starts, mut column, mut at) = (vec![0], 0, 0);
        for word in self.text.split_inclusive(' ') {
            let size = width(word.trim_end_matches(' '));
            if column > 0 && size <= limit && column + size > limit {
                starts.push(at);
                column = 0;
            }
            for (within, grapheme) in word.grapheme_indices(true) {
                let size = width(grapheme);
                if column + size > limit + usize::from(grapheme == " ") {
                    starts.push(at + within);
                    column = 0;
                }
                column += size;
            }
            at += word.len();
        }
        starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(field: &mut Field, code: KeyCode) {
        field.key(KeyEvent::new(code, KeyModifiers::NONE));
    }

    #[test]
    fn graphemes_are_edited_whole() {
        let mut field = Field::holding("ae\u{301}👩‍🚀");
        press(&mut field, KeyCode::Backspace);
        assert_eq!(field.text(), "ae\u{301}");
        press(&mut field, KeyCode::Left);
        press(&mut field, KeyCode::Char('漢'));
        assert_eq!(field.text(), "a漢e\u{301}");
        press(&mut field, KeyCode::Home);
        press(&mut field, KeyCode::Delete);
        assert_eq!(field.text(), "漢e\u{301}");
    }

    #[test]
    fn what_is_pasted_is_one_line_of_harmless_text() {
        let mut field = Field::default();
        field.paste("yes\r\nq\x1b[2J\n");
        assert_eq!(field.text(), r"yes q\u{1b}[2J");
    }

    #[test]
    fn words_and_lines_are_cut() {
        let mut field = Field::holding("one two three");
        field.key(KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL));
        assert_eq!(field.text(), "one two ");
        field.key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        assert_eq!(field.text(), "");
    }

    #[test]
    fn rows_hold_the_cursor() {
        let field = Field::holding("abcdef");
        assert_eq!(field.rows(4), (vec!["abcd".into(), "ef".into()], (1, 2)));
        assert_eq!(Field::holding("abcd").rows(4), (vec!["abcd".into(), String::new()], (1, 0)));
        assert_eq!(Field::holding("abcd ").rows(4), (vec!["abcd ".into(), String::new()], (1, 0)));
    }

    #[test]
    fn rows_end_between_words_where_a_word_fits() {
        let rows = |text: &str, limit| Field::holding(text).rows(limit).0;
        assert_eq!(rows("a very long reason", 8), ["a very ", "long ", "reason"]);
        assert_eq!(rows("abcd efgh ij", 4), ["abcd ", "efgh ", "ij"]);
        assert_eq!(rows("see https://a.example/b", 8), ["see http", "s://a.ex", "ample/b"]);
        assert_eq!(rows("漢字 漢字", 5), ["漢字 ", "漢字"]);
        let mut field = Field::holding("a very long");
        (0..4).for_each(|_| press(&mut field, KeyCode::Left));
        assert_eq!(field.rows(8).1, (1, 0));
    }
}
