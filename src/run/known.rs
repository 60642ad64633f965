//! What is known of the parts of a run: looks, acts, notes, seals.

use std::collections::BTreeMap;
use std::sync::Arc;

use rpds::VectorSync;

use crate::checklist::Role;
use crate::journal::entry::{Decision, Evidence, Reason};
use crate::outcome::Outcome;
use crate::time::{Moment, Utc};

/// One look of a probe, as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The position of its entry.
    pub seq: u64,
    /// Which look of this probe it was, from 1.
    pub attempt: u64,
    /// When it ended.
    pub at: Moment,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What it ended with.
    pub outcome: Arc<Outcome>,
}

/// What is known of one probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeState {
    /// Its newest look since the point was due.
    pub latest: Option<Look>,
    /// Its newest look at the release that ran before.
    pub before: Option<Look>,
    /// How many looks stand in the log.
    pub looks: u64,
}

/// A confirmation that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The position of the act.
    pub seq: u64,
    /// Who.
    pub by: String,
    /// When.
    pub at: Moment,
    /// What they saw.
    pub of: Vec<Evidence>,
    /// Why one person stands for two.
    pub reason: Option<String>,
}

/// A waiver that stands (it may have expired).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// The position of the act.
    pub seq: u64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: Utc,
}

/// A statement that a point does not concern this run, which stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// The position of the act.
    pub seq: u64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The position of the act.
    pub seq: u64,
    /// Who.
    pub by: String,
    /// When.
    pub at: Moment,
    /// What.
    pub text: String,
}

/// What is known of one control point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PointState {
    /// By the probes' ids.
    pub probes: BTreeMap<String, ProbeState>,
    /// Confirmations that were not retracted; some may no longer count.
    pub confirmations: Vec<Confirmation>,
    /// Waivers that were not retracted.
    pub waivers: Vec<Waiver>,
    /// Exemptions that were not retracted.
    pub exemptions: Vec<Exemption>,
    /// Notes; there may be many, and states share them.
    pub notes: VectorSync<Note>,
}

/// A verdict that stands: nothing that it rests on has changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingVerdict {
    /// The position of its entry.
    pub seq: u64,
    /// Who asked for it.
    pub by: String,
    /// When.
    pub at: Moment,
    /// What it came to.
    pub decision: Decision,
    /// How many points were closed.
    pub closed: u64,
    /// What spoke against GO.
    pub reasons: Vec<Reason>,
}

/// That the release was rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// The position of the act.
    pub seq: u64,
    /// Who says so.
    pub by: String,
    /// When.
    pub at: Moment,
    /// To which release.
    pub release: String,
    /// To the image of which digest.
    pub digest: Option<String>,
    /// The steps that were left out.
    pub left: Vec<String>,
    /// Why they were.
    pub reason: Option<String>,
}

/// That a run was ended which will not be sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abandoned {
    /// The position of the act.
    pub seq: u64,
    /// Who ended it.
    pub by: String,
    /// When.
    pub at: Moment,
    /// Why.
    pub reason: String,
}

/// A closing signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Its position.
    pub seq: u64,
    /// Who.
    pub by: String,
    /// As what.
    pub role: Role,
    /// When.
    pub at: Moment,
}
