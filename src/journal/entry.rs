//! The entries of a run log: their shapes, and the one way they are written and read.
//!
//! An entry is one line of compact JSON. The fields of its header come first, the fields of its kind
//! after them, the signature last. Reading a line and writing it again gives the same bytes, or the line
//! is refused; so the bytes that are verified are the bytes that are understood.

use std::io;

use serde::{Deserialize, Serialize};

use crate::checklist::{Plan, PointId, Role};
use crate::outcome::{Outcome, Sha256Hex};
use crate::text;
use crate::time::{Moment, Utc};

/// The format version that this code reads and writes.
pub const VERSION: u32 = 1;
/// The longest line in bytes, LF included.
pub const MAX_LINE: usize = 64 * 1024;
/// The longest `opened` or `replanned` line, which carry a whole plan, in bytes, LF included.
pub const MAX_PLAN_LINE: usize = 1024 * 1024;
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
    /// Whether all its seals stood.
    pub sealed: bool,
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
                #[derive(Serialize, Deserialize)]
                #[serde(deny_unknown_fields)]
                pub struct $name {
                    pub v: u32,
                    pub run: String,
                    pub seq: u64,
                    pub prev: Sha256Hex,
                    pub t: Utc,
                    pub boot: String,
                    pub mono: u64,
                    pub by: String,
                    pub kind: String,
                    $( pub $field: $type, )*
                    #[serde(default, skip_serializing_if = "Option::is_none")]
                    pub sig: Option<String>,
                }
            )*
        }

        fn write_flat(header: &Header, event: &Event, sig: Option<&str>) -> serde_json::Result<Vec<u8>> {
            let Header { run, seq, prev, at, by } = header.clone();
            let sig = sig.map(str::to_owned);
            match event.clone() {
                $( Event::$name(event) => {
                    let $name { $( $field ),* } = *event;
                    write_json(&flat::$name {
                        v: VERSION, run, seq, prev, t: at.wall, boot: at.boot, mono: at.mono, by,
                        kind: $kind.to_owned(), $( $field, )* sig,
                    })
                } )*
            }
        }

        fn read_flat(kind: &str, line: &[u8]) -> Result<(Header, Event, Option<String>), ReadEntryError> {
            match kind {
                $( $kind => {
                    let flat: flat::$name = serde_json::from_slice(line)?;
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
        /// What the run is judged by.
        plan: Plan,
        /// [`Plan::digest`].
        plan_sha256: Sha256Hex,
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
    /// Bytes after the last acknowledged entry were set aside.
    Recovered = "recovered" {
        /// How many.
        bytes: u64,
        /// Their SHA-256.
        sha256: Sha256Hex,
        /// The file they are kept in, beside the log.
        kept: String,
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
    /// The plan was changed during the run.
    Replanned = "replanned" {
        /// The new plan.
        plan: Plan,
        /// [`Plan::digest`] of it.
        plan_sha256: Sha256Hex,
        /// The points that start anew.
        touched: Vec<PointId>,
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

impl Event {
    /// Whether a person must have signed it.
    #[must_use]
    pub const fn is_act(&self) -> bool {
        !matches!(self, Self::Probed(_) | Self::Resumed(_) | Self::Recovered(_))
    }

    /// Whether it carries a whole plan, and so may be longer than other lines.
    #[must_use]
    pub const fn carries_plan(&self) -> bool {
        matches!(self, Self::Opened(_) | Self::Replanned(_))
    }

    /// The SSHSIG namespace that its signature must be made under.
    #[must_use]
    pub const fn namespace(&self) -> &'static str {
        match self {
            Self::Sealed(_) => "gonogo-seal-v1",
            _ => "gonogo-entry-v1",
        }
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
            _ => None,
        }
    }
}

/// Why a line is not an entry.
#[derive(Debug, thiserror::Error)]
pub enum ReadEntryError {
    /// Not JSON of the shape that the kind has.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A version that this gonogo does not know.
    #[error("format version {0}, expected {VERSION}; a newer gonogo wrote this log")]
    Version(u64),
    /// A kind that this gonogo does not know.
    #[error("unknown kind {0:?}; a newer gonogo wrote this log")]
    Kind(String),
    /// Not written the one way an entry is written.
    #[error("not written canonically from byte {0} on (order of keys, white space or escapes)")]
    NotCanonical(usize),
    /// Longer than a line may be.
    #[error("{0} bytes long, expected at most {1}")]
    TooLong(usize, usize),
}

/// Why an entry could not be made into a line.
#[derive(Debug, thiserror::Error)]
pub enum WriteEntryError {
    /// Longer than a line may be.
    #[error("the entry would be {0} bytes long, at most {1} are possible; shorten the text or attach a file")]
    TooLong(usize, usize),
    /// Not possible in JSON.
    #[error("the entry cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The line without its signature, LF included: what is signed.
///
/// # Errors
/// When it would be too long.
pub fn signed_bytes(header: &Header, event: &Event) -> Result<Vec<u8>, WriteEntryError> {
    line_of(header, event, None)
}

impl Entry {
    /// The entry and its whole line, LF included.
    ///
    /// # Errors
    /// When it would be too long.
    pub fn write(
        header: Header,
        event: Event,
        sig: Option<String>,
    ) -> Result<(Self, Vec<u8>), WriteEntryError> {
        let line = line_of(&header, &event, sig.as_deref())?;
        let hash = Sha256Hex::of(&line);
        Ok((Self { header, event, sig, hash }, line))
    }

    /// Reads one line, given without its LF.
    ///
    /// # Errors
    /// Why it is not an entry.
    pub fn read(line: &[u8]) -> Result<Self, ReadEntryError> {
        #[derive(Deserialize)]
        struct Peek<'a> {
            v: u64,
            #[serde(borrow)]
            kind: std::borrow::Cow<'a, str>,
        }
        if line.len() >= MAX_PLAN_LINE {
            return Err(ReadEntryError::TooLong(line.len() + 1, MAX_PLAN_LINE));
        }
        let Peek { v, kind } = serde_json::from_slice(line)?;
        if v != u64::from(VERSION) {
            return Err(ReadEntryError::Version(v));
        }
        let (header, event, sig) = read_flat(&kind, line)?;
        let again = write_flat(&header, &event, sig.as_deref())?;
        same_bytes(line, &again)?;
        within_limit(&event, line.len() + 1).map_err(|(is, max)| ReadEntryError::TooLong(is, max))?;
        Ok(Self { header, event, sig, hash: Sha256Hex::of(&[line, b"\n"].concat()) })
    }

    /// What its signature was made over: the line without it, LF included.
    ///
    /// # Errors
    /// Cannot fail for an entry that was read or written.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, WriteEntryError> {
        signed_bytes(&self.header, &self.event)
    }
}

fn line_of(header: &Header, event: &Event, sig: Option<&str>) -> Result<Vec<u8>, WriteEntryError> {
    let mut line = write_flat(header, event, sig)?;
    line.push(b'\n');
    within_limit(event, line.len()).map_err(|(is, max)| WriteEntryError::TooLong(is, max))?;
    Ok(line)
}

fn within_limit(event: &Event, length: usize) -> Result<(), (usize, usize)> {
    let limit = if event.carries_plan() { MAX_PLAN_LINE } else { MAX_LINE };
    if length > limit { Err((length, limit)) } else { Ok(()) }
}

fn same_bytes(line: &[u8], again: &[u8]) -> Result<(), ReadEntryError> {
    if line == again {
        return Ok(());
    }
    let differs = line.iter().zip(again).position(|(a, b)| a != b);
    Err(ReadEntryError::NotCanonical(differs.unwrap_or(line.len().min(again.len()))))
}

fn write_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(512);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Harmless))?;
    Ok(bytes)
}

