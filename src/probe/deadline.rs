//! One deadline for a whole look, shared by its steps.

use std::fmt;
use std::time::Duration;

use crate::stopwatch::{Stopwatch, timeout};

/// When a look must be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    since: Stopwatch,
    whole: Duration,
}

/// A step that was not over in time. Names the step, so that people know what hangs.
#[derive(Debug, thiserror::Error)]
pub(super) enum Late {
    /// It was begun.
    #[error("no answer within {within} ({step})")]
    Unanswered { within: Span, step: String },
    /// Steps before it took all the time.
    #[error("not reached within {within} ({step})")]
    NotReached { within: Span, step: String },
}

/// A deadline's length for people: `10 s`, `250 ms`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(Duration);

impl fmt::Display for Span {
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

    pub(super) fn left(&self) -> Duration {
        self.whole.saturating_sub(self.since.elapsed())
    }

    pub(super) fn late(&self, step: impl Into<String>) -> Late {
        Late::Unanswered { within: Span(self.whole), step: step.into() }
    }

    /// This one, or a new one where less than so much is left.
    pub(super) fn with_at_least(self, least: Duration) -> Self {
        if self.left() < least { Self::after(least) } else { self }
    }

    /// Whether there is time left, for work that cannot be interrupted.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn check(&self, step: impl Into<String>) -> Result<(), Late> {
        if self.left().is_zero() { Err(self.late(step)) } else { Ok(()) }
    }

    /// Does one step of the look, named for people.
    ///
    /// # Errors
    /// When the step is not over in time.
    pub(super) async fn of<T>(
        &self,
        step: impl Into<String>,
        work: impl Future<Output = T>,
    ) -> Result<T, Late> {
        let left = self.left();
        if left.is_zero() {
            return Err(Late::NotReached { within: Span(self.whole), step: step.into() });
        }
        timeout(left, work).await.map_err(|_| self.late(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_step_that_hangs_is_told_from_those_never_begun() {
        let deadline = Deadline::after(Duration::from_millis(5));
        let hangs = deadline.of("connect", std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(hangs.to_string(), "no answer within 5 ms (connect)");
        let next = deadline.of("PING", async {}).await.unwrap_err();
        assert_eq!(next.to_string(), "not reached within 5 ms (PING)");
    }

    #[test]
    fn a_span_is_told_in_the_unit_it_fits() {
        let told = [10_000, 2500, 250].map(|ms| Span(Duration::from_millis(ms)).to_string());
        assert_eq!(told, ["10 s", "2500 ms", "250 ms"]);
        assert!(!Deadline::after(Duration::MAX).left().is_zero());
    }
}
