//! The commands of people and of the machine, and why a command is rejected.

use super::actions::StartRequest;
use crate::checklist::{ActionKey, Plan, PointId, ProbeKey, Role};
use crate::journal::entry::{ActionExit, ActionOutput, Event, Evidence, StopCause, TornTail};
use crate::outcome::{Outcome, Sha256Hex};
use crate::time::Utc;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The operator's principal, or [`crate::journal::entry::MACHINE`].
    pub by: String,
    /// The act.
    pub act: Act,
}

impl Command {
    /// `by` asks for `act`.
    pub fn new(by: impl Into<String>, act: Act) -> Self {
        Self { by: by.into(), act }
    }
}

/// The acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Join the run.
    Join {
        /// The public key.
        key: String,
        /// The role.
        role: Role,
    },
    /// Resume a run.
    Resume {
        /// The version of gonogo.
        gonogo: String,
        /// The host.
        host: String,
    },
    /// Record what the previous process left at the end of the log.
    Recover {
        /// The torn tail that was set aside.
        torn: Option<TornTail>,
        /// The position of the last entry, if it may never have been acknowledged.
        in_doubt: Option<u64>,
    },
    /// Record the result of a probe.
    FinishProbe {
        /// The probe.
        probe: ProbeKey,
        /// Which attempt of the probe it was.
        attempt: u64,
        /// The newest attempt of the probe that has started.
        newest_attempt: u64,
        /// Whether it ran before the point was due.
        early: bool,
        /// Its duration, in milliseconds.
        took_ms: u64,
        /// The result.
        outcome: Outcome,
    },
    /// Confirm a point.
    Confirm {
        /// The point.
        point: PointId,
        /// The evidence that the person saw.
        evidence: Vec<Evidence>,
        /// Why one person confirms for two.
        reason: Option<String>,
    },
    /// Waive a point.
    Waive {
        /// The point.
        point: PointId,
        /// The reason.
        reason: String,
        /// The expiry.
        until: Utc,
    },
    /// Mark a point as not applicable.
    Exempt {
        /// The point.
        point: PointId,
        /// The reason.
        reason: String,
    },
    /// Add a note.
    Note {
        /// The point; none for the run.
        point: Option<PointId>,
        /// The text.
        text: String,
    },
    /// Retract one's own entry on a point.
    Retract {
        /// The point.
        point: PointId,
        /// The position of the entry; by default the newest.
        target: Option<u64>,
    },
    /// Continue with a changed plan.
    Replan {
        /// The plan.
        plan: Box<Plan>,
        /// The hash of the proposal's line.
        proposal: Option<Sha256Hex>,
        /// Why it may be looser.
        reason: Option<String>,
    },
    /// Propose a looser plan.
    ProposeReplan(Box<Plan>),
    /// Withdraw a proposal, by the hash of its line.
    WithdrawReplan(Sha256Hex),
    /// Start an action.
    Start(Box<StartRequest>),
    /// Stop the running action.
    Stop {
        /// The action.
        action: ActionKey,
        /// The position of its start entry.
        started: u64,
        /// Why a reviewer stops it.
        reason: Option<String>,
    },
    /// Record the end of an action.
    FinishAction {
        /// The action.
        action: ActionKey,
        /// The position of its start entry.
        started: u64,
        /// The exit.
        exit: ActionExit,
        /// Why gonogo ended it, if it did.
        cause: Option<StopCause>,
        /// Its duration, in milliseconds.
        took_ms: u64,
        /// Its output.
        output: Option<ActionOutput>,
    },
    /// Record that the release was rolled back.
    RollBack {
        /// Why rollback steps were skipped.
        reason: Option<String>,
    },
    /// Record a takeover of the run.
    TakeOver {
        /// The previous owner.
        from: String,
        /// The owner's host.
        host: String,
        /// The owner's process id on that host.
        pid: u64,
    },
    /// Abandon the run: end it without a seal.
    Abandon {
        /// The reason.
        reason: String,
    },
    /// Record the verdict.
    Verdict,
    /// Seal the run.
    Seal,
}

