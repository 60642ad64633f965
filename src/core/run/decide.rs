//! The rules: what may happen in a run. Pure: no clock and no I/O; the time is a parameter.

use super::actions::{self, ActionState, StartRequest};
use super::command::{Act, Command, Rejection};
use super::point_state::PointState;
use super::state::RunState;
use super::status::{Judgement, Status};
use super::verdict;
use crate::checklist::{ActionKey, Confirm, Point, PointId, ProbeKey, ROLLBACK, Role};
use crate::journal::entry::{
    Abandoned, ActionExit, ActionFinished, ActionStarted, ActionStopped, Confirmed, EnrolledOperator, Event,
    Evidence, Joined, MACHINE, NotApplicable, Noted, Probed, Recovered, Resumed, Retracted, RolledBack,
    Sealed, TakenOver, TornTail, Waived,
};
use crate::outcome::{Outcome, key};
use crate::text;
use crate::time::{Moment, Utc};

/// The longest reason or note, in bytes.
pub const MAX_TEXT: usize = 8 * 1024;

/// Decides the events of `command` in a run in this state at `now`.
///
/// # Errors
/// Why the command is rejected.
pub fn decide(state: &RunState, command: Command, now: &Moment) -> Result<Vec<Event>, Rejection> {
    let Command { by, act } = command;
    let case = Decider { state, by: &by, judgement: state.judge(now) };
    case.check_open(&act)?;
    case.check_enrolled(&act)?;
    let event = match act {
        Act::Join { key, role } => case.join(key, role)?,
        Act::Resume { gonogo, host } => Resumed { gonogo, host }.into(),
        Act::Recover { torn, in_doubt } => case.recover(torn, in_doubt)?,
        Act::FinishProbe { probe, attempt, newest_attempt: newest, early: before, took_ms, outcome } => {
            case.check_attempt(&probe, attempt, newest, before)?;
            case.check_outcome(&probe, &outcome)?;
            Probed { point: probe.point, probe: probe.probe, attempt, early: before, took_ms, outcome }.into()
        }
        Act::Confirm { point, evidence, reason } => case.confirm(point, evidence, reason)?,
        Act::Waive { point, reason, until } => case.waive(point, &reason, until)?,
        Act::Exempt { point, reason } => case.exempt(point, &reason)?,
        Act::Note { point, text } => case.note(point, &text)?,
        Act::Retract { point, target } => case.retract(point, target)?,
        Act::Replan { plan, proposal, reason } => case.replan(*plan, proposal, reason)?,
        Act::ProposeReplan(plan) => case.propose_replan(*plan)?,
        Act::WithdrawReplan(proposal) => case.withdraw_replan(proposal)?,
        Act::Start(start) => case.start(*start)?,
        Act::Stop { action, started, reason } => case.stop(action, started, reason)?,
        Act::FinishAction { action, started, exit, cause, took_ms, output } => {
            case.check_action_running(&action, started)?;
            ActionFinished { action, started, exit, cause, took_ms, output }.into()
        }
        Act::RollBack { reason } => case.roll_back(reason)?,
        Act::TakeOver { from, host, pid } => TakenOver { from, host, pid }.into(),
        Act::Abandon { reason } => {
            case.check_no_action_running()?;
            Abandoned { reason: check_text(&reason, "why will this run not be sealed?")? }.into()
        }
        Act::Verdict => {
            case.check_no_action_running()?;
            verdict::judge(&case.judgement).into()
        }
        Act::Seal => case.seal()?,
    };
    Ok(vec![event])
}

pub(super) struct Decider<'a> {
    pub(super) state: &'a RunState,
    pub(super) by: &'a str,
    judgement: Judgement<'a>,
}

