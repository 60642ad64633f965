//! Whether a log is what it says it is: form, chain, signatures, trust, rules. Three answers: sealed,
//! open, invalid.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::time::Duration;

use super::ahead;
use super::entry::{Entry, Event, MACHINE, OtherRules, ReadEntryError};
use super::read::{Line, Lines, NextError, Position, Reader};
use super::signers::{AllowedSigners, DistrustError};
use super::sshsig::{SignatureError, Verifier};
use crate::error::{ErrorKind, HasKind};
use crate::outcome::Sha256Hex;
use crate::time::{Moment, Utc};

/// 2026-01-01, in milliseconds since the Unix epoch: no gonogo has written a log before.
const EARLIEST: i64 = 1_767_225_600_000;

/// Holds each entry to the rules of a run, in order.
pub trait Rules {
    /// Takes in the next entry.
    ///
    /// # Errors
    /// Why it could not have come about.
    fn take(&mut self, entry: &Entry) -> Result<(), String>;

    /// Whether every seal that the run needs stands.
    fn is_sealed(&self) -> bool;
}

/// What a log turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Valid, every required seal stands, nothing after it.
    Sealed,
    /// Valid up to its end, and not sealed.
    Open,
    /// Not valid.
    Invalid {
        /// The line at which it stops being valid.
        at: Position,
        /// Why.
        why: String,
    },
}

/// What verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The answer.
    pub answer: Answer,
    /// How many entries are valid.
    pub entries: u64,
    /// The hash of the last valid line.
    pub head: Sha256Hex,
    /// The last valid signed entry: its line and who signed it. What follows it is vouched for by nobody.
    pub last_signed: Option<(u64, String)>,
    /// Who signed, and how often.
    pub signers: BTreeMap<String, u64>,
    /// Who sealed, in order.
    pub sealed_by: Vec<String>,
    /// Bytes after the last line end.
    pub trailing: u64,
    /// What does not make the log invalid but should be known.
    pub warnings: Vec<String>,
}

