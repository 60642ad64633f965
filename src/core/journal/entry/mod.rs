//! The entries of a run log: their shapes and their canonical form.
//!
//! An entry is one line of compact JSON: the fields of its header, then the fields of its kind, then the signature. A
//! line must be identical to what writing its entry gives, or it is refused; so the bytes that are verified are the
//! bytes that are understood.

mod action;
mod kinds;
mod line;

pub(super) use self::line::TYPICAL_LINE;
use serde::{Deserialize, Serialize};

pub use self::action::{ActionExit, ActionOutput, StopCause};
pub use self::kinds::{
    Abandoned, ActionFinished, ActionStarted, ActionStopped, Confirmed, Event, Joined, NotApplicable, Noted,
    Opened, Probed, Recovered, ReplanProposed, ReplanWithdrawn, Replanned, Resumed, Retracted, RolledBack,
    Sealed, TakenOver, Verdict, Waived, entry_namespace,
};
pub use self::line::{
    MAX_LINE, MAX_PLAN_LINE, RULES, ReadEntryError, UnsupportedRules, VERSION, WriteEntryError, signed_bytes,
};
use crate::checklist::{PointId, Role};
use crate::outcome::Sha256Hex;
use crate::time::Moment;

/// The `by` of automatic entries.
pub const MACHINE: &str = "gonogo";

/// The header of every entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// 128-bit random id of the run, in hex.
    pub run: String,
    /// Position in the log, from 0.
    pub seq: u64,
    /// SHA-256 of the whole previous line, signature and LF included.
    pub prev: Sha256Hex,
    /// The time by both clocks.
    pub at: Moment,
    /// The operator's principal, or [`MACHINE`].
    pub by: String,
}

/// One entry, read from a line or about to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Run, position, previous hash, time and author.
    pub header: Header,
    /// The event.
    pub event: Event,
    /// The raw SSHSIG blob in base64, if it is signed.
    pub sig: Option<String>,
    /// SHA-256 of the whole line, LF included.
    pub hash: Sha256Hex,
}

/// An operator of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledOperator {
    /// The name, as in `allowed_signers`; usually a mail address.
    pub principal: String,
    /// The public key, `ssh-ed25519 AAAA…`, without comment.
    pub key: String,
    /// The role in this run.
    pub role: Role,
}

/// The previous run of the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predecessor {
    /// Its id.
    pub run: String,
    /// The position of its last entry.
    pub seq: u64,
    /// The hash of its last line.
    pub head: Sha256Hex,
    /// Its state.
    pub state: PredecessorState,
}

/// The state of the previous run when this one was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PredecessorState {
    /// Sealed.
    Sealed,
    /// Not completely sealed.
    Open,
    /// Abandoned.
    Abandoned,
    /// Its log has other rules, so this gonogo cannot tell.
    OtherVersion,
}

impl std::fmt::Display for PredecessorState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sealed => "sealed",
            Self::Open => "not sealed",
            Self::Abandoned => "abandoned",
            Self::OtherVersion => "of another version",
        })
    }
}

/// One result that a confirmation depends on.
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

/// The bytes after the last entry that are not an entry; saved next to the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TornTail {
    /// The size in bytes.
    pub bytes: u64,
    /// The SHA-256.
    pub sha256: Sha256Hex,
    /// The file, relative to the log's directory.
    pub file: String,
}

/// Whether the deployment may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// Every point is done.
    #[serde(rename = "GO")]
    Go,
    /// A point failed, ended in an error, or is unconfigured.
    #[serde(rename = "NO-GO")]
    NoGo,
    /// There is no reason against it, but not everything is done.
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
pub struct VerdictReason {
    /// The point.
    pub point: PointId,
    /// Its status label.
    pub status: String,
    /// The explanation.
    pub why: String,
}
