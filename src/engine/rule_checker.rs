//! The rules of a run, for the journal's verifier.

use gonogo_core::journal::entry::Entry;
use gonogo_core::journal::verify::Rules;
use gonogo_core::run::{Replay, RunState};

/// Replays a log during verification.
#[derive(Debug, Default)]
pub struct RuleChecker(Replay);

impl RuleChecker {
    /// The run as far as it was replayed.
    #[must_use]
    pub fn into_state(self) -> Option<RunState> {
        self.0.into_state()
    }
}

impl Rules for RuleChecker {
    fn check_entry(&mut self, entry: &Entry) -> Result<(), String> {
        self.0.apply_entry(entry)
    }

    fn is_sealed(&self) -> bool {
        self.0.is_sealed()
    }
}
