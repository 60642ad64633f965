//! The rules: what may happen in a run. Pure: no clock and no I/O; the time is a parameter.

use super::actions::{self, ActionState, Start};
use super::command::{Act, Command, Refusal};
use super::known::PointState;
use super::state::RunState;
use super::status::{Judgement, Status};
use super::verdict;
use crate::checklist::{Action, ActionKey, Confirm, Point, PointId, ProbeKey, ROLLBACK, Role};
use crate::journal::entry::{
    Abandoned, ActionFinished, ActionStarted, ActionStopped, Confirmed, Ended, Enrolled, Event, Evidence,
    Joined, MACHINE, NotApplicable, Noted, Probed, Recovered, Resumed, Retracted, RolledBack, Sealed,
    TakenOver, Torn, Waived,
};
use crate::outcome::{Outcome, key};
use crate::text;
use crate::time::{Moment, Utc};

/// The longest reason or note, in bytes.
pub const MAX_WORDS: usize = 8 * 1024;

/// Decides the events of `command` in a run in this state at `now`.
///
/// # Errors
/// Why the command is rejected.
pub fn decide(state: &RunState, command: Command, now: &Moment) -> Result<Vec<Event>, Refusal> {
    let Command { by, act } = command;
    let case = Case { state, by: &by, judgement: state.judge(now) };
    case.may_anything_follow(&act)?;
    case.is_entitled(&act)?;
    let event = match act {
        Act::Join { key, role } => case.join(key, role)?,
        Act::Resume { gonogo, host } => Resumed { gonogo, host }.into(),
        Act::Recover { torn, in_doubt } => case.recover(torn, in_doubt)?,
        Act::Finish { probe, attempt, newest, before, took_ms, outcome } => {
            case.check_look(&probe, attempt, newest, before)?;
            case.check_outcome(&probe, &outcome)?;
            Probed { point: probe.point, probe: probe.probe, attempt, before, took_ms, outcome }.into()
        }
        Act::Confirm { point, of, reason } => case.confirm(point, of, reason)?,
        Act::Waive { point, reason, until } => case.waive(point, &reason, until)?,
        Act::Exempt { point, reason } => case.exempt(point, &reason)?,
        Act::Note { point, text } => case.note(point, &text)?,
        Act::Retract { point } => case.retract(point)?,
        Act::Replan { plan, proposal, reason } => case.replan(*plan, proposal, reason)?,
        Act::ProposeReplan(plan) => case.propose_replan(*plan)?,
        Act::WithdrawReplan(proposal) => case.withdraw_replan(proposal)?,
        Act::Start(start) => case.start(*start)?,
        Act::Stop { action, started } => case.stop(action, started)?,
        Act::Ended { action, started, ended, cause, took_ms, output } => {
            case.is_at_work(&action, started)?;
            ActionFinished { action, started, ended, cause, took_ms, output }.into()
        }
        Act::RollBack { reason } => case.roll_back(reason)?,
        Act::TakeOver { from, host, pid } => TakenOver { from, host, pid }.into(),
        Act::Abandon { reason } => {
            case.is_at_rest()?;
            Abandoned { reason: worded(&reason, "why will this run not be sealed?")? }.into()
        }
        Act::Verdict => {
            case.is_at_rest()?;
            verdict::judge(&case.judgement).into()
        }
        Act::Seal => case.seal()?,
    };
    Ok(vec![event])
}

pub(super) struct Case<'a> {
    pub(super) state: &'a RunState,
    pub(super) by: &'a str,
    judgement: Judgement<'a>,
}

