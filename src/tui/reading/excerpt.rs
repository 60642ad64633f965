//! The part of an output that is shown. It reads from the disk, so it must not be updated on the screen's thread.

use ratatui::text::Span;

use crate::tui::reading::output_search::OutputSearch;
use crate::tui::style::text::fold;
use gonogo_core::ansi;
use gonogo_core::journal::attachments::ActionOutputs;

/// How much is read for a page. A longer line is shown in chunks.
const CHUNK_BYTES: usize = 128 << 10;

/// What a key does to the excerpt. Every step stops a search and clears its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageStep {
    /// Only that.
    Stay,
    /// Scroll up by so many rows.
    Up(usize),
    /// Scroll down by so many rows.
    Down(usize),
    /// Go to the beginning.
    First,
    /// Go to the end, and follow it.
    Last,
    /// Toggle the wrapping of long lines.
    Wrap,
    /// Search for a text.
    Find {
        /// The text.
        pattern: String,
        /// Whether to search downwards.
        forward: bool,
    },
}

/// The part of an output that is shown.
#[derive(Clone, Debug)]
pub struct Excerpt {
    /// The position of the action's start entry in the log.
    pub started: u64,
    /// How much is read for a page, in bytes.
    pub chunk: usize,
    /// The offset of the first line shown.
    pub top: u64,
    /// The number of its rows that are scrolled off the top.
    pub skip: usize,
    /// Whether it follows the end.
    pub follow: bool,
    /// Whether long lines are wrapped.
    pub wrap: bool,
    /// The lines shown, each with its offset.
    pub page: Vec<(u64, ansi::Line)>,
    /// Whether the lines have been read yet.
    pub is_read: bool,
    /// The length of the output, in bytes.
    pub length: u64,
    /// A message about the search.
    pub message: Option<String>,
    /// The running search.
    pub search: Option<OutputSearch>,
}

impl Excerpt {
    /// The end of an output.
    pub const fn new(started: u64) -> Self {
        Self {
            started,
            chunk: CHUNK_BYTES,
            top: 0,
            skip: 0,
            follow: true,
            wrap: true,
            page: Vec::new(),
            is_read: false,
            length: 0,
            message: None,
            search: None,
        }
    }

    /// Applies steps, searches another chunk, and reads the page for `size` columns and rows.
    pub fn update(&mut self, outputs: &ActionOutputs, steps: Vec<PageStep>, size: (usize, usize)) {
        for step in steps {
            (self.message, self.search) = (None, None);
            self.apply(outputs, step, size);
        }
        self.search_chunk(outputs);
        self.load_page(outputs, size);
    }

    fn apply(&mut self, outputs: &ActionOutputs, step: PageStep, size: (usize, usize)) {
        match step {
            PageStep::Stay => {}
            PageStep::Up(rows) => self.scroll_up(outputs, rows, size.0),
            PageStep::Down(rows) => self.scroll_down(outputs, rows, size),
            PageStep::First => (self.top, self.skip, self.follow) = (0, 0, false),
            PageStep::Last => self.follow = true,
            PageStep::Wrap => (self.wrap, self.skip) = (!self.wrap, 0),
            PageStep::Find { pattern, forward } => {
                // The search starts at the page that the previous steps lead to.
                self.load_page(outputs, size);
                self.start_search(outputs, pattern, forward);
            }
        }
    }

    /// Reads the page for `size` columns and rows.
    fn load_page(&mut self, outputs: &ActionOutputs, size: (usize, usize)) {
        let (columns, rows) = size;
        self.is_read = true;
        self.length = outputs.length(self.started).unwrap_or(0);
        if !self.follow {
            self.page = self.lines(outputs, self.top, self.chunk);
            self.page.truncate(self.skip + rows + 1);
            return;
        }
        let from = self.length.saturating_sub(self.chunk as u64);
        let lines = self.lines(outputs, from, self.chunk);
        let mut filled = 0;
        let first = lines.iter().rposition(|(_, line)| {
            filled += self.row_count(line, columns);
            filled >= rows
        });
        self.page = lines[first.unwrap_or(0)..].to_vec();
        self.top = self.page.first().map_or(0, |(at, _)| *at);
        self.skip = filled.saturating_sub(rows);
    }

    fn row_count(&self, line: &ansi::Line, columns: usize) -> usize {
        let spans = || line.iter().map(|(_, text)| Span::raw(text.clone())).collect();
        if self.wrap { fold(spans(), columns).len() } else { 1 }
    }

