//! Search in an output of any length, chunk by chunk, so that it can be stopped.

use aho_corasick::AhoCorasick;

use crate::tui::reading::excerpt::Excerpt;
use gonogo_core::journal::attachments::ActionOutputs;

/// How much is searched at a time.
const CHUNK_BYTES: usize = 4 << 20;

/// A running search.
#[derive(Clone, Debug)]
pub struct OutputSearch {
    matcher: AhoCorasick,
    pattern: String,
    forward: bool,
    /// Where the next chunk begins, or ends when searching upwards.
    at: u64,
}

/// The result of searching a chunk.
enum ChunkResult {
    Found(u64),
    Continue(u64),
    NotFound,
}

impl Excerpt {
    /// Starts a search downwards or upwards from the page.
    pub fn start_search(&mut self, outputs: &ActionOutputs, pattern: String, forward: bool) {
        let matcher = AhoCorasick::builder().ascii_case_insensitive(true).build([&pattern]);
        let (Ok(matcher), false) = (matcher, pattern.is_empty()) else { return };
        let at = if forward { self.search_start(pattern.len()) } else { self.top };
        self.search = Some(OutputSearch { matcher, pattern, forward, at });
        self.search_chunk(outputs);
    }

    /// The offset below the first line shown. If that line is longer than a chunk, the offset below its first chunk.
    fn search_start(&self, pattern_len: usize) -> u64 {
        let below_chunk = self.top + (self.chunk - pattern_len.min(self.chunk - 1)) as u64;
        self.page.get(1).map_or(below_chunk.min(self.length), |(at, _)| *at)
    }

    /// Searches another chunk.
    pub fn search_chunk(&mut self, outputs: &ActionOutputs) {
        let Some(mut search) = self.search.take() else { return };
        let result = if search.forward {
            search.search_forward(outputs, self.started)
        } else {
            search.search_backward(outputs, self.started)
        };
        match result {
            ChunkResult::Found(at) => {
                self.follow = false;
                (self.top, self.skip) = (self.line_start(outputs, at), 0);
                self.message = None;
            }
            ChunkResult::Continue(at) => {
                self.message = Some(format!("searching for {:?}; any key stops that", search.pattern));
                search.at = at;
                self.search = Some(search);
            }
            ChunkResult::NotFound => {
                let direction = if search.forward { "below" } else { "above" };
                self.message = Some(format!("no {:?} {direction}", search.pattern));
            }
        }
    }
}

impl OutputSearch {
    fn search_forward(&self, outputs: &ActionOutputs, started: u64) -> ChunkResult {
        let bytes = outputs.read(started, self.at, CHUNK_BYTES).unwrap_or_default();
        if let Some(found) = self.matcher.find(&bytes) {
            return ChunkResult::Found(self.at + found.start() as u64);
        }
        if bytes.len() < CHUNK_BYTES {
            return ChunkResult::NotFound;
        }
        // A match can begin at the end of this chunk.
        ChunkResult::Continue(self.at + (bytes.len() - self.pattern.len().min(bytes.len())) as u64)
    }

    fn search_backward(&self, outputs: &ActionOutputs, started: u64) -> ChunkResult {
        let from = self.at.saturating_sub(CHUNK_BYTES as u64);
        let max_bytes = usize::try_from(self.at - from).unwrap_or(CHUNK_BYTES);
        let bytes = outputs.read(started, from, max_bytes).unwrap_or_default();
        match self.matcher.find_iter(&bytes).last() {
            Some(found) => ChunkResult::Found(from + found.start() as u64),
            None if from == 0 => ChunkResult::NotFound,
            None => ChunkResult::Continue(from + self.pattern.len() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;
    use crate::tui::reading::excerpt::PageStep;

    /// An output of a little more than three chunks, with a match across the first two and one at its end.
    fn long_output(dir: &std::path::Path) -> (ActionOutputs, u64, u64) {
        let log = dir.join("log.jsonl");
        let side = gonogo_core::journal::attachments::directory(&log);
        fs::create_dir_all(&side).unwrap();
        let mut file = fs::File::create(side.join("action-7.out")).unwrap();
        let mut text = ".".repeat(79) + "\n";
        text = text.repeat(3 * CHUNK_BYTES / text.len() + 100);
        // The first chunk begins with the second line.
        let across = 80 + CHUNK_BYTES - 4;
        text.replace_range(across..across + 6, "needle");
        text += "the needle\nend\n";
        file.write_all(text.as_bytes()).unwrap();
        (ActionOutputs::beside(&log), across as u64, text.len() as u64 - 11 - 4)
    }

    /// Searches to the end, and returns the number of chunks.
    fn search_all(excerpt: &mut Excerpt, outputs: &ActionOutputs, forward: bool) -> usize {
        excerpt.start_search(outputs, "NEEDLE".into(), forward);
        let more = std::iter::from_fn(|| {
            excerpt.search.is_some().then(|| {
                assert!(excerpt.message.as_ref().is_some_and(|message| message.starts_with("searching for")));
                excerpt.search_chunk(outputs);
            })
        });
        1 + more.count()
    }

    #[test]
    fn matches_across_chunks_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let (outputs, across, last) = long_output(dir.path());
        let mut excerpt = Excerpt::new(7);
        (excerpt.length, excerpt.follow) = (outputs.length(7).unwrap(), false);
        let line = |at: u64| at - at % 80;
        excerpt.page = shown_lines(&excerpt, &outputs);
        assert_eq!(search_all(&mut excerpt, &outputs, true), 2);
        assert_eq!((excerpt.top, &excerpt.message), (line(across), &None));
        excerpt.page = shown_lines(&excerpt, &outputs);
        assert_eq!(search_all(&mut excerpt, &outputs, true), 3);
        assert_eq!(excerpt.top, last);
        excerpt.page = shown_lines(&excerpt, &outputs);
        assert_eq!(search_all(&mut excerpt, &outputs, true), 1);
        assert_eq!(excerpt.message.as_deref(), Some("no \"NEEDLE\" below"));
        assert_eq!(search_all(&mut excerpt, &outputs, false), 3);
        assert_eq!(excerpt.top, line(across));
    }

    #[test]
    fn matches_below_a_line_longer_than_a_page_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log.jsonl");
        let side = gonogo_core::journal::attachments::directory(&log);
        fs::create_dir_all(&side).unwrap();
        let text = format!("{}\nthe needle\n", "x".repeat(2000));
        fs::write(side.join("action-7.out"), &text).unwrap();
        let (outputs, mut excerpt) = (ActionOutputs::beside(&log), Excerpt::new(7));
        (excerpt.chunk, excerpt.follow) = (500, false);
        let find = PageStep::Find { pattern: "needle".into(), forward: true };
        excerpt.update(&outputs, vec![find], (20, 5));
        assert_eq!((excerpt.top, excerpt.message), (2001, None));
    }

    fn shown_lines(excerpt: &Excerpt, outputs: &ActionOutputs) -> Vec<(u64, gonogo_core::ansi::Line)> {
        excerpt.lines(outputs, excerpt.top, 1000)
    }
}
