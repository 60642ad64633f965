//! Looking for a text in the entries of a log, however long that is: piece by piece beside the screen, around the end.

use std::fmt;
use std::sync::Arc;

use crate::tui::reading::Read;
use crate::tui::record::Record;

/// How many entries are looked at in one piece.
const PIECE: usize = 2000;

/// What is looked for, and how far that has come.
#[derive(Clone)]
pub struct Seek {
    record: Arc<dyn Record>,
    sought: String,
    forward: bool,
    /// The position that it began at, which is looked at last.
    from: usize,
    /// How many entries there are.
    shown: usize,
    /// How many of them were looked at.
    looked: usize,
}

/// What a piece came to.
#[derive(Clone, Copy, Debug)]
pub enum Sought {
    /// It is in the entry at that position.
    Found(usize),
    /// It is in none of those that were looked at.
    NotYet,
    /// It is in none.
    Nowhere,
}

impl fmt::Debug for Seek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seek({:?}, {} of {})", self.sought, self.looked, self.shown)
    }
}

impl Seek {
    /// Looks at the next entries. It blocks for as long as the disk does.
    pub fn run(self) -> Read {
        let text = self.sought.to_lowercase();
        let until = self.shown.min(self.looked + PIECE);
        let found =
            (self.looked..until).map(|step| self.place(step)).find(|at| self.record.holds(*at, &text));
        let came = match found {
            Some(at) => Sought::Found(at),
            None if until < self.shown => Sought::NotYet,
            None => Sought::Nowhere,
        };
        Read::Sought(self, came)
    }

    /// The position of the entry that is looked at in a step.
    const fn place(&self, step: usize) -> usize {
        let ahead = if self.forward { step + 1 } else { 2 * self.shown - 1 - step };
        (self.from + ahead) % self.shown
    }

    /// Whether it is the same piece of the same search.
    pub fn is_same(&self, other: &Self) -> bool {
        let of = |seek: &Self| (seek.forward, seek.from, seek.shown, seek.looked);
        of(self) == of(other) && self.sought == other.sought
    }
}

/// How a search came to its end, or that it has not.
pub enum SeekStep {
    /// At a position.
    At(usize, String),
    /// Nowhere.
    Nowhere(String),
    /// It goes on.
    More(String, Seek),
}

impl Seek {
    /// For the next entry that holds a text, or the one before, around the end.
    pub const fn new(
        record: Arc<dyn Record>,
        sought: String,
        forward: bool,
        from: usize,
        shown: usize,
    ) -> Self {
        Self { record, sought, forward, from, shown, looked: 0 }
    }

    /// What a piece came to, in words.
    pub fn step(&self, came: &Sought) -> SeekStep {
        let Self { sought, forward, from, .. } = self;
        match *came {
            Sought::Found(to) => {
                let is_around = if *forward { to <= *from } else { to >= *from };
                let around = if is_around { ", around the end" } else { "" };
                SeekStep::At(to, format!("“{sought}” in entry {to}{around}"))
            }
            Sought::Nowhere => SeekStep::Nowhere(format!("no entry holds “{sought}”")),
            Sought::NotYet => {
                let next = Self { looked: self.looked + PIECE, ..self.clone() };
                SeekStep::More(format!("searching for “{sought}”; any key stops that"), next)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::reader::Reading;
    use crate::tui::tests::keys::{Screen, screen};
    use crate::tui::tests::sample::mixed;
    use crate::tui::tests::top::Lines;
    use crate::tui::views::review::Review;

    /// A review of a log whose entries are so many, and hold `needle` where they are said to.
    fn reviewed(len: usize, needles: &'static [usize]) -> Screen {
        let sample = mixed();
        let mut screen = screen(&sample, (120, 40));
        let record = Lines { len, needles, state: sample.shared() };
        screen.look_through(record);
        screen.app.layers.find_mut::<Review>().unwrap().whole = true;
        screen
    }

    fn seek(screen: &mut Screen) {
        let review = screen.app.layers.find_mut::<Review>().unwrap();
        review.sought = "needle".into();
        review.find(true);
    }

    fn at(screen: &Screen) -> (usize, String) {
        let told = screen.app.notices.notice.as_ref().map_or_else(String::new, |notice| notice.text.clone());
        (screen.app.layers.find::<Review>().unwrap().at, told)
    }

    #[test]
    fn nothing_is_missed_and_nothing_found_twice() {
        let len = 2 * PIECE + 10;
        let screen = reviewed(len, &[1, PIECE, 2 * PIECE + 3]).press("fNeedle⏎");
        assert_eq!(at(&screen), (1, "“Needle” in entry 1".into()));
        let screen = screen.press("n");
        assert_eq!(at(&screen), (PIECE, "“Needle” in entry 2000".into()));
        let screen = screen.press("n");
        assert_eq!(at(&screen).0, 2 * PIECE + 3);
        let screen = screen.press("n");
        assert_eq!(at(&screen), (1, "“Needle” in entry 1, around the end".into()));
        let screen = screen.press("N");
        assert_eq!(at(&screen), (2 * PIECE + 3, "“Needle” in entry 4003, around the end".into()));
        assert_eq!(
            at(&reviewed(3, &[0]).press("fneedle⏎")),
            (0, "“needle” in entry 0, around the end".into())
        );
        assert_eq!(at(&reviewed(len, &[]).press("fneedle⏎")), (0, "no entry holds “needle”".into()));
    }

    #[test]
    fn any_key_stops_it() {
        let mut screen = reviewed(3 * PIECE, &[2 * PIECE]);
        seek(&mut screen);
        let job = screen.app.unread().unwrap();
        screen.app.read(job.run());
        assert_eq!(at(&screen), (0, "searching for “needle”; any key stops that".into()));
        let job = screen.app.unread().unwrap();
        screen = screen.press("j");
        screen.app.read(job.run());
        assert!(screen.app.unread().is_none());
        assert_eq!(at(&screen), (0, String::new()));
    }

    #[test]
    fn a_crash_ends_it() {
        let mut screen = reviewed(3 * PIECE, &[2 * PIECE]);
        seek(&mut screen);
        Reading::crashed().go_on(&mut screen.app);
        assert!(!screen.app.is_searching());
    }
}
