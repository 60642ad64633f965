//! The log of a review, as the screen needs it.

use std::sync::Arc;

use gonogo_core::journal::entry::{Entry, TornTail};
use gonogo_core::run::RunState;

/// A log for review. Positions count from 0.
pub trait ReviewLog: Send + Sync {
    /// How many entries can be shown so far.
    fn len(&self) -> usize;

    /// Whether no entry can be shown.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The mark of the entry at a position.
    fn mark(&self, at: usize) -> Option<EntryMark>;

    /// The entry at a position.
    fn entry(&self, at: usize) -> Option<Entry>;

    /// The line at a position, as it is in the log.
    fn raw_line(&self, at: usize) -> Option<String>;

    /// The run after the entry at a position.
    fn state_after(&self, at: usize) -> Option<Arc<RunState>>;

    /// Whether the entry at a position contains a text, ignoring case. `text` is in lower case.
    fn contains(&self, at: usize, text: &str) -> bool;

    /// The signers that its verification trusts, and the files they come from.
    fn trust_sources(&self) -> Vec<String> {
        Vec::new()
    }

    /// The content of an attachment whose digest is in the log.
    ///
    /// # Errors
    /// When it is missing or its digest differs.
    fn attachment(&self, torn: &TornTail) -> Result<String, String>;
}

/// The kind of an entry on the timeline, the least important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryMark {
    /// An unsigned entry that reports no problem.
    Machine,
    /// A signed entry.
    Signed,
    /// A probe or action that could not be carried out or was stopped.
    Error,
    /// A probe or action that failed.
    Failed,
    /// The recovery after a crash.
    Recovered,
    /// A verdict.
    Verdict,
    /// A seal.
    Seal,
}

impl EntryMark {
    /// The mark of an entry.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        use gonogo_core::journal::entry::Event;
        use gonogo_core::outcome::Class;
        match &entry.event {
            Event::Probed(event) if event.outcome.class == Class::Fail => Self::Failed,
            Event::Probed(event) if event.outcome.class == Class::Error => Self::Error,
            Event::ActionFinished(event) if event.exit.is_failure() => Self::Failed,
            Event::ActionFinished(event) if !event.exit.is_success() => Self::Error,
            Event::Recovered(_) => Self::Recovered,
            Event::Verdict(_) => Self::Verdict,
            Event::Sealed(_) => Self::Seal,
            event if event.needs_signature() => Self::Signed,
            _ => Self::Machine,
        }
    }

    /// Whether the entry is signed by a person.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Signed | Self::Verdict | Self::Seal)
    }
}

/// The result of verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerificationResult {
    /// It is still running.
    Pending,
    /// The log is valid, with all seals.
    Sealed(String),
    /// The log is valid, but not sealed.
    Open(String),
    /// The log is not valid: the reason, and the number of valid entries.
    Invalid(String, usize),
    /// The log could not be verified.
    Unknown(String),
}

/// Progress of reading and verifying the log.
#[derive(Clone, Debug)]
pub enum ReviewProgress {
    /// More entries can be shown; true if these are all.
    Read(bool),
    /// Verification has finished.
    Verified(VerificationResult),
}
