//! The chain: every entry names the run, its position, and the hash of the line before it.

use super::entry::{Entry, Event, Header, WriteEntryError, signed_bytes};
use super::keys::{SignError, Signer};
use crate::error::{ErrorKind, HasKind};
use crate::outcome::Sha256Hex;
use crate::time::Moment;

/// Where the next entry of a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The run's id.
    pub run: String,
    /// The position of the next entry.
    pub seq: u64,
    /// The hash of the last line; zeros before the first.
    pub head: Sha256Hex,
    /// Whether it is a rehearsal's: then its entries are signed under namespaces of their own.
    pub rehearsal: bool,
}

/// Why the next entry could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It does not fit into a line.
    #[error(transparent)]
    Write(#[from] WriteEntryError),
    /// It could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl HasKind for LinkError {
    fn kind(&self) -> ErrorKind {
        match self {
            // What is too long for a line was typed or configured.
            Self::Write(_) => ErrorKind::User,
            Self::Sign(error) => error.kind(),
        }
    }
}

/// Why an entry is not the next one of a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Of another run.
    #[error("it belongs to run {0}, this is run {1}")]
    Run(String, String),
    /// At another position.
    #[error("its seq is {0}, expected {1}: a line was dropped, repeated or moved")]
    Seq(u64, u64),
    /// After another line.
    #[error("its prev is not the hash of the line before it: that line was changed, dropped or moved")]
    Prev,
}

impl Chain {
    /// The chain of a new run.
    #[must_use]
    pub fn new(run: String) -> Self {
        Self { run, seq: 0, head: Sha256Hex::ZERO, rehearsal: false }
    }

    /// The chain after an entry.
    #[must_use]
    pub fn after(entry: &Entry) -> Self {
        let (run, seq) = (entry.header.run.clone(), entry.header.seq + 1);
        Self { run, seq, head: entry.hash, rehearsal: entry.event.opens_rehearsal() }
    }

    /// Goes on after its next entry.
    pub fn step(&mut self, entry: &Entry) {
        *self = Self { rehearsal: self.rehearsal || entry.event.opens_rehearsal(), ..Self::after(entry) };
    }

    /// Makes the next entry and its line, without taking it in.
    ///
    /// # Errors
    /// When it does not fit into a line, or cannot be signed.
    pub fn link(
        &self,
        at: Moment,
        by: &str,
        event: Event,
        signer: Option<&Signer>,
    ) -> Result<(Entry, Vec<u8>), LinkError> {
        let header = Header { run: self.run.clone(), seq: self.seq, prev: self.head, at, by: by.to_owned() };
        let sig = match signer {
            Some(signer) => {
                let namespace = event.namespace(self.rehearsal || event.opens_rehearsal());
                Some(signer.sign(namespace, &signed_bytes(&header, &event)?)?)
            }
            None => None,
        };
        Ok(Entry::write(header, event, sig)?)
    }

    /// Takes in the next entry.
    ///
    /// # Errors
    /// Why it is not the next one.
    pub fn take(&mut self, entry: &Entry) -> Result<(), ChainError> {
        let header = &entry.header;
        if header.run != self.run {
            return Err(ChainError::Run(header.run.clone(), self.run.clone()));
        }
        if header.seq != self.seq {
            return Err(ChainError::Seq(header.seq, self.seq));
        }
        if header.prev != self.head {
            return Err(ChainError::Prev);
        }
        self.step(entry);
        Ok(())
    }
}
