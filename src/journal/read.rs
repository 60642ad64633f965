//! Reading a log line by line, in bounded memory.

use std::io::{self, BufRead, Read as _};

use super::chain::{Chain, ChainError};
use super::entry::{Entry, Event, MAX_PLAN_LINE, ReadEntryError, TYPICAL_LINE};
use crate::outcome::Sha256Hex;

/// The lines of a log, each without its LF.
pub struct Lines<R> {
    from: R,
    next: Position,
}

/// The position of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: u64,
    /// The byte offset of its start, from 0.
    pub byte: u64,
}

/// A line of the file.
#[derive(Debug)]
pub struct Line {
    /// Its position.
    pub position: Position,
    /// Its bytes, without LF.
    pub bytes: Vec<u8>,
    /// Whether it ends with LF; only the last line of a file can lack it.
    pub ended: bool,
    /// Whether it exceeds the line limit; then `bytes` has only its start, and nothing follows.
    pub endless: bool,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `from`.
    pub fn new(from: R) -> Self {
        Self { from, next: Position { line: 1, byte: 0 } }
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::with_capacity(TYPICAL_LINE);
        let limit = MAX_PLAN_LINE as u64 + 1;
        let length = (&mut self.from).take(limit).read_until(b'\n', &mut bytes)? as u64;
        if length == 0 {
            return Ok(None);
        }
        let ended = bytes.last() == Some(&b'\n');
        if ended {
            bytes.pop();
        }
        let position = self.next;
        self.next = Position { line: position.line + 1, byte: position.byte + length };
        Ok(Some(Line { position, bytes, ended, endless: !ended && length == limit }))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// Why a line is not the next entry.
#[derive(Debug, thiserror::Error)]
pub enum NextError {
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

impl NextError {
    /// Whether the line opens a log of another version.
    #[must_use]
    pub const fn is_of_another_version(&self) -> bool {
        matches!(self, Self::Entry(ReadEntryError::Rules(_)))
    }
}

/// Reads entries one after the other, and checks the chain.
#[derive(Debug, Default)]
pub struct Reader {
    chain: Option<Chain>,
}

impl Reader {
    /// Reads the next line.
    ///
    /// # Errors
    /// Why it is not the next entry of this log.
    pub fn take(&mut self, line: &[u8]) -> Result<Entry, NextError> {
        self.follow(Entry::read(line)?)
    }

    /// Checks the next entry.
    ///
    /// # Errors
    /// Why it is not the next one of this log.
    pub fn follow(&mut self, entry: Entry) -> Result<Entry, NextError> {
        let plan = match &entry.event {
            Event::Opened(event) => Some((&event.plan, event.plan_sha256)),
            Event::ReplanProposed(event) => Some((&event.plan, event.plan_sha256)),
            Event::Replanned(event) => Some((&event.plan, event.plan_sha256)),
            _ => None,
        };
        if plan.is_some_and(|(plan, digest)| plan.digest() != digest) {
            return Err(NextError::Plan);
        }
        if let Event::Opened(event) = &entry.event
            && event.lock.edition() != event.edition
        {
            return Err(NextError::Edition);
        }
        let opens = matches!(entry.event, Event::Opened(_));
        match (&mut self.chain, opens) {
            (Some(_), true) => return Err(NextError::Opening("only the first entry can open a run")),
            (None, false) => return Err(NextError::Opening("the first entry must be of kind opened")),
            (Some(chain), false) => chain.take(&entry)?,
            (None, true) => self.chain = Some(begin(&entry)?),
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

fn begin(first: &Entry) -> Result<Chain, NextError> {
    let id = &first.header.run;
    if id.len() != 32 || !id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(NextError::RunId);
    }
    let mut chain = Chain::new(id.clone());
    chain.take(first)?;
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_stands_after_the_last_line_that_it_took() {
        let line = crate::journal::tests::first_line();
        let mut reader = Reader::default();
        assert_eq!((reader.seq(), reader.head()), (0, Sha256Hex::ZERO));
        let entry = reader.take(line.trim_ascii_end()).unwrap();
        assert_eq!((reader.seq(), reader.head()), (1, entry.hash));
        assert!(reader.take(line.trim_ascii_end()).is_err());
        assert_eq!((reader.seq(), reader.head()), (1, entry.hash));
    }
}
