//! The chain: every entry names the run, its position, and the hash of the line before it.

use super::entry::{Entry, Event, Header, WriteEntryError, signed_bytes};
use super::keys::{SignError, Signer};
use crate::error::{ErrorKind, HasKind};
use crate::outcome::Sha256Hex;
use crate::time::Moment;

/// The position of the next entry of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The run's id.
    pub run: String,
    /// The position of the next entry.
    pub seq: u64,
    /// The hash of the last line; zeros before the first.
    pub head: Sha256Hex,
    /// Whether the run is a rehearsal, whose entries are signed under their own namespaces.
    pub rehearsal: bool,
}

/// Why the next entry cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It does not fit into a line.
    #[error(transparent)]
    Write(#[from] WriteEntryError),
    /// It cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// It was signed for another position.
    #[error("the log changed while the entry was being signed")]
    LogChanged,
}

/// An unsigned entry, for the end of the chain at the time when it was prepared.
#[derive(Clone, Debug)]
pub struct UnsignedEntry {
    header: Header,
    event: Event,
    namespace: &'static str,
    message: Vec<u8>,
}

impl UnsignedEntry {
    /// Signs it. May have to wait for a person.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn sign(&self, signer: &Signer) -> Result<String, SignError> {
        signer.sign(self.namespace, &self.message)
    }

    /// Its event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Whether it follows the line with this hash.
    #[must_use]
    pub fn follows(&self, head: Sha256Hex) -> bool {
        self.header.prev == head
    }
}

impl HasKind for LinkError {
    fn kind(&self) -> ErrorKind {
        match self {
            // A text that is too long was typed or configured.
            Self::Write(_) | Self::LogChanged => ErrorKind::User,
            Self::Sign(error) => error.kind(),
        }
    }
}

/// Why an entry does not continue a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// It is of another run.
    #[error("it belongs to run {0}, this is run {1}")]
    Run(String, String),
    /// It has another position.
    #[error("its seq is {0}, expected {1}: a line was dropped, repeated or moved")]
    Seq(u64, u64),
    /// It follows another line.
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

    /// Advances past the next entry, unchecked.
    pub fn advance(&mut self, entry: &Entry) {
        *self = Self { rehearsal: self.rehearsal || entry.event.opens_rehearsal(), ..Self::after(entry) };
    }

    /// Builds the next entry and its line; the chain does not advance.
    ///
    /// # Errors
    /// When it does not fit into a line, or cannot be signed.
    pub fn build_entry(
        &self,
        at: Moment,
        by: &str,
        event: Event,
        signer: Option<&Signer>,
    ) -> Result<(Entry, Vec<u8>), LinkError> {
        match signer {
            Some(signer) => {
                let unsigned = self.prepare(at, by, event)?;
                let sig = unsigned.sign(signer)?;
                self.complete(unsigned, sig)
            }
            None => Ok(Entry::write(self.header(at, by), event, None)?),
        }
    }

    fn header(&self, at: Moment, by: &str) -> Header {
        Header { run: self.run.clone(), seq: self.seq, prev: self.head, at, by: by.to_owned() }
    }

    /// Prepares the next entry for signing; the chain does not advance.
    ///
    /// # Errors
    /// When it does not fit into a line.
    pub fn prepare(&self, at: Moment, by: &str, event: Event) -> Result<UnsignedEntry, LinkError> {
        let header = self.header(at, by);
        let namespace = event.namespace(self.rehearsal || event.opens_rehearsal());
        let message = signed_bytes(&header, &event)?;
        Ok(UnsignedEntry { header, event, namespace, message })
    }

    /// Completes an entry that was signed for the current end of the chain, and returns it with its line.
    ///
    /// # Errors
    /// When the chain has advanced since, or the entry does not fit into a line.
    pub fn complete(&self, unsigned: UnsignedEntry, sig: String) -> Result<(Entry, Vec<u8>), LinkError> {
        let UnsignedEntry { header, event, .. } = unsigned;
        if header.run != self.run || header.seq != self.seq || header.prev != self.head {
            return Err(LinkError::LogChanged);
        }
        Ok(Entry::write(header, event, Some(sig))?)
    }

    /// Checks the next entry, and advances past it.
    ///
    /// # Errors
    /// Why it does not continue the chain.
    pub fn check_and_advance(&mut self, entry: &Entry) -> Result<(), ChainError> {
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
        self.advance(entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entry::Noted;
    use crate::testing::signer;
    use crate::time::Utc;

    #[test]
    fn an_entry_that_was_signed_for_another_position_is_rejected() {
        let at = Moment { wall: Utc::from_millis(0), boot: "b".into(), mono: 0 };
        let note = || Event::from(Noted { point: None, text: "n".into() });
        let (ann, chain) = (signer("ann@x"), Chain::new("r".into()));
        let prepared = |chain: &Chain| {
            let unsigned = chain.prepare(at.clone(), "ann@x", note()).unwrap();
            let sig = unsigned.sign(&ann).unwrap();
            (unsigned, sig)
        };
        let (unsigned, sig) = prepared(&chain);
        let (first, _) = chain.complete(unsigned, sig).unwrap();
        assert_eq!((first.header.seq, first.header.by.as_str()), (0, "ann@x"));
        let next = Chain::after(&first);
        let otherwise = Chain { head: Sha256Hex::of(b"another line"), ..Chain::after(&first) };
        for other in [chain, otherwise, Chain { run: "s".into(), ..Chain::after(&first) }] {
            let (unsigned, sig) = prepared(&other);
            assert!(matches!(next.complete(unsigned, sig), Err(LinkError::LogChanged)));
        }
    }
}
