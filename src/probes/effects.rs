//! The changes that a probe makes, recorded as they happen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The changes of a probe so far. It outlives the probe's task, so a cancelled probe's changes are still known.
#[derive(Clone, Debug, Default)]
pub struct Effects(Arc<Mutex<Vec<Option<String>>>>);

/// A change in progress. Until its result is known, it may have been made.
#[must_use]
pub(super) struct PendingChange {
    all: Effects,
    at: usize,
}

impl Effects {
    /// All changes that were made or may have been made.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.since(0)
    }

    /// The number of changes that were started.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// The same without the first `count` that were started.
    pub(super) fn since(&self, count: usize) -> Vec<String> {
        self.lock().iter().skip(count).flatten().cloned().collect()
    }

    /// Starts a change; `tried` describes it while its result is unknown.
    pub(super) fn begin(&self, tried: impl Into<String>) -> PendingChange {
        let mut changes = self.lock();
        changes.push(Some(tried.into()));
        PendingChange { all: self.clone(), at: changes.len() - 1 }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingChange {
    /// The change was made.
    pub(super) fn succeeded(&self, what: impl Into<String>) {
        self.set(Some(what.into()));
    }

    /// The change was not made.
    pub(super) fn failed(self) {
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
    fn changes_without_a_known_failure_are_kept() {
        let effects = Effects::default();
        effects.begin("tried to send a").succeeded("sent a");
        effects.begin("tried to send b").failed();
        let before = effects.count();
        let cancelled = effects.begin("tried to send c");
        drop(cancelled);
        assert_eq!(effects.all(), ["sent a", "tried to send c"]);
        assert_eq!(effects.since(before), ["tried to send c"]);
    }
}
