//! Searching an output, however long it is: piece by piece, and the screen goes on between them.

use aho_corasick::AhoCorasick;

use crate::journal::attachments::ActionOutputs;
use crate::tui::reading::excerpt::Excerpt;

/// How much is searched at once, in bytes.
const PIECE: usize = 4 << 20;

/// A search that is under way.
#[derive(Clone, Debug)]
pub struct Search {
    matcher: AhoCorasick,
    sought: String,
    forward: bool,
    /// Where the next piece begins, or ends where it is searched upwards.
    at: u64,
}

/// What a piece came to.
enum Piece {
    Found(u64),
    Next(u64),
    NoMore,
}

impl Excerpt {
    /// To the next line that has what is searched for, or to the one before.
    pub fn begin_search(&mut self, outputs: &ActionOutputs, sought: String, forward: bool) {
        let matcher = AhoCorasick::builder().ascii_case_insensitive(true).build([&sought]);
        let (Ok(matcher), false) = (matcher, sought.is_empty()) else { return };
        let at = if forward { self.below(sought.len()) } else { self.top };
        self.search = Some(Search { matcher, sought, forward, at });
        self.search_on(outputs);
    }

    /// Where what is below the first line shown begins. A line that is longer than a piece has something below that piece.
    fn below(&self, sought: usize) -> u64 {
        let piece = self.top + (self.piece - sought.min(self.piece - 1)) as u64;
        self.page.get(1).map_or(piece.min(self.length), |(at, _)| *at)
    }

    /// Searches one piece more.
    pub fn search_on(&mut self, outputs: &ActionOutputs) {
        let Some(mut search) = self.search.take() else { return };
        let piece = if search.forward {
            search.below(outputs, self.started)
        } else {
            search.above(outputs, self.started)
        };
        match piece {
            Piece::Found(at) => {
                self.follow = false;
                (self.top, self.skip) = (self.line_of(outputs, at), 0);
                self.said = None;
            }
            Piece::Next(at) => {
                self.said = Some(format!("searching for {:?}; any key stops that", search.sought));
                search.at = at;
                self.search = Some(search);
            }
            Piece::NoMore => {
                let way = if search.forward { "below" } else { "above" };
                self.said = Some(format!("no {:?} {way}", search.sought));
            }
        }
    }
}

impl Search {
    fn below(&self, outputs: &ActionOutputs, started: u64) -> Piece {
        let bytes = outputs.read(started, self.at, PIECE).unwrap_or_default();
        if let Some(found) = self.matcher.find(&bytes) {
            return Piece::Found(self.at + found.start() as u64);
        }
        if bytes.len() < PIECE {
            return Piece::NoMore;
        }
        // What is searched for may begin at the end of this one.
        Piece::Next(self.at + (bytes.len() - self.sought.len().min(bytes.len())) as u64)
    }

    fn above(&self, outputs: &ActionOutputs, started: u64) -> Piece {
        let from = self.at.saturating_sub(PIECE as u64);
        let most = usize::try_from(self.at - from).unwrap_or(PIECE);
        let bytes = outputs.read(started, from, most).unwrap_or_default();
        match self.matcher.find_iter(&bytes).last() {
            Some(found) => Piece::Found(from + found.start() as u64),
            None if from == 0 => Piece::NoMore,
            None => Piece::Next(from + self.sought.len() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;
    use crate::tui::reading::excerpt::PageStep;

    /// An output of three pieces and a bit, with a word across the first two and one at its end.
    fn long(dir: &std::path::Path) -> (ActionOutputs, u64, u64) {
        let log = dir.join("log.jsonl");
        let side = crate::journal::attachments::directory(&log);
        fs::create_dir_all(&side).unwrap();
        let mut file = fs::File::create(side.join("action-7.out")).unwrap();
        let mut text = ".".repeat(79) + "\n";
        text = text.repeat(3 * PIECE / text.len() + 100);
        // The first piece begins with the second line.
        let across = 80 + PIECE - 4;
        text.replace_range(across..across + 6, "needle");
        text += "the needle\nend\n";
        file.write_all(text.as_bytes()).unwrap();
        (ActionOutputs::beside(&log), across as u64, text.len() as u64 - 11 - 4)
    }

    /// How many pieces it takes to come to an end.
    fn pieces(excerpt: &mut Excerpt, outputs: &ActionOutputs, forward: bool) -> usize {
        excerpt.begin_search(outputs, "NEEDLE".into(), forward);
        let more = std::iter::from_fn(|| {
            excerpt.search.is_some().then(|| {
                assert!(excerpt.said.as_ref().is_some_and(|said| said.starts_with("searching for")));
                excerpt.search_on(outputs);
            })
        });
        1 + more.count()
    }

    #[test]
    fn one_piece_is_searched_at_a_time_and_nothing_is_missed_between_them() {
        let dir = tempfile::tempdir().unwrap();
        let (outputs, across, last) = long(dir.path());
        let mut excerpt = Excerpt::new(7);
        (excerpt.length, excerpt.follow) = (outputs.length(7).unwrap(), false);
        let line = |at: u64| at - at % 80;
        excerpt.page = shown_lines(&excerpt, &outputs);
        assert_eq!(pieces(&mut excerpt, &outputs, true), 2);
        assert_eq!((excerpt.top, &excerpt.said), (line(across), &None));
        excerpt.page = shown_lines(&excerpt, &outputs);
        assert_eq!(pieces(&mut excerpt, &outputs, true), 3);
        assert_eq!(excerpt.top, last);
        excerpt.page = shown_lines(&excerpt, &outputs);
        assert_eq!(pieces(&mut excerpt, &outputs, true), 1);
        assert_eq!(excerpt.said.as_deref(), Some("no \"NEEDLE\" below"));
        assert_eq!(pieces(&mut excerpt, &outputs, false), 3);
        assert_eq!(excerpt.top, line(across));
    }

    #[test]
    fn what_is_below_a_line_longer_than_a_page_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log.jsonl");
        let side = crate::journal::attachments::directory(&log);
        fs::create_dir_all(&side).unwrap();
        let text = format!("{}\nthe needle\n", "x".repeat(2000));
        fs::write(side.join("action-7.out"), &text).unwrap();
        let (outputs, mut excerpt) = (ActionOutputs::beside(&log), Excerpt::new(7));
        (excerpt.piece, excerpt.follow) = (500, false);
        let find = PageStep::Find { sought: "needle".into(), forward: true };
        excerpt.go_on(&outputs, vec![find], (20, 5));
        assert_eq!((excerpt.top, excerpt.said), (2001, None));
    }

    fn shown_lines(excerpt: &Excerpt, outputs: &ActionOutputs) -> Vec<(u64, crate::ansi::Line)> {
        excerpt.lines(outputs, excerpt.top, 1000)
    }
}
