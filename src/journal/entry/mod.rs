//! The entries of a run log: their shapes, and the one way they are written and read.
//!
//! An entry is one line of compact JSON. The fields of its header come first, the fields of its kind
//! after them, the signature last. Reading a line and writing it again gives the same bytes, or the line
//! is refused; so the bytes that are verified are the bytes that are understood.

mod action;
mod kinds;
mod line;

pub(super) use self::line::TYPICAL_LINE;
use serde::{Deserialize, Serialize};

pub use self::action::{Cause, Ended, Output};
pub use self::kinds::{
    Abandoned, ActionFinished, ActionStarted, ActionStopped, Confirmed, Event, Joined, NotApplicable, Noted,
    Opened, Probed, Recovered, ReplanProposed, ReplanWithdrawn, Replanned, Resumed, Retracted, RolledBack,
    Sealed, TakenOver, Verdict, Waived, entry_namespace,
};
pub use self::line::{
    MAX_LINE, MAX_PLAN_LINE, OtherRules, RULES, ReadEntryError, VERSION, WriteEntryError, signed_bytes,
};
use crate::checklist::{PointId, Role};
use crate::outcome::Sha256Hex;
use crate::time::Moment;

/// The `by` of entries that no person made.
pub const MACHINE: &str = "gonogo";

/// What stands at the head of every entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// 128-bit random id of the run, in hex.
    pub run: String,
    /// Position in the log, from 0.
    pub seq: u64,
    /// SHA-256 of the whole previous line, signature and LF included.
    pub prev: Sha256Hex,
    /// When, by both clocks.
    pub at: Moment,
    /// The operator's principal, or [`MACHINE`].
    pub by: String,
}

/// One entry, as read from a line or about to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who, when, where in the chain.
    pub header: Header,
    /// What happened.
    pub event: Event,
    /// The raw SSHSIG blob in base64, if it is signed.
    pub sig: Option<String>,
    /// SHA-256 of the whole line, LF included.
    pub hash: Sha256Hex,
}

/// Somebody who may act in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    /// Their name, as `allowed_signers` has it; usually a mail address.
    pub principal: String,
    /// Their public key, `ssh-ed25519 AAAA…`, without comment.
    pub key: String,
    /// What they do in this run.
    pub role: Role,
}

/// The run before this one in its environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predecessor {
    /// Its id.
    pub run: String,
    /// Its last position.
    pub seq: u64,
    /// The hash of its last line.
    pub head: Sha256Hex,
    /// How it ended.
    pub ended: PredecessorEnd,
}

/// How far the run before had come when the next one was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PredecessorEnd {
    /// All its seals stood.
    Sealed,
    /// Not all of them.
    Open,
    /// Somebody has ended it without them.
    Abandoned,
    /// Its log was written by a gonogo of other rules, so this one cannot tell.
    OtherVersion,
}

impl std::fmt::Display for PredecessorEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sealed => "sealed",
            Self::Open => "not sealed",
            Self::Abandoned => "abandoned",
            Self::OtherVersion => "of another version",
        })
    }
}

/// One outcome that a confirmation rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The probe, by its id within the point.
    pub probe: String,
    /// The position of its `probed` entry.
    pub seq: u64,
    /// [`Outcome::evidence_hash`].
    pub hash: Sha256Hex,
}

/// What stood after the last entry and was none; kept beside the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Torn {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Sha256Hex,
    /// The file that they are kept in, relative to the log's directory.
    pub kept: String,
}

/// Whether the deployment may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// Every point is closed.
    #[serde(rename = "GO")]
    Go,
    /// Something fails, errors or is unconfigured.
    #[serde(rename = "NO-GO")]
    NoGo,
    /// Nothing speaks against it, but not everything is closed.
    #[serde(rename = "PENDING")]
    Pending,
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Go => "GO",
            Self::NoGo => "NO-GO",
            Self::Pending => "PENDING",
        })
    }
}

/// Why a verdict is not GO, for one point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The point.
    pub point: PointId,
    /// Its state in a word or two.
    pub status: String,
    /// What is behind it.
    pub why: String,
}
