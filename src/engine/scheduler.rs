//! Probes as tasks: limited in number, each with a deadline and retries, each can be cancelled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::probe_task::{CancelledProbe, ProbeProgress, ProbeTask, ProbeTrace};
use super::system::System;
use crate::probes::ProbeContext;
use crate::process::Permit;
use crate::secret_store::{SecretStore, Terminal};
use gonogo_core::checklist::{Plan, ProbeKey};
use gonogo_core::outcome::Outcome;
use gonogo_core::run::{DueProbe, InFlight, RunningProbe};
use gonogo_core::time::{Moment, Utc};

/// How many probes run at the same time.
const MAX_CONCURRENT_PROBES: usize = 16;
/// How long to wait for cancelled tasks to end.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(500);

/// What a task reports to the engine.
#[derive(Debug)]
pub(super) enum ProbeEvent {
    /// Another try within the same attempt; with the last observation, if the probe waits until it passes.
    Retrying { probe: ProbeKey, attempt: u64, tries: u32, so_far: Option<String> },
    /// The attempt ended.
    Finished { due: DueProbe, attempt: u64, begun: Utc, took: Duration, outcome: Outcome },
}

/// Starts and cancels probes, and knows which are running.
pub(super) struct Scheduler {
    system: Arc<dyn System>,
    secret_store: SecretStore,
    slots: Arc<Semaphore>,
    events: mpsc::Sender<ProbeEvent>,
    tasks: BTreeMap<ProbeKey, ScheduledProbe>,
    newest: BTreeMap<ProbeKey, u64>,
    /// When the newest finished attempt of each probe started.
    started: BTreeMap<ProbeKey, Utc>,
    in_flight: InFlight,
}

impl Scheduler {
    pub(super) fn new(events: mpsc::Sender<ProbeEvent>, permit: Permit, system: Arc<dyn System>) -> Self {
        let slots = Arc::new(Semaphore::new(MAX_CONCURRENT_PROBES));
        let (tasks, newest, started) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let secret_store = SecretStore::new(permit);
        Self { system, secret_store, slots, events, tasks, newest, started, in_flight: InFlight::default() }
    }

    /// Sets whether secret commands may prompt on the terminal.
    pub(super) fn set_terminal(&mut self, terminal: Terminal) {
        self.secret_store = self.secret_store.clone().with_terminal(terminal);
    }

    /// The store of every secret that was read.
    pub(super) fn secret_store(&self) -> &SecretStore {
        &self.secret_store
    }

    pub(super) fn in_flight_mut(&mut self) -> &mut InFlight {
        &mut self.in_flight
    }

    pub(super) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    /// The newest attempt of a probe that was started here.
    pub(super) fn newest_attempt(&self, probe: &ProbeKey) -> u64 {
        self.newest.get(probe).copied().unwrap_or(0)
    }

    /// When the newest attempt that finished here started.
    pub(super) fn started_at(&self, probe: &ProbeKey) -> Option<Utc> {
        self.started.get(probe).copied()
    }

    /// The number of a probe's next attempt; `logged_attempts` is how many results the log has.
    pub(super) fn next_attempt(&self, probe: &ProbeKey, logged_attempts: u64) -> u64 {
        logged_attempts.max(self.newest_attempt(probe)) + 1
    }

    /// Starts a probe. If it is already running, it continues and is not started twice. `logged_attempts` is how many
    /// results the log has.
    pub(super) fn start(
        &mut self,
        plan: &Plan,
        due: DueProbe,
        logged_attempts: u64,
        context: ProbeContext,
        now: &Moment,
    ) {
        let Some(probe) = plan.probe(&due.probe) else { return };
        if self.tasks.contains_key(&due.probe) {
            return;
        }
        self.in_flight.unlogged.remove(&due.probe);
        let attempt = self.next_attempt(&due.probe, logged_attempts);
        self.newest.insert(due.probe.clone(), attempt);
        let running = RunningProbe { attempt, since: now.clone(), tries: 1, last_seen: None };
        self.in_flight.running.insert(due.probe.clone(), running);
        let task = ProbeTask::new(probe.clone(), context, &self.secret_store, Arc::clone(&self.system));
        let (key, trace) = (due.probe.clone(), task.trace());
        let progress = ProbeProgress { events: self.events.clone(), probe: key.clone(), attempt };
        let (slots, system) = (Arc::clone(&self.slots), Arc::clone(&self.system));
        let work = run(task, due.clone(), progress, slots, system);
        self.tasks.insert(key, ScheduledProbe { due, attempt, trace, handle: tokio::spawn(work) });
    }

    /// Cancels all probes, and waits until they are gone. Results that arrived by then are reported as usual; for the
    /// others see [`Scheduler::take_cancelled`].
    pub(super) async fn cancel_all(&mut self) {
        self.tasks.values().for_each(|task| task.handle.abort());
        let gone = futures_util::future::join_all(self.tasks.values_mut().map(|task| &mut task.handle));
        let _ = tokio::time::timeout(CANCEL_TIMEOUT, gone).await;
    }

    /// What must be logged of the cancelled probes.
    pub(super) fn take_cancelled(&mut self) -> Vec<ProbeEvent> {
        self.in_flight.running.clear();
        let events = std::mem::take(&mut self.tasks).into_values().filter_map(|task| {
            let CancelledProbe { started: begun, took, outcome } = task.trace.as_cancelled()?;
            Some(ProbeEvent::Finished { due: task.due, attempt: task.attempt, begun, took, outcome })
        });
        events.collect()
    }

    /// Updates the progress of a probe at its next try.
    pub(super) fn on_retry(&mut self, probe: &ProbeKey, attempt: u64, tries: u32, so_far: Option<String>) {
        if let Some(running) =
            self.in_flight.running.get_mut(probe).filter(|running| running.attempt == attempt)
        {
            running.tries = tries;
            running.last_seen = so_far;
        }
    }

    /// Removes a probe whose attempt has ended.
    pub(super) fn on_finished(&mut self, probe: &ProbeKey, attempt: u64, begun: Option<Utc>) {
        if self.newest_attempt(probe) == attempt {
            self.started.extend(begun.map(|begun| (probe.clone(), begun)));
            self.tasks.remove(probe);
            self.in_flight.running.remove(probe);
        }
    }
}

/// A running probe.
struct ScheduledProbe {
    due: DueProbe,
    attempt: u64,
    trace: ProbeTrace,
    handle: JoinHandle<()>,
}

async fn run(
    run: ProbeTask,
    due: DueProbe,
    progress: ProbeProgress,
    slots: Arc<Semaphore>,
    system: Arc<dyn System>,
) {
    let Ok(_slot) = slots.acquire().await else { return };
    let (begun, since) = (system.now().wall, Instant::now());
    let outcome = run.run_to_end(&progress).await;
    let event =
        ProbeEvent::Finished { due, attempt: progress.attempt, begun, took: since.elapsed(), outcome };
    // If the engine has stopped, there is no receiver any more.
    let _ = progress.events.send(event).await;
}