/// Compact JSON in which no string holds a character that could steer a terminal: what `serde_json`
/// leaves as it is (DEL, C1, bidirectional controls) is escaped too.
struct Harmless;

impl serde_json::ser::Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, part: &str) -> io::Result<()> {
        let mut plain = 0;
        for (index, c) in part.char_indices().filter(|(_, c)| text::is_harmful(*c)) {
            writer.write_all(&part.as_bytes()[plain..index])?;
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = index + c.len_utf8();
        }
        writer.write_all(&part.as_bytes()[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(text: &str) -> (Entry, Vec<u8>) {
        let at = Moment { wall: Utc::from_millis(1_790_000_000_000), boot: "b".into(), mono: 7 };
        let header = Header { run: "00".repeat(16), seq: 3, prev: Sha256Hex::ZERO, at, by: "a@x".into() };
        Entry::write(header, Noted { point: None, text: text.into() }.into(), Some("AA==".into())).unwrap()
    }

    #[test]
    fn a_line_reads_back_and_has_its_fields_in_order() {
        let (entry, line) = noted("héllo");
        assert_eq!(
            String::from_utf8(line.clone()).unwrap(),
            format!(
                "{{\"v\":1,\"run\":\"{}\",\"seq\":3,\"prev\":\"{}\",\"t\":\"2026-09-21T14:13:20.000Z\",\"boot\":\"b\",\
                 \"mono\":7,\"by\":\"a@x\",\"kind\":\"noted\",\"point\":null,\"text\":\"héllo\",\"sig\":\"AA==\"}}\n",
                "00".repeat(16),
                "0".repeat(64)
            )
        );
        assert_eq!(Entry::read(&line[..line.len() - 1]).unwrap(), entry);
    }

    #[test]
    fn no_control_stands_in_a_line_as_it_is() {
        let (entry, line) = noted("a\x1b\u{9b}\u{7f}\u{202e}\u{e0001}b");
        let text = String::from_utf8(line.clone()).unwrap();
        assert!(!text.trim_end().chars().any(text::is_harmful), "{text:?}");
        assert_eq!(Entry::read(&line[..line.len() - 1]).unwrap(), entry);
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let line = String::from_utf8(noted("x").1).unwrap().trim_end().to_owned();
        let refused = |line: &str| Entry::read(line.as_bytes()).unwrap_err().to_string();
        assert!(refused(&line.replace("\"seq\":3", "\"seq\": 3")).contains("canonical"));
        assert!(refused(&line.replace("\"x\"", "\"\\u0078\"")).contains("canonical"));
        assert!(refused(&line.replace(",\"point\":null", "")).contains("canonical"));
        assert!(refused(&line.replace("\"seq\":3", "\"seq\":3,\"seq\":3")).contains("duplicate"));
        assert!(refused(&line.replace("\"seq\":3", "\"seq\":3,\"x\":1")).contains("unknown field"));
        assert!(refused(&line.replace("\"v\":1", "\"v\":2")).contains("version 2"));
        assert!(refused(&line.replace("noted", "nodded")).contains("unknown kind"));
        assert!(refused(&format!("\u{feff}{line}")).contains("expected value"));
        assert!(refused(&format!("{line}\r")).contains("canonical"));
    }

    #[test]
    fn a_line_that_would_be_too_long_is_not_written() {
        let at = Moment { wall: Utc::from_millis(0), boot: String::new(), mono: 0 };
        let header = Header { run: String::new(), seq: 0, prev: Sha256Hex::ZERO, at, by: String::new() };
        let event = Noted { point: None, text: "x".repeat(MAX_LINE) };
        assert!(matches!(signed_bytes(&header, &event.into()), Err(WriteEntryError::TooLong(_, MAX_LINE))));
    }
}
