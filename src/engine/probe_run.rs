//! The one way in which a probe runs, for the scheduler and for what is checked before an action: a panic is caught, the
//! time is limited from outside, and what it has changed is known whatever becomes of it.

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

/// How much longer than its own limit something may take before it is given up from outside.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// Why something that was limited has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoResult {
    #[error("the probe crashed; {}", please_report())]
    Crashed,
    #[error("the probe did not keep its deadline")]
    Late,
}

/// The work within the limit; its panic does not reach anybody else.
pub(super) async fn limited<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, NoResult> {
    // What crashed leaves nothing behind that is used again: it owns all that it touches, but for what it has changed.
    match timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(done) => done.map_err(|_| NoResult::Crashed),
        Err(_) => Err(NoResult::Late),
    }
}

/// A probe that is to run, or runs.
pub(super) struct ProbeRun {
    probe: Probe,
    given: ProbeContext,
    keeper: Keeper,
    system: Arc<dyn System>,
    begun: Arc<OnceLock<(Utc, Instant)>>,
}

/// What is known of a run of a probe, also when its task is gone.
#[derive(Clone)]
pub(super) struct Trace {
    begun: Arc<OnceLock<(Utc, Instant)>>,
    effects: Effects,
    /// Whether the checklist says that it changes something.
    declared: bool,
    /// Knows what the run has read, as long as something may be told of it.
    keeper: Keeper,
}

/// A run that was cancelled.
pub(super) struct Cancelled {
    pub(super) begun: Utc,
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
}

/// Who is told of further attempts.
pub(super) struct Progress {
    pub(super) tell: mpsc::Sender<Told>,
    pub(super) probe: ProbeKey,
    pub(super) attempt: u64,
}

impl ProbeRun {
    pub(super) fn new(probe: Probe, given: ProbeContext, keeper: &Keeper, system: Arc<dyn System>) -> Self {
        // One cell for each run: what another one has changed is not this one's.
        let given = ProbeContext { effects: Effects::default(), ..given };
        let keeper = keeper.for_one_run();
        Self { probe, given, keeper, system, begun: Arc::default() }
    }

    pub(super) fn trace(&self) -> Trace {
        let (begun, effects) = (Arc::clone(&self.begun), self.given.effects.clone());
        Trace { begun, effects, declared: self.probe.effects, keeper: self.keeper.clone() }
    }

    /// The longest that one attempt may take.
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

    /// Attempts until it passes or there are no retries left; or, where that is asked, until it has passed for long
    /// enough or the time is over.
    pub(super) async fn to_end(&self, progress: &Progress) -> Outcome {
        self.begin();
        // What cannot come is not waited for.
        let can_come = self.probe.since.is_none() || self.given.since.is_some();
        let waits = self.probe.within_ms > 0 && can_come;
        self.kept(if waits { self.wait(progress).await } else { self.retry(progress).await })
    }

    fn begin(&self) {
        let _ = self.begun.set((self.system.now().wall, Instant::now()));
    }

    /// With the effects of all attempts, and short enough for the log.
    fn kept(&self, outcome: Outcome) -> Outcome {
        Outcome { effects: self.given.effects.all(), ..outcome }.cleaned(&self.keeper.redactor())
    }

    /// What counts is the last attempt, with how many it took.
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

    /// A bad attempt begins the holding again; it is no retry: to wait is what was asked.
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
                let waited = format!("{} in {}", text::count(looks as usize, "look"), span(begun.elapsed()));
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

    /// Tells of what was seen so far and of the next attempt, and waits until it is its time.
    async fn again(&self, progress: &Progress, tries: u32, so_far: Option<String>) {
        let Progress { tell, probe, attempt } = progress;
        let told = Told::Try { probe: probe.clone(), attempt: *attempt, tries, so_far };
        let _ = tell.send(told).await;
        tokio::time::sleep(Duration::from_millis(self.probe.retry_delay_ms)).await;
    }

    /// The probe keeps its own deadline; this holds it to it, and turns a crash of it into an error.
    async fn attempt(&self) -> Outcome {
        let Some(spec) = &self.probe.spec else {
            return Outcome::error(&self.probe.title, "configured", "values are missing");
        };
        let looking = self.system.look(spec, self.deadline(), &self.keeper, &self.given);
        let looked = limited(self.limit(), looking).await;
        looked.unwrap_or_else(|why| Outcome::error(&self.probe.title, "a result", why.to_string()))
    }
}

impl Trace {
    /// What the run has changed, or may have.
    pub(super) fn effects(&self) -> Vec<String> {
        self.effects.all()
    }

    /// What is to be put on record of a run that was cancelled: nothing if it cannot have changed anything.
    pub(super) fn cancelled(&self) -> Option<Cancelled> {
        let (begun, since) = self.begun.get()?;
        let mut effects = self.effects();
        if effects.is_empty() && self.declared {
            effects.push("may have changed what the checklist says it changes: it was cancelled".into());
        }
        if effects.is_empty() {
            return None;
        }
        let outcome = Outcome::error("result", "a result", "cancelled: gonogo was left before it ended");
        let outcome = outcome.with_effects(effects).cleaned(&self.keeper.redactor());
        Some(Cancelled { begun: *begun, took: since.elapsed(), outcome })
    }
}

fn so_far(outcome: &Outcome, stayed: Option<Duration>, hold: Duration) -> String {
    if let Some(stayed) = stayed {
        return format!("good for {} of {}", span(stayed), span(hold));
    }
    outcome.troubles().next().map_or_else(String::new, |seen| format!("{}: {}", seen.what, seen.seen))
}

/// What it comes to that the time is over before it was good for long enough.
fn too_late(last: Class, stayed: Option<Duration>, within: Duration, hold: Duration) -> Observation {
    let expected = if hold.is_zero() {
        format!("good within {}", exact_span(within))
    } else {
        format!("good for {} within {}", exact_span(hold), exact_span(within))
    };
    match stayed {
        Some(stayed) => {
            Observation::new("waited", expected, format!("good for {}", span(stayed)), false).measured()
        }
        None if last == Class::Error => Observation::unseen("waited", expected, "could not look at the end"),
        None => Observation::new("waited", expected, "not good at the end", false),
    }
}