impl Case<'_> {
    fn may_anything_follow(&self, act: &Act) -> Result<(), Refusal> {
        if self.state.abandoned.is_some() {
            return Err(Refusal::Abandoned);
        }
        if self.state.seals.is_empty() {
            return Ok(());
        }
        match self.state.missing_seals().first() {
            None => Err(Refusal::Sealed),
            Some(_) if matches!(act, Act::Seal | Act::Abandon { .. }) => Ok(()),
            Some(role) => Err(Refusal::BeingSealed(*role)),
        }
    }

    fn is_entitled(&self, act: &Act) -> Result<(), Refusal> {
        let machine =
            matches!(act, Act::Finish { .. } | Act::Resume { .. } | Act::Recover { .. } | Act::Ended { .. });
        let known = match act {
            Act::Join { .. } => self.by != MACHINE,
            _ if machine => self.by == MACHINE,
            _ => self.state.operator(self.by).is_some(),
        };
        if known { Ok(()) } else { Err(Refusal::NotEnrolled(self.by.to_owned())) }
    }

    fn recover(&self, torn: Option<Torn>, in_doubt: Option<u64>) -> Result<Event, Refusal> {
        let left = torn.is_some() || in_doubt.is_some();
        if left && in_doubt.is_none_or(|seq| seq == self.state.seq) {
            Ok(Recovered { torn, in_doubt }.into())
        } else {
            Err(Refusal::NothingToRecover)
        }
    }

    fn join(&self, key: String, role: Role) -> Result<Event, Refusal> {
        let newcomer = Enrolled { principal: self.by.to_owned(), key, role };
        self.state.may_enrol(&newcomer)?;
        Ok(Joined { key: newcomer.key, role }.into())
    }

    fn check_look(&self, key: &ProbeKey, attempt: u64, newest: u64, before: bool) -> Result<(), Refusal> {
        let (Some(probe), Some(known)) = (self.state.plan.probe(key), self.state.probe(key)) else {
            return Err(Refusal::NoSuchProbe(key.clone()));
        };
        if attempt != newest || attempt <= known.looks {
            return Err(Refusal::Outdated { probe: key.clone(), attempt, newest: newest.max(known.looks) });
        }
        let point = self.point(&key.point)?;
        if !self.state.has_result(point, probe) {
            return Err(Refusal::ProbeNotDue(key.clone()));
        }
        let due = self.judgement.is_due(probe) && self.judgement.is_point_due(point);
        if if before { probe.before && !due } else { due } {
            Ok(())
        } else {
            Err(Refusal::ProbeNotDue(key.clone()))
        }
    }

    /// The probe must be able to run, and the class must match the observations.
    fn check_outcome(&self, key: &ProbeKey, outcome: &Outcome) -> Result<(), Refusal> {
        let refuse = |why| Err(Refusal::Outcome(key.clone(), why));
        if self.state.plan.probe(key).is_none_or(|probe| probe.spec.is_none()) {
            return refuse("the plan does not configure this probe, so it has no result");
        }
        if outcome.tries == 0 {
            return refuse("a result without an attempt");
        }
        if outcome.is_consistent() { Ok(()) } else { refuse("its class does not match its observations") }
    }

    fn confirm(&self, id: PointId, of: Vec<Evidence>, reason: Option<String>) -> Result<Event, Refusal> {
        let point = self.point(&id)?;
        self.confirmable(point)?;
        self.is_what_stands(point, &of)?;
        let solo = self.state.plan.solo && point.confirm == Confirm::Two;
        let reason = reason.map(|words| worded(&words, "")).transpose()?;
        if solo && reason.is_none() {
            return Err(Refusal::ReasonNeeded("in a solo run one person confirms for two"));
        }
        Ok(Confirmed { point: id, of, reason }.into())
    }

    fn confirmable(&self, point: &Point) -> Result<(), Refusal> {
        let cannot = |why: String| Err(Refusal::CannotConfirm { point: point.id.clone(), why });
        if self.state.waits_for_exemption(point) {
            let role = self.state.other_role();
            return cannot(format!("the plan makes it not applicable; a {role} must sign that with x"));
        }
        match self.judgement.status(&point.id) {
            Status::NeedsYou { .. } if self.has_confirmed(point) => {
                Err(Refusal::Already { what: "confirmed", point: point.id.clone() })
            }
            Status::NeedsYou { .. } => Ok(()),
            Status::Failed => cannot("a probe failed; fix the cause and rerun it, or waive".into()),
            Status::Error => cannot("a probe ended in an error; rerun it, or waive".into()),
            Status::Pending => cannot("not all of its probes have a result yet".into()),
            Status::Stale => cannot("its results are stale; rerun its probes".into()),
            Status::ToRun(action) => cannot(format!("{action} must run first (press a)")),
            Status::Running(action) => cannot(format!("{action} is running")),
            Status::Interrupted(action) => {
                cannot(format!("the outcome of {action} is unknown, and not all of its probes have passed"))
            }
            Status::Blocked(by) => cannot(format!("{by} must be done first")),
            Status::NotDue(due) => cannot(format!("it is not due until {due} is done")),
            Status::Unconfigured(missing) => cannot(format!("the profile lacks {}", missing.join(", "))),
            Status::Passed | Status::PassedOnRetry(_) => {
                cannot("it needs no confirmation; its probes decide".into())
            }
            status => Err(Refusal::Closed { point: point.id.clone(), status: status.word() }),
        }
    }

    fn has_confirmed(&self, point: &Point) -> bool {
        let state = self.state.point(&point.id);
        state.is_some_and(|state| super::status::counting(state).any(|act| act.by == self.by))
    }

    /// The evidence must be complete and current.
    fn is_what_stands(&self, point: &Point, of: &[Evidence]) -> Result<(), Refusal> {
        let state = self.point_state(&point.id)?;
        let stands = evidence(point, state);
        if stands == of { Ok(()) } else { Err(Refusal::EvidenceChanged(point.id.clone())) }
    }

    fn waive(&self, point: PointId, reason: &str, until: Utc) -> Result<Event, Refusal> {
        let state = self.may_set_aside(&point)?;
        let valid = |by: &str, until: Utc| by == self.by && until > self.judgement.now.wall;
        if state.waivers.iter().any(|act| valid(&act.by, act.until)) {
            return Err(Refusal::Already { what: "waived", point });
        }
        let reason = worded(reason, "why is this point waived?")?;
        if until <= self.judgement.now.wall {
            return Err(Refusal::Expired(until));
        }
        Ok(Waived { point, reason, until }.into())
    }

    fn exempt(&self, point: PointId, reason: &str) -> Result<Event, Refusal> {
        let state = self.may_set_aside(&point)?;
        if state.exemptions.iter().any(|act| act.by == self.by) {
            return Err(Refusal::Already { what: "marked not applicable", point });
        }
        let reason = worded(reason, "why is this point not applicable?")?;
        Ok(NotApplicable { point, reason }.into())
    }

    fn may_set_aside(&self, id: &str) -> Result<&PointState, Refusal> {
        self.point(id)?;
        match self.judgement.status(id) {
            status if status.is_closed() => {
                Err(Refusal::Closed { point: id.to_owned(), status: status.word() })
            }
            _ => self.point_state(id),
        }
    }

    fn note(&self, point: Option<PointId>, text: &str) -> Result<Event, Refusal> {
        if let Some(id) = &point {
            self.point(id)?;
        }
        let text = worded(text, "the note is empty")?;
        Ok(Noted { point, text }.into())
    }

    fn retract(&self, point: PointId) -> Result<Event, Refusal> {
        let state = self.point_state(&point)?;
        let confirmed = state.confirmations.iter().map(|act| (&act.by, act.seq));
        let waived = state.waivers.iter().map(|act| (&act.by, act.seq));
        let exempted = state.exemptions.iter().map(|act| (&act.by, act.seq));
        let own = confirmed.chain(waived).chain(exempted).filter(|(by, _)| *by == self.by);
        let newest = own.map(|(_, seq)| seq).max();
        let act = newest.ok_or_else(|| Refusal::NothingToRetract(point.clone()))?;
        Ok(Retracted { point, act }.into())
    }

    fn start(&self, start: Start) -> Result<Event, Refusal> {
        actions::may_start(&self.judgement, &start)?;
        let Start { action, nth, dry, typed, checked } = start;
        Ok(ActionStarted { action, nth, dry, typed, checked }.into())
    }

    fn stop(&self, action: ActionKey, started: u64) -> Result<Event, Refusal> {
        self.is_at_work(&action, started)?;
        Ok(ActionStopped { action, started }.into())
    }

    fn is_at_work(&self, action: &ActionKey, started: u64) -> Result<(), Refusal> {
        match self.state.under_way() {
            Some((key, deed)) if key == action && deed.seq == started => Ok(()),
            _ => Err(Refusal::NotAtWork(action.clone())),
        }
    }

    fn roll_back(&self, reason: Option<String>) -> Result<Event, Refusal> {
        let refuse = |why: &str| Err(Refusal::NotRolledBack(why.to_owned()));
        self.is_at_rest()?;
        let (Some(release), false) = (&self.state.plan.previous, self.state.rolled_back.is_some()) else {
            return refuse("it is already rolled back, or there is no release to roll back to");
        };
        if !self.state.is_going_back() {
            return refuse("no rollback step has run");
        }
        let ended = |id: &str| self.state.action(&ActionKey::new(ROLLBACK, id)).and_then(ActionState::ended);
        let steps = self.state.plan.rollback.iter();
        let is_meant = |step: &&Action| step.program.is_some() || !step.optional;
        let left = steps.filter(is_meant).filter(|step| !ended(&step.id).is_some_and(Ended::is_good));
        let left: Vec<String> = left.map(|step| step.id.clone()).collect();
        let reason = reason.map(|words| worded(&words, "")).transpose()?;
        if !left.is_empty() && reason.is_none() {
            return Err(Refusal::ReasonNeeded("why were rollback steps skipped?"));
        }
        Ok(RolledBack { release: release.clone(), digest: self.previous_digest(), left, reason }.into())
    }

    /// The digest of the previous release's image, as the registry probe saw it.
    fn previous_digest(&self) -> Option<String> {
        let digest = key::tag_digest(self.state.plan.previous.as_ref()?);
        let looks = self.state.points.values().flat_map(|point| point.probes.values());
        let seen =
            looks.filter_map(|probe| probe.latest.as_ref()).flat_map(|look| &look.outcome.observations);
        seen.filter(|seen| seen.is(&digest) && seen.ok == Some(true)).map(|seen| seen.seen.clone()).next()
    }

    /// A verdict or a seal needs that no action is running.
    pub(super) fn is_at_rest(&self) -> Result<(), Refusal> {
        self.state.under_way().map_or(Ok(()), |(key, _)| Err(Refusal::AtWork(key.clone())))
    }

    fn seal(&self) -> Result<Event, Refusal> {
        self.is_at_rest()?;
        let operator =
            self.state.operator(self.by).ok_or_else(|| Refusal::NotEnrolled(self.by.to_owned()))?;
        if self.state.verdict.is_none() {
            return Err(Refusal::NoVerdict);
        }
        let missing = self.state.missing_seals();
        if !missing.contains(&operator.role) {
            return Err(Refusal::NoSuchSeal(operator.role));
        }
        // After the first seal no operator can join.
        let has_operator = |role: &&Role| self.state.roster.iter().any(|who| who.role == **role);
        if let Some(role) = missing.iter().find(|role| !has_operator(role)) {
            return Err(Refusal::NobodyToSeal(*role));
        }
        let count = self.state.seq + 1;
        Ok(Sealed { role: operator.role, count, head: self.state.head }.into())
    }

    fn point(&self, id: &str) -> Result<&Point, Refusal> {
        self.state.plan.point(id).ok_or_else(|| Refusal::NoSuchPoint(id.to_owned()))
    }

    fn point_state(&self, id: &str) -> Result<&PointState, Refusal> {
        self.state.point(id).ok_or_else(|| Refusal::NoSuchPoint(id.to_owned()))
    }
}

/// The evidence of a point: the newest result of each of its probes.
#[must_use]
pub fn evidence(point: &Point, state: &PointState) -> Vec<Evidence> {
    let seen = |id: &String| {
        let look = state.probes.get(id)?.latest.as_ref()?;
        Some(Evidence { probe: id.clone(), seq: look.seq, hash: look.outcome.evidence_hash() })
    };
    point.probes.iter().filter_map(|probe| seen(&probe.id)).collect()
}

/// Checks a person's text: not empty, not too long, and safe to display.
pub(super) fn worded(words: &str, question: &'static str) -> Result<String, Refusal> {
    let words = text::block(words.trim());
    match words.len() {
        0 => Err(Refusal::ReasonNeeded(question)),
        length if length > MAX_WORDS => Err(Refusal::TextTooLong(length, MAX_WORDS)),
        _ => Ok(words),
    }
}
