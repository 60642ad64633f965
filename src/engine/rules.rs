//! The rules of a run, for the journal's verifier.

use crate::journal::entry::Entry;
use crate::journal::verify::Rules;
use crate::run::{Replay, RunState};

/// Replays a log during verification.
#[derive(Debug, Default)]
pub struct ByTheRules(Replay);

impl ByTheRules {
    /// The run as far as it was replayed.
    #[must_use]
    pub fn into_state(self) -> Option<RunState> {
        self.0.into_state()
    }
}

impl Rules for ByTheRules {
    fn take(&mut self, entry: &Entry) -> Result<(), String> {
        self.0.take(entry)
    }

    fn is_sealed(&self) -> bool {
        self.0.is_sealed()
    }
}
