//! The engine's part in probes: which ones start, and what happens to their results.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info};

use super::log::on_disk;
use super::scheduler::Told;
use super::{Engine, Going, Log, NotDone, broken};
use crate::checklist::{Point, Probe, ProbeKey};
use crate::journal::entry::MACHINE;
use crate::journal::file::AppendError;
use crate::journal::marks::{MarkError, Marks};
use crate::outcome::{Class, Outcome};
use crate::probe::ProbeContext;
use crate::run::{self, Act, Command, Judgement, Look, Refusal, Update, Wanted};
use crate::secret::Redactor;
use crate::time::{Moment, Utc};

impl Engine {
    /// Processes an event of a probe, or holds its result back while a key is awaited.
    pub(super) fn hear_or_hold(&mut self, told: Told) -> Going {
        let Some(told) = self.signing.hold(told) else { return Going::On };
        // Results keep their order.
        let is_result = matches!(told, Told::Ended { .. });
        for earlier in if is_result { self.signing.all_held() } else { VecDeque::new() } {
            if let broken @ Going::Broken(_) = self.hear(earlier) {
                return broken;
            }
        }
        self.hear(told)
    }

    pub(super) fn hear(&mut self, told: Told) -> Going {
        match told {
            Told::Try { probe, attempt, tries, so_far } => {
                debug!(%probe, attempt, tries, "probe retries");
                self.scheduler.tried(&probe, attempt, tries, so_far);
                self.publish();
                Going::On
            }
            Told::Ended { look, attempt, begun, took, outcome } => {
                let newest = self.scheduler.newest(&look.probe);
                self.scheduler.ended(&look.probe, attempt, (!look.before).then_some(begun));
                let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                info!(probe = %look.probe, attempt, class = ?outcome.class, took_ms, "probe ended");
                let Wanted { probe, before } = look;
                self.log_result(Act::Finish { probe, attempt, newest, before, took_ms, outcome })
            }
        }
    }

    /// Logs the result of a probe. A result that does not fit is replaced by one that says so, because the probe has
    /// run.
    fn log_result(&mut self, finish: Act) -> Going {
        let command = Command::new(MACHINE, finish);
        let logged = match self.carry_out(&command) {
            Err(NotDone::Log(AppendError::Link(why))) => {
                self.carry_out(&unlogged(command.clone(), &why.to_string()))
            }
            other => other,
        };
        match logged {
            Err(NotDone::Log(broken @ AppendError::Broken { .. })) => {
                return Going::Broken(broken.to_string());
            }
            Err(why) => self.not_logged(command.act, &why),
            Ok(_) => {}
        }
        self.publish();
        Going::On
    }

    /// A result that is outdated, or comes after a seal, was never shown and is dropped. Any other is reported, with
    /// the changes that it made. The probe does not run again by itself: the result would be lost again, or make the
    /// change again.
    fn not_logged(&mut self, finish: Act, why: &NotDone) {
        let Act::Finish { probe, outcome, .. } = finish else { return };
        let came_too_late = matches!(
            why,
            NotDone::Refused(Refusal::Outdated { .. } | Refusal::Sealed | Refusal::BeingSealed(_))
        );
        let has_effects =
            !outcome.effects.is_empty() || self.state.plan.probe(&probe).is_some_and(|probe| probe.effects);
        if came_too_late && !has_effects {
            return;
        }
        let is_its_time = !matches!(why, NotDone::Refused(Refusal::ProbeNotDue(_)));
        if is_its_time || has_effects {
            self.scheduler.live_mut().lost.insert(probe.clone());
        }
        let mut told = format!("the result of {probe} was not logged: {why}");
        if !outcome.effects.is_empty() {
            told = format!("{told}; it changed: {}", outcome.effects.join("; "));
        }
        self.say(Update::Warned(told));
    }

    /// Cancels what is running, and logs its changes. Returns the final update.
    pub(super) async fn leave(&mut self) -> Update {
        self.drop_prepared();
        self.abandon_unsigned();
        self.scheduler.cancel_all().await;
        let mut ended: Vec<Told> = self.signing.all_held().into();
        ended.extend(std::iter::from_fn(|| self.told.try_recv().ok()));
        loop {
            for told in ended {
                if let Going::Broken(why) = self.hear(told) {
                    return broken(why);
                }
            }
            ended = self.scheduler.cancelled();
            if ended.is_empty() {
                return Update::Stopped;
            }
        }
    }

    /// Why no probe of a point was started.
    pub(super) fn why_not_again(&self, point: &str) -> String {
        if self.scheduler.live().is_probing(point) {
            format!("the probes of {point} are already running")
        } else {
            format!("{point} has no probe that can run now")
        }
    }

    pub(super) fn start_wanted(&mut self) {
        let now = self.now();
        let running = &self.scheduler.live().running;
        let mut wanted = run::wanted(&self.state, &now);
        let lost = &self.scheduler.live().lost;
        wanted.retain(|look| !running.contains_key(&look.probe) && !lost.contains(&look.probe));
        self.start(wanted, &now);
    }

