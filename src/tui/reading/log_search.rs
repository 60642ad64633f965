//! Search in the entries of a log of any length, chunk by chunk. It wraps around at the end.

use std::fmt;
use std::sync::Arc;

use crate::tui::reading::ReadResult;
use crate::tui::review_log::ReviewLog;

/// How many entries are searched at a time.
const CHUNK_ENTRIES: usize = 2000;

/// A search and its progress.
#[derive(Clone)]
pub struct LogSearch {
    log: Arc<dyn ReviewLog>,
    pattern: String,
    forward: bool,
    /// The position where it started, which is searched last.
    start: usize,
    /// The number of entries.
    entry_count: usize,
    /// The number of entries searched so far.
    searched: usize,
}

/// The result of searching a chunk.
#[derive(Clone, Copy, Debug)]
pub enum LogSearchResult {
    /// The entry at this position contains the text.
    Found(usize),
    /// Not found yet.
    Unfinished,
    /// No entry contains the text.
    NotFound,
}

impl fmt::Debug for LogSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seek({:?}, {} of {})", self.pattern, self.searched, self.entry_count)
    }
}

impl LogSearch {
    /// Searches the next chunk. It can block on the disk.
    pub fn run(self) -> ReadResult {
        let text = self.pattern.to_lowercase();
        let until = self.entry_count.min(self.searched + CHUNK_ENTRIES);
        let matching =
            (self.searched..until).map(|step| self.position(step)).find(|at| self.log.contains(*at, &text));
        let result = match matching {
            Some(at) => LogSearchResult::Found(at),
            None if until < self.entry_count => LogSearchResult::Unfinished,
            None => LogSearchResult::NotFound,
        };
        ReadResult::LogSearch(self, result)
    }

    /// The position of the entry that is searched as number `step`.
    const fn position(&self, step: usize) -> usize {
        let ahead = if self.forward { step + 1 } else { 2 * self.entry_count - 1 - step };
        (self.start + ahead) % self.entry_count
    }

    /// Whether it is the same chunk of the same search.
    pub fn is_same(&self, other: &Self) -> bool {
        let state = |search: &Self| (search.forward, search.start, search.entry_count, search.searched);
        state(self) == state(other) && self.pattern == other.pattern
    }
}

/// What to do after a chunk, with a message to show.
pub enum LogSearchStep {
    /// Go to the entry at a position.
    Found(usize, String),
    /// Nothing was found.
    NotFound(String),
    /// Search the next chunk.
    Continue(String, LogSearch),
}

impl LogSearch {
    /// A search for the next or the previous entry that contains a text.
    pub const fn new(
        log: Arc<dyn ReviewLog>,
        pattern: String,
        forward: bool,
        start: usize,
        entry_count: usize,
    ) -> Self {
        Self { log, pattern, forward, start, entry_count, searched: 0 }
    }

    /// What to do after the result of a chunk.
    pub fn step(&self, result: &LogSearchResult) -> LogSearchStep {
        let Self { pattern, forward, start, .. } = self;
        match *result {
            LogSearchResult::Found(position) => {
                let is_around = if *forward { position <= *start } else { position >= *start };
                let around = if is_around { ", around the end" } else { "" };
                LogSearchStep::Found(position, format!("“{pattern}” in entry {position}{around}"))
            }
            LogSearchResult::NotFound => LogSearchStep::NotFound(format!("no entry holds “{pattern}”")),
            LogSearchResult::Unfinished => {
                let next = Self { searched: self.searched + CHUNK_ENTRIES, ..self.clone() };
                LogSearchStep::Continue(format!("searching for “{pattern}”; any key stops that"), next)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::read_worker::ReadWorker;
    use crate::tui::tests::layer_focus::FakeReviewLog;
    use crate::tui::tests::sample::mixed;
    use crate::tui::tests::test_screen::{TestScreen, screen};
    use crate::tui::views::review::Review;

    /// A review of a log with `len` entries, of which `needles` contain `needle`.
    fn reviewed(len: usize, needles: &'static [usize]) -> TestScreen {
        let sample = mixed();
        let mut screen = screen(&sample, (120, 40));
        let record = FakeReviewLog { len, needles, state: sample.shared() };
        screen.review(record);
        screen.app.layers.find_mut::<Review>().unwrap().is_fully_read = true;
        screen
    }

    fn seek(screen: &mut TestScreen) {
        let review = screen.app.layers.find_mut::<Review>().unwrap();
        review.search_text = "needle".into();
        review.start_search(true);
    }

    fn at(screen: &TestScreen) -> (usize, String) {
        let notice =
            screen.app.notices.notice.as_ref().map_or_else(String::new, |notice| notice.text.clone());
        (screen.app.layers.find::<Review>().unwrap().position, notice)
    }

    #[test]
    fn every_match_is_found_once() {
        let len = 2 * CHUNK_ENTRIES + 10;
        let screen = reviewed(len, &[1, CHUNK_ENTRIES, 2 * CHUNK_ENTRIES + 3]).press("fNeedle⏎");
        assert_eq!(at(&screen), (1, "“Needle” in entry 1".into()));
        let screen = screen.press("n");
        assert_eq!(at(&screen), (CHUNK_ENTRIES, "“Needle” in entry 2000".into()));
        let screen = screen.press("n");
        assert_eq!(at(&screen).0, 2 * CHUNK_ENTRIES + 3);
        let screen = screen.press("n");
        assert_eq!(at(&screen), (1, "“Needle” in entry 1, around the end".into()));
        let screen = screen.press("N");
        assert_eq!(at(&screen), (2 * CHUNK_ENTRIES + 3, "“Needle” in entry 4003, around the end".into()));
        assert_eq!(
            at(&reviewed(3, &[0]).press("fneedle⏎")),
            (0, "“needle” in entry 0, around the end".into())
        );
        assert_eq!(at(&reviewed(len, &[]).press("fneedle⏎")), (0, "no entry holds “needle”".into()));
    }

    #[test]
    fn any_key_stops_the_search() {
        let mut screen = reviewed(3 * CHUNK_ENTRIES, &[2 * CHUNK_ENTRIES]);
        seek(&mut screen);
        let job = screen.app.next_read_job().unwrap();
        screen.app.on_read(job.run());
        assert_eq!(at(&screen), (0, "searching for “needle”; any key stops that".into()));
        let job = screen.app.next_read_job().unwrap();
        screen = screen.press("j");
        screen.app.on_read(job.run());
        assert!(screen.app.next_read_job().is_none());
        assert_eq!(at(&screen), (0, String::new()));
    }

    #[test]
    fn a_crash_stops_the_search() {
        let mut screen = reviewed(3 * CHUNK_ENTRIES, &[2 * CHUNK_ENTRIES]);
        seek(&mut screen);
        ReadWorker::crashed().poll(&mut screen.app);
        assert!(!screen.app.is_searching());
    }
}
