//! Verification of a log: format, chain, signatures, trust, rules. The result is sealed, open or invalid.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::time::Duration;

use super::entry::{Entry, Event, MACHINE, ReadEntryError, UnsupportedRules};
use super::parallel_reader;
use super::read::{EntryReader, LinePosition, LogLine, LogLines, NextEntryError};
use super::signers::{AllowedSigners, DistrustError};
use super::sshsig::{SignatureError, SignatureVerifier};
use crate::error::{ErrorKind, HasKind};
use crate::outcome::Sha256Hex;
use crate::time::{Moment, Utc};

/// 2026-01-01, in milliseconds since the Unix epoch: no gonogo wrote a log before.
const EARLIEST: i64 = 1_767_225_600_000;

/// Checks each entry against the rules of a run, in order.
pub trait Rules {
    /// Checks the next entry.
    ///
    /// # Errors
    /// Why the rules do not allow it.
    fn check_entry(&mut self, entry: &Entry) -> Result<(), String>;

    /// Whether every required seal is set.
    fn is_sealed(&self) -> bool;
}

/// The status of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogStatus {
    /// Valid, every required seal is set, nothing follows.
    Sealed,
    /// Valid to its end, but not sealed.
    Open,
    /// Not valid.
    Invalid {
        /// The first invalid line.
        at: LinePosition,
        /// The reason.
        why: String,
    },
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The status.
    pub status: LogStatus,
    /// How many entries are valid.
    pub entries: u64,
    /// The hash of the last valid line.
    pub head: Sha256Hex,
    /// The last valid signed entry: its line and its signer. No signature covers what follows it.
    pub last_signed: Option<(u64, String)>,
    /// The signers, and how often each signed.
    pub signers: BTreeMap<String, u64>,
    /// The people who sealed, in order.
    pub sealed_by: Vec<String>,
    /// Bytes after the last line end.
    pub trailing: u64,
    /// Warnings: facts that do not make the log invalid.
    pub warnings: Vec<String>,
}

/// Why an entry is not valid.
#[derive(Debug, thiserror::Error)]
enum InvalidEntry {
    #[error(transparent)]
    Next(#[from] NextEntryError),
    #[error("a {0} entry without a signature")]
    Unsigned(&'static str),
    #[error("an automatic entry ({0}) that is signed, or by {1}")]
    NotMachine(&'static str, String),
    #[error("a signed entry ({0}) by {MACHINE}, which is the name of automatic entries")]
    MachineSigns(&'static str),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Distrust(#[from] DistrustError),
    #[error("{0} signed with another key than the run's roster has")]
    NotTheirKey(String),
    #[error("a rehearsal, not evidence of a real deployment; verify it with --rehearsal")]
    Rehearsal,
    #[error("a real run, not a rehearsal; verify it without --rehearsal")]
    NoRehearsal,
    #[error("against the rules: {0}")]
    Rule(String),
}

/// Why a verification has no result.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The log has other rules than this gonogo's; under those it may be valid.
    #[error("{0}; verify it with the gonogo that wrote it")]
    OtherVersion(UnsupportedRules),
    /// The log has another format version.
    #[error("{}; verify it with the gonogo that wrote it", ReadEntryError::Version(*.0))]
    OtherFormat(u64),
}

impl HasKind for VerifyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read(error) => HasKind::kind(error),
            Self::OtherVersion(_) | Self::OtherFormat(_) => ErrorKind::User,
        }
    }
}

/// Verifies a log, in bounded memory. Checks that need only the line itself run on all cores.
///
/// # Errors
/// When it cannot be read, or is of another version. Every other problem is a result.
pub fn verify(
    log: impl BufRead,
    signers: &AllowedSigners,
    today: Utc,
    rules: &mut dyn Rules,
) -> Result<Verification, VerifyError> {
    let mut work = LogVerifier::new(signers, today, rules);
    parallel_reader::for_each_line(
        LogLines::new(log),
        &|| CheckedLine::checker(SignatureVerifier::default()),
        &mut |line, checked| work.check_line(line, checked),
    )?;
    match work.other_version {
        Some(version) => Err(version),
        None => Ok(work.finish()),
    }
}

