//! Looking through a log: where in time one is, and what keys move there. Nothing is ever added.

pub(in crate::tui) mod timeline;

mod seek;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use crate::journal::entry::{Entry, Torn};
use crate::run::{RunSnapshot, RunState};
use crate::text;
use crate::time::Moment;
use crate::tui::app::{App, Effect};
use crate::tui::dialogs::Dialog;
use crate::tui::widgets::text_field::Field;
pub(in crate::tui) use seek::{Seek, Sought};

/// How long a whole run plays at most, in seconds.
const PLAYS: usize = 60;
/// How many entries play in a second at least.
const SLOWEST: usize = 4;
/// How often it is drawn while it plays, in milliseconds.
pub const FRAME_MS: u64 = 40;
/// Said when somebody wants to act who only looks on.
pub const LOOKS_ON: &str = "you only look on (--read-only); who acts opens the run without it";
/// What is said to everything that would add to the log.
pub const READ_ONLY: &str = "this is a review; nothing can be added to a log here";

/// A log to look through. Positions count from 0.
pub trait Record: Send + Sync {
    /// How many entries can be shown, so far.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What stands at a position, for the time line.
    fn mark(&self, at: usize) -> Option<Mark>;

    /// The entry at a position.
    fn entry(&self, at: usize) -> Option<Entry>;

    /// The line at a position as it stands in the log.
    fn raw(&self, at: usize) -> Option<String>;

    /// The run after the entry at a position.
    fn state(&self, at: usize) -> Option<Arc<RunState>>;

    /// Whether the entry at a position holds a text, which is in lower case, in whatever case.
    fn holds(&self, at: usize, text: &str) -> bool;

    /// Whom its verification trusts, and by which files.
    fn trust(&self) -> Vec<String> {
        Vec::new()
    }

    /// What a side file holds, if it is the one that the log has the digest of.
    ///
    /// # Errors
    /// Why it is not.
    fn side(&self, torn: &Torn) -> Result<String, String>;
}

/// What an entry is for the time line, the least telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// A machine's entry that tells of nothing wrong.
    Machine,
    /// A person's act.
    Act,
    /// A look that could not look.
    Unseen,
    /// A look that saw something wrong.
    Wrong,
    /// What a crash left.
    Recovered,
    /// A verdict.
    Verdict,
    /// A seal.
    Seal,
}

impl Mark {
    /// The mark of an entry.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        use crate::journal::entry::Event;
        use crate::outcome::Class;
        match &entry.event {
            Event::Probed(event) if event.outcome.class == Class::Fail => Self::Wrong,
            Event::Probed(event) if event.outcome.class == Class::Error => Self::Unseen,
            Event::ActionFinished(event) if event.ended.is_bad() => Self::Wrong,
            Event::ActionFinished(event) if !event.ended.is_good() => Self::Unseen,
            Event::Recovered(_) => Self::Recovered,
            Event::Verdict(_) => Self::Verdict,
            Event::Sealed(_) => Self::Seal,
            event if event.is_act() => Self::Act,
            _ => Self::Machine,
        }
    }

    const fn is_act(self) -> bool {
        matches!(self, Self::Act | Self::Verdict | Self::Seal)
    }
}

/// What verification has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is still at work.
    Nothing,
    /// Valid, every seal stands.
    Sealed(String),
    /// Valid, not sealed.
    Open(String),
    /// Not valid: why, and how many entries are.
    Invalid(String, usize),
    /// It could not be done.
    Unknown(String),
}

/// How far reading the log has come.
#[derive(Clone, Debug)]
pub enum Progress {
    /// So many more entries can be shown; true if these are all.
    Read(bool),
    /// What verification found.
    Verified(Found),
}

/// Where in time one is.
pub struct Review {
    /// The log.
    pub record: Arc<dyn Record>,
    /// The position.
    pub at: usize,
    /// Whether all entries are there.
    pub whole: bool,
    /// What verification has found.
    pub found: Found,
    /// What is looked for, while it is typed.
    pub typing: Option<Field>,
    /// What was looked for last.
    pub sought: String,
    /// The search that is under way.
    seek: Option<Seek>,
    /// How much faster than at first it plays: a power of two.
    pub speed: i32,
    /// Since when it plays, and from where.
    pub playing: Option<(Moment, usize)>,
    real: Moment,
    moved: bool,
    /// How many lines of the screen it takes.
    taken: u16,
}

impl std::fmt::Debug for Review {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Review(at {} of {})", self.at, self.record.len())
    }
}

impl Review {
    /// A review that has just begun.
    #[must_use]
    pub fn new(record: Arc<dyn Record>, now: Moment) -> Self {
        let (found, sought) = (Found::Nothing, String::new());
        let (typing, playing) = (None, None);
        Self {
            record,
            at: 0,
            whole: false,
            found,
            typing,
            sought,
            seek: None,
            speed: 0,
            playing,
            real: now,
            moved: false,
            taken: 0,
        }
    }

    /// How many entries are shown: those that are valid.
    #[must_use]
    pub fn shown(&self) -> usize {
        match self.found {
            Found::Invalid(_, valid) => valid.min(self.record.len()),
            _ => self.record.len(),
        }
    }

    fn last(&self) -> usize {
        self.shown().saturating_sub(1)
    }

    /// The next act, or the one before.
    fn act(&self, forward: bool) -> Option<usize> {
        let is_act = |at: &usize| self.record.mark(*at).is_some_and(Mark::is_act);
        if forward { (self.at + 1..self.shown()).find(is_act) } else { (0..self.at).rev().find(is_act) }
    }

