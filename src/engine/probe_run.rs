//! The one way in which a probe runs, for the scheduler and for pre-flight checks: panics are caught, the time is
//! limited from outside, and its effects are always known.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::scheduler::Told;
use super::system::System;
use crate::checklist::{Probe, ProbeKey};
use crate::diagnostic::please_report;
use crate::outcome::{Class, Observation, Outcome};
use crate::probe::{Effects, ProbeContext};
use crate::secret::Keeper;
use crate::stopwatch::{Stopwatch, timeout};
use crate::text;
use crate::time::{Utc, exact_span, span};

/// How far a probe may exceed its own limit before it is aborted from outside.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// Why limited work has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoResult {
    #[error("the probe crashed; {}", please_report())]
    Crashed,
    #[error("the probe exceeded its deadline")]
    Late,
}

/// Runs the work within the limit; a panic stays inside.
pub(super) async fn limited<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, NoResult> {
    // A panic leaves no shared state behind: the work owns all that it touches, except its recorded effects.
    match timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(done) => done.map_err(|_| NoResult::Crashed),
        Err(_) => Err(NoResult::Late),
    }
}

/// A probe with all that it needs to run.
pub(super) struct ProbeRun {
    probe: Probe,
    given: ProbeContext,
    keeper: Keeper,
    system: Arc<dyn System>,
    begun: Arc<OnceLock<(Utc, Instant)>>,
}

/// What is known of a running probe, even after its task is gone.
#[derive(Clone)]
pub(super) struct Trace {
    begun: Arc<OnceLock<(Utc, Instant)>>,
    effects: Effects,
    /// Whether the checklist declares effects.
    declared: bool,
    /// Redacts what the probe has read, as long as it may be reported.
    keeper: Keeper,
}

/// A probe that was cancelled.
pub(super) struct Cancelled {
    pub(super) begun: Utc,
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
}

/// The receiver of progress events.
pub(super) struct Progress {
    pub(super) tell: mpsc::Sender<Told>,
    pub(super) probe: ProbeKey,
    pub(super) attempt: u64,
}

impl ProbeRun {
    pub(super) fn new(probe: Probe, given: ProbeContext, keeper: &Keeper, system: Arc<dyn System>) -> Self {
        // One cell for each run, so that effects of different runs do not mix.
        let given = ProbeContext { effects: Effects::default(), ..given };
        let keeper = keeper.for_one_run();
        Self { probe, given, keeper, system, begun: Arc::default() }
    }

    pub(super) fn trace(&self) -> Trace {
        let (begun, effects) = (Arc::clone(&self.begun), self.given.effects.clone());
        Trace { begun, effects, declared: self.probe.effects, keeper: self.keeper.clone() }
    }

    /// The limit of one attempt.
    pub(super) fn limit(&self) -> Duration {
        self.deadline() + GRACE
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(self.probe.deadline_ms)
    }

    /// One attempt.
    pub(super) async fn once(&self) -> Outcome {
        self.begin();
        self.kept(self.attempt().await)
    }

    /// Runs the probe until it passes or there are no retries left; or, if the spec asks for that, until it has passed
    /// for long enough or the time is up.
    pub(super) async fn to_end(&self, progress: &Progress) -> Outcome {
        self.begin();
        // There is no point in waiting for a value that is missing.
        let can_come = self.probe.since.is_none() || self.given.since.is_some();
        let waits = self.probe.within_ms > 0 && can_come;
        self.kept(if waits { self.wait(progress).await } else { self.retry(progress).await })
    }

    fn begin(&self) {
        let _ = self.begun.set((self.system.now().wall, Instant::now()));
    }

    /// Adds the effects of all attempts, and shortens the result for the log.
    fn kept(&self, outcome: Outcome) -> Outcome {
        Outcome { effects: self.given.effects.all(), ..outcome }.cleaned(&self.keeper.redactor())
    }

    /// The result is that of the last attempt, with the number of attempts.
    async fn retry(&self, progress: &Progress) -> Outcome {
        let mut tries = 1;
        loop {
            let outcome = self.attempt().await;
            if outcome.class == Class::Pass || tries > self.probe.retries {
                return Outcome { tries, ..outcome };
            }
            tries += 1;
            self.again(progress, tries, None).await;
        }
    }

