//! The part of an output that is shown: where it is scrolled to, what is searched for. It reads from the disk, so none
//! of it runs on the screen's thread.

use ratatui::text::Span;

use crate::ansi;
use crate::journal::attachments::ActionOutputs;
use crate::tui::reading::search::Search;
use crate::tui::style::text::fold;

/// How much is read for one page, in bytes. A line longer than that is shown in pieces.
const PIECE: usize = 128 << 10;

/// What a key does to what is shown. Whatever it does, it ends a search, and what was said of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageStep {
    /// Nothing else.
    Stay,
    /// So many rows up.
    Up(usize),
    /// So many rows down.
    Down(usize),
    /// To the beginning.
    First,
    /// To the end, and to stay there.
    Last,
    /// Breaks long lines, or no longer does.
    Wrap,
    /// To the next line that has this, or to the one before.
    Find {
        /// What.
        sought: String,
        /// Whether it is searched downwards.
        forward: bool,
    },
}

/// The part of an output that is shown.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// The position of the action's begin in the log.
    pub started: u64,
    /// How much is read for one page, in bytes.
    pub piece: usize,
    /// Where the first line shown begins, in bytes.
    pub top: u64,
    /// How many rows of it are above the screen.
    pub skip: usize,
    /// Whether it stays at the end.
    pub follow: bool,
    /// Whether long lines are broken.
    pub wrap: bool,
    /// What is shown: where each line begins, and the line.
    pub page: Vec<(u64, ansi::Line)>,
    /// Whether that has been read yet.
    pub is_read: bool,
    /// How much there is, in bytes.
    pub length: u64,
    /// What is to be told of the last key.
    pub said: Option<String>,
    /// The search that is under way.
    pub search: Option<Search>,
}

impl Excerpt {
    /// The end of an output.
    pub const fn new(started: u64) -> Self {
        Self {
            started,
            piece: PIECE,
            top: 0,
            skip: 0,
            follow: true,
            wrap: true,
            page: Vec::new(),
            is_read: false,
            length: 0,
            said: None,
            search: None,
        }
    }

    /// Takes steps, searches one piece more, and reads what is to be shown on so many columns and rows.
    pub fn go_on(&mut self, outputs: &ActionOutputs, steps: Vec<PageStep>, size: (usize, usize)) {
        for step in steps {
            (self.said, self.search) = (None, None);
            self.take(outputs, step, size);
        }
        self.search_on(outputs);
        self.load(outputs, size);
    }

    fn take(&mut self, outputs: &ActionOutputs, step: PageStep, size: (usize, usize)) {
        match step {
            PageStep::Stay => {}
            PageStep::Up(rows) => self.up(outputs, rows, size.0),
            PageStep::Down(rows) => self.down(outputs, rows, size),
            PageStep::First => (self.top, self.skip, self.follow) = (0, 0, false),
            PageStep::Last => self.follow = true,
            PageStep::Wrap => (self.wrap, self.skip) = (!self.wrap, 0),
            PageStep::Find { sought, forward } => {
                // From the page that the steps before it lead to.
                self.load(outputs, size);
                self.begin_search(outputs, sought, forward);
            }
        }
    }

    /// Reads what is to be shown on so many rows of so many columns.
    fn load(&mut self, outputs: &ActionOutputs, size: (usize, usize)) {
        let (columns, rows) = size;
        self.is_read = true;
        self.length = outputs.length(self.started).unwrap_or(0);
        if !self.follow {
            self.page = self.lines(outputs, self.top, self.piece);
            self.page.truncate(self.skip + rows + 1);
            return;
        }
        let from = self.length.saturating_sub(self.piece as u64);
        let lines = self.lines(outputs, from, self.piece);
        let mut taken = 0;
        let first = lines.iter().rposition(|(_, line)| {
            taken += self.rows_of(line, columns);
            taken >= rows
        });
        self.page = lines[first.unwrap_or(0)..].to_vec();
        self.top = self.page.first().map_or(0, |(at, _)| *at);
        self.skip = taken.saturating_sub(rows);
    }

    fn rows_of(&self, line: &ansi::Line, columns: usize) -> usize {
        let spans = || line.iter().map(|(_, text)| Span::raw(text.clone())).collect();
        if self.wrap { fold(spans(), columns).len() } else { 1 }
    }

