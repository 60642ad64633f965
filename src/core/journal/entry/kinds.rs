//! The kinds of entries and their fields. Each kind is one flat shape, with header and signature.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::line::{ReadEntryError, VERSION, write_json};
use super::{
    ActionExit, ActionOutput, Decision, EnrolledOperator, Evidence, Header, Predecessor, StopCause, TornTail,
    VerdictReason,
};
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

        /// The event of an entry.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event { $( $(#[$doc])* $name(Box<$name>) ),* }

        impl Event {
            /// The kind's name in the log.
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
                #[expect(dead_code, reason = "the version is checked before the shape is known")]
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

        /// The same shapes with borrowed fields, for writing.
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
    /// The first entry: the plan of the run and its operators.
    Opened = "opened" {
        /// The version of kinds, fields and rules that the log follows: [`super::RULES`].
        rules: u32,
        /// The plan.
        plan: Plan,
        /// [`Plan::digest`].
        plan_sha256: Sha256Hex,
        /// The fixed parts of the plan's checklist.
        lock: Lock,
        /// [`Lock::edition`] of it.
        edition: Sha256Hex,
        /// The operators.
        roster: Vec<EnrolledOperator>,
        /// The previous run of its environment.
        previous_run: Option<Predecessor>,
        /// The commit of the release tag, if known.
        commit: Option<String>,
        /// The version of gonogo that wrote this.
        gonogo: String,
        /// The host it ran on.
        host: String,
        /// SHA-256 of the profile file.
        profile_sha256: Sha256Hex,
    }
    /// An operator joins.
    Joined = "joined" {
        /// Their public key.
        key: String,
        /// Their role.
        role: Role,
    }
    /// The run is resumed.
    Resumed = "resumed" {
        /// The version of gonogo that resumes it.
        gonogo: String,
        /// The host it runs on.
        host: String,
    }
    /// The program did not end cleanly; this is what it left.
    Recovered = "recovered" {
        /// The torn tail that was set aside.
        torn: Option<TornTail>,
        /// The position of the entry before this one, if this host does not remember that it was acknowledged: perhaps
        /// it was never shown.
        in_doubt: Option<u64>,
    }
    /// A probe has a result.
    Probed = "probed" {
        /// Its point.
        point: PointId,
        /// Its id within the point.
        probe: String,
        /// Which attempt of this probe it was in this run, from 1.
        attempt: u64,
        /// Whether it ran against the current release, before the point was due.
        early: bool,
        /// Its duration, in milliseconds.
        took_ms: u64,
        /// The result.
        outcome: Outcome,
    }
    /// A person confirms a point.
    Confirmed = "confirmed" {
        /// The point.
        point: PointId,
        /// The evidence that they saw.
        evidence: Vec<Evidence>,
        /// Why one person confirms for two, in a solo run.
        reason: Option<String>,
    }
    /// A person waives a point for some time.
    Waived = "waived" {
        /// The point.
        point: PointId,
        /// The reason.
        reason: String,
        /// The expiry.
        until: Utc,
    }
    /// A person marks a point as not applicable.
    NotApplicable = "not-applicable" {
        /// The point.
        point: PointId,
        /// The reason.
        reason: String,
    }
    /// A person adds a note.
    Noted = "noted" {
        /// The point; none for the run.
        point: Option<PointId>,
        /// The text.
        text: String,
    }
    /// A person retracts an act of theirs.
    Retracted = "retracted" {
        /// The point of the act.
        point: PointId,
        /// The position of the act's entry.
        target: u64,
    }
    /// A person proposes a looser plan; nothing changes before the other role accepts it.
    ReplanProposed = "replan-proposed" {
        /// The new plan.
        plan: Plan,
        /// [`Plan::digest`] of it.
        plan_sha256: Sha256Hex,
    }
    /// A person withdraws a proposal.
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
        /// The points that are reset.
        reset_points: Vec<PointId>,
        /// The hash of the proposal's line, if it needed two people.
        proposal: Option<Sha256Hex>,
        /// Why it may be looser, in a run with one seal.
        reason: Option<String>,
    }
    /// A person starts an action. It starts only after this entry is durable.
    ActionStarted = "action-started" {
        /// The action.
        action: ActionKey,
        /// Which run of this action it is, from 1.
        attempt: u64,
        /// Whether it is a dry run.
        dry_run: bool,
        /// The environment's name as typed, in a production environment.
        typed_environment: Option<String>,
        /// The observations of guards and checks right before.
        preflight: Vec<Observation>,
        /// Why a reviewer begins the rollback.
        reason: Option<String>,
    }
    /// A person stops an action.
    ActionStopped = "action-stopped" {
        /// The action.
        action: ActionKey,
        /// The position of its start entry.
        started: u64,
        /// Why a reviewer stops it.
        reason: Option<String>,
    }
    /// An action has ended.
    ActionFinished = "action-finished" {
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
    }
    /// A person records that the release was rolled back.
    RolledBack = "rolled-back" {
        /// The release that was rolled back to.
        release: String,
        /// The digest of that release's image, as the registry had it.
        digest: Option<String>,
        /// The rollback steps that were skipped.
        skipped_steps: Vec<String>,
        /// Why they were skipped.
        reason: Option<String>,
    }
    /// A person takes the run over from another process.
    TakenOver = "taken-over" {
        /// The previous owner.
        from: String,
        /// The owner's host.
        host: String,
        /// The owner's process id on that host.
        pid: u64,
    }
    /// A person abandons the run: it will not be sealed.
    Abandoned = "abandoned" {
        /// The reason.
        reason: String,
    }
    /// The verdict.
    Verdict = "verdict" {
        /// The decision.
        decision: Decision,
        /// How many points are done.
        done: u64,
        /// How many there are.
        total: u64,
        /// The reasons against GO.
        reasons: Vec<VerdictReason>,
    }
    /// The seal of one role.
    Sealed = "sealed" {
        /// The role.
        role: Role,
        /// The number of entries before it.
        count: u64,
        /// The hash of the last one of them.
        head: Sha256Hex,
    }
}

/// The SSHSIG namespace of signed entries other than seals, in a rehearsal or in a real run.
#[must_use]
pub const fn entry_namespace(rehearsal: bool) -> &'static str {
    if rehearsal { "gonogo-rehearsal-entry-v1" } else { "gonogo-entry-v1" }
}

impl Event {
    /// Whether a person must sign it.
    #[must_use]
    pub const fn needs_signature(&self) -> bool {
        !matches!(self, Self::Probed(_) | Self::Resumed(_) | Self::Recovered(_) | Self::ActionFinished(_))
    }

    /// Whether it has a whole plan, and so a higher line limit.
    #[must_use]
    pub const fn carries_plan(&self) -> bool {
        matches!(self, Self::Opened(_) | Self::ReplanProposed(_) | Self::Replanned(_))
    }

    /// The SSHSIG namespace of its signature, in a rehearsal or in a real run.
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

    /// Whether a verdict before it stays current.
    #[must_use]
    pub const fn keeps_verdict(&self) -> bool {
        matches!(
            self,
            Self::Verdict(_)
                | Self::Sealed(_)
                | Self::Abandoned(_)
                | Self::Resumed(_)
                | Self::Noted(_)
                | Self::TakenOver(_)
        )
    }

    /// Its point, if it has one.
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
