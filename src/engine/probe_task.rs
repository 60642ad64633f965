//! The one way in which a probe runs, for the scheduler and for pre-flight checks: panics are caught, the time is
//! limited from outside, and its effects are always known.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::scheduler::ProbeEvent;
use super::system::System;
use crate::diagnostic::please_report;
use crate::probes::{Effects, ProbeContext};
use crate::secret_store::SecretStore;
use crate::stopwatch::{Stopwatch, timeout};
use gonogo_core::checklist::spec::ProbeSpec;
use gonogo_core::checklist::{Probe, ProbeKey};
use gonogo_core::outcome::{Class, Observation, Outcome};
use gonogo_core::time::{Utc, exact_span, span};

/// How far a probe may exceed its own limit before it is aborted from outside.
pub(super) const DEADLINE_GRACE: Duration = Duration::from_secs(2);

/// Why limited work has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoResult {
    #[error("the probe crashed; {}", please_report())]
    Panicked,
    #[error("the probe exceeded its deadline")]
    TimedOut,
}

/// Runs the work within the limit; a panic stays inside.
pub(super) async fn run_limited<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, NoResult> {
    // A panic leaves no shared state behind: the work owns all that it touches, except its recorded effects.
    match timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(done) => done.map_err(|_| NoResult::Panicked),
        Err(_) => Err(NoResult::TimedOut),
    }
}

/// A probe with all that it needs to run.
pub(super) struct ProbeTask {
    probe: Probe,
    context: ProbeContext,
    secret_store: SecretStore,
    system: Arc<dyn System>,
    started: Arc<OnceLock<(Utc, Instant)>>,
}

/// What is known of a running probe, even after its task is gone.
#[derive(Clone)]
pub(super) struct ProbeTrace {
    started: Arc<OnceLock<(Utc, Instant)>>,
    effects: Effects,
    /// Whether the checklist declares effects.
    declares_effects: bool,
    /// Redacts what the probe has read, as long as it may be reported.
    secret_store: SecretStore,
}

/// A probe that was cancelled.
pub(super) struct CancelledProbe {
    pub(super) started: Utc,
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
}

/// The receiver of progress events.
pub(super) struct ProbeProgress {
    pub(super) events: mpsc::Sender<ProbeEvent>,
    pub(super) probe: ProbeKey,
    pub(super) attempt: u64,
}

impl ProbeTask {
    pub(super) fn new(
        probe: Probe,
        context: ProbeContext,
        secret_store: &SecretStore,
        system: Arc<dyn System>,
    ) -> Self {
        // One cell for each run, so that effects of different runs do not mix.
        let context = ProbeContext { effects: Effects::default(), ..context };
        let secret_store = secret_store.for_one_run();
        Self { probe, context, secret_store, system, started: Arc::default() }
    }

    pub(super) fn trace(&self) -> ProbeTrace {
        let (started, effects) = (Arc::clone(&self.started), self.context.effects.clone());
        ProbeTrace {
            started,
            effects,
            declares_effects: self.probe.effects,
            secret_store: self.secret_store.clone(),
        }
    }

    /// The limit of one attempt.
    pub(super) fn limit(&self) -> Duration {
        self.deadline() + DEADLINE_GRACE
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(self.probe.deadline_ms)
    }

    /// One attempt.
    pub(super) async fn run_once(&self) -> Outcome {
        self.mark_started();
        self.finalize(self.run_try().await)
    }

    /// Runs the probe until it passes or there are no retries left; or, if the spec asks for that, until it has passed
    /// for long enough or the time is up.
    pub(super) async fn run_to_end(&self, progress: &ProbeProgress) -> Outcome {
        self.mark_started();
        // There is no point in waiting for a value that is missing.
        let has_start = self.probe.since.is_none() || self.context.since.is_some();
        let is_retried = self.probe.within_ms > 0 && has_start;
        self.finalize(if is_retried {
            self.run_until_stable(progress).await
        } else {
            self.run_with_retries(progress).await
        })
    }

    fn mark_started(&self) {
        let _ = self.started.set((self.system.now().wall, Instant::now()));
    }

    /// Adds the effects of all attempts, and shortens the result for the log.
    fn finalize(&self, outcome: Outcome) -> Outcome {
        Outcome { effects: self.context.effects.all(), ..outcome }.sanitized(&self.secret_store.redactor())
    }

    /// The result is that of the last try, with what was wrong before. If only some samples are bad, that is the result:
    /// more tries would hide it.
    async fn run_with_retries(&self, progress: &ProbeProgress) -> Outcome {
        let (mut tries, mut failed_tries) = (1, Vec::new());
        loop {
            let outcome = self.run_try().await;
            if outcome.class == Class::Pass || outcome.is_bad_in_part() || tries > self.probe.retries {
                return Outcome { tries, failed_tries, ..outcome };
            }
            failed_tries.extend(outcome.first_problem());
            tries += 1;
            self.wait_for_next_try(progress, tries, None).await;
        }
    }

