//! Probes as tasks: bounded in number, each with its deadline and retries, each can be cancelled.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::clock;
use crate::checklist::{Plan, Probe, ProbeKey};
use crate::outcome::{Class, Observation, Outcome};
use crate::probe::{self, Given};
use crate::process::Permit;
use crate::run::{Live, Running, Wanted};
use crate::secret::Keeper;
use crate::text;
use crate::time::{Moment, Utc, exact_span, span};

/// How many probes look at once.
const AT_ONCE: usize = 16;
/// How much longer than its deadline a probe may take before it is given up from outside.
const GRACE: Duration = Duration::from_secs(2);

/// What a task tells the engine.
#[derive(Debug)]
pub(super) enum Told {
    /// Another try within the same look; where a good one is waited for, what was seen so far.
    Try { probe: ProbeKey, attempt: u64, tries: u32, so_far: Option<String> },
    /// The look ended.
    Ended { look: Wanted, attempt: u64, begun: Utc, took: Duration, outcome: Outcome },
}

/// Starts and cancels looks, and knows which are under way.
pub(super) struct Scheduler {
    keeper: Keeper,
    turns: Arc<Semaphore>,
    tell: mpsc::Sender<Told>,
    tasks: BTreeMap<ProbeKey, AbortHandle>,
    newest: BTreeMap<ProbeKey, u64>,
    /// When the newest look that has ended began.
    begun: BTreeMap<ProbeKey, Utc>,
    live: Live,
}

impl Scheduler {
    pub(super) fn new(tell: mpsc::Sender<Told>, permit: Permit) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let (tasks, newest, begun) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let keeper = Keeper::new(permit);
        Self { keeper, turns, tell, tasks, newest, begun, live: Live::default() }
    }

    /// Knows every secret that was read.
    pub(super) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    pub(super) fn live_mut(&mut self) -> &mut Live {
        &mut self.live
    }

    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    /// The newest look of a probe that was started here.
    pub(super) fn newest(&self, probe: &ProbeKey) -> u64 {
        self.newest.get(probe).copied().unwrap_or(0)
    }

    /// When the newest look of a probe began that has ended here.
    pub(super) fn begun(&self, probe: &ProbeKey) -> Option<Utc> {
        self.begun.get(probe).copied()
    }

    /// Starts a look; one of the same probe that is under way is cancelled. `looks` is how many stand in
    /// the log already.
    pub(super) fn start(&mut self, plan: &Plan, look: Wanted, looks: u64, given: Given, now: &Moment) {
        let Some(probe) = plan.probe(&look.probe) else { return };
        self.cancel(&look.probe);
        let attempt = looks.max(self.newest(&look.probe)) + 1;
        self.newest.insert(look.probe.clone(), attempt);
        let running = Running { attempt, since: now.clone(), tries: 1, so_far: None };
        self.live.running.insert(look.probe.clone(), running);
        let task = Task {
            look: look.clone(),
            attempt,
            probe: probe.clone(),
            given,
            keeper: self.keeper.clone(),
            tell: self.tell.clone(),
        };
        let handle = tokio::spawn(task.run(Arc::clone(&self.turns))).abort_handle();
        self.tasks.insert(look.probe, handle);
    }

    pub(super) fn cancel(&mut self, probe: &ProbeKey) {
        if let Some(task) = self.tasks.remove(probe) {
            task.abort();
        }
        self.live.running.remove(probe);
    }

    pub(super) fn cancel_all(&mut self) {
        for task in std::mem::take(&mut self.tasks).into_values() {
            task.abort();
        }
        self.live.running.clear();
    }

    /// Takes in that a look is at its next try.
    pub(super) fn tried(&mut self, probe: &ProbeKey, attempt: u64, tries: u32, so_far: Option<String>) {
        if let Some(running) = self.live.running.get_mut(probe).filter(|running| running.attempt == attempt) {
            running.tries = tries;
            running.so_far = so_far;
        }
    }

    /// Takes in that a look ended.
    pub(super) fn ended(&mut self, probe: &ProbeKey, attempt: u64, begun: Option<Utc>) {
        if self.newest(probe) == attempt {
            self.begun.extend(begun.map(|begun| (probe.clone(), begun)));
            self.tasks.remove(probe);
            self.live.running.remove(probe);
        }
    }
}

