//! What a probe changes, written down as it happens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a probe has changed so far. It outlives the probe's task: whoever cancels that still knows.
#[derive(Clone, Debug, Default)]
pub struct Effects(Arc<Mutex<Vec<Option<String>>>>);

/// A change that is being made: until it is known what came of it, it may have been made.
#[must_use]
pub(super) struct Change {
    all: Effects,
    at: usize,
}

impl Effects {
    /// Everything that has been changed, or may have been.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.since(0)
    }

    /// How many changes have been begun.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// The same without the first `count` that were begun.
    pub(super) fn since(&self, count: usize) -> Vec<String> {
        self.lock().iter().skip(count).flatten().cloned().collect()
    }

    /// Begins a change; `tried` says of it what is true while its end is not known.
    pub(super) fn begin(&self, tried: impl Into<String>) -> Change {
        let mut all = self.lock();
        all.push(Some(tried.into()));
        Change { all: self.clone(), at: all.len() - 1 }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Change {
    /// It was made.
    pub(super) fn made(&self, what: impl Into<String>) {
        self.set(Some(what.into()));
    }

    /// Nothing was changed.
    pub(super) fn not_made(self) {
        self.set(None);
    }

    fn set(&self, what: Option<String>) {
        if let Some(change) = self.all.lock().get_mut(self.at) {
            *change = what;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_have_failed_is_kept() {
        let effects = Effects::default();
        effects.begin("tried to send a").made("sent a");
        effects.begin("tried to send b").not_made();
        let before = effects.count();
        let cancelled = effects.begin("tried to send c");
        drop(cancelled);
        assert_eq!(effects.all(), ["sent a", "tried to send c"]);
        assert_eq!(effects.since(before), ["tried to send c"]);
    }
}
