//! The kinds of entries and their fields, each one flat shape, header and signature included.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::line::{ReadEntryError, VERSION, write_json};
use super::{Cause, Decision, Ended, Enrolled, Evidence, Header, Output, Predecessor, Reason, Torn};
use crate::checklist::{ActionKey, Lock, Plan, PointId, Role};
use crate::outcome::{Observation, Outcome, Sha256Hex};
use crate::text;
use crate::time::{Moment, Utc};

macro_rules! kinds {
    ($( $(#[$doc:meta])* $name:ident = $kind:literal { $( $(#[$field_doc:meta])* $field:ident: $type:ty ),* $(,)? } )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $name { $( $(#[$field_doc])* pub $field: $type ),* }

            impl From<$name> for Event {
                fn from(event: $name) -> Self {
                    Self::$name(Box::new(event))
                }
            }
        )*

        /// What happened.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event { $( $(#[$doc])* $name(Box<$name>) ),* }

        impl Event {
            /// The kind as it stands in the log.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self { $( Self::$name(_) => $kind ),* }
            }
        }

        /// The flat shapes of whole lines, one per kind.
        mod flat {
            use super::*;
            $(
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                #[expect(dead_code, reason = "the version was looked at before the shape was known")]
                pub struct $name<'a> {
                    pub v: u32,
                    pub run: String,
                    pub seq: u64,
                    pub prev: Sha256Hex,
                    pub t: Utc,
                    pub boot: String,
                    pub mono: u64,
                    pub by: String,
                    #[serde(borrow)]
                    pub kind: Cow<'a, str>,
                    $( pub $field: $type, )*
                    #[serde(default)]
                    pub sig: Option<String>,
                }
            )*
        }

        /// The same, borrowed, to be written.
        mod lent {
            use super::*;
            $(
                #[derive(Serialize)]
                pub struct $name<'a> {
                    pub v: u32,
                    pub run: &'a str,
                    pub seq: u64,
                    pub prev: Sha256Hex,
                    pub t: Utc,
                    pub boot: &'a str,
                    pub mono: u64,
                    pub by: &'a str,
                    pub kind: &'a str,
                    $( pub $field: &'a $type, )*
                    #[serde(skip_serializing_if = "Option::is_none")]
                    pub sig: Option<&'a str>,
                }
            )*
        }

        pub(super) fn write_flat(header: &Header, event: &Event, sig: Option<&str>) -> serde_json::Result<Vec<u8>> {
            let Header { run, seq, prev, at, by } = header;
            match event {
                $( Event::$name(event) => {
                    let $name { $( $field ),* } = &**event;
                    write_json(&lent::$name {
                        v: VERSION, run, seq: *seq, prev: *prev, t: at.wall, boot: &at.boot, mono: at.mono, by,
                        kind: $kind, $( $field, )* sig,
                    })
                } )*
            }
        }

        pub(super) fn read_flat(kind: &str, line: &[u8]) -> Result<(Header, Event, Option<String>), ReadEntryError> {
            match kind {
                $( $kind => {
                    let flat: flat::$name = serde_json::from_slice(line)?;
                    if flat.kind != $kind {
                        return Err(ReadEntryError::Kind(text::clip(&text::line(&flat.kind), 40)));
                    }
                    let at = Moment { wall: flat.t, boot: flat.boot, mono: flat.mono };
                    let header = Header { run: flat.run, seq: flat.seq, prev: flat.prev, at, by: flat.by };
                    let event = $name { $( $field: flat.$field ),* };
                    Ok((header, event.into(), flat.sig))
                } )*
                other => Err(ReadEntryError::Kind(text::clip(&text::line(other), 40))),
            }
        }
    };
}

