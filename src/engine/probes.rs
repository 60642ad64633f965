//! The engine's part in probes: which ones start, and what happens to their results.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info};

use super::log::block_on_disk;
use super::scheduler::ProbeEvent;
use super::{ActError, Engine, Log, LoopControl, log_failure};
use crate::probes::{ProbeContext, RestoredRelease};
use gonogo_core::checklist::{Point, Probe, ProbeKey};
use gonogo_core::journal::entry::MACHINE;
use gonogo_core::journal::file::AppendError;
use gonogo_core::journal::marks::{MarkError, Marks};
use gonogo_core::outcome::{Class, Observation, Outcome, key};
use gonogo_core::run::{self, Act, Command, DueProbe, Judgement, ProbeRun, Rejection, Update};
use gonogo_core::secret::Redactor;
use gonogo_core::time::{Moment, Utc};

impl Engine {
    /// Processes an event of a probe, or holds its result back while a key is awaited.
    pub(super) fn queue_probe_event(&mut self, event: ProbeEvent) -> LoopControl {
        let Some(event) = self.signing.hold_result(event) else { return LoopControl::Continue };
        // Results keep their order.
        let is_result = matches!(event, ProbeEvent::Finished { .. });
        for earlier in if is_result { self.signing.release_all() } else { VecDeque::new() } {
            if let broken @ LoopControl::Fail(_) = self.on_probe_event(earlier) {
                return broken;
            }
        }
        self.on_probe_event(event)
    }

    pub(super) fn on_probe_event(&mut self, event: ProbeEvent) -> LoopControl {
        match event {
            ProbeEvent::Retrying { probe, attempt, tries, so_far } => {
                debug!(%probe, attempt, tries, "probe retries");
                self.scheduler.on_retry(&probe, attempt, tries, so_far);
                self.publish();
                LoopControl::Continue
            }
            ProbeEvent::Finished { due, attempt, begun, took, outcome } => {
                let newest = self.scheduler.newest_attempt(&due.probe);
                self.scheduler.on_finished(&due.probe, attempt, (!due.early).then_some(begun));
                let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                info!(probe = %due.probe, attempt, class = ?outcome.class, took_ms, "probe ended");
                let DueProbe { probe, early } = due;
                let outcome = self.explain_no_comparison(outcome);
                self.log_result(Act::FinishProbe {
                    probe,
                    attempt,
                    newest_attempt: newest,
                    early,
                    took_ms,
                    outcome,
                })
            }
        }
    }

    /// Logs the result of a probe. A result that does not fit is replaced by one that says so, because the probe has
    /// run.
    fn log_result(&mut self, finish: Act) -> LoopControl {
        let command = Command::new(MACHINE, finish);
        let logged = match self.execute(&command) {
            Err(ActError::Log(AppendError::Link(why))) => {
                self.execute(&replace_result(command.clone(), &why.to_string()))
            }
            other => other,
        };
        match logged {
            Err(ActError::Log(broken @ AppendError::Broken { .. })) => {
                return LoopControl::Fail(broken.to_string());
            }
            Err(why) => self.on_result_rejected(command.act, &why),
            Ok(_) => {}
        }
        self.publish();
        LoopControl::Continue
    }

    /// A result that is outdated, or comes after a seal, was never shown and is dropped. Any other is reported, with
    /// the changes that it made. The probe does not run again by itself: the result would be lost again, or make the
    /// change again.
    fn on_result_rejected(&mut self, finish: Act, why: &ActError) {
        let Act::FinishProbe { probe, outcome, .. } = finish else { return };
        let came_too_late = matches!(
            why,
            ActError::Rejected(Rejection::Outdated { .. } | Rejection::Sealed | Rejection::SealingStarted(_))
        );
        let has_effects =
            !outcome.effects.is_empty() || self.state.plan.probe(&probe).is_some_and(|probe| probe.effects);
        if came_too_late && !has_effects {
            return;
        }
        let is_its_time = !matches!(why, ActError::Rejected(Rejection::ProbeNotDue(_)));
        if is_its_time || has_effects {
            self.scheduler.in_flight_mut().unlogged.insert(probe.clone());
        }
        let mut warning = format!("the result of {probe} was not logged: {why}");
        if !outcome.effects.is_empty() {
            warning = format!("{warning}; it changed: {}", outcome.effects.join("; "));
        }
        self.send(Update::Warning(warning));
    }