    fn start(&mut self, looks: Vec<Wanted>, now: &Moment) -> bool {
        let any = !looks.is_empty();
        for look in looks {
            let known = self.state.probe(&look.probe).map_or(0, |probe| probe.looks);
            if let Err(why) = self.mark(&look.probe, known) {
                self.scheduler.live_mut().lost.insert(look.probe.clone());
                self.say(Update::Warned(format!("{} does not run: {why}", look.probe)));
                continue;
            }
            let given = self.given(&look.probe);
            self.scheduler.start(&self.state.plan, look, known, given, now);
        }
        if any {
            self.publish();
        }
        any
    }

    /// Marks a probe with effects before it runs, so that it never runs again without a request, even if gonogo is
    /// killed.
    fn mark(&self, key: &ProbeKey, known: u64) -> Result<(), MarkError> {
        let marks =
            self.log.marks().filter(|_| self.state.plan.probe(key).is_some_and(|probe| probe.effects));
        let attempt = self.scheduler.next_attempt(key, known);
        marks.map_or(Ok(()), |marks| on_disk(|| marks.begin_probe(key, attempt)))
    }

    /// Logs the probes that an earlier process started and did not finish.
    pub(super) fn record_unfinished(&mut self) -> Going {
        for (probe, attempt) in self.log.marks().map(Marks::probes_begun).unwrap_or_default() {
            let looks = self.state.probe(&probe).map(|known| known.looks);
            if looks.is_none_or(|looks| looks >= attempt) {
                continue;
            }
            let why = "gonogo was stopped before it finished";
            let effects = vec![format!("may have made the change that the checklist declares: {why}")];
            let outcome = Outcome::error("result", "a result", why).with_effects(effects);
            let act = Act::Finish { probe, attempt, newest: attempt, before: false, took_ms: 0, outcome };
            if let broken @ Going::Broken(_) = self.log_result(act) {
                return broken;
            }
        }
        Going::On
    }

    /// What a probe gets from this run and from the last sealed run.
    fn given(&self, key: &ProbeKey) -> ProbeContext {
        let since = self.state.plan.probe(key).and_then(|probe| probe.since.as_ref());
        let seen = since.and_then(|since| self.state.probe(since)?.latest.as_ref());
        let seen = seen.filter(|look| look.outcome.is_begun());
        // The result of an earlier process: it started at least its duration before it was logged.
        let digest_of = self.state.plan.probe(key).and_then(|probe| probe.digest_of.as_ref());
        let begun = |look: &Look| look.at.wall.minus(Duration::from_millis(look.took_ms));
        let own = since.and_then(|since| self.scheduler.begun(since));
        let last = self.past.last.as_ref().and_then(|run| run.probe(key)?.latest.as_ref());
        ProbeContext {
            since: seen.map(|look| own.unwrap_or_else(|| begun(look))),
            digest: digest_of.map(|key| self.digest_seen(key)),
            opened: self.opened(),
            last: last.map(|look| Arc::clone(&look.outcome)),
            fingerprint: self.past.fingerprint.clone(),
            ..ProbeContext::default()
        }
    }

    /// The digest that the newest result of a probe has seen.
    pub(super) fn digest_seen(&self, key: &ProbeKey) -> Option<String> {
        self.state.probe(key)?.latest.as_ref()?.outcome.digest().map(str::to_owned)
    }

    /// When the run was opened, if it has a log.
    fn opened(&self) -> Option<Utc> {
        matches!(self.log, Log::Durable(_)).then_some(self.state.opened.wall)
    }

    /// Starts every selected probe that can run, whether or not it is due; running ones continue. Returns whether
    /// there was one.
    pub(super) fn look_again(&mut self, is_meant: impl Fn(&Judgement, &Point, &Probe) -> bool) -> bool {
        let (state, now) = (Arc::clone(&self.state), self.now());
        let judgement = state.judge(&now);
        let probes =
            state.plan.points().flat_map(|point| point.probes.iter().map(move |probe| (point, probe)));
        let meant = probes.filter(|(point, probe)| is_meant(&judgement, point, probe));
        let running = &self.scheduler.live().running;
        let possible = meant.filter_map(|(point, probe)| run::possible(&judgement, point, probe));
        let looks = possible.filter(|look| !running.contains_key(&look.probe)).collect();
        self.start(looks, &now)
    }
}

/// The same command with a result that says why the real one was not logged.
fn unlogged(command: Command, why: &str) -> Command {
    let Act::Finish { probe, attempt, newest, before, took_ms, outcome } = command.act else {
        return command;
    };
    let lost = Outcome::error("result", "in the log", format!("it could not be logged: {why}"));
    let lost = Outcome { tries: outcome.tries.max(1), ..lost.with_effects(outcome.effects) };
    let outcome = lost.cleaned(&Redactor::default());
    Command::new(command.by, Act::Finish { probe, attempt, newest, before, took_ms, outcome })
}

pub(super) fn is_troubled(judgement: &Judgement, point: &Point, probe: &Probe) -> bool {
    let state = judgement.state.point(&point.id).and_then(|state| state.probes.get(&probe.id));
    let latest = state.and_then(|state| state.latest.as_ref());
    judgement.is_stale(point, probe) || latest.is_none_or(|look| look.outcome.class != Class::Pass)
}
