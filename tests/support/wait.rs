//! Polling with a deadline: tests never sleep for a fixed time.

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits before it fails.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Calls `poll` until it returns a value or `deadline` has passed.
pub fn within<T>(deadline: Duration, mut poll: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = poll() {
            return Some(value);
        }
        if start.elapsed() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Calls `poll` until it returns a value; panics with `what` if that takes too long.
#[track_caller]
pub fn until<T>(what: &str, poll: impl FnMut() -> Option<T>) -> T {
    within(TIMEOUT, poll).unwrap_or_else(|| panic!("{what}: timed out after {TIMEOUT:?}"))
}