impl Act {
    /// The text that a person typed with the act.
    #[must_use]
    pub fn free_text(&self) -> Option<&str> {
        match self {
            Self::Confirm { reason, .. }
            | Self::RollBack { reason }
            | Self::Replan { reason, .. }
            | Self::Stop { reason, .. } => reason.as_deref(),
            Self::Start(start) => start.reason.as_deref(),
            Self::Waive { reason, .. } | Self::Exempt { reason, .. } | Self::Abandon { reason } => {
                Some(reason)
            }
            Self::Note { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The act behind an event. `None` for the first event, which has no act, and for an act that the event does not
    /// fully describe.
    #[must_use]
    pub fn from_event(event: &Event) -> Option<Self> {
        Some(match event.clone() {
            Event::Opened(_) => return None,
            Event::Joined(e) => Self::Join { key: e.key, role: e.role },
            Event::Resumed(e) => Self::Resume { gonogo: e.gonogo, host: e.host },
            Event::Recovered(e) => Self::Recover { torn: e.torn, in_doubt: e.in_doubt },
            Event::Probed(e) => Self::FinishProbe {
                probe: ProbeKey::new(e.point, e.probe),
                attempt: e.attempt,
                newest_attempt: e.attempt,
                early: e.early,
                took_ms: e.took_ms,
                outcome: e.outcome,
            },
            Event::Confirmed(e) => Self::Confirm { point: e.point, evidence: e.evidence, reason: e.reason },
            Event::Waived(e) => Self::Waive { point: e.point, reason: e.reason, until: e.until },
            Event::NotApplicable(e) => Self::Exempt { point: e.point, reason: e.reason },
            Event::Noted(e) => Self::Note { point: e.point, text: e.text },
            Event::Retracted(e) => Self::Retract { point: e.point, target: Some(e.target) },
            Event::ReplanProposed(e) => Self::ProposeReplan(Box::new(e.plan)),
            Event::ReplanWithdrawn(e) => Self::WithdrawReplan(e.proposal),
            Event::Replanned(e) => {
                Self::Replan { plan: Box::new(e.plan), proposal: e.proposal, reason: e.reason }
            }
            Event::ActionStarted(e) => Self::Start(Box::new(StartRequest {
                action: e.action,
                attempt: e.attempt,
                dry_run: e.dry_run,
                typed_environment: e.typed_environment,
                preflight: e.preflight,
                reason: e.reason,
            })),
            Event::ActionStopped(e) => Self::Stop { action: e.action, started: e.started, reason: e.reason },
            Event::ActionFinished(e) => Self::FinishAction {
                action: e.action,
                started: e.started,
                exit: e.exit,
                cause: e.cause,
                took_ms: e.took_ms,
                output: e.output,
            },
            Event::RolledBack(e) => Self::RollBack { reason: e.reason },
            Event::TakenOver(e) => Self::TakeOver { from: e.from, host: e.host, pid: e.pid },
            Event::Abandoned(e) => Self::Abandon { reason: e.reason },
            Event::Verdict(_) => Self::Verdict,
            Event::Sealed(_) => Self::Seal,
        })
    }
}

/// Why a command is rejected. Nothing is logged then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The run is sealed.
    #[error("the run is sealed; nothing can be added to it")]
    Sealed,
    /// The run was abandoned.
    #[error("the run was abandoned; nothing can be added to it")]
    Abandoned,
    /// The first seal is set: only the other seals or an abandon may follow.
    #[error("the run is being sealed; only the missing seal ({0}) or an abandon can follow")]
    SealingStarted(Role),
    /// The operator is not in the roster.
    #[error("{0} is not an operator of this run")]
    NotEnrolled(String),
    /// The plan has no such point.
    #[error("the plan has no control point {0}")]
    UnknownPoint(PointId),
    /// The plan has no such probe.
    #[error("the plan has no probe {0}")]
    UnknownProbe(ProbeKey),
    /// The result is older than a newer attempt.
    #[error("outdated: attempt {attempt} of {probe} ended, but attempt {newest} has started")]
    Outdated {
        /// The probe.
        probe: ProbeKey,
        /// The attempt that ended.
        attempt: u64,
        /// The newest attempt.
        newest: u64,
    },
    /// There is nothing to recover, or the entry is not the last one.
    #[error("there is nothing to recover, or it is not the last entry")]
    NothingToRecover,
    /// The probe is not due.
    #[error("{0} is not due yet")]
    ProbeNotDue(ProbeKey),
    /// The point cannot be confirmed.
    #[error("{point} cannot be confirmed: {why}")]
    CannotConfirm {
        /// The point.
        point: PointId,
        /// The reason.
        why: String,
    },
    /// The results have changed since the person saw them.
    #[error("{0} has changed since you opened it; review it and confirm the current results")]
    EvidenceChanged(PointId),
    /// The same person has already done this.
    #[error("you have already {what} {point}; a second person is needed")]
    AlreadyDone {
        /// The act.
        what: &'static str,
        /// The point.
        point: PointId,
    },
    /// The point is already done.
    #[error("{point} is already {status}")]
    PointDone {
        /// The point.
        point: PointId,
        /// Its status.
        status: String,
    },
    /// A text is missing.
    #[error("a reason is needed: {0}")]
    ReasonNeeded(&'static str),
    /// The text is too long.
    #[error("the text is {0} bytes long; the limit is {1}")]
    TextTooLong(usize, usize),
    /// The expiry is in the past.
    #[error("the waiver would have expired at {0}; give a time in the future")]
    Expired(Utc),
    /// There is nothing to retract.
    #[error("you have nothing on {0} to retract")]
    NothingToRetract(PointId),
    /// The key or the name is already enrolled.
    #[error("{0}")]
    InvalidEnrolment(String),
    /// The new plan is for something else, or lacks something.
    #[error("the new plan cannot replace this one: {0}")]
    InvalidPlan(String),
    /// A looser plan in a run with two roles must be proposed first.
    #[error("the new plan is looser ({0}); propose it, and the other role must accept it")]
    LooserPlanNotProposed(String),
    /// There is no such proposal to accept or withdraw.
    #[error("this plan is not proposed")]
    NoProposal,
    /// There can be only one proposal at a time.
    #[error("a new plan is already proposed; accept or withdraw it first (!)")]
    ProposalPending,
    /// The operator's role cannot accept the proposal.
    #[error("a looser plan needs two people: a {0} must accept it")]
    WrongRole(Role),
    /// The class does not match the observations, or the probe cannot run.
    #[error("{0}: {1}")]
    InvalidOutcome(ProbeKey, &'static str),
    /// The plan has no such action.
    #[error("the plan has no action {0}")]
    UnknownAction(ActionKey),
    /// The action cannot start now.
    #[error("{action} is blocked: {why}")]
    ActionLocked {
        /// The action.
        action: ActionKey,
        /// The reason.
        why: String,
    },
    /// It has no dry run.
    #[error("{0} has no dry run")]
    NoDryRun(ActionKey),
    /// Not all guards and checks have a result.
    #[error("{action} is blocked: {title} has not been checked")]
    PreflightIncomplete {
        /// The action.
        action: ActionKey,
        /// The guard or check.
        title: String,
    },
    /// The action is not running.
    #[error("{0} is not running")]
    ActionNotRunning(ActionKey),
    /// Another action is running.
    #[error("{0} is running; wait for it to finish, or stop it")]
    ActionRunning(ActionKey),
    /// No rollback was recorded.
    #[error("{0}")]
    NotRolledBack(String),
    /// There is no verdict to seal.
    #[error("record the verdict first: the seal covers the verdict, and nothing may change between them")]
    NoVerdict,
    /// No operator can give a required seal.
    #[error(
        "the run also needs a seal by a {0}, and no operator has that role: a {0} must join first, with `p` here or with `gonogo run … --role {0}`"
    )]
    NoOperatorForSeal(Role),
    /// This seal is not required.
    #[error("the plan requires no seal by a {0}, or the {0} has already sealed")]
    SealNotRequired(Role),
}