/// The checks of a line that need only the line itself.
struct CheckedLine {
    entry: Result<Entry, ReadEntryError>,
    /// The key that signed it, and whether for a rehearsal; none for an automatic entry.
    key: Result<Option<(String, bool)>, InvalidEntry>,
}

impl CheckedLine {
    fn checker(mut verifier: SignatureVerifier) -> impl FnMut(&LogLine) -> Self {
        move |line| {
            // A line without an end is skipped: it was never acknowledged.
            let bytes = if line.is_terminated { line.bytes.as_slice() } else { b"" };
            let entry = Entry::read(bytes);
            let key = entry.as_ref().map_or(Ok(None), |entry| signing_key(&mut verifier, entry, bytes));
            Self { entry, key }
        }
    }
}

/// The key that signed an entry, and whether for a rehearsal, if entries of its kind are signed.
fn signing_key(
    verifier: &mut SignatureVerifier,
    entry: &Entry,
    line: &[u8],
) -> Result<Option<(String, bool)>, InvalidEntry> {
    let (by, kind) = (&entry.header.by, entry.event.kind());
    let Some(signature) = &entry.sig else {
        if entry.event.needs_signature() {
            return Err(InvalidEntry::Unsigned(kind));
        }
        return if by == MACHINE { Ok(None) } else { Err(InvalidEntry::NotMachine(kind, by.clone())) };
    };
    if !entry.event.needs_signature() {
        return Err(InvalidEntry::NotMachine(kind, by.clone()));
    }
    if by == MACHINE {
        return Err(InvalidEntry::MachineSigns(kind));
    }
    let message = entry.signed_part(line).ok_or(SignatureError::Mismatch)?;
    let mut under = |rehearsal| verifier.verify(signature, entry.event.namespace(rehearsal), &message);
    match under(false) {
        Err(SignatureError::Namespace(own, _)) if own == entry.event.namespace(true) => {
            Ok(Some((under(true)?, true)))
        }
        key => Ok(Some((key?, false))),
    }
}

struct LogVerifier<'a> {
    signers: &'a AllowedSigners,
    today: Utc,
    rules: &'a mut dyn Rules,
    reader: EntryReader,
    roster: BTreeMap<String, String>,
    last: Option<Moment>,
    /// Whether the log is of a rehearsal.
    rehearsal: bool,
    other_version: Option<VerifyError>,
    report: Verification,
}

impl<'a> LogVerifier<'a> {
    fn new(signers: &'a AllowedSigners, today: Utc, rules: &'a mut dyn Rules) -> Self {
        let report = Verification {
            status: LogStatus::Open,
            entries: 0,
            head: Sha256Hex::ZERO,
            last_signed: None,
            signers: BTreeMap::new(),
            sealed_by: Vec::new(),
            trailing: 0,
            warnings: Vec::new(),
        };
        Self {
            signers,
            today,
            rules,
            reader: EntryReader::default(),
            roster: BTreeMap::new(),
            last: None,
            rehearsal: false,
            other_version: None,
            report,
        }
    }

    fn check_line(&mut self, line: &LogLine, checked: CheckedLine) -> ControlFlow<()> {
        if !line.is_terminated {
            self.on_unterminated_line(line);
            return ControlFlow::Break(());
        }
        match self.check_entry(line.position, checked) {
            Ok(()) => ControlFlow::Continue(()),
            Err(InvalidEntry::Next(NextEntryError::Entry(ReadEntryError::Rules(rules))))
                if self.report.entries == 0 =>
            {
                self.other_version = Some(VerifyError::OtherVersion(rules));
                ControlFlow::Break(())
            }
            Err(InvalidEntry::Next(NextEntryError::Entry(ReadEntryError::Version(format))))
                if self.report.entries == 0 =>
            {
                self.other_version = Some(VerifyError::OtherFormat(format));
                ControlFlow::Break(())
            }
            Err(error) => {
                self.set_invalid(line.position, error.to_string());
                ControlFlow::Break(())
            }
        }
    }