    /// The lines of a chunk, each with its offset.
    pub fn lines(&self, outputs: &ActionOutputs, from: u64, max_bytes: usize) -> Vec<(u64, ansi::Line)> {
        let bytes = outputs.read(self.started, from, max_bytes).unwrap_or_default();
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at as u64 + 1);
        let begins = std::iter::once(0).chain(ends).map(|at| from + at);
        begins.zip(ansi::lines(&bytes)).collect()
    }

    fn scroll_up(&mut self, outputs: &ActionOutputs, count: usize, columns: usize) {
        self.follow = false;
        if self.skip >= count {
            self.skip -= count;
            return;
        }
        let mut remaining = count - self.skip;
        let from = self.top.saturating_sub(self.chunk as u64);
        let max_bytes = usize::try_from(self.top - from).unwrap_or(self.chunk);
        for (at, line) in self.lines(outputs, from, max_bytes).iter().rev() {
            let rows = self.row_count(line, columns);
            (self.top, self.skip) = (*at, rows.saturating_sub(remaining));
            if remaining <= rows {
                return;
            }
            remaining -= rows;
        }
    }

    fn scroll_down(&mut self, outputs: &ActionOutputs, count: usize, (columns, rows): (usize, usize)) {
        if self.follow {
            return;
        }
        let lines = self.lines(outputs, self.top, self.chunk);
        let total: usize = lines.iter().map(|(_, line)| self.row_count(line, columns)).sum();
        let is_rest = self.top + self.chunk as u64 >= self.length;
        if is_rest && total <= self.skip + rows + count {
            self.follow = true;
            return;
        }
        let mut remaining = self.skip + count;
        for (at, line) in &lines {
            let rows = self.row_count(line, columns);
            (self.top, self.skip) = (*at, remaining.min(rows - 1));
            if remaining < rows {
                return;
            }
            remaining -= rows;
        }
        // A line longer than a chunk continues in the next one.
        if let [_] = lines.as_slice() {
            (self.top, self.skip) = (self.top + self.chunk as u64, 0);
        }
    }

    /// The offset of the beginning of the line that contains the offset `at`.
    pub fn line_start(&self, outputs: &ActionOutputs, at: u64) -> u64 {
        let from = at.saturating_sub(self.chunk as u64 / 2);
        let max_bytes = usize::try_from(at - from).unwrap_or(0);
        let bytes = outputs.read(self.started, from, max_bytes).unwrap_or_default();
        bytes.iter().rposition(|byte| *byte == b'\n').map_or(from, |end| from + end as u64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const SIZE: (usize, usize) = (20, 5);

    /// The rows on the screen.
    fn shown(excerpt: &Excerpt) -> Vec<String> {
        let spans = |line: &ansi::Line| line.iter().map(|(_, text)| Span::raw(text.clone())).collect();
        let rows = excerpt.page.iter().flat_map(|(_, line)| fold(spans(line), SIZE.0));
        rows.map(|row| row.to_string()).skip(excerpt.skip).take(SIZE.1).collect()
    }

    fn outputs(dir: &Path, text: &str) -> ActionOutputs {
        let log = dir.join("log.jsonl");
        let side = gonogo_core::journal::attachments::directory(&log);
        fs::create_dir_all(&side).unwrap();
        fs::write(side.join("action-7.out"), text).unwrap();
        ActionOutputs::beside(&log)
    }

    /// Scrolls down row by row, then up again: every row is shown once, in order.
    #[test]
    fn every_row_of_a_long_line_can_be_scrolled_to() {
        let dir = tempfile::tempdir().unwrap();
        let long = (0..400).fold(String::new(), |long, n| format!("{long}{n:05}."));
        let text = format!("first\n{}\nmiddle of it all, and a little more\n{long}\nlast\n", "ab".repeat(50));
        let outputs = outputs(dir.path(), &text);
        let mut excerpt = Excerpt::new(7);
        // Shorter than the longest line.
        excerpt.chunk = 500;
        excerpt.load_page(&outputs, SIZE);
        assert_eq!(shown(&excerpt).last().unwrap(), "last");
        (excerpt.top, excerpt.skip, excerpt.follow) = (0, 0, false);
        let mut seen = String::new();
        while !excerpt.follow {
            excerpt.load_page(&outputs, SIZE);
            seen.push_str(&shown(&excerpt)[0]);
            excerpt.scroll_down(&outputs, 1, SIZE);
        }
        let whole = text.replace('\n', "");
        // The rest is on the last screen.
        assert!(
            whole.starts_with(&seen) && whole.len() - seen.len() <= SIZE.0 * SIZE.1,
            "{} {}",
            whole.len(),
            seen.len()
        );
        excerpt.load_page(&outputs, SIZE);
        excerpt.scroll_up(&outputs, 3, SIZE.0);
        excerpt.load_page(&outputs, SIZE);
        assert!(!shown(&excerpt).contains(&"last".to_owned()));
        for _ in 0..400 {
            excerpt.scroll_up(&outputs, 1, SIZE.0);
        }
        excerpt.load_page(&outputs, SIZE);
        assert_eq!(shown(&excerpt)[0], "first");
    }
}