    /// A bad attempt restarts the stability period. It is not a retry: the spec asks for the wait.
    async fn run_until_stable(&self, progress: &ProbeProgress) -> Outcome {
        let (within, hold) =
            (Duration::from_millis(self.probe.within_ms), Duration::from_millis(self.probe.hold_ms));
        let stopwatch = Stopwatch::start();
        let (mut attempts, mut passing_since): (u32, Option<Stopwatch>) = (1, None);
        let mut last_problem = None;
        loop {
            let at = Stopwatch::start();
            let outcome = self.run_try().await;
            passing_since = (outcome.class == Class::Pass).then(|| passing_since.unwrap_or(at));
            let stayed = passing_since.map(|passing_since| passing_since.elapsed());
            last_problem = outcome.first_problem().or(last_problem);
            if stayed.is_some_and(|stayed| stayed >= hold) {
                let tries = if attempts == 1 { "1 try".to_owned() } else { format!("{attempts} tries") };
                let before = last_problem.map(|problem| format!("; before: {problem}")).unwrap_or_default();
                let waited = format!("{tries} in {}{before}", span(stopwatch.elapsed()));
                return outcome.with_observation(Observation::recorded("waited", waited).as_measured());
            }
            if stopwatch.elapsed() >= within {
                let late = timeout_observation(outcome.class, stayed, within, hold);
                return outcome.with_observation(late);
            }
            attempts += 1;
            self.wait_for_next_try(progress, attempts, Some(describe_last_try(&outcome, stayed, hold))).await;
        }
    }

    /// Reports the last observation and the next attempt, and waits until it is due.
    async fn wait_for_next_try(&self, progress: &ProbeProgress, tries: u32, so_far: Option<String>) {
        let ProbeProgress { events, probe, attempt } = progress;
        let event = ProbeEvent::Retrying { probe: probe.clone(), attempt: *attempt, tries, so_far };
        let _ = events.send(event).await;
        tokio::time::sleep(Duration::from_millis(self.probe.retry_delay_ms)).await;
    }

    /// The probe keeps its own deadline; this enforces it, and turns a panic into an error.
    async fn run_try(&self) -> Outcome {
        let Some(spec) = &self.probe.spec else {
            return Outcome::error(&self.probe.title, "configured", "the profile lacks values");
        };
        // A program may change what it finds, and would change it for nothing.
        if let (ProbeSpec::Command(_), Some(first), None) = (spec, &self.probe.since, &self.context.since) {
            return Outcome::error(&self.probe.title, after(first), format!("not run: {}", missing(first)));
        }
        let attempt = self.system.run_probe(spec, self.deadline(), &self.secret_store, &self.context);
        let result = run_limited(self.limit(), attempt).await;
        let outcome =
            result.unwrap_or_else(|why| Outcome::error(&self.probe.title, "a result", why.to_string()));
        let outcome = outcome.leave_to_people(|name| self.probe.leaves_to_people(name));
        // A problem says enough by itself.
        match self.context.not_sent.as_ref().filter(|_| outcome.class == Class::Pass) {
            Some(first) => {
                let order = Observation::unknown("order of the probes", after(first), missing(first));
                outcome.with_observation(order)
            }
            None => outcome,
        }
    }
}

impl ProbeTrace {
    /// The changes that the run has made, or may have made.
    pub(super) fn effects(&self) -> Vec<String> {
        self.effects.all()
    }

    /// The result to log for a cancelled run; none if it cannot have changed anything.
    pub(super) fn as_cancelled(&self) -> Option<CancelledProbe> {
        let (started, since) = self.started.get()?;
        let mut effects = self.effects();
        if effects.is_empty() && self.declares_effects {
            effects.push("may have made the change that the checklist declares: it was cancelled".into());
        }
        if effects.is_empty() {
            return None;
        }
        let outcome =
            Outcome::error("result", "a result", "cancelled: gonogo was stopped before it finished");
        let outcome = outcome.with_effects(effects).sanitized(&self.secret_store.redactor());
        Some(CancelledProbe { started: *started, took: since.elapsed(), outcome })
    }
}

/// When a probe that counts from another one can pass.
fn after(first: &ProbeKey) -> String {
    format!("after {first}")
}

/// Why it cannot pass now.
fn missing(first: &ProbeKey) -> String {
    format!("{first} has neither passed nor sent its event")
}

fn describe_last_try(outcome: &Outcome, stayed: Option<Duration>, hold: Duration) -> String {
    if let Some(stayed) = stayed {
        return format!("stable for {} of {}", span(stayed), span(hold));
    }
    outcome.first_problem().unwrap_or_default()
}

/// The observation when the time is up before the probe passed for long enough.
fn timeout_observation(
    last: Class,
    stayed: Option<Duration>,
    within: Duration,
    hold: Duration,
) -> Observation {
    let expected = if hold.is_zero() {
        format!("passes within {}", exact_span(within))
    } else {
        format!("passes for {} within {}", exact_span(hold), exact_span(within))
    };
    match stayed {
        Some(stayed) => {
            Observation::new("waited", expected, format!("passed for {}", span(stayed)), false).as_measured()
        }
        None if last == Class::Error => {
            Observation::unknown("waited", expected, "could not be checked at the last try")
        }
        None => Observation::new("waited", expected, "failed at the last try", false),
    }
}