    /// How many entries play in a second.
    #[must_use]
    pub fn rate(&self) -> usize {
        let base = self.shown().div_ceil(PLAYS).max(SLOWEST);
        let factor = 1 << self.speed.unsigned_abs().min(6);
        if self.speed < 0 { (base / factor).max(1) } else { base * factor }
    }
}

impl App {
    /// Takes in the time: it stands still in a review, but for what plays.
    pub fn tick(&mut self, now: Moment) {
        let Some(review) = &mut self.review else {
            self.now = now;
            return;
        };
        review.real = now;
        let Some((since, from)) = &review.playing else { return };
        let elapsed = review.real.since(since).as_millis();
        let steps = usize::try_from(elapsed).unwrap_or(0).saturating_mul(review.rate()) / 1000;
        let (to, last) = (from.saturating_add(steps), review.last());
        if to >= last {
            review.playing = None;
        }
        if to.min(last) != review.at {
            self.go(to.min(last));
        }
    }

    /// How far reading has come.
    pub fn progressed(&mut self, progress: Progress) {
        let Some(review) = &mut self.review else { return };
        match progress {
            Progress::Read(whole) => review.whole |= whole,
            Progress::Verified(found) => review.found = found,
        }
        let (last, at) = (review.last(), review.at);
        // The end is what one comes for.
        if !review.moved || at > last {
            self.go(last);
        }
    }

    /// Goes to a position in time.
    pub fn go(&mut self, to: usize) {
        let Some(review) = &mut self.review else { return };
        let Some(state) = review.record.state(to) else { return };
        review.at = to;
        self.now = state.at.clone();
        self.show(RunSnapshot { state, live: Arc::default() });
    }

    fn step(&mut self, to: usize) {
        if let Some(review) = &mut self.review {
            (review.moved, review.playing) = (true, None);
        }
        self.go(to);
    }

    /// Ends a search: any key does.
    pub fn stop_seek(&mut self) {
        if let Some(review) = &mut self.review {
            review.seek = None;
        }
    }

    /// A key that moves in time, or looks for something there. None if it is another one.
    pub fn review_key(&mut self, key: KeyEvent) -> Option<Vec<Effect>> {
        let review = self.review.as_mut()?;
        if review.typing.is_some() {
            self.seek_key(key);
            return Some(Vec::new());
        }
        if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
            return None;
        }
        let (at, last) = (review.at, review.last());
        match key.code {
            KeyCode::Left => self.step(at.saturating_sub(1)),
            KeyCode::Right => self.step((at + 1).min(last)),
            KeyCode::Char('[') => {
                let to = review.act(false).unwrap_or(0);
                self.step(to);
            }
            KeyCode::Char(']') => {
                let to = review.act(true).unwrap_or(last);
                self.step(to);
            }
            KeyCode::Home => self.step(0),
            KeyCode::End => self.step(last),
            KeyCode::Char(' ') => self.play(),
            KeyCode::Char('+' | '=') => self.speed(1),
            KeyCode::Char('-') => self.speed(-1),
            KeyCode::Char('t') => self.dialog = Some(Dialog::Entry { scroll: 0 }),
            KeyCode::Char('f') => review.typing = Some(Field::default()),
            KeyCode::Char('n') => self.seek(true),
            KeyCode::Char('N') => self.seek(false),
            _ => return None,
        }
        Some(Vec::new())
    }

    fn play(&mut self) {
        let Some(review) = &mut self.review else { return };
        review.moved = true;
        if review.playing.take().is_some() {
            return;
        }
        let from = if review.at >= review.last() { 0 } else { review.at };
        review.playing = Some((review.real.clone(), from));
        self.go(from);
    }

    fn speed(&mut self, by: i32) {
        let Some(review) = &mut self.review else { return };
        review.speed = (review.speed + by).clamp(-6, 6);
        if let Some(playing) = &mut review.playing {
            *playing = (review.real.clone(), review.at);
        }
        let told =
            format!("plays {} a second", text::count(review.rate(), "entry").replace("entrys", "entries"));
        self.say(&told);
    }

    /// A paste while what is looked for is typed.
    pub fn review_paste(&mut self, text: &str) {
        if let Some(field) = self.review.as_mut().and_then(|review| review.typing.as_mut()) {
            field.paste(text);
        }
    }

    fn seek_key(&mut self, key: KeyEvent) {
        let Some(review) = &mut self.review else { return };
        match key.code {
            KeyCode::Esc => review.typing = None,
            KeyCode::Enter => {
                let sought = review.typing.take().map(|field| field.text().trim().to_owned());
                review.sought = sought.unwrap_or_default();
                self.seek(true);
            }
            _ => {
                if let Some(field) = &mut review.typing {
                    field.key(key);
                }
            }
        }
    }

    /// To the place in time that a part of the time line stands for, in thousandths.
    pub fn scrub(&mut self, part: usize) {
        let Some(review) = &self.review else { return };
        let to = (review.shown() * part / 1000).min(review.last());
        self.step(to);
    }

    /// How long nothing moves while it plays.
    pub fn frame_time(&self) -> Option<Duration> {
        self.review.as_ref()?.playing.as_ref().map(|_| Duration::from_millis(FRAME_MS))
    }

    /// What a screen has for the run.
    pub fn within(&mut self, screen: Rect) -> Rect {
        let Some(review) = &mut self.review else { return screen };
        let (above, below) = timeline::taken(screen);
        review.taken = above + below;
        Rect { y: screen.y + above, height: screen.height.saturating_sub(above + below), ..screen }
    }

    /// The whole screen.
    pub fn screen(&self) -> Rect {
        Rect { y: 0, height: self.area.height + self.beside(), ..self.area }
    }

    /// How many lines of the screen a review takes.
    pub fn beside(&self) -> u16 {
        self.review.as_ref().map_or(0, |review| review.taken)
    }
}
