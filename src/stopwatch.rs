//! Time that counts for deadlines: without the time in which gonogo was stopped (Ctrl-Z) or prompted a person for a
//! secret.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The polling interval during a pause.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The pauses of this process.
static PAUSES: Pauses = Pauses::new();

/// The time that did not count so far.
#[derive(Debug)]
struct Pauses(Mutex<PausedTime>);

#[derive(Debug)]
struct PausedTime {
    /// The time of finished pauses.
    whole: Duration,
    /// How many pauses are active, and since when.
    now: Option<(usize, Instant)>,
}

/// Time does not count as long as one of these exists.
#[derive(Debug)]
pub struct Pause(&'static Pauses);

/// Measures the time that counts.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    pauses: &'static Pauses,
    start: Instant,
    /// The time that did not count before its start.
    skipped: Duration,
}

/// The time limit was reached first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not done in time")]
pub struct Elapsed;

impl Pauses {
    const fn new() -> Self {
        Self(Mutex::new(PausedTime { whole: Duration::ZERO, now: None }))
    }

    fn lock(&self) -> MutexGuard<'_, PausedTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&'static self) -> Pause {
        let mut skipped = self.lock();
        let (others, since) = skipped.now.unwrap_or((0, Instant::now()));
        skipped.now = Some((others + 1, since));
        Pause(self)
    }

    fn stopwatch(&'static self) -> Stopwatch {
        let start = Instant::now();
        Stopwatch { pauses: self, start, skipped: self.lock().until(start) }
    }
}

impl PausedTime {
    fn until(&self, now: Instant) -> Duration {
        self.whole + self.now.map_or(Duration::ZERO, |(_, since)| now.saturating_duration_since(since))
    }
}

impl Pause {
    /// Starts a pause.
    #[must_use]
    pub fn begin() -> Self {
        PAUSES.begin()
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        let mut skipped = self.0.lock();
        skipped.now = match skipped.now {
            Some((others @ 2.., since)) => Some((others - 1, since)),
            Some((_, since)) => {
                skipped.whole += since.elapsed();
                None
            }
            None => None,
        };
    }
}

impl Stopwatch {
    /// Starts a stopwatch.
    #[must_use]
    pub fn start() -> Self {
        PAUSES.stopwatch()
    }

    /// The counted time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let now = Instant::now();
        let skipped = self.pauses.lock().until(now).saturating_sub(self.skipped);
        now.saturating_duration_since(self.start).saturating_sub(skipped)
    }
}

/// Runs the work for at most `limit` of counted time.
///
/// # Errors
/// When it takes longer; the work is dropped then.
pub async fn timeout<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    within(limit, Stopwatch::start(), work).await
}

async fn within<T>(
    limit: Duration,
    stopwatch: Stopwatch,
    work: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    let mut work = Box::pin(work);
    loop {
        // At least a moment: during a pause no time is used up, however little is left.
        let left = limit.saturating_sub(stopwatch.elapsed());
        let look = if stopwatch.pauses.lock().now.is_some() { left.max(POLL_INTERVAL) } else { left };
        if let Ok(done) = tokio::time::timeout(look, work.as_mut()).await {
            return Ok(done);
        }
        if stopwatch.elapsed() >= limit {
            return Err(Elapsed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// Separate from those of the process, which other tests may pause.
    fn pauses() -> &'static Pauses {
        Box::leak(Box::new(Pauses::new()))
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_pause_no_time_counts() {
        let begun = Instant::now();
        let pauses = pauses();
        let stopwatch = pauses.stopwatch();
        let waiting = tokio::spawn(within(seconds(5), stopwatch, pending::<()>()));
        tokio::time::sleep(seconds(2)).await;
        let (one, other) = (pauses.begin(), pauses.begin());
        tokio::time::sleep(seconds(30)).await;
        drop(one);
        tokio::time::sleep(seconds(30)).await;
        assert_eq!(stopwatch.elapsed(), seconds(2));
        assert!(!waiting.is_finished());
        drop(other);
        assert_eq!(waiting.await.unwrap(), Err(Elapsed));
        let whole = begun.elapsed();
        assert!(whole >= seconds(65) && whole < seconds(66), "{whole:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_in_a_pause_has_ended_in_time() {
        let work = async { tokio::time::sleep(seconds(60)).await };
        let pauses = pauses();
        let pause = pauses.begin();
        assert_eq!(within(seconds(5), pauses.stopwatch(), work).await, Ok(()));
        drop(pause);
    }
}