    /// The lines of a piece, with the place that each begins at.
    pub fn lines(&self, outputs: &ActionOutputs, from: u64, most: usize) -> Vec<(u64, ansi::Line)> {
        let bytes = outputs.read(self.started, from, most).unwrap_or_default();
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at as u64 + 1);
        let begins = std::iter::once(0).chain(ends).map(|at| from + at);
        begins.zip(ansi::lines(&bytes)).collect()
    }

    fn up(&mut self, outputs: &ActionOutputs, count: usize, columns: usize) {
        self.follow = false;
        if self.skip >= count {
            self.skip -= count;
            return;
        }
        let mut left = count - self.skip;
        let from = self.top.saturating_sub(self.piece as u64);
        let most = usize::try_from(self.top - from).unwrap_or(self.piece);
        for (at, line) in self.lines(outputs, from, most).iter().rev() {
            let rows = self.rows_of(line, columns);
            (self.top, self.skip) = (*at, rows.saturating_sub(left));
            if left <= rows {
                return;
            }
            left -= rows;
        }
    }

    fn down(&mut self, outputs: &ActionOutputs, count: usize, (columns, rows): (usize, usize)) {
        if self.follow {
            return;
        }
        let lines = self.lines(outputs, self.top, self.piece);
        let total: usize = lines.iter().map(|(_, line)| self.rows_of(line, columns)).sum();
        let is_all = self.top + self.piece as u64 >= self.length;
        if is_all && total <= self.skip + rows + count {
            self.follow = true;
            return;
        }
        let mut left = self.skip + count;
        for (at, line) in &lines {
            let rows = self.rows_of(line, columns);
            (self.top, self.skip) = (*at, left.min(rows - 1));
            if left < rows {
                return;
            }
            left -= rows;
        }
        // A line that is longer than a piece goes on in the next.
        if let [_] = lines.as_slice() {
            (self.top, self.skip) = (self.top + self.piece as u64, 0);
        }
    }

    /// Where the line begins that a place is in.
    pub fn line_of(&self, outputs: &ActionOutputs, at: u64) -> u64 {
        let from = at.saturating_sub(self.piece as u64 / 2);
        let most = usize::try_from(at - from).unwrap_or(0);
        let bytes = outputs.read(self.started, from, most).unwrap_or_default();
        bytes.iter().rposition(|byte| *byte == b'\n').map_or(from, |end| from + end as u64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const SIZE: (usize, usize) = (20, 5);

    /// The rows that stand on the screen.
    fn shown(excerpt: &Excerpt) -> Vec<String> {
        let spans = |line: &ansi::Line| line.iter().map(|(_, text)| Span::raw(text.clone())).collect();
        let rows = excerpt.page.iter().flat_map(|(_, line)| fold(spans(line), SIZE.0));
        rows.map(|row| row.to_string()).skip(excerpt.skip).take(SIZE.1).collect()
    }

    fn outputs(dir: &Path, text: &str) -> ActionOutputs {
        let log = dir.join("log.jsonl");
        let side = crate::journal::attachments::directory(&log);
        fs::create_dir_all(&side).unwrap();
        fs::write(side.join("action-7.out"), text).unwrap();
        ActionOutputs::beside(&log)
    }

    /// Up from the end to the begin and down again, row by row: every row comes once, in its order.
    #[test]
    fn every_row_can_be_reached_however_long_its_line_is() {
        let dir = tempfile::tempdir().unwrap();
        let long = (0..400).fold(String::new(), |long, n| format!("{long}{n:05}."));
        let text = format!("first\n{}\nmiddle of it all, and a little more\n{long}\nlast\n", "ab".repeat(50));
        let outputs = outputs(dir.path(), &text);
        let mut excerpt = Excerpt::new(7);
        // Shorter than the line.
        excerpt.piece = 500;
        excerpt.load(&outputs, SIZE);
        assert_eq!(shown(&excerpt).last().unwrap(), "last");
        (excerpt.top, excerpt.skip, excerpt.follow) = (0, 0, false);
        let mut seen = String::new();
        while !excerpt.follow {
            excerpt.load(&outputs, SIZE);
            seen.push_str(&shown(&excerpt)[0]);
            excerpt.down(&outputs, 1, SIZE);
        }
        let whole = text.replace('\n', "");
        // What is left stands on the last screen.
        assert!(
            whole.starts_with(&seen) && whole.len() - seen.len() <= SIZE.0 * SIZE.1,
            "{} {}",
            whole.len(),
            seen.len()
        );
        excerpt.load(&outputs, SIZE);
        excerpt.up(&outputs, 3, SIZE.0);
        excerpt.load(&outputs, SIZE);
        assert!(!shown(&excerpt).contains(&"last".to_owned()));
        for _ in 0..400 {
            excerpt.up(&outputs, 1, SIZE.0);
        }
        excerpt.load(&outputs, SIZE);
        assert_eq!(shown(&excerpt)[0], "first");
    }
}
