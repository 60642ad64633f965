//! Whether a log is what it says it is: form, chain, signatures, trust, rules. Three answers: sealed,
//! open, invalid.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use super::entry::{Entry, Event, MACHINE};
use super::read::{Lines, NextError, Position, Reader};
use super::signers::{AllowedSigners, DistrustError};
use super::sshsig::{self, SignatureError};
use crate::outcome::Sha256Hex;
use crate::time::{Moment, Utc};

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
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Distrust(#[from] DistrustError),
    #[error("{0} signed with a key other than the one that the run has for them")]
    NotTheirKey(String),
    #[error("against the rules: {0}")]
    Rule(String),
}

/// Verifies a log.
///
/// # Errors
/// Only when it cannot be read; whatever stands in it is an answer.
pub fn verify(
    log: impl BufRead,
    signers: &AllowedSigners,
    today: Utc,
    rules: &mut dyn Rules,
) -> io::Result<Report> {
    let mut work = Work::new(signers, today, rules);
    for line in Lines::new(log) {
        let line = line?;
        if !line.ended {
            work.unended(line.position, &line.bytes, line.endless);
            break;
        }
        if let Err(wrong) = work.take(&line.bytes, line.position) {
            work.invalid(line.position, wrong.to_string());
            break;
        }
    }
    Ok(work.finish())
}

struct Work<'a> {
    signers: &'a AllowedSigners,
    today: Utc,
    rules: &'a mut dyn Rules,
    reader: Reader,
    roster: BTreeMap<String, String>,
    last: Option<Moment>,
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
        Self { signers, today, rules, reader: Reader::default(), roster: BTreeMap::new(), last: None, report }
    }

    fn take(&mut self, line: &[u8], at: Position) -> Result<(), Wrong> {
        let entry = self.reader.take(line)?;
        self.enrol(&entry);
        self.check_signature(&entry, at)?;
        self.rules.take(&entry).map_err(Wrong::Rule)?;
        self.watch_clock(&entry, at);
        if matches!(entry.event, Event::Sealed(_)) {
            self.report.sealed_by.push(entry.header.by.clone());
        }
        self.report.entries += 1;
        self.report.head = entry.hash;
        Ok(())
    }

    fn enrol(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Opened(event) => {
                self.roster =
                    event.roster.iter().map(|who| (who.principal.clone(), who.key.clone())).collect();
            }
            Event::Joined(event) => {
                self.roster.insert(entry.header.by.clone(), event.key.clone());
            }
            _ => {}
        }
    }

    fn check_signature(&mut self, entry: &Entry, at: Position) -> Result<(), Wrong> {
        let (by, kind) = (&entry.header.by, entry.event.kind());
        let Some(signature) = &entry.sig else {
            if entry.event.is_act() {
                return Err(Wrong::Unsigned(kind));
            }
            return if by == MACHINE { Ok(()) } else { Err(Wrong::NotMachine(kind, by.clone())) };
        };
        if !entry.event.is_act() {
            return Err(Wrong::NotMachine(kind, by.clone()));
        }
        let message = entry.signed_bytes().map_err(|error| Wrong::Rule(error.to_string()))?;
        let namespace = entry.event.namespace();
        let key = sshsig::verify(signature, namespace, &message)?;
        self.signers.trust(by, &key, namespace, entry.header.at.wall)?;
        if self.roster.get(by) != Some(&key) {
            return Err(Wrong::NotTheirKey(by.clone()));
        }
        if let Err(why) = self.signers.trust(by, &key, namespace, self.today) {
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
        }
    }

    fn warn(&mut self, what: String) {
        const MANY: usize = 100;
        if self.report.warnings.len() < MANY && !self.report.warnings.contains(&what) {
            self.report.warnings.push(what);
        }
    }

    fn unended(&mut self, at: Position, bytes: &[u8], endless: bool) {
        if endless || self.report.entries == 0 {
            let why = if endless { "longer than a line may be" } else { "the first line has no end" };
            self.invalid(at, why.into());
        } else {
            self.report.trailing = bytes.len() as u64;
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
        self.report
    }
}
