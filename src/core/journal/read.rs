//! Reading a log line by line, in bounded memory.

use std::io::{self, BufRead, Read as _};

use super::chain::{Chain, ChainError};
use super::entry::{Entry, Event, MAX_PLAN_LINE, ReadEntryError, TYPICAL_LINE};
use crate::outcome::Sha256Hex;

/// The lines of a log, each without its LF.
pub struct LogLines<R> {
    from: R,
    next: LinePosition,
}

/// The position of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinePosition {
    /// The line, from 1.
    pub line: u64,
    /// The byte offset of its start, from 0.
    pub byte: u64,
}

/// A line of the file.
#[derive(Debug)]
pub struct LogLine {
    /// Its position.
    pub position: LinePosition,
    /// Its bytes, without LF.
    pub bytes: Vec<u8>,
    /// Whether it ends with LF; only the last line of a file can lack it.
    pub is_terminated: bool,
    /// Whether it exceeds the line limit; then `bytes` has only its start, and nothing follows.
    pub is_too_long: bool,
}

impl<R: BufRead> LogLines<R> {
    /// The lines of `from`.
    pub fn new(from: R) -> Self {
        Self { from, next: LinePosition { line: 1, byte: 0 } }
    }

    fn read(&mut self) -> io::Result<Option<LogLine>> {
        let mut bytes = Vec::with_capacity(TYPICAL_LINE);
        let limit = MAX_PLAN_LINE as u64 + 1;
        let length = (&mut self.from).take(limit).read_until(b'\n', &mut bytes)? as u64;
        if length == 0 {
            return Ok(None);
        }
        let is_terminated = bytes.last() == Some(&b'\n');
        if is_terminated {
            bytes.pop();
        }
        let position = self.next;
        self.next = LinePosition { line: position.line + 1, byte: position.byte + length };
        Ok(Some(LogLine { position, bytes, is_terminated, is_too_long: !is_terminated && length == limit }))
    }
}

impl<R: BufRead> Iterator for LogLines<R> {
    type Item = io::Result<LogLine>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// Why a line is not the next entry.
#[derive(Debug, thiserror::Error)]
pub enum NextEntryError {
    /// It is not an entry.
    #[error("not an entry: {0}")]
    Entry(#[from] ReadEntryError),
    /// It does not continue the chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The first entry does not open the run, or a later one does.
    #[error("{0}")]
    Opening(&'static str),
    /// The plan does not match its digest.
    #[error("plan_sha256 is not the plan's SHA-256")]
    Plan,
    /// The edition does not match the digest of the checklist's fixed parts.
    #[error("edition is not the SHA-256 of lock")]
    Edition,
    /// The run's id is not 128 bits in hex.
    #[error("the run's id is not 32 lower-case hex digits")]
    RunId,
}

impl NextEntryError {
    /// Whether the line opens a log of another version.
    #[must_use]
    pub const fn is_of_another_version(&self) -> bool {
        matches!(self, Self::Entry(ReadEntryError::Rules(_)))
    }
}

/// Reads entries one after the other, and checks the chain.
#[derive(Debug, Default)]
pub struct EntryReader {
    chain: Option<Chain>,
}

impl EntryReader {
    /// Reads the next line.
    ///
    /// # Errors
    /// Why it is not the next entry of this log.
    pub fn read(&mut self, line: &[u8]) -> Result<Entry, NextEntryError> {
        self.check(Entry::read(line)?)
    }

    /// Checks the next entry.
    ///
    /// # Errors
    /// Why it is not the next one of this log.
    pub fn check(&mut self, entry: Entry) -> Result<Entry, NextEntryError> {
        let plan = match &entry.event {
            Event::Opened(event) => Some((&event.plan, event.plan_sha256)),
            Event::ReplanProposed(event) => Some((&event.plan, event.plan_sha256)),
            Event::Replanned(event) => Some((&event.plan, event.plan_sha256)),
            _ => None,
        };
        if plan.is_some_and(|(plan, digest)| plan.digest() != digest) {
            return Err(NextEntryError::Plan);
        }
        if let Event::Opened(event) = &entry.event
            && event.lock.edition() != event.edition
        {
            return Err(NextEntryError::Edition);
        }
        let opens = matches!(entry.event, Event::Opened(_));
        match (&mut self.chain, opens) {
            (Some(_), true) => return Err(NextEntryError::Opening("only the first entry can open a run")),
            (None, false) => return Err(NextEntryError::Opening("the first entry must be of kind opened")),
            (Some(chain), false) => chain.check_and_advance(&entry)?,
            (None, true) => self.chain = Some(start_chain(&entry)?),
        }
        Ok(entry)
    }

    /// The position of the next entry.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.chain.as_ref().map_or(0, |chain| chain.seq)
    }

    /// The hash of the last line.
    #[must_use]
    pub fn head(&self) -> Sha256Hex {
        self.chain.as_ref().map_or(Sha256Hex::ZERO, |chain| chain.head)
    }
}

fn start_chain(first: &Entry) -> Result<Chain, NextEntryError> {
    let id = &first.header.run;
    if id.len() != 32 || !id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(NextEntryError::RunId);
    }
    let mut chain = Chain::new(id.clone());
    chain.check_and_advance(first)?;
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_positioned_after_the_last_line_that_it_returned() {
        let line = crate::testing::first_line();
        let mut reader = EntryReader::default();
        assert_eq!((reader.seq(), reader.head()), (0, Sha256Hex::ZERO));
        let entry = reader.read(line.trim_ascii_end()).unwrap();
        assert_eq!((reader.seq(), reader.head()), (1, entry.hash));
        assert!(reader.read(line.trim_ascii_end()).is_err());
        assert_eq!((reader.seq(), reader.head()), (1, entry.hash));
    }
}
