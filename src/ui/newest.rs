//! The newest state of a run on its way to a screen: however often it changes while the screen has no time, one message
//! waits.

use std::sync::{Arc, Mutex, PoisonError};

use crate::run::RunSnapshot;

/// Where the newest state lies until the screen takes it.
#[derive(Clone, Debug, Default)]
pub struct Newest(Arc<Mutex<Option<RunSnapshot>>>);

impl Newest {
    /// Puts a state there. Whether the screen has to be told: it has not if it has not taken the one before.
    #[must_use]
    pub fn put(&self, now: RunSnapshot) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now).is_none()
    }

    /// Takes it.
    #[must_use]
    pub fn take(&self) -> Option<RunSnapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
