//! What people and machinery ask of a run, and how a run says no.

use super::actions::Start;
use crate::checklist::{ActionKey, Plan, PointId, ProbeKey, Role};
use crate::journal::entry::{Cause, Ended, Event, Evidence, Output, Torn};
use crate::outcome::{Outcome, Sha256Hex};
use crate::time::Utc;

/// Somebody asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The operator's principal, or [`crate::journal::entry::MACHINE`].
    pub by: String,
    /// What they ask for.
    pub act: Act,
}

impl Command {
    /// `by` asks for `act`.
    pub fn new(by: impl Into<String>, act: Act) -> Self {
        Self { by: by.into(), act }
    }
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// To take part.
    Join {
        /// With this public key.
        key: String,
        /// As this.
        role: Role,
    },
    /// To go on with a run that was left.
    Resume {
        /// The version of gonogo.
        gonogo: String,
        /// The host.
        host: String,
    },
    /// To put on record what the end of the program before left.
    Recover {
        /// What was set aside.
        torn: Option<Torn>,
        /// The position of the last entry, if nobody may have been shown it.
        in_doubt: Option<u64>,
    },
    /// To take in what a probe ended with.
    Finish {
        /// The probe.
        probe: ProbeKey,
        /// Which look of it this was.
        attempt: u64,
        /// The newest look of it that has been started.
        newest: u64,
        /// Whether it looked before the point was due.
        before: bool,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// What it ended with.
        outcome: Outcome,
    },
    /// To confirm a point.
    Confirm {
        /// The point.
        point: PointId,
        /// What was seen.
        of: Vec<Evidence>,
        /// Why one stands for two.
        reason: Option<String>,
    },
    /// To let a point pass.
    Waive {
        /// The point.
        point: PointId,
        /// Why.
        reason: String,
        /// Until when.
        until: Utc,
    },
    /// To say that a point does not concern this run.
    Exempt {
        /// The point.
        point: PointId,
        /// Why.
        reason: String,
    },
    /// To say something.
    Note {
        /// About this point, or the run.
        point: Option<PointId>,
        /// What.
        text: String,
    },
    /// To take back one's own newest act on a point.
    Retract {
        /// The point.
        point: PointId,
    },
    /// To go on with a changed plan.
    Replan {
        /// The plan.
        plan: Box<Plan>,
        /// The hash of the line that proposed it.
        proposal: Option<Sha256Hex>,
        /// Why it may be looser.
        reason: Option<String>,
    },
    /// To propose a looser plan.
    ProposeReplan(Box<Plan>),
    /// To end a proposal: the hash of its line.
    WithdrawReplan(Sha256Hex),
    /// To let an action run.
    Start(Box<Start>),
    /// To stop the action that is at work.
    Stop {
        /// Which.
        action: ActionKey,
        /// The position of its begin.
        started: u64,
    },
    /// To take in how an action ended.
    Ended {
        /// Which.
        action: ActionKey,
        /// The position of its begin.
        started: u64,
        /// In which way.
        ended: Ended,
        /// Why it was ended from outside.
        cause: Option<Cause>,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// What it printed.
        output: Option<Output>,
    },
    /// To put on record that the release was rolled back.
    RollBack {
        /// Why steps of the way back were left out.
        reason: Option<String>,
    },
    /// To put on record that the run was taken over.
    TakeOver {
        /// From whom.
        from: String,
        /// On which host.
        host: String,
        /// Its process id there.
        pid: u64,
    },
    /// To end a run that will not be sealed.
    Abandon {
        /// Why it will not be.
        reason: String,
    },
    /// To judge the run.
    Verdict,
    /// To close it.
    Seal,
}

