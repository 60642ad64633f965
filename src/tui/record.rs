//! A log that is looked through, as far as the screen has to know it.

use std::sync::Arc;

use crate::journal::entry::{Entry, TornTail};
use crate::run::RunState;

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
    fn side(&self, torn: &TornTail) -> Result<String, String>;
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
            Event::ActionFinished(event) if event.exit.is_failure() => Self::Wrong,
            Event::ActionFinished(event) if !event.exit.is_success() => Self::Unseen,
            Event::Recovered(_) => Self::Recovered,
            Event::Verdict(_) => Self::Verdict,
            Event::Sealed(_) => Self::Seal,
            event if event.needs_signature() => Self::Act,
            _ => Self::Machine,
        }
    }

    /// Whether it is a person's.
    #[must_use]
    pub const fn is_act(self) -> bool {
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