    fn check_entry(&mut self, at: LinePosition, checked: CheckedLine) -> Result<(), InvalidEntry> {
        let entry = self.reader.check(checked.entry.map_err(NextEntryError::from)?)?;
        self.enrol(&entry)?;
        if let Some((key, rehearsal)) = checked.key? {
            if rehearsal != self.rehearsal {
                let [actual, expected] =
                    [rehearsal, self.rehearsal].map(|is| entry.event.namespace(is).to_owned());
                return Err(SignatureError::Namespace(actual, expected).into());
            }
            self.check_signer(&entry, &key, at)?;
        }
        self.rules.check_entry(&entry).map_err(InvalidEntry::Rule)?;
        self.check_clock(&entry, at);
        if matches!(entry.event, Event::Sealed(_)) {
            self.report.sealed_by.push(entry.header.by.clone());
        }
        self.report.entries += 1;
        self.report.head = entry.hash;
        Ok(())
    }

    fn enrol(&mut self, entry: &Entry) -> Result<(), InvalidEntry> {
        match &entry.event {
            Event::Opened(event) => {
                self.rehearsal = entry.event.opens_rehearsal();
                match (self.rehearsal, self.signers.is_for_rehearsals()) {
                    (true, false) => return Err(InvalidEntry::Rehearsal),
                    (false, true) => return Err(InvalidEntry::NoRehearsal),
                    _ => {}
                }
                self.roster = event
                    .roster
                    .iter()
                    .map(|operator| (operator.principal.clone(), operator.key.clone()))
                    .collect();
            }
            Event::Joined(event) => {
                self.roster.insert(entry.header.by.clone(), event.key.clone());
            }
            _ => {}
        }
        Ok(())
    }

    fn check_signer(&mut self, entry: &Entry, key: &str, at: LinePosition) -> Result<(), InvalidEntry> {
        let (by, namespace) = (&entry.header.by, entry.event.namespace(self.rehearsal));
        self.signers.check(by, key, namespace, entry.header.at.wall)?;
        if self.roster.get(by).is_none_or(|enrolled| enrolled != key) {
            return Err(InvalidEntry::NotTheirKey(by.clone()));
        }
        if let Err(why) = self.signers.check(by, key, namespace, self.today) {
            self.warn(format!("today {why}"));
        }
        *self.report.signers.entry(by.clone()).or_default() += 1;
        self.report.last_signed = Some((at.line, by.clone()));
        Ok(())
    }

    fn check_clock(&mut self, entry: &Entry, at: LinePosition) {
        let now = &entry.header.at;
        if let Some(last) = self.last.replace(now.clone()) {
            if now.wall < last.wall {
                self.warn(format!(
                    "line {}: the clock went back, from {} to {}",
                    at.line, last.wall, now.wall
                ));
            }
            if now.boot == last.boot && now.mono < last.mono {
                self.warn(format!("line {}: the monotonic clock went back", at.line));
            }
        } else if now.wall < Utc::from_millis(EARLIEST) {
            self.warn(format!(
                "the first entry is of {}, before gonogo existed: its clock was wrong",
                now.wall
            ));
        }
    }

    /// Warns of an entry with a time in the future: this host's clock and the writer's do not agree.
    fn check_last_time(&mut self) {
        const SLACK: Duration = Duration::from_mins(10);
        if let Some(last) = self.last.as_ref().filter(|last| last.wall > self.today.plus(SLACK)) {
            self.warn(format!("the last entry is of {}, in the future", last.wall));
        }
    }

    fn warn(&mut self, what: String) {
        const MAX_WARNINGS: usize = 100;
        if self.report.warnings.len() < MAX_WARNINGS && !self.report.warnings.contains(&what) {
            self.report.warnings.push(what);
        }
    }

    fn on_unterminated_line(&mut self, line: &LogLine) {
        if line.is_too_long || self.report.entries == 0 {
            let why =
                if line.is_too_long { "it exceeds the line limit" } else { "the first line is incomplete" };
            self.set_invalid(line.position, why.into());
        } else {
            self.report.trailing = line.bytes.len() as u64;
        }
    }

    fn set_invalid(&mut self, at: LinePosition, why: String) {
        self.report.status = LogStatus::Invalid { at, why };
    }

    fn finish(mut self) -> Verification {
        if self.report.entries == 0 && self.report.status == LogStatus::Open {
            self.set_invalid(LinePosition { line: 1, byte: 0 }, "the log is empty".into());
        }
        if self.report.status == LogStatus::Open && self.rules.is_sealed() && self.report.trailing == 0 {
            self.report.status = LogStatus::Sealed;
        }
        self.check_last_time();
        self.report
    }
}