    /// Cancels what is running, and logs its changes. Returns the final update.
    pub(super) async fn shut_down(&mut self) -> Update {
        self.cancel_preparing();
        self.reject_unsigned();
        self.scheduler.cancel_all().await;
        let mut events: Vec<ProbeEvent> = self.signing.release_all().into();
        events.extend(std::iter::from_fn(|| self.probe_events.try_recv().ok()));
        loop {
            for event in events {
                if let LoopControl::Fail(why) = self.on_probe_event(event) {
                    return log_failure(why);
                }
            }
            events = self.scheduler.take_cancelled();
            if events.is_empty() {
                return Update::Stopped;
            }
        }
    }

    /// Why no probe of a point was started.
    pub(super) fn explain_no_rerun(&self, point: &str) -> String {
        if self.scheduler.in_flight().is_probing(point) {
            format!("the probes of {point} are already running")
        } else {
            format!("{point} has no probe that can run now")
        }
    }

    pub(super) fn start_due_probes(&mut self) {
        let now = self.now();
        let running = &self.scheduler.in_flight().running;
        let mut due = run::due_probes(&self.state, &now);
        let unlogged = &self.scheduler.in_flight().unlogged;
        due.retain(|due_probe| {
            !running.contains_key(&due_probe.probe) && !unlogged.contains(&due_probe.probe)
        });
        self.start_probes(due, &now);
    }

    fn start_probes(&mut self, due_probes: Vec<DueProbe>, now: &Moment) -> bool {
        let any = !due_probes.is_empty();
        for due_probe in due_probes {
            let logged_attempts = self.state.probe(&due_probe.probe).map_or(0, |probe| probe.attempts);
            if let Err(why) = self.mark_probe(&due_probe.probe, logged_attempts) {
                self.scheduler.in_flight_mut().unlogged.insert(due_probe.probe.clone());
                self.send(Update::Warning(format!("{} does not run: {why}", due_probe.probe)));
                continue;
            }
            let mut context = self.probe_context(&due_probe.probe);
            if due_probe.early {
                context.not_sent = None;
            }
            self.scheduler.start(&self.state.plan, due_probe, logged_attempts, context, now);
        }
        if any {
            self.publish();
        }
        any
    }

    /// Marks a probe with effects before it runs, so that it never runs again without a request, even if gonogo is
    /// killed.
    fn mark_probe(&self, key: &ProbeKey, logged_attempts: u64) -> Result<(), MarkError> {
        let marks =
            self.log.marks().filter(|_| self.state.plan.probe(key).is_some_and(|probe| probe.effects));
        let attempt = self.scheduler.next_attempt(key, logged_attempts);
        marks.map_or(Ok(()), |marks| block_on_disk(|| marks.mark_probe(key, attempt)))
    }

    /// Logs the probes that an earlier process started and did not finish.
    pub(super) fn record_unfinished(&mut self) -> LoopControl {
        for (probe, attempt) in self.log.marks().map(Marks::marked_probes).unwrap_or_default() {
            let logged_attempts = self.state.probe(&probe).map(|state| state.attempts);
            if logged_attempts.is_none_or(|logged_attempts| logged_attempts >= attempt) {
                continue;
            }
            let why = "gonogo was stopped before it finished";
            let effects = vec![format!("may have made the change that the checklist declares: {why}")];
            let outcome = Outcome::error("result", "a result", why).with_effects(effects);
            let act = Act::FinishProbe {
                probe,
                attempt,
                newest_attempt: attempt,
                early: false,
                took_ms: 0,
                outcome,
            };
            if let broken @ LoopControl::Fail(_) = self.log_result(act) {
                return broken;
            }
        }
        LoopControl::Continue
    }

    /// What a probe gets from this run and from the last sealed run.
    pub(super) fn probe_context(&self, key: &ProbeKey) -> ProbeContext {
        let since = self.state.plan.probe(key).and_then(|probe| probe.since.as_ref());
        let source_run = since.and_then(|since| self.state.probe(since)?.latest.as_ref());
        let source_run = source_run.filter(|run| run.outcome.has_started_effect());
        // The result of an earlier process: it started at least its duration before it was logged.
        let digest_of = self.state.plan.probe(key).and_then(|probe| probe.digest_of.as_ref());
        let estimated_start = |run: &ProbeRun| run.at.wall.minus(Duration::from_millis(run.took_ms));
        let own = since.and_then(|since| self.scheduler.started_at(since));
        ProbeContext {
            not_sent: since.filter(|_| source_run.is_none()).cloned(),
            since: source_run.map(|run| own.unwrap_or_else(|| estimated_start(run))),
            digest: digest_of.map(|key| self.seen_digest(key)),
            restored: self.restored_release(&key.point),
            opened: self.opened_at(),
            last: self.last_outcome(key),
            fingerprint: self.previous_runs.fingerprint_key.clone(),
            ..ProbeContext::default()
        }
    }