/// Why an entry is not valid.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error(transparent)]
    Next(#[from] NextError),
    #[error("an act of a person ({0}) without a signature")]
    Unsigned(&'static str),
    #[error("a machine's entry ({0}) that is signed, or said to be by {1}")]
    NotMachine(&'static str, String),
    #[error("an act of a person ({0}) by {MACHINE}, which is the name of the machine's own entries")]
    MachineSigns(&'static str),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Distrust(#[from] DistrustError),
    #[error("{0} signed with a key other than the one that the run has for them")]
    NotTheirKey(String),
    #[error("a rehearsal: nothing in it was done to a real stack; --rehearsal verifies it as what it is")]
    Rehearsal,
    #[error("a real run, no rehearsal; verify it without --rehearsal")]
    NoRehearsal,
    #[error("against the rules: {0}")]
    Rule(String),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It was written under other rules than this gonogo's; it may well be valid under those.
    #[error("{0}; verify it with the gonogo that wrote it")]
    OtherVersion(OtherRules),
    /// Its lines are of another format.
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

/// Verifies a log, in bounded memory. What each line tells by itself is found out on all cores.
///
/// # Errors
/// When it cannot be read, or is of another version; whatever else stands in it is an answer.
pub fn verify(
    log: impl BufRead,
    signers: &AllowedSigners,
    today: Utc,
    rules: &mut dyn Rules,
) -> Result<Report, VerifyError> {
    let mut work = Work::new(signers, today, rules);
    ahead::each(Lines::new(log), &|| Seen::by(Verifier::default()), &mut |line, seen| work.next(line, seen))?;
    match work.other_version {
        Some(version) => Err(version),
        None => Ok(work.finish()),
    }
}

/// What a line tells by itself, whatever stands before it.
struct Seen {
    entry: Result<Entry, ReadEntryError>,
    /// The key that signed it, and whether for a rehearsal; none where a machine wrote it.
    key: Result<Option<(String, bool)>, Wrong>,
}

impl Seen {
    fn by(mut verifier: Verifier) -> impl FnMut(&Line) -> Self {
        move |line| {
            // A line without an end is not looked at: whatever stands in it was never acknowledged.
            let bytes = if line.ended { line.bytes.as_slice() } else { b"" };
            let entry = Entry::read(bytes);
            let key = entry.as_ref().map_or(Ok(None), |entry| signing_key(&mut verifier, entry, bytes));
            Self { entry, key }
        }
    }
}

/// The key that signed an entry, and whether for a rehearsal, if its kind is one that is signed.
fn signing_key(verifier: &mut Verifier, entry: &Entry, line: &[u8]) -> Result<Option<(String, bool)>, Wrong> {
    let (by, kind) = (&entry.header.by, entry.event.kind());
    let Some(signature) = &entry.sig else {
        if entry.event.is_act() {
            return Err(Wrong::Unsigned(kind));
        }
        return if by == MACHINE { Ok(None) } else { Err(Wrong::NotMachine(kind, by.clone())) };
    };
    if !entry.event.is_act() {
        return Err(Wrong::NotMachine(kind, by.clone()));
    }
    if by == MACHINE {
        return Err(Wrong::MachineSigns(kind));
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

struct Work<'a> {
    signers: &'a AllowedSigners,
    today: Utc,
    rules: &'a mut dyn Rules,
    reader: Reader,
    roster: BTreeMap<String, String>,
    last: Option<Moment>,
    /// Whether it is a rehearsal's log.
    rehearsal: bool,
    other_version: Option<VerifyError>,
    report: Report,
}

impl<'a> Work<'a> {
    fn new(signers: &'a AllowedSigners, today: Utc, rules: &'a mut dyn Rules) -> Self {
        let report = Report {
            answer: Answer::Open,
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
            reader: Reader::default(),
            roster: BTreeMap::new(),
            last: None,
            rehearsal: false,
            other_version: None,
            report,
        }
    }

    fn next(&mut self, line: &Line, seen: Seen) -> ControlFlow<()> {
        if !line.ended {
            self.unended(line);
            return ControlFlow::Break(());
        }
        match self.take(line.position, seen) {
            Ok(()) => ControlFlow::Continue(()),
            Err(Wrong::Next(NextError::Entry(ReadEntryError::Rules(rules)))) if self.report.entries == 0 => {
                self.other_version = Some(VerifyError::OtherVersion(rules));
                ControlFlow::Break(())
            }
            Err(Wrong::Next(NextError::Entry(ReadEntryError::Version(format))))
                if self.report.entries == 0 =>
            {
                self.other_version = Some(VerifyError::OtherFormat(format));
                ControlFlow::Break(())
            }
            Err(wrong) => {
                self.invalid(line.position, wrong.to_string());
                ControlFlow::Break(())
            }
        }
    }

    fn take(&mut self, at: Position, seen: Seen) -> Result<(), Wrong> {
        let entry = self.reader.follow(seen.entry.map_err(NextError::from)?)?;
        self.enrol(&entry)?;
        if let Some((key, rehearsal)) = seen.key? {
            if rehearsal != self.rehearsal {
                let [made, due] = [rehearsal, self.rehearsal].map(|is| entry.event.namespace(is).to_owned());
                return Err(SignatureError::Namespace(made, due).into());
            }
            self.check_signer(&entry, &key, at)?;
        }
        self.rules.take(&entry).map_err(Wrong::Rule)?;
        self.watch_clock(&entry, at);
        if matches!(entry.event, Event::Sealed(_)) {
            self.report.sealed_by.push(entry.header.by.clone());
        }
        self.report.entries += 1;
        self.report.head = entry.hash;
        Ok(())
    }

    fn enrol(&mut self, entry: &Entry) -> Result<(), Wrong> {
        match &entry.event {
            Event::Opened(event) => {
                self.rehearsal = entry.event.opens_rehearsal();
                match (self.rehearsal, self.signers.is_for_rehearsals()) {
                    (true, false) => return Err(Wrong::Rehearsal),
                    (false, true) => return Err(Wrong::NoRehearsal),
                    _ => {}
                }
                self.roster =
                    event.roster.iter().map(|who| (who.principal.clone(), who.key.clone())).collect();
            }
            Event::Joined(event) => {
                self.roster.insert(entry.header.by.clone(), event.key.clone());
            }
            _ => {}
        }
        Ok(())
    }

    fn check_signer(&mut self, entry: &Entry, key: &str, at: Position) -> Result<(), Wrong> {
        let (by, namespace) = (&entry.header.by, entry.event.namespace(self.rehearsal));
        self.signers.trust(by, key, namespace, entry.header.at.wall)?;
        if self.roster.get(by).is_none_or(|known| known != key) {
            return Err(Wrong::NotTheirKey(by.clone()));
        }
        if let Err(why) = self.signers.trust(by, key, namespace, self.today) {
            self.warn(format!("today {why}"));
        }
        *self.report.signers.entry(by.clone()).or_default() += 1;
        self.report.last_signed = Some((at.line, by.clone()));
        Ok(())
    }

    fn watch_clock(&mut self, entry: &Entry, at: Position) {
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
                "the first entry is of {}, before there was gonogo: its clock was wrong",
                now.wall
            ));
        }
    }

    /// An entry that was written at a time to come: no clock of this host's and the writer's agree on it.
    fn check_last_time(&mut self) {
        const SLACK: Duration = Duration::from_mins(10);
        if let Some(last) = self.last.as_ref().filter(|last| last.wall > self.today.plus(SLACK)) {
            self.warn(format!("the last entry is of {}, a time to come", last.wall));
        }
    }

    fn warn(&mut self, what: String) {
        const MANY: usize = 100;
        if self.report.warnings.len() < MANY && !self.report.warnings.contains(&what) {
            self.report.warnings.push(what);
        }
    }

    fn unended(&mut self, line: &Line) {
        if line.endless || self.report.entries == 0 {
            let why = if line.endless { "longer than a line may be" } else { "the first line has no end" };
            self.invalid(line.position, why.into());
        } else {
            self.report.trailing = line.bytes.len() as u64;
        }
    }

    fn invalid(&mut self, at: Position, why: String) {
        self.report.answer = Answer::Invalid { at, why };
    }

    fn finish(mut self) -> Report {
        if self.report.entries == 0 && self.report.answer == Answer::Open {
            self.invalid(Position { line: 1, byte: 0 }, "there is nothing in it".into());
        }
        if self.report.answer == Answer::Open && self.rules.is_sealed() && self.report.trailing == 0 {
            self.report.answer = Answer::Sealed;
        }
        self.check_last_time();
        self.report
    }
}
