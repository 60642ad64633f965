//! A log of any version, as lines: its run id and where it ends. Nothing of it is verified.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::log_file::LogFile;
use super::read::{EntryReader, LogLines};
use super::store::StoreError;
use crate::files::open_regular_no_follow;
use crate::outcome::Sha256Hex;
use crate::text;

/// The facts about a log from its lines alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawLog {
    /// The run's id.
    pub run: String,
    /// The position of the last line, from 0.
    pub seq: u64,
    /// The hash of the last line.
    pub head: Sha256Hex,
}

impl RawLog {
    /// Reads a log; none if its first line is incomplete or has no run id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let mut log: Option<Self> = None;
        for line in complete_lines(open_log(path)?, path) {
            let line = line?;
            let head = Sha256Hex::of_line(&line);
            match &mut log {
                Some(log) => (log.seq, log.head) = (log.seq + 1, head),
                None => match parse_run_id(&line) {
                    Some(run) => log = Some(Self { run, seq: 0, head }),
                    None => return Ok(None),
                },
            }
        }
        Ok(log)
    }
}

/// Why a log's first line does not open a run; none for an empty file.
///
/// # Errors
/// When the file cannot be read.
pub fn why_unreadable(path: &Path) -> Result<Option<String>, StoreError> {
    let failed = |source| StoreError::new(path, source);
    let file = open_regular_no_follow(path).map_err(failed)?;
    let first = LogLines::new(BufReader::new(file)).next().transpose().map_err(failed)?;
    Ok(first.map(|line| match EntryReader::default().read(&line.bytes) {
        _ if !line.is_terminated => "its first line is incomplete".to_owned(),
        Err(why) => why.to_string(),
        Ok(_) => "its first line does not open a run".to_owned(),
    }))
}

/// The run id in the first line of a log.
#[must_use]
pub fn read_run_id(path: &Path) -> Option<String> {
    parse_run_id(&complete_lines(open_log(path).ok()?, path).next()?.ok()?)
}

/// The hash of the line at a position; none if there is no such line.
#[must_use]
pub fn hash_at(path: &Path, seq: u64) -> Option<Sha256Hex> {
    let line = complete_lines(open_log(path).ok()?, path).nth(usize::try_from(seq).ok()?)?;
    Some(Sha256Hex::of_line(&line.ok()?))
}

/// How another log relates to a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Both are equal, line by line.
    Same,
    /// The other one is a prefix of this one, with so many lines.
    Behind(u64),
    /// This one is a prefix of the other one, with so many lines.
    Ahead(u64),
    /// They have the same run id, but differ at this line, from 1.
    Fork(u64),
    /// They have different run ids.
    OtherRun,
}

impl Relation {
    /// How `other` relates to `log`. Nothing of either is verified.
    ///
    /// # Errors
    /// When a file cannot be read, or is not a log.
    pub fn of(log: &LogFile, other: &LogFile) -> Result<Self, StoreError> {
        let begins = |source: &LogFile| {
            let none = || StoreError::new(source.log(), io::Error::other("it is not a run log"));
            lines_of(source).next().transpose()?.and_then(|line| parse_run_id(&line)).ok_or_else(none)
        };
        if begins(log)? != begins(other)? {
            return Ok(Self::OtherRun);
        }
        let (mut own, mut others) = (lines_of(log), lines_of(other));
        for line in 0.. {
            match (own.next().transpose()?, others.next().transpose()?) {
                (None, None) => return Ok(Self::Same),
                (Some(_), None) => return Ok(Self::Behind(line)),
                (None, Some(_)) => return Ok(Self::Ahead(line)),
                (Some(one), Some(two)) if one != two => return Ok(Self::Fork(line + 1)),
                _ => {}
            }
        }
        Ok(Self::Same)
    }

    /// A description, in which the other log is called `name`.
    #[must_use]
    pub fn describe(&self, name: &str) -> String {
        match self {
            Self::Same => format!("{name} is the same log"),
            Self::Behind(lines) => format!("{name} ends at line {lines}; this one continues it"),
            Self::Ahead(lines) => format!("{name} continues this one after line {lines}"),
            Self::Fork(line) => format!("FORK: {name} is the same run but differs from line {line} on"),
            Self::OtherRun => format!("{name} is another run"),
        }
    }
}

/// Descriptions of the logs among these that are of the same run as a log and fork from it. At most one of the forks
/// is genuine. Unreadable logs are skipped.
#[must_use]
pub fn forks(log: &LogFile, others: &[PathBuf]) -> Vec<String> {
    let others = others.iter().filter(|other| *other != log.log());
    let forks = others.filter_map(|other| match Relation::of(log, &LogFile::open_log(other).ok()?) {
        Ok(fork @ Relation::Fork(_)) => Some(fork.describe(&text::line(&other.display().to_string()))),
        _ => None,
    });
    forks.collect()
}

fn parse_run_id(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct RunIdHeader {
        run: String,
    }
    serde_json::from_slice::<RunIdHeader>(line).ok().map(|header| header.run)
}

fn lines_of(log: &LogFile) -> impl Iterator<Item = Result<Vec<u8>, StoreError>> {
    complete_lines(log.reader(), log.log())
}

fn open_log(path: &Path) -> Result<BufReader<File>, StoreError> {
    let file = open_regular_no_follow(path).map_err(|source| StoreError::new(path, source))?;
    Ok(BufReader::new(file))
}

fn complete_lines(log: impl BufRead, path: &Path) -> impl Iterator<Item = Result<Vec<u8>, StoreError>> {
    LogLines::new(log)
        .map(|line| line.map_err(|source| StoreError::new(path, source)))
        .take_while(|line| line.as_ref().is_ok_and(|line| line.is_terminated) || line.is_err())
        .map(|line| Ok(line?.bytes))
}