impl Act {
    /// What a person says with it in their own words.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Confirm { reason, .. } | Self::RollBack { reason } | Self::Replan { reason, .. } => {
                reason.as_deref()
            }
            Self::Waive { reason, .. } | Self::Exempt { reason, .. } | Self::Abandon { reason } => {
                Some(reason)
            }
            Self::Note { text, .. } => Some(text),
            _ => None,
        }
    }

    /// What must have been asked for to bring about an event; `None` for the first one, which nobody
    /// asks a run for, and for an act that the event does not fully tell.
    #[must_use]
    pub fn behind(event: &Event) -> Option<Self> {
        Some(match event.clone() {
            Event::Opened(_) => return None,
            Event::Joined(e) => Self::Join { key: e.key, role: e.role },
            Event::Resumed(e) => Self::Resume { gonogo: e.gonogo, host: e.host },
            Event::Recovered(e) => Self::Recover { torn: e.torn, in_doubt: e.in_doubt },
            Event::Probed(e) => Self::Finish {
                probe: ProbeKey::new(e.point, e.probe),
                attempt: e.attempt,
                newest: e.attempt,
                before: e.before,
                took_ms: e.took_ms,
                outcome: e.outcome,
            },
            Event::Confirmed(e) => Self::Confirm { point: e.point, of: e.of, reason: e.reason },
            Event::Waived(e) => Self::Waive { point: e.point, reason: e.reason, until: e.until },
            Event::NotApplicable(e) => Self::Exempt { point: e.point, reason: e.reason },
            Event::Noted(e) => Self::Note { point: e.point, text: e.text },
            Event::Retracted(e) => Self::Retract { point: e.point },
            Event::ReplanProposed(e) => Self::ProposeReplan(Box::new(e.plan)),
            Event::ReplanWithdrawn(e) => Self::WithdrawReplan(e.proposal),
            Event::Replanned(e) => {
                Self::Replan { plan: Box::new(e.plan), proposal: e.proposal, reason: e.reason }
            }
            Event::ActionStarted(e) => Self::Start(Box::new(Start {
                action: e.action,
                nth: e.nth,
                dry: e.dry,
                typed: e.typed,
                checked: e.checked,
            })),
            Event::ActionStopped(e) => Self::Stop { action: e.action, started: e.started },
            Event::ActionFinished(e) => Self::Ended {
                action: e.action,
                started: e.started,
                ended: e.ended,
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

/// Why something that was asked for is not done. Nothing is logged then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The run is over.
    #[error("the run is sealed; nothing can be added to it")]
    Sealed,
    /// It was ended without a seal.
    #[error("the run was abandoned; nothing can be added to it")]
    Abandoned,
    /// The first seal stands: only the others may follow, or the end without them.
    #[error("the run is being sealed; only the missing seal ({0}) can follow, or that it is abandoned")]
    BeingSealed(Role),
    /// Not on the roster.
    #[error("{0} does not take part in this run")]
    NotEnrolled(String),
    /// No such point.
    #[error("the plan has no control point {0}")]
    NoSuchPoint(PointId),
    /// No such probe.
    #[error("the plan has no probe {0}")]
    NoSuchProbe(ProbeKey),
    /// A result that a newer look has overtaken.
    #[error("outdated: look {attempt} of {probe} ended, but look {newest} has begun")]
    Outdated {
        /// The probe.
        probe: ProbeKey,
        /// The look that ended.
        attempt: u64,
        /// The newest.
        newest: u64,
    },
    /// Not what can have been left.
    #[error("nothing was left, or an entry that is not the last one")]
    NothingToRecover,
    /// The probe's time has not come.
    #[error("{0} is not due yet")]
    ProbeNotDue(ProbeKey),
    /// A confirm over something that is not good.
    #[error("{point} cannot be confirmed: {why}")]
    CannotConfirm {
        /// The point.
        point: PointId,
        /// What is in the way.
        why: String,
    },
    /// What the person saw is not what stands in the log now.
    #[error("{0} has changed since you looked; look again and confirm what you see now")]
    EvidenceChanged(PointId),
    /// The same person twice.
    #[error("you have {what} {point} already; a second person is needed")]
    Already {
        /// What they did.
        what: &'static str,
        /// The point.
        point: PointId,
    },
    /// There is nothing to do.
    #[error("{point} is {status} already")]
    Closed {
        /// The point.
        point: PointId,
        /// In which way.
        status: String,
    },
    /// Words are missing.
    #[error("a reason is needed: {0}")]
    ReasonNeeded(&'static str),
    /// Too many words.
    #[error("the text is {0} bytes long, at most {1} are possible")]
    TextTooLong(usize, usize),
    /// An expiry that has passed.
    #[error("the waiver would have expired at {0}; give a time to come")]
    Expired(Utc),
    /// Nothing to take back.
    #[error("you have nothing on {0} to take back")]
    NothingToRetract(PointId),
    /// A key or a person twice.
    #[error("{0}")]
    Enrolment(String),
    /// A new plan that is for something else, or leaves something out.
    #[error("the new plan cannot replace this one: {0}")]
    Plan(String),
    /// A looser plan that was not proposed, in a run that two people close.
    #[error("the new plan is looser ({0}); it takes force when it is proposed and the other role accepts it")]
    LooserPlan(String),
    /// There is nothing to accept or withdraw, or something else.
    #[error("no such plan is proposed")]
    NoProposal,
    /// One proposal at a time.
    #[error("a new plan is proposed already; accept or withdraw it first (!)")]
    ProposalPending,
    /// Somebody who cannot accept it.
    #[error("a looser plan takes two: it is accepted by a {0}")]
    NotTheirs(Role),
    /// A result whose class is another than what it rests on, or of a probe that cannot run.
    #[error("{0}: {1}")]
    Outcome(ProbeKey, &'static str),
    /// No such action.
    #[error("the plan has no action {0}")]
    NoSuchAction(ActionKey),
    /// An action whose turn it is not, or that is not what or where it should be.
    #[error("{action} is locked: {why}")]
    ActionLocked {
        /// Which.
        action: ActionKey,
        /// What is in the way.
        why: String,
    },
    /// Guards and checks have not all looked yet.
    #[error("{action} is locked: {title} has not been looked at")]
    NotChecked {
        /// Which.
        action: ActionKey,
        /// The guard or check.
        title: String,
    },
    /// An action that is not at work.
    #[error("{0} is not at work")]
    NotAtWork(ActionKey),
    /// An action is at work.
    #[error("{0} is at work; wait for its end, or stop it")]
    AtWork(ActionKey),
    /// Nothing was rolled back.
    #[error("{0}")]
    NotRolledBack(String),
    /// No verdict to seal.
    #[error("give the verdict first: what is sealed is the verdict, and nothing may have changed since")]
    NoVerdict,
    /// A seal that nobody could give.
    #[error(
        "the run needs a seal by a {0} too, and nobody takes part as one: they join first: `p` at this keyboard, or `gonogo run … --role {0}`"
    )]
    NobodyToSeal(Role),
    /// Not a seal that is asked for.
    #[error("the plan asks for no seal by a {0}, or it stands already")]
    NoSuchSeal(Role),
}
