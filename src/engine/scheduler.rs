//! Probes as tasks: limited in number, each with a deadline and retries, each can be cancelled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::probe_run::{Cancelled, ProbeRun, Progress, Trace};
use super::system::System;
use crate::checklist::{Plan, ProbeKey};
use crate::outcome::Outcome;
use crate::probe::ProbeContext;
use crate::process::Permit;
use crate::run::{Live, Running, Wanted};
use crate::secret::{Keeper, Terminal};
use crate::time::{Moment, Utc};

/// How many probes run at the same time.
const AT_ONCE: usize = 16;
/// How long to wait for cancelled tasks to end.
const LEAVING: Duration = Duration::from_millis(500);

/// What a task reports to the engine.
#[derive(Debug)]
pub(super) enum Told {
    /// Another try within the same attempt; with the last observation, if the probe waits until it passes.
    Try { probe: ProbeKey, attempt: u64, tries: u32, so_far: Option<String> },
    /// The attempt ended.
    Ended { look: Wanted, attempt: u64, begun: Utc, took: Duration, outcome: Outcome },
}

/// Starts and cancels probes, and knows which are running.
pub(super) struct Scheduler {
    system: Arc<dyn System>,
    keeper: Keeper,
    turns: Arc<Semaphore>,
    tell: mpsc::Sender<Told>,
    tasks: BTreeMap<ProbeKey, Task>,
    newest: BTreeMap<ProbeKey, u64>,
    /// When the newest finished attempt of each probe started.
    begun: BTreeMap<ProbeKey, Utc>,
    live: Live,
}

impl Scheduler {
    pub(super) fn new(tell: mpsc::Sender<Told>, permit: Permit, system: Arc<dyn System>) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let (tasks, newest, begun) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let keeper = Keeper::new(permit);
        Self { system, keeper, turns, tell, tasks, newest, begun, live: Live::default() }
    }

    /// Sets whether secret commands may prompt on the terminal.
    pub(super) fn ask_on(&mut self, terminal: Terminal) {
        self.keeper = self.keeper.clone().asking(terminal);
    }

    /// The store of every secret that was read.
    pub(super) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    pub(super) fn live_mut(&mut self) -> &mut Live {
        &mut self.live
    }

    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    /// The newest attempt of a probe that was started here.
    pub(super) fn newest(&self, probe: &ProbeKey) -> u64 {
        self.newest.get(probe).copied().unwrap_or(0)
    }

    /// When the newest attempt that finished here started.
    pub(super) fn begun(&self, probe: &ProbeKey) -> Option<Utc> {
        self.begun.get(probe).copied()
    }

    /// The number of a probe's next attempt; `looks` is how many results the log has.
    pub(super) fn next_attempt(&self, probe: &ProbeKey, looks: u64) -> u64 {
        looks.max(self.newest(probe)) + 1
    }

    /// Starts a probe. If it is already running, it continues and is not started twice. `looks` is how many results
    /// the log has.
    pub(super) fn start(&mut self, plan: &Plan, look: Wanted, looks: u64, given: ProbeContext, now: &Moment) {
        let Some(probe) = plan.probe(&look.probe) else { return };
        if self.tasks.contains_key(&look.probe) {
            return;
        }
        self.live.lost.remove(&look.probe);
        let attempt = self.next_attempt(&look.probe, looks);
        self.newest.insert(look.probe.clone(), attempt);
        let running = Running { attempt, since: now.clone(), tries: 1, so_far: None };
        self.live.running.insert(look.probe.clone(), running);
        let run = ProbeRun::new(probe.clone(), given, &self.keeper, Arc::clone(&self.system));
        let (key, trace) = (look.probe.clone(), run.trace());
        let progress = Progress { tell: self.tell.clone(), probe: key.clone(), attempt };
        let (turns, system) = (Arc::clone(&self.turns), Arc::clone(&self.system));
        let work = self::run(run, look.clone(), progress, turns, system);
        self.tasks.insert(key, Task { look, attempt, trace, handle: tokio::spawn(work) });
    }

    /// Cancels all probes, and waits until they are gone. Results that arrived by then are reported as usual; for the
    /// others see [`Scheduler::cancelled`].
    pub(super) async fn cancel_all(&mut self) {
        self.tasks.values().for_each(|task| task.handle.abort());
        let gone = futures_util::future::join_all(self.tasks.values_mut().map(|task| &mut task.handle));
        let _ = tokio::time::timeout(LEAVING, gone).await;
    }

    /// What must be logged of the cancelled probes.
    pub(super) fn cancelled(&mut self) -> Vec<Told> {
        self.live.running.clear();
        let ended = std::mem::take(&mut self.tasks).into_values().filter_map(|task| {
            let Cancelled { begun, took, outcome } = task.trace.cancelled()?;
            Some(Told::Ended { look: task.look, attempt: task.attempt, begun, took, outcome })
        });
        ended.collect()
    }

    /// Updates the progress of a probe at its next try.
    pub(super) fn tried(&mut self, probe: &ProbeKey, attempt: u64, tries: u32, so_far: Option<String>) {
        if let Some(running) = self.live.running.get_mut(probe).filter(|running| running.attempt == attempt) {
            running.tries = tries;
            running.so_far = so_far;
        }
    }

    /// Removes a probe whose attempt has ended.
    pub(super) fn ended(&mut self, probe: &ProbeKey, attempt: u64, begun: Option<Utc>) {
        if self.newest(probe) == attempt {
            self.begun.extend(begun.map(|begun| (probe.clone(), begun)));
            self.tasks.remove(probe);
            self.live.running.remove(probe);
        }
    }
}

/// A running probe.
struct Task {
    look: Wanted,
    attempt: u64,
    trace: Trace,
    handle: JoinHandle<()>,
}

async fn run(
    run: ProbeRun,
    look: Wanted,
    progress: Progress,
    turns: Arc<Semaphore>,
    system: Arc<dyn System>,
) {
    let Ok(_turn) = turns.acquire().await else { return };
    let (begun, since) = (system.now().wall, Instant::now());
    let outcome = run.to_end(&progress).await;
    let told = Told::Ended { look, attempt: progress.attempt, begun, took: since.elapsed(), outcome };
    // If the engine has stopped, there is no receiver any more.
    let _ = progress.tell.send(told).await;
}
