//! The destination of entries: a durable log, or none for a run that leaves no trace.

use std::path::Path;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use gonogo_core::journal::chain::{Chain, UnsignedEntry};
use gonogo_core::journal::entry::{Entry, Event};
use gonogo_core::journal::file::{AppendError, Journal};
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::marks::Marks;
use gonogo_core::time::Moment;

/// The destination of entries.
#[derive(Debug)]
pub enum Log {
    /// A file; each entry is durable before it counts.
    Durable(Box<Journal>),
    /// Memory only.
    Ephemeral(Chain),
}

impl Log {
    /// Checks that entries still go to the same file.
    pub(super) fn check(&mut self) -> Result<(), AppendError> {
        match self {
            Self::Durable(journal) => journal.check(),
            Self::Ephemeral(_) => Ok(()),
        }
    }

    /// The file, if entries go to one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Durable(journal) => Some(journal.path()),
            Self::Ephemeral(_) => None,
        }
    }

    /// The marks next to that file.
    pub(super) fn marks(&self) -> Option<&Marks> {
        match self {
            Self::Durable(journal) => Some(journal.marks()),
            Self::Ephemeral(_) => None,
        }
    }

    /// Prepares an entry for signing, for the current end of the log.
    pub(super) fn prepare(&self, at: Moment, by: &str, event: Event) -> Result<UnsignedEntry, AppendError> {
        match self {
            Self::Durable(journal) => journal.prepare(at, by, event),
            Self::Ephemeral(chain) => Ok(chain.prepare(at, by, event)?),
        }
    }

    /// Appends an entry that was signed for that position.
    pub(super) fn append_signed(
        &mut self,
        unsigned: UnsignedEntry,
        sig: String,
        signer: &Signer,
    ) -> Result<Entry, AppendError> {
        match self {
            Self::Durable(journal) => block_on_disk(|| journal.append_signed(unsigned, sig, signer)),
            Self::Ephemeral(chain) => {
                let (entry, _) = chain.complete(unsigned, sig)?;
                chain.advance(&entry);
                Ok(entry)
            }
        }
    }

    pub(super) fn append(
        &mut self,
        at: Moment,
        by: &str,
        event: Event,
        signer: Option<&Signer>,
    ) -> Result<Entry, AppendError> {
        match self {
            Self::Durable(journal) => block_on_disk(|| journal.append(at, by, event, signer)),
            Self::Ephemeral(chain) => {
                let (entry, _) = chain.build_entry(at, by, event, None)?;
                chain.advance(&entry);
                Ok(entry)
            }
        }
    }
}

/// Runs work that blocks until the disk has finished. Other tasks of this thread move to another thread, if there is
/// one.
pub(super) fn block_on_disk<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::CurrentThread)) { work() } else { block_in_place(work) }
}