struct Task {
    look: Wanted,
    attempt: u64,
    probe: Probe,
    given: Given,
    keeper: Keeper,
    tell: mpsc::Sender<Told>,
}

impl Task {
    async fn run(self, turns: Arc<Semaphore>) {
        let Ok(_turn) = turns.acquire().await else { return };
        let (at, begun) = (clock::now().wall, Instant::now());
        // What cannot come is not waited for.
        let can_come = self.probe.since.is_none() || self.given.since.is_some();
        let waits = self.probe.within_ms > 0 && can_come;
        let outcome = if waits { self.wait().await } else { self.look().await };
        let told =
            Told::Ended { look: self.look, attempt: self.attempt, begun: at, took: begun.elapsed(), outcome };
        // The engine may have stopped; then nobody waits for this any more.
        let _ = self.tell.send(told).await;
    }

    /// Looks until it is good or there are no retries left. What counts is the last look, with how many
    /// tries it took.
    async fn look(&self) -> Outcome {
        let (mut tries, mut effects) = (1, Vec::new());
        loop {
            let mut outcome = self.look_once().await;
            outcome.tries = tries;
            if outcome.class == Class::Pass || tries > self.probe.retries {
                outcome.effects.splice(..0, effects);
                return outcome;
            }
            effects.append(&mut outcome.effects);
            tries += 1;
            self.again(tries, None).await;
        }
    }

    /// Looks until it is good and has stayed so, or the time is over. A bad look begins the holding anew;
    /// it is no retry: to wait is what was asked.
    async fn wait(&self) -> Outcome {
        let (within, hold) =
            (Duration::from_millis(self.probe.within_ms), Duration::from_millis(self.probe.hold_ms));
        let begun = Instant::now();
        let (mut looks, mut good): (u32, Option<Instant>) = (1, None);
        loop {
            let at = Instant::now();
            let mut outcome = self.look_once().await;
            good = (outcome.class == Class::Pass).then(|| good.unwrap_or(at));
            let stayed = good.map(|good| good.elapsed());
            if stayed.is_some_and(|stayed| stayed >= hold) {
                let waited = format!("{} in {}", text::count(looks as usize, "look"), span(begun.elapsed()));
                outcome.observations.push(Observation::recorded("waited", waited).measured());
                return outcome;
            }
            if begun.elapsed() >= within {
                outcome.observations.push(too_late(outcome.class, stayed, within, hold));
                return Outcome::of(outcome.observations, outcome.reproduce).with_effects(outcome.effects);
            }
            looks += 1;
            let so_far = match stayed {
                Some(stayed) => format!("good for {} of {}", span(stayed), span(hold)),
                None => outcome
                    .troubles()
                    .next()
                    .map_or_else(String::new, |seen| format!("{}: {}", seen.what, seen.seen)),
            };
            self.again(looks, Some(so_far)).await;
        }
    }

    /// Tells of what was seen so far and of the next look, and waits until it is its time.
    async fn again(&self, tries: u32, so_far: Option<String>) {
        let told = Told::Try { probe: self.look.probe.clone(), attempt: self.attempt, tries, so_far };
        let _ = self.tell.send(told).await;
        tokio::time::sleep(Duration::from_millis(self.probe.retry_delay_ms)).await;
    }

    /// The probe keeps its own deadline; this holds it to it, and turns a crash of it into an error.
    async fn look_once(&self) -> Outcome {
        let Some(spec) = &self.probe.spec else {
            return Outcome::error(&self.probe.title, "configured", "values are missing");
        };
        let deadline = Duration::from_millis(self.probe.deadline_ms);
        // A probe that crashed leaves nothing behind that is used again: it owns all that it touches.
        let looking = AssertUnwindSafe(probe::look(spec, deadline, &self.keeper, &self.given)).catch_unwind();
        match tokio::time::timeout(deadline + GRACE, looking).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => {
                Outcome::error(&self.probe.title, "a result", "the probe crashed; please report it")
            }
            Err(_) => Outcome::error(&self.probe.title, "a result", "the probe did not keep its deadline"),
        }
    }
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
