//! Where entries go: a durable log, or none, for a look that leaves nothing behind.

use std::path::Path;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use crate::journal::chain::{Chain, Unsigned};
use crate::journal::entry::{Entry, Event};
use crate::journal::file::{AppendError, Journal};
use crate::journal::keys::Signer;
use crate::journal::marks::Marks;
use crate::time::Moment;

/// Where entries go.
#[derive(Debug)]
pub enum Log {
    /// To a file, each one durable before it counts.
    Durable(Box<Journal>),
    /// Nowhere.
    Forgotten(Chain),
}

impl Log {
    /// Whether entries still go where they went.
    pub(super) fn check(&mut self) -> Result<(), AppendError> {
        match self {
            Self::Durable(journal) => journal.check(),
            Self::Forgotten(_) => Ok(()),
        }
    }

    /// The file that entries go to, if they go to one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Durable(journal) => Some(journal.path()),
            Self::Forgotten(_) => None,
        }
    }

    /// The marks beside that file.
    pub(super) fn marks(&self) -> Option<&Marks> {
        match self {
            Self::Durable(journal) => Some(journal.marks()),
            Self::Forgotten(_) => None,
        }
    }

    /// Makes an entry ready to be signed, for the place where the log ends now.
    pub(super) fn prepare(&self, at: Moment, by: &str, event: Event) -> Result<Unsigned, AppendError> {
        match self {
            Self::Durable(journal) => journal.prepare(at, by, event),
            Self::Forgotten(chain) => Ok(chain.prepare(at, by, event)?),
        }
    }

    /// Appends an entry that was signed for that place.
    pub(super) fn append_signed(
        &mut self,
        unsigned: Unsigned,
        sig: String,
        signer: &Signer,
    ) -> Result<Entry, AppendError> {
        match self {
            Self::Durable(journal) => on_disk(|| journal.append_signed(unsigned, sig, signer)),
            Self::Forgotten(chain) => {
                let (entry, _) = chain.complete(unsigned, sig)?;
                chain.step(&entry);
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
            Self::Durable(journal) => on_disk(|| journal.append(at, by, event, signer)),
            Self::Forgotten(chain) => {
                let (entry, _) = chain.link(at, by, event, None)?;
                chain.step(&entry);
                Ok(entry)
            }
        }
    }
}

/// Does what blocks until the disk has it. The other tasks of this thread move to another one, if there is one.
pub(super) fn on_disk<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::CurrentThread)) { work() } else { block_in_place(work) }
}