    /// What a probe saw in the last sealed run. In a run that rolls a release back, without the versions of secrets: that
    /// run may be the one that it rolls back, and no secret must be newer than that one's.
    fn last_outcome(&self, key: &ProbeKey) -> Option<Arc<Outcome>> {
        let run = self.previous_runs.last_sealed.as_ref()?.probe(key)?.latest.as_ref()?;
        if !self.state.plan.rolls_back {
            return Some(Arc::clone(&run.outcome));
        }
        let mut outcome = Outcome::clone(&run.outcome);
        outcome.observations.retain(|seen| !is_version_of_secret(seen));
        Some(Arc::new(outcome))
    }

    /// Adds to the outcome why a version of a secret was not compared with the last run's, if that is so.
    pub(super) fn explain_no_comparison(&self, outcome: Outcome) -> Outcome {
        let is_compared = !self.state.plan.rolls_back || self.previous_runs.last_sealed.is_none();
        if is_compared || !outcome.observations.iter().any(is_version_of_secret) {
            return outcome;
        }
        let why = "not applicable: this run rolls a release back, which needs no newer secret";
        outcome.with_observation(Observation::recorded("compared with the last run", why))
    }

    /// The release that the probes of a point must find after a rollback, if they verify it.
    fn restored_release(&self, point: &str) -> Option<RestoredRelease> {
        let rollback = self.state.rolled_back.as_ref()?;
        let point = self.state.plan.point(point)?;
        self.state.plan.verifies_rollback(point).then(|| RestoredRelease {
            instead_of: self.state.plan.release.clone(),
            tag: rollback.release.clone(),
        })
    }

    /// The digest that the newest result of a probe has seen.
    pub(super) fn seen_digest(&self, key: &ProbeKey) -> Option<String> {
        self.state.probe(key)?.latest.as_ref()?.outcome.digest().map(str::to_owned)
    }

    /// When the run was opened, if it has a log.
    fn opened_at(&self) -> Option<Utc> {
        matches!(self.log, Log::Durable(_)).then_some(self.state.opened_at.wall)
    }

    /// Starts every selected probe that can run, whether or not it is due; running ones continue. Returns whether
    /// there was one.
    pub(super) fn rerun_probes(&mut self, is_selected: impl Fn(&Judgement, &Point, &Probe) -> bool) -> bool {
        let (state, now) = (Arc::clone(&self.state), self.now());
        let judgement = state.judge(&now);
        let probes =
            state.plan.points().flat_map(|point| point.probes.iter().map(move |probe| (point, probe)));
        let selected = probes.filter(|(point, probe)| is_selected(&judgement, point, probe));
        let running = &self.scheduler.in_flight().running;
        let runnable = selected.filter_map(|(point, probe)| run::runnable(&judgement, point, probe));
        let due_probes = runnable.filter(|due_probe| !running.contains_key(&due_probe.probe)).collect();
        self.start_probes(due_probes, &now)
    }
}

/// Whether an observation is what shows that a secret was rotated.
fn is_version_of_secret(seen: &Observation) -> bool {
    [key::SECRET_VERSION, key::SECRET_FINGERPRINT].iter().any(|key| seen.has_key(key))
}

/// The same command with a result that says why the real one was not logged.
fn replace_result(command: Command, why: &str) -> Command {
    let Act::FinishProbe { probe, attempt, newest_attempt, early, took_ms, outcome } = command.act else {
        return command;
    };
    let replacement = Outcome::error("result", "in the log", format!("it could not be logged: {why}"));
    let replacement = Outcome { tries: outcome.tries.max(1), ..replacement.with_effects(outcome.effects) };
    let outcome = replacement.sanitized(&Redactor::default());
    Command::new(command.by, Act::FinishProbe { probe, attempt, newest_attempt, early, took_ms, outcome })
}

pub(super) fn needs_rerun(judgement: &Judgement, point: &Point, probe: &Probe) -> bool {
    let state = judgement.state.point(&point.id).and_then(|state| state.probes.get(&probe.id));
    let latest = state.and_then(|state| state.latest.as_ref());
    judgement.is_stale(point, probe) || latest.is_none_or(|run| run.outcome.class != Class::Pass)
}