    /// A bad attempt restarts the stability period. It is not a retry: the spec asks for the wait.
    async fn wait(&self, progress: &Progress) -> Outcome {
        let (within, hold) =
            (Duration::from_millis(self.probe.within_ms), Duration::from_millis(self.probe.hold_ms));
        let begun = Stopwatch::start();
        let (mut looks, mut good): (u32, Option<Stopwatch>) = (1, None);
        loop {
            let at = Stopwatch::start();
            let outcome = self.attempt().await;
            good = (outcome.class == Class::Pass).then(|| good.unwrap_or(at));
            let stayed = good.map(|good| good.elapsed());
            if stayed.is_some_and(|stayed| stayed >= hold) {
                let waited =
                    format!("{} in {}", text::count(looks as usize, "attempt"), span(begun.elapsed()));
                return outcome.also(Observation::recorded("waited", waited).measured());
            }
            if begun.elapsed() >= within {
                let late = too_late(outcome.class, stayed, within, hold);
                return outcome.also(late);
            }
            looks += 1;
            self.again(progress, looks, Some(so_far(&outcome, stayed, hold))).await;
        }
    }

    /// Reports the last observation and the next attempt, and waits until it is due.
    async fn again(&self, progress: &Progress, tries: u32, so_far: Option<String>) {
        let Progress { tell, probe, attempt } = progress;
        let told = Told::Try { probe: probe.clone(), attempt: *attempt, tries, so_far };
        let _ = tell.send(told).await;
        tokio::time::sleep(Duration::from_millis(self.probe.retry_delay_ms)).await;
    }

    /// The probe keeps its own deadline; this enforces it, and turns a panic into an error.
    async fn attempt(&self) -> Outcome {
        let Some(spec) = &self.probe.spec else {
            return Outcome::error(&self.probe.title, "configured", "the profile lacks values");
        };
        let looking = self.system.look(spec, self.deadline(), &self.keeper, &self.given);
        let looked = limited(self.limit(), looking).await;
        looked.unwrap_or_else(|why| Outcome::error(&self.probe.title, "a result", why.to_string()))
    }
}

impl Trace {
    /// The changes that the run has made, or may have made.
    pub(super) fn effects(&self) -> Vec<String> {
        self.effects.all()
    }

    /// The result to log for a cancelled run; none if it cannot have changed anything.
    pub(super) fn cancelled(&self) -> Option<Cancelled> {
        let (begun, since) = self.begun.get()?;
        let mut effects = self.effects();
        if effects.is_empty() && self.declared {
            effects.push("may have made the change that the checklist declares: it was cancelled".into());
        }
        if effects.is_empty() {
            return None;
        }
        let outcome =
            Outcome::error("result", "a result", "cancelled: gonogo was stopped before it finished");
        let outcome = outcome.with_effects(effects).cleaned(&self.keeper.redactor());
        Some(Cancelled { begun: *begun, took: since.elapsed(), outcome })
    }
}

fn so_far(outcome: &Outcome, stayed: Option<Duration>, hold: Duration) -> String {
    if let Some(stayed) = stayed {
        return format!("stable for {} of {}", span(stayed), span(hold));
    }
    outcome.troubles().next().map_or_else(String::new, |seen| format!("{}: {}", seen.what, seen.seen))
}

/// The observation when the time is up before the probe passed for long enough.
fn too_late(last: Class, stayed: Option<Duration>, within: Duration, hold: Duration) -> Observation {
    let expected = if hold.is_zero() {
        format!("passes within {}", exact_span(within))
    } else {
        format!("passes for {} within {}", exact_span(hold), exact_span(within))
    };
    match stayed {
        Some(stayed) => {
            Observation::new("waited", expected, format!("passed for {}", span(stayed)), false).measured()
        }
        None if last == Class::Error => Observation::unseen("waited", expected, "an error at the end"),
        None => Observation::new("waited", expected, "failed at the end", false),
    }
}
