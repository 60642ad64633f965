//! Looking for a text in the entries of a log, however long that is: piece by piece beside the screen, around the end.

use std::sync::Arc;

use crate::tui::app::App;
use crate::tui::reading::Read;
use crate::tui::views::review::Record;

/// How many entries are looked at in one piece.
const PIECE: usize = 2000;

/// What is looked for, and how far that has come.
#[derive(Clone)]
pub(in crate::tui) struct Seek {
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
pub(in crate::tui) enum Sought {
    Found(usize),
    NotYet,
    Nowhere,
}

impl Seek {
    /// Looks at the next entries. It blocks for as long as the disk does.
    pub(in crate::tui) fn run(self) -> Read {
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

    fn is_same(&self, other: &Self) -> bool {
        let of = |seek: &Self| (seek.forward, seek.from, seek.shown, seek.looked);
        of(self) == of(other) && self.sought == other.sought
    }
}

impl App {
    /// To the next entry that holds what is looked for, or the one before, around the end.
    pub(in crate::tui) fn seek(&mut self, forward: bool) {
        let Some(review) = &mut self.review else { return };
        if review.sought.is_empty() {
            return self.refuse("nothing is looked for yet: f, and what it is");
        }
        let (record, sought) = (Arc::clone(&review.record), review.sought.clone());
        let (from, shown) = (review.at, review.shown());
        review.seek = Some(Seek { record, sought, forward, from, shown, looked: 0 });
    }

    /// What is looked for and was not found yet.
    pub(in crate::tui) fn seeking(&self) -> Option<&Seek> {
        self.review.as_ref()?.seek.as_ref()
    }

    /// Takes in what a piece came to. If it is not looked for any more, that is nothing.
    pub(in crate::tui) fn sought(&mut self, seek: Seek, came: &Sought) {
        if !self.seeking().is_some_and(|now| now.is_same(&seek)) {
            return;
        }
        let Seek { sought, forward, from, .. } = &seek;
        let next = match *came {
            Sought::Found(to) => {
                self.go_to_entry(to);
                let is_around = if *forward { to <= *from } else { to >= *from };
                let around = if is_around { ", around the end" } else { "" };
                self.say(&format!("“{sought}” in entry {to}{around}"));
                None
            }
            Sought::Nowhere => {
                self.refuse(&format!("no entry holds “{sought}”"));
                None
            }
            Sought::NotYet => {
                self.say(&format!("searching for “{sought}”; any key stops that"));
                Some(Seek { looked: seek.looked + PIECE, ..seek })
            }
        };
        if let Some(review) = &mut self.review {
            review.seek = next;
        }
    }

    fn go_to_entry(&mut self, to: usize) {
        let entry = self.review.as_ref().and_then(|review| review.record.entry(to));
        self.step(to);
        if let Some(point) = entry.as_ref().and_then(|entry| entry.event.point()) {
            self.place.go_to(&Arc::clone(&self.state.plan), point);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::reading::Reading;
    use crate::tui::tests::keys::{Screen, screen};
    use crate::tui::tests::sample::mixed;
    use crate::tui::tests::top::Lines;
    use crate::tui::views::review::Review;

    /// A review of a log whose entries are so many, and hold `needle` where they are said to.
    fn reviewed(len: usize, needles: &'static [usize]) -> Screen {
        let sample = mixed();
        let mut screen = screen(&sample, (120, 40));
        let record = Lines { len, needles, state: sample.shared() };
        let mut review = Review::new(Arc::new(record), sample.now());
        review.whole = true;
        screen.app.review = Some(review);
        screen
    }

    fn at(screen: &Screen) -> (usize, String) {
        let told = screen.app.notice.as_ref().map_or_else(String::new, |notice| notice.text.clone());
        (screen.app.review.as_ref().unwrap().at, told)
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
        screen.app.review.as_mut().unwrap().sought = "needle".into();
        screen.app.seek(true);
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
        screen.app.review.as_mut().unwrap().sought = "needle".into();
        screen.app.seek(true);
        Reading::crashed().go_on(&mut screen.app);
        assert!(screen.app.seeking().is_none());
    }
}
