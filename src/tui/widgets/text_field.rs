//! A text field of one line, edited by graphemes.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::tui::style::text::width;
use gonogo_core::text;

/// A text field: its text and its cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextField {
    text: String,
    /// A byte index, always on a grapheme boundary.
    cursor: usize,
}

impl TextField {
    /// A field with that text, the cursor at the end.
    pub fn with_text(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.len() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Handles a key. Keys without a meaning here are ignored.
    pub fn key(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if key.modifiers.contains(KeyModifiers::ALT) {
            return;
        }
        match key.code {
            KeyCode::Char(c) if control => self.control_key(c),
            KeyCode::Char(c) => self.insert(&c.to_string()),
            KeyCode::Backspace => self.delete(self.previous_boundary(), self.cursor),
            KeyCode::Delete => self.delete(self.cursor, self.next_boundary()),
            KeyCode::Left => self.cursor = self.previous_boundary(),
            KeyCode::Right => self.cursor = self.next_boundary(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => {}
        }
    }

    fn control_key(&mut self, c: char) {
        match c {
            'a' => self.cursor = 0,
            'e' => self.cursor = self.text.len(),
            'u' => self.delete(0, self.cursor),
            'k' => self.delete(self.cursor, self.text.len()),
            'w' => self.delete(self.word_start(), self.cursor),
            'h' => self.delete(self.previous_boundary(), self.cursor),
            _ => {}
        }
    }

    /// Inserts pasted text. Line ends become spaces.
    pub fn paste(&mut self, pasted: &str) {
        let one_line = pasted.trim_end_matches(['\r', '\n']).replace("\r\n", " ").replace(['\r', '\n'], " ");
        self.insert(&one_line);
    }

    fn insert(&mut self, text: &str) {
        let escaped = text::line(text);
        self.text.insert_str(self.cursor, &escaped);
        self.cursor += escaped.len();
        // The text that follows may have joined the grapheme: keep the cursor on a boundary.
        while !self.is_boundary(self.cursor) {
            self.cursor += 1;
        }
    }

    fn is_boundary(&self, index: usize) -> bool {
        index >= self.text.len() || self.text.grapheme_indices(true).any(|(start, _)| start == index)
    }

    fn delete(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn previous_boundary(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(start, _)| start)
    }

    fn next_boundary(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn word_start(&self) -> usize {
        let head = self.text[..self.cursor].trim_end();
        head.rfind(' ').map_or(0, |space| space + 1)
    }

    /// The text in rows of at most `limit` cells, and the row and column of the cursor. Rows break between words,
    /// unless a word is longer than a row. A trailing space may exceed the limit by one cell.
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

    /// The byte index at which each row starts.
    fn row_starts(&self, limit: usize) -> Vec<usize> {
        let (mut starts, mut column, mut start) = (vec![0], 0, 0);
        for word in self.text.split_inclusive(' ') {
            let size = width(word.trim_end_matches(' '));
            if column > 0 && size <= limit && column + size > limit {
                starts.push(start);
                column = 0;
            }
            for (offset, grapheme) in word.grapheme_indices(true) {
                let size = width(grapheme);
                if column + size > limit + usize::from(grapheme == " ") {
                    starts.push(start + offset);
                    column = 0;
                }
                column += size;
            }
            start += word.len();
        }
        starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(field: &mut TextField, code: KeyCode) {
        field.key(KeyEvent::new(code, KeyModifiers::NONE));
    }

    #[test]
    fn graphemes_are_edited_as_a_whole() {
        let mut field = TextField::with_text("ae\u{301}👩‍🚀");
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
    fn pasted_text_is_one_line_without_control_characters() {
        let mut field = TextField::default();
        field.paste("yes\r\nq\x1b[2J\n");
        assert_eq!(field.text(), r"yes q\u{1b}[2J");
    }

    #[test]
    fn ctrl_w_and_ctrl_u_delete_a_word_and_the_line() {
        let mut field = TextField::with_text("one two three");
        field.key(KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL));
        assert_eq!(field.text(), "one two ");
        field.key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        assert_eq!(field.text(), "");
    }

    #[test]
    fn the_cursor_is_always_on_a_row() {
        let field = TextField::with_text("abcdef");
        assert_eq!(field.rows(4), (vec!["abcd".into(), "ef".into()], (1, 2)));
        assert_eq!(TextField::with_text("abcd").rows(4), (vec!["abcd".into(), String::new()], (1, 0)));
        assert_eq!(TextField::with_text("abcd ").rows(4), (vec!["abcd ".into(), String::new()], (1, 0)));
    }

    #[test]
    fn rows_break_between_words_where_a_word_fits() {
        let rows = |text: &str, limit| TextField::with_text(text).rows(limit).0;
        assert_eq!(rows("a very long reason", 8), ["a very ", "long ", "reason"]);
        assert_eq!(rows("abcd efgh ij", 4), ["abcd ", "efgh ", "ij"]);
        assert_eq!(rows("see https://a.example/b", 8), ["see http", "s://a.ex", "ample/b"]);
        assert_eq!(rows("漢字 漢字", 5), ["漢字 ", "漢字"]);
        let mut field = TextField::with_text("a very long");
        (0..4).for_each(|_| press(&mut field, KeyCode::Left));
        assert_eq!(field.rows(8).1, (1, 0));
    }
}