impl Decider<'_> {
    fn check_open(&self, act: &Act) -> Result<(), Rejection> {
        if self.state.abandoned.is_some() {
            return Err(Rejection::Abandoned);
        }
        if self.state.seals.is_empty() {
            return Ok(());
        }
        match self.state.missing_seals().first() {
            None => Err(Rejection::Sealed),
            Some(_) if matches!(act, Act::Seal | Act::Abandon { .. }) => Ok(()),
            Some(role) => Err(Rejection::SealingStarted(*role)),
        }
    }

    fn check_enrolled(&self, act: &Act) -> Result<(), Rejection> {
        let machine = matches!(
            act,
            Act::FinishProbe { .. } | Act::Resume { .. } | Act::Recover { .. } | Act::FinishAction { .. }
        );
        let is_allowed = match act {
            Act::Join { .. } => self.by != MACHINE,
            _ if machine => self.by == MACHINE,
            _ => self.state.operator(self.by).is_some(),
        };
        if is_allowed { Ok(()) } else { Err(Rejection::NotEnrolled(self.by.to_owned())) }
    }

    fn recover(&self, torn: Option<TornTail>, in_doubt: Option<u64>) -> Result<Event, Rejection> {
        let left = torn.is_some() || in_doubt.is_some();
        if left && in_doubt.is_none_or(|seq| seq == self.state.seq) {
            Ok(Recovered { torn, in_doubt }.into())
        } else {
            Err(Rejection::NothingToRecover)
        }
    }

    fn join(&self, key: String, role: Role) -> Result<Event, Rejection> {
        let operator = EnrolledOperator { principal: self.by.to_owned(), key, role };
        self.state.check_enrolment(&operator)?;
        Ok(Joined { key: operator.key, role }.into())
    }

    fn check_attempt(&self, key: &ProbeKey, attempt: u64, newest: u64, early: bool) -> Result<(), Rejection> {
        let (Some(probe), Some(probe_state)) = (self.state.plan.probe(key), self.state.probe(key)) else {
            return Err(Rejection::UnknownProbe(key.clone()));
        };
        if attempt != newest || attempt <= probe_state.attempts {
            return Err(Rejection::Outdated {
                probe: key.clone(),
                attempt,
                newest: newest.max(probe_state.attempts),
            });
        }
        let point = self.point(&key.point)?;
        if !self.state.has_action_result(point, probe) {
            return Err(Rejection::ProbeNotDue(key.clone()));
        }
        let due = self.judgement.is_due(probe) && self.judgement.is_point_due(point);
        if if early { probe.early && !due } else { due } {
            Ok(())
        } else {
            Err(Rejection::ProbeNotDue(key.clone()))
        }
    }

    /// The probe must be able to run, and the class must match the observations.
    fn check_outcome(&self, key: &ProbeKey, outcome: &Outcome) -> Result<(), Rejection> {
        let refuse = |why| Err(Rejection::InvalidOutcome(key.clone(), why));
        if self.state.plan.probe(key).is_none_or(|probe| probe.spec.is_none()) {
            return refuse("the plan does not configure this probe, so it has no result");
        }
        if outcome.tries == 0 {
            return refuse("a result without an attempt");
        }
        if outcome.is_consistent() { Ok(()) } else { refuse("its class does not match its observations") }
    }

    fn confirm(
        &self,
        id: PointId,
        seen_evidence: Vec<Evidence>,
        reason: Option<String>,
    ) -> Result<Event, Rejection> {
        let point = self.point(&id)?;
        self.check_confirmable(point)?;
        self.check_evidence(point, &seen_evidence)?;
        let solo = self.state.plan.solo && point.confirm == Confirm::Two;
        let reason = reason.map(|words| check_text(&words, "")).transpose()?;
        if solo && reason.is_none() {
            return Err(Rejection::ReasonNeeded("in a solo run one person confirms for two"));
        }
        Ok(Confirmed { point: id, evidence: seen_evidence, reason }.into())
    }

    fn check_confirmable(&self, point: &Point) -> Result<(), Rejection> {
        let cannot = |why: String| Err(Rejection::CannotConfirm { point: point.id.clone(), why });
        if self.state.is_exemption_pending(point) {
            let role = self.state.other_role();
            return cannot(format!("the plan makes it not applicable; a {role} must sign that with x"));
        }
        match self.judgement.status(&point.id) {
            Status::NeedsConfirmation { .. } if self.has_confirmed(point) => {
                Err(Rejection::AlreadyDone { what: "confirmed", point: point.id.clone() })
            }
            Status::NeedsConfirmation { .. } => Ok(()),
            Status::Failed => cannot("a probe failed; fix the cause and rerun it, or waive".into()),
            Status::Error => cannot("a probe ended in an error; rerun it, or waive".into()),
            Status::Pending => cannot("not all of its probes have a result yet".into()),
            Status::Stale => cannot("its results are stale; rerun its probes".into()),
            Status::NeedsAction(action) => cannot(format!("{action} must run first (press a)")),
            Status::Running(action) => cannot(format!("{action} is running")),
            Status::Interrupted(action) => {
                cannot(format!("the outcome of {action} is unknown, and not all of its probes have passed"))
            }
            Status::Reverted(_) => cannot("the rollback has reverted it".into()),
            Status::Blocked(by) => cannot(verdict::explain_blocked(&self.judgement, &by)),
            Status::NotDue(due) => cannot(format!("it is not due until {due} is done")),
            Status::Unconfigured(missing) => cannot(format!("the profile lacks {}", missing.join(", "))),
            Status::Passed | Status::PassedOnRetry(_) => {
                cannot("it needs no confirmation; its probes decide".into())
            }
            status => Err(Rejection::PointDone { point: point.id.clone(), status: status.label() }),
        }
    }

    fn has_confirmed(&self, point: &Point) -> bool {
        let state = self.state.point(&point.id);
        state.is_some_and(|state| super::status::valid_confirmations(state).any(|act| act.by == self.by))
    }

    /// The evidence must be complete and current.
    fn check_evidence(&self, point: &Point, seen: &[Evidence]) -> Result<(), Rejection> {
        let state = self.point_state(&point.id)?;
        let current = evidence(point, state);
        if current == seen { Ok(()) } else { Err(Rejection::EvidenceChanged(point.id.clone())) }
    }

    fn waive(&self, point: PointId, reason: &str, until: Utc) -> Result<Event, Rejection> {
        let state = self.check_waivable(&point)?;
        let valid = |by: &str, until: Utc| by == self.by && until > self.judgement.now.wall;
        if state.waivers.iter().any(|act| valid(&act.by, act.until)) {
            return Err(Rejection::AlreadyDone { what: "waived", point });
        }
        let reason = check_text(reason, "why is this point waived?")?;
        if until <= self.judgement.now.wall {
            return Err(Rejection::Expired(until));
        }
        Ok(Waived { point, reason, until }.into())
    }

    fn exempt(&self, point: PointId, reason: &str) -> Result<Event, Rejection> {
        let state = self.check_waivable(&point)?;
        if state.exemptions.iter().any(|act| act.by == self.by) {
            return Err(Rejection::AlreadyDone { what: "marked not applicable", point });
        }
        let reason = check_text(reason, "why is this point not applicable?")?;
        Ok(NotApplicable { point, reason }.into())
    }

    fn check_waivable(&self, id: &str) -> Result<&PointState, Rejection> {
        self.point(id)?;
        match self.judgement.status(id) {
            status if status.is_done() => {
                Err(Rejection::PointDone { point: id.to_owned(), status: status.label() })
            }
            _ => self.point_state(id),
        }
    }

    fn note(&self, point: Option<PointId>, text: &str) -> Result<Event, Rejection> {
        if let Some(id) = &point {
            self.point(id)?;
        }
        let text = check_text(text, "the note is empty")?;
        Ok(Noted { point, text }.into())
    }

    fn retract(&self, point: PointId, target: Option<u64>) -> Result<Event, Rejection> {
        let own = self.point_state(&point)?.own_entries(self.by);
        match own.into_iter().map(|entry| entry.seq).find(|seq| target.is_none_or(|target| *seq == target)) {
            Some(target) => Ok(Retracted { point, target }.into()),
            None => Err(Rejection::NothingToRetract(point)),
        }
    }

    fn start(&self, start: StartRequest) -> Result<Event, Rejection> {
        if self.is_reviewer() && !start.dry_run && !start.action.is_rollback() {
            let why = "the driver starts it; a reviewer starts steps of the rollback only".to_owned();
            return Err(Rejection::ActionLocked { action: start.action, why });
        }
        let begins_rollback =
            start.action.is_rollback() && !start.dry_run && !self.state.has_rollback_begun();
        let reason =
            self.reviewers_reason(begins_rollback, start.reason.clone(), "why does the rollback begin?")?;
        actions::check_start(&self.judgement, &start)?;
        let StartRequest { action, attempt, dry_run, typed_environment, preflight, .. } = start;
        Ok(ActionStarted { action, attempt, dry_run, typed_environment, preflight, reason }.into())
    }

    fn stop(&self, action: ActionKey, started: u64, reason: Option<String>) -> Result<Event, Rejection> {
        self.check_action_running(&action, started)?;
        let reason = self.reviewers_reason(true, reason, "why is it stopped?")?;
        Ok(ActionStopped { action, started, reason }.into())
    }

    fn is_reviewer(&self) -> bool {
        self.state.operator(self.by).is_some_and(|operator| operator.role == Role::Reviewer)
    }

    /// The reason for an act. A reviewer has to give one where it is needed, since the driver decides the course of the
    /// deployment.
    fn reviewers_reason(
        &self,
        is_needed: bool,
        reason: Option<String>,
        question: &'static str,
    ) -> Result<Option<String>, Rejection> {
        match reason {
            None if is_needed && self.is_reviewer() => Err(Rejection::ReasonNeeded(question)),
            None => Ok(None),
            Some(words) => check_text(&words, question).map(Some),
        }
    }

    fn check_action_running(&self, action: &ActionKey, started: u64) -> Result<(), Rejection> {
        match self.state.running_action() {
            Some((key, run)) if key == action && run.seq == started => Ok(()),
            _ => Err(Rejection::ActionNotRunning(action.clone())),
        }
    }

    fn roll_back(&self, reason: Option<String>) -> Result<Event, Rejection> {
        let refuse = |why: &str| Err(Rejection::NotRolledBack(why.to_owned()));
        self.check_no_action_running()?;
        let (Some(release), false) = (&self.state.plan.previous, self.state.rolled_back.is_some()) else {
            return refuse("it is already rolled back, or there is no release to roll back to");
        };
        if !self.state.has_rollback_begun() {
            return refuse("no rollback step has run");
        }
        let ended = |id: &str| self.state.action(&ActionKey::new(ROLLBACK, id)).and_then(ActionState::exit);
        let steps = self.state.plan.rollback.iter();
        let left = steps
            .filter(|step| step.is_required())
            .filter(|step| !ended(&step.id).is_some_and(ActionExit::is_success));
        let left: Vec<String> = left.map(|step| step.id.clone()).collect();
        let reason = reason.map(|words| check_text(&words, "")).transpose()?;
        if !left.is_empty() && reason.is_none() {
            return Err(Rejection::ReasonNeeded("why were rollback steps skipped?"));
        }
        Ok(RolledBack {
            release: release.clone(),
            digest: self.previous_digest(),
            skipped_steps: left,
            reason,
        }
        .into())
    }

    /// The digest of the previous release's image, as the registry probe saw it.
    fn previous_digest(&self) -> Option<String> {
        let digest = key::tag_digest(self.state.plan.previous.as_ref()?);
        let probes = self.state.points.values().flat_map(|point| point.probes.values());
        let observations =
            probes.filter_map(|probe| probe.latest.as_ref()).flat_map(|run| &run.outcome.observations);
        observations
            .filter(|observation| observation.has_key(&digest) && observation.ok == Some(true))
            .map(|observation| observation.seen.clone())
            .next()
    }

    /// A verdict or a seal needs that no action is running.
    pub(super) fn check_no_action_running(&self) -> Result<(), Rejection> {
        self.state.running_action().map_or(Ok(()), |(key, _)| Err(Rejection::ActionRunning(key.clone())))
    }

    fn seal(&self) -> Result<Event, Rejection> {
        self.check_no_action_running()?;
        let operator =
            self.state.operator(self.by).ok_or_else(|| Rejection::NotEnrolled(self.by.to_owned()))?;
        if self.state.verdict.is_none() {
            return Err(Rejection::NoVerdict);
        }
        let missing = self.state.missing_seals();
        if !missing.contains(&operator.role) {
            return Err(Rejection::SealNotRequired(operator.role));
        }
        // After the first seal no operator can join.
        let has_operator = |role: &&Role| self.state.roster.iter().any(|operator| operator.role == **role);
        if let Some(role) = missing.iter().find(|role| !has_operator(role)) {
            return Err(Rejection::NoOperatorForSeal(*role));
        }
        let count = self.state.seq + 1;
        Ok(Sealed { role: operator.role, count, head: self.state.head }.into())
    }

    fn point(&self, id: &str) -> Result<&Point, Rejection> {
        self.state.plan.point(id).ok_or_else(|| Rejection::UnknownPoint(id.to_owned()))
    }

    fn point_state(&self, id: &str) -> Result<&PointState, Rejection> {
        self.state.point(id).ok_or_else(|| Rejection::UnknownPoint(id.to_owned()))
    }
}

/// The evidence of a point: the newest result of each of its probes.
#[must_use]
pub fn evidence(point: &Point, state: &PointState) -> Vec<Evidence> {
    let latest_evidence = |id: &String| {
        let run = state.probes.get(id)?.latest.as_ref()?;
        Some(Evidence { probe: id.clone(), seq: run.seq, hash: run.outcome.evidence_hash() })
    };
    point.probes.iter().filter_map(|probe| latest_evidence(&probe.id)).collect()
}

/// Checks a person's text: not empty, not too long, and safe to display.
pub(super) fn check_text(words: &str, question: &'static str) -> Result<String, Rejection> {
    let words = text::block(words.trim());
    match words.len() {
        0 => Err(Rejection::ReasonNeeded(question)),
        length if length > MAX_TEXT => Err(Rejection::TextTooLong(length, MAX_TEXT)),
        _ => Ok(words),
    }
}
