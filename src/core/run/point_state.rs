//! The state of the parts of a run: probe results, signed acts, notes, seals.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use rpds::VectorSync;

use crate::checklist::Role;
use crate::journal::entry::{Decision, Evidence, VerdictReason};
use crate::outcome::Outcome;
use crate::text;
use crate::time::{Moment, Utc};

/// One logged run of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRun {
    /// The position of its entry.
    pub seq: u64,
    /// Which attempt of this probe it was, from 1.
    pub attempt: u64,
    /// When it ended.
    pub at: Moment,
    /// Its duration, in milliseconds.
    pub took_ms: u64,
    /// The result.
    pub outcome: Arc<Outcome>,
}

/// The state of one probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeState {
    /// Its newest result since the point became due.
    pub latest: Option<ProbeRun>,
    /// Its newest result from before the point was due, about the release that ran then.
    pub early_run: Option<ProbeRun>,
    /// How many results the log has.
    pub attempts: u64,
}

/// A confirmation that was not retracted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The position of its entry.
    pub seq: u64,
    /// The operator.
    pub by: String,
    /// When.
    pub at: Moment,
    /// The evidence that they saw.
    pub evidence: Vec<Evidence>,
    /// Why one person confirms for two.
    pub reason: Option<String>,
}

/// A waiver that was not retracted; it may have expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// The position of its entry.
    pub seq: u64,
    /// The operator.
    pub by: String,
    /// The reason.
    pub reason: String,
    /// The expiry.
    pub until: Utc,
}

/// A statement that a point is not applicable, not retracted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// The position of its entry.
    pub seq: u64,
    /// The operator.
    pub by: String,
    /// The reason.
    pub reason: String,
}

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The position of its entry.
    pub seq: u64,
    /// The operator.
    pub by: String,
    /// When.
    pub at: Moment,
    /// The text.
    pub text: String,
    /// Whether its author has retracted it.
    pub is_retracted: bool,
}

/// The state of one control point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PointState {
    /// By probe id.
    pub probes: BTreeMap<String, ProbeState>,
    /// Confirmations that were not retracted; some may no longer be valid.
    pub confirmations: Vec<Confirmation>,
    /// Waivers that were not retracted.
    pub waivers: Vec<Waiver>,
    /// Exemptions that were not retracted.
    pub exemptions: Vec<Exemption>,
    /// Notes. There may be many, so states share them.
    pub notes: VectorSync<Note>,
}

/// An entry of an operator on a point that can be retracted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEntry {
    /// Its position.
    pub seq: u64,
    /// What it is, with the text that was typed.
    pub description: String,
}

impl PointState {
    /// The entries of an operator that can be retracted, the newest first.
    #[must_use]
    pub fn own_entries(&self, by: &str) -> Vec<OwnEntry> {
        let own = |author: &str, seq: u64, what: &str, words: Option<&str>| {
            let words = words.map(|words| format!(": {}", text::line(words))).unwrap_or_default();
            (author == by).then(|| OwnEntry { seq, description: format!("{what}{words}") })
        };
        let confirmed =
            self.confirmations.iter().filter_map(|act| own(&act.by, act.seq, "confirmation", None));
        let waived = self.waivers.iter().filter_map(|act| own(&act.by, act.seq, "waiver", Some(&act.reason)));
        let exempted = self
            .exemptions
            .iter()
            .filter_map(|act| own(&act.by, act.seq, "“not applicable”", Some(&act.reason)));
        let noted = self.notes.iter().filter(|note| !note.is_retracted);
        let noted = noted.filter_map(|note| own(&note.by, note.seq, "note", Some(&note.text)));
        let mut entries: Vec<_> = confirmed.chain(waived).chain(exempted).chain(noted).collect();
        entries.sort_by_key(|entry| Reverse(entry.seq));
        entries
    }
}

/// The current verdict: nothing that it depends on has changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentVerdict {
    /// The position of its entry.
    pub seq: u64,
    /// Who requested it.
    pub by: String,
    /// When.
    pub at: Moment,
    /// The decision.
    pub decision: Decision,
    /// How many points were done.
    pub done: u64,
    /// The reasons against GO.
    pub reasons: Vec<VerdictReason>,
}

/// A recorded rollback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// The position of its entry.
    pub seq: u64,
    /// Who recorded it.
    pub by: String,
    /// When.
    pub at: Moment,
    /// The release that was rolled back to.
    pub release: String,
    /// The digest of that release's image.
    pub digest: Option<String>,
    /// The steps that were skipped.
    pub skipped_steps: Vec<String>,
    /// Why they were skipped.
    pub reason: Option<String>,
}

/// The end of a run without a seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abandonment {
    /// The position of its entry.
    pub seq: u64,
    /// Who abandoned it.
    pub by: String,
    /// When.
    pub at: Moment,
    /// The reason.
    pub reason: String,
}

/// A seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Its position.
    pub seq: u64,
    /// The operator.
    pub by: String,
    /// The role.
    pub role: Role,
    /// When.
    pub at: Moment,
}