kinds! {
    /// The first line: what the run is about and who takes part.
    Opened = "opened" {
        /// The version of kinds, fields and rules that the log keeps to: [`super::RULES`].
        rules: u32,
        /// What the run is judged by.
        plan: Plan,
        /// [`Plan::digest`].
        plan_sha256: Sha256Hex,
        /// What the plan's checklist holds fast.
        lock: Lock,
        /// [`Lock::edition`] of it.
        edition: Sha256Hex,
        /// Who may act.
        roster: Vec<Enrolled>,
        /// The run before this one in its environment.
        previous_run: Option<Predecessor>,
        /// The commit that the release tag names, where known.
        commit: Option<String>,
        /// The version of gonogo that wrote this.
        gonogo: String,
        /// The host it ran on.
        host: String,
        /// SHA-256 of the profile file.
        profile_sha256: Sha256Hex,
    }
    /// Somebody else takes part.
    Joined = "joined" {
        /// Their public key.
        key: String,
        /// What they do.
        role: Role,
    }
    /// The run was left and is gone on with.
    Resumed = "resumed" {
        /// The version of gonogo that goes on.
        gonogo: String,
        /// The host it runs on.
        host: String,
    }
    /// The program did not end as it should: what it left.
    Recovered = "recovered" {
        /// What was set aside.
        torn: Option<Torn>,
        /// The position of the entry before this one, where the host does not remember that it was
        /// acknowledged: it may be that nobody was shown it.
        in_doubt: Option<u64>,
    }
    /// A probe ended.
    Probed = "probed" {
        /// Its point.
        point: PointId,
        /// Its id within the point.
        probe: String,
        /// Which look of this probe it was in this run, from 1.
        attempt: u64,
        /// Whether it looked at the running release, before the point was due.
        before: bool,
        /// How long it took, in milliseconds.
        took_ms: u64,
        /// What it ended with.
        outcome: Outcome,
    }
    /// A person says that a point is as it must be.
    Confirmed = "confirmed" {
        /// The point.
        point: PointId,
        /// What they saw.
        of: Vec<Evidence>,
        /// Why one person stands for two, in a solo plan.
        reason: Option<String>,
    }
    /// A person lets a point pass for a time.
    Waived = "waived" {
        /// The point.
        point: PointId,
        /// Why.
        reason: String,
        /// Until when.
        until: Utc,
    }
    /// A person says that a point does not concern this run.
    NotApplicable = "not-applicable" {
        /// The point.
        point: PointId,
        /// Why.
        reason: String,
    }
    /// A person has something to say.
    Noted = "noted" {
        /// About this point, or about the run.
        point: Option<PointId>,
        /// What.
        text: String,
    }
    /// A person takes back an act of theirs.
    Retracted = "retracted" {
        /// The point it concerned.
        point: PointId,
        /// The position of the act.
        act: u64,
    }
    /// A person asks for a looser plan; nothing changes before the other role signs it.
    ReplanProposed = "replan-proposed" {
        /// The new plan.
        plan: Plan,
        /// [`Plan::digest`] of it.
        plan_sha256: Sha256Hex,
    }
    /// A person ends a proposal that has not taken force.
    ReplanWithdrawn = "replan-withdrawn" {
        /// The hash of the proposal's line.
        proposal: Sha256Hex,
    }
    /// The plan was changed during the run.
    Replanned = "replanned" {
        /// The new plan.
        plan: Plan,
        /// [`Plan::digest`] of it.
        plan_sha256: Sha256Hex,
        /// The points that start again.
        touched: Vec<PointId>,
        /// The hash of the line that proposed it, where it takes two.
        proposal: Option<Sha256Hex>,
        /// Why it may be looser, where one seal closes the run.
        reason: Option<String>,
    }
    /// A person lets an action run. It has not begun before this is durable.
    ActionStarted = "action-started" {
        /// Which.
        action: ActionKey,
        /// Which running of it this is in this run, from 1.
        nth: u64,
        /// Whether it is only tried.
        dry: bool,
        /// The environment's name as they typed it, where it is a production environment.
        typed: Option<String>,
        /// What guards and checks saw right before.
        checked: Vec<Observation>,
    }
    /// A person stops an action.
    ActionStopped = "action-stopped" {
        /// Which.
        action: ActionKey,
        /// The position of its begin.
        started: u64,
    }
    /// An action ended.
    ActionFinished = "action-finished" {
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
    }
    /// A person says that the release was rolled back.
    RolledBack = "rolled-back" {
        /// To this one.
        release: String,
        /// To the image of this digest, as the registry had it.
        digest: Option<String>,
        /// The steps of the way back that were not taken.
        left: Vec<String>,
        /// Why they were not.
        reason: Option<String>,
    }
    /// A person takes the run over from a program that held it.
    TakenOver = "taken-over" {
        /// From whom.
        from: String,
        /// On which host.
        host: String,
        /// Its process id there.
        pid: u64,
    }
    /// A person ends a run that will not be sealed.
    Abandoned = "abandoned" {
        /// Why it will not be.
        reason: String,
    }
    /// The state of the run was judged.
    Verdict = "verdict" {
        /// What it came to.
        decision: Decision,
        /// How many points are closed.
        closed: u64,
        /// How many there are.
        total: u64,
        /// What speaks against GO.
        reasons: Vec<Reason>,
    }
    /// The closing signature of one role.
    Sealed = "sealed" {
        /// Whose.
        role: Role,
        /// How many entries stand before it.
        count: u64,
        /// The hash of the last of them.
        head: Sha256Hex,
    }
}

/// The SSHSIG namespace of acts other than seals, in a rehearsal or in a real run.
#[must_use]
pub const fn entry_namespace(rehearsal: bool) -> &'static str {
    if rehearsal { "gonogo-rehearsal-entry-v1" } else { "gonogo-entry-v1" }
}

impl Event {
    /// Whether a person must have signed it.
    #[must_use]
    pub const fn is_act(&self) -> bool {
        !matches!(self, Self::Probed(_) | Self::Resumed(_) | Self::Recovered(_) | Self::ActionFinished(_))
    }

    /// Whether it carries a whole plan, and so may be longer than other lines.
    #[must_use]
    pub const fn carries_plan(&self) -> bool {
        matches!(self, Self::Opened(_) | Self::ReplanProposed(_) | Self::Replanned(_))
    }

    /// The SSHSIG namespace that its signature must be made under, in a rehearsal or in a real run.
    #[must_use]
    pub const fn namespace(&self, rehearsal: bool) -> &'static str {
        match (self, rehearsal) {
            (Self::Sealed(_), false) => "gonogo-seal-v1",
            (Self::Sealed(_), true) => "gonogo-rehearsal-seal-v1",
            (_, rehearsal) => entry_namespace(rehearsal),
        }
    }

    /// Whether it opens a rehearsal.
    #[must_use]
    pub const fn opens_rehearsal(&self) -> bool {
        matches!(self, Self::Opened(event) if event.plan.rehearsal.is_some())
    }

    /// The point it concerns, if it is one.
    #[must_use]
    pub fn point(&self) -> Option<&str> {
        match self {
            Self::Probed(e) => Some(&e.point),
            Self::Confirmed(e) => Some(&e.point),
            Self::Waived(e) => Some(&e.point),
            Self::NotApplicable(e) => Some(&e.point),
            Self::Retracted(e) => Some(&e.point),
            Self::Noted(e) => e.point.as_deref(),
            Self::ActionStarted(e) => Some(&e.action.point),
            Self::ActionStopped(e) => Some(&e.action.point),
            Self::ActionFinished(e) => Some(&e.action.point),
            _ => None,
        }
    }
}
