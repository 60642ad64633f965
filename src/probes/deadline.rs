//! One deadline for a whole probe run, shared by its steps.

use std::fmt;
use std::time::Duration;

use crate::stopwatch::{Stopwatch, timeout};

/// The time by which a probe run must end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    since: Stopwatch,
    whole: Duration,
}

/// A step that did not finish in time. Names the step, so that people know what hangs.
#[derive(Debug, thiserror::Error)]
pub(super) enum TimedOut {
    /// The step itself did not finish.
    #[error("no response within {within} ({step})")]
    Unanswered { within: ShortDuration, step: String },
    /// Earlier steps used up the time.
    #[error("not reached within {within} ({step})")]
    NotReached { within: ShortDuration, step: String },
}

/// A duration for people: `10 s`, `250 ms`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShortDuration(Duration);

impl fmt::Display for ShortDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms if ms % 1000 == 0 => write!(f, "{} s", ms / 1000),
            ms => write!(f, "{ms} ms"),
        }
    }
}

impl Deadline {
    pub(super) fn after(whole: Duration) -> Self {
        Self { since: Stopwatch::start(), whole }
    }

    pub(super) fn remaining(&self) -> Duration {
        self.whole.saturating_sub(self.since.elapsed())
    }

    pub(super) fn timed_out(&self, step: impl Into<String>) -> TimedOut {
        TimedOut::Unanswered { within: ShortDuration(self.whole), step: step.into() }
    }

    /// This deadline, or a new one if less than `least` remains.
    pub(super) fn with_at_least(self, least: Duration) -> Self {
        if self.remaining() < least { Self::after(least) } else { self }
    }

    /// Checks for remaining time before work that cannot be interrupted.
    ///
    /// # Errors
    /// When none remains.
    pub(super) fn check(&self, step: impl Into<String>) -> Result<(), TimedOut> {
        if self.remaining().is_zero() { Err(self.timed_out(step)) } else { Ok(()) }
    }

    /// Runs one step of the probe, named for people.
    ///
    /// # Errors
    /// When the step does not finish in time.
    pub(super) async fn limit<T>(
        &self,
        step: impl Into<String>,
        work: impl Future<Output = T>,
    ) -> Result<T, TimedOut> {
        let remaining = self.remaining();
        if remaining.is_zero() {
            return Err(TimedOut::NotReached { within: ShortDuration(self.whole), step: step.into() });
        }
        timeout(remaining, work).await.map_err(|_| self.timed_out(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_step_that_hangs_is_distinguished_from_those_not_started() {
        let deadline = Deadline::after(Duration::from_millis(5));
        let error = deadline.limit("connect", std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(error.to_string(), "no response within 5 ms (connect)");
        let error = deadline.limit("PING", async {}).await.unwrap_err();
        assert_eq!(error.to_string(), "not reached within 5 ms (PING)");
    }

    #[test]
    fn a_duration_is_shown_in_the_unit_that_fits() {
        let texts = [10_000, 2500, 250].map(|ms| ShortDuration(Duration::from_millis(ms)).to_string());
        assert_eq!(texts, ["10 s", "2500 ms", "250 ms"]);
        assert!(!Deadline::after(Duration::MAX).remaining().is_zero());
    }
}
