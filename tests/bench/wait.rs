//! The one place that polls: a condition with a deadline, never a sleep and a hope.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything on this machine may take before the test calls it stuck.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Looks until `look` gives something, or until `deadline` has passed.
pub fn within<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if start.elapsed() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Looks until `look` gives something; fails the test, naming `what`, when that takes too long.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, look).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain: {what}"))
}
