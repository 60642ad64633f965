//! The log file: one writer, every entry durable before it counts, recovery after a crash.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::chain::{Chain, LinkError, UnsignedEntry};
pub use super::disk::OpenJournalError;
use super::disk::{Disk, LogMoved, check_regular, find_moved, lock, open};
use super::entry::{Entry, Event, TornTail};
use super::keys::Signer;
use super::marks::{MarkError, Marks};
use super::recover::{check_head, keep_torn, read_all};
use super::store::{Head, LogStore, StoreError, make_unshared, sync_with_those_above};
use crate::error::{ErrorKind, HasKind};
use crate::files::directory::Directory;
use crate::time::Moment;

/// A log open for writing.
#[derive(Debug)]
pub struct Journal {
    disk: Box<dyn Disk>,
    /// The same file, for the lock and for reading.
    file: File,
    path: PathBuf,
    store: LogStore,
    chain: Chain,
    length: u64,
    broken: Option<String>,
    /// The operators who signed here and are already remembered.
    remembered_signers: BTreeSet<String>,
    marks: Marks,
}

/// Why an entry was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The entry cannot be made; the log is unchanged.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The entry could not be made durable, or the log is no longer at its path. The log was truncated to the
    /// acknowledged entries and takes no more.
    #[error("{path}: no more entries can be written: {why}", path = .path.display())]
    Broken {
        /// The log.
        path: PathBuf,
        /// The problem, and what to do.
        why: String,
    },
}

impl HasKind for AppendError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Link(error) => error.kind(),
            Self::Broken { .. } => ErrorKind::Io,
        }
    }
}

/// A log that was opened to resume its run.
#[derive(Debug)]
pub struct Reopened {
    /// The log.
    pub journal: Journal,
    /// Its entries.
    pub entries: Vec<Entry>,
    /// The torn tail that was set aside.
    pub torn: Option<TornTail>,
    /// The position of the last entry, if this host does not remember that it was acknowledged.
    pub in_doubt: Option<u64>,
}

impl Journal {
    /// Creates the log of a new run. Its directory entry is durable when this returns; the log is empty.
    ///
    /// # Errors
    /// The system error.
    pub fn create(store: &LogStore, path: &Path, chain: Chain) -> Result<Self, OpenJournalError> {
        let directory = path.parent().unwrap_or(Path::new("."));
        make_unshared(directory)?;
        let file = open(path, OFlags::CREATE | OFlags::EXCL)?;
        lock(&file, path)?;
        sync_with_those_above(directory)?;
        let journal = Self::with_disk(file, store, path, chain, 0)?;
        journal.marks.create().map_err(|error| match error {
            MarkError::System { path, source } => StoreError::new(&path, source),
            foreign @ MarkError::Foreign { .. } => StoreError::new(path, io::Error::other(foreign)),
        })?;
        Ok(journal)
    }

    /// Opens a log to resume its run: locks it, checks its chain and the remembered head, and sets aside a torn tail.
    ///
    /// # Errors
    /// Why it cannot be resumed. Nothing was changed then.
    pub fn reopen(store: &LogStore, path: &Path) -> Result<Reopened, OpenJournalError> {
        Self::reopen_with_disk(store, path, |disk| disk)
    }

    /// Like `reopen`, on another disk.
    pub(super) fn reopen_with_disk(
        store: &LogStore,
        path: &Path,
        on: impl FnOnce(Box<dyn Disk>) -> Box<dyn Disk>,
    ) -> Result<Reopened, OpenJournalError> {
        let file = open(path, OFlags::empty())?;
        check_regular(&file, path)?;
        lock(&file, path)?;
        let content = read_all(&file, path)?;
        let last = content.entries.last().ok_or_else(|| OpenJournalError::Empty(path.to_owned()))?;
        let in_doubt = check_head(store, path, last, &content)?;
        let rehearsal = content.entries[0].event.opens_rehearsal();
        let chain = Chain { rehearsal, ..Chain::after(last) };
        let mut journal = Self::with_disk(file, store, path, chain, content.length)?;
        journal.disk = on(journal.disk);
        let torn = journal.keep_torn(&content.rest)?;
        Ok(Reopened { journal, entries: content.entries, torn, in_doubt })
    }

    /// Switches to another disk.
    #[cfg(any(test, feature = "testing"))]
    pub fn set_disk(&mut self, disk: Box<dyn Disk>) {
        self.disk = disk;
    }

    fn with_disk(
        file: File,
        store: &LogStore,
        path: &Path,
        chain: Chain,
        length: u64,
    ) -> Result<Self, OpenJournalError> {
        let marks = Marks::new(path, &chain.run, store.mark_origin()?);
        let disk = file.try_clone().map_err(|source| StoreError::new(path, source))?;
        let (disk, path, store) = (Box::new(disk), path.to_owned(), store.clone());
        Ok(Self {
            disk,
            file,
            path,
            store,
            chain,
            length,
            broken: None,
            remembered_signers: BTreeSet::new(),
            marks,
        })
    }

    /// Appends an entry: one write of the whole line, then `fdatasync`. When this returns, the entry is
    /// durable.
    ///
    /// # Errors
    /// An entry that cannot be made leaves the log unchanged. After a failed write or sync the log is truncated to the
    /// acknowledged length and takes no more entries.
    pub fn append(
        &mut self,
        at: Moment,
        by: &str,
        event: Event,
        signer: Option<&Signer>,
    ) -> Result<Entry, AppendError> {
        self.check()?;
        let (entry, line) = self.chain.build_entry(at, by, event, signer)?;
        self.write(entry, &line, signer)
    }

    /// Prepares an entry for signing, for the current end of the log.
    ///
    /// # Errors
    /// When it does not fit into a line. The log is unchanged.
    pub fn prepare(&self, at: Moment, by: &str, event: Event) -> Result<UnsignedEntry, AppendError> {
        Ok(self.chain.prepare(at, by, event)?)
    }

    /// Appends an entry that was signed for the current end of the log, as [`Journal::append`] does.
    ///
    /// # Errors
    /// As for [`Journal::append`], and when the log has changed since.
    pub fn append_signed(
        &mut self,
        unsigned: UnsignedEntry,
        sig: String,
        signer: &Signer,
    ) -> Result<Entry, AppendError> {
        self.check()?;
        let (entry, line) = self.chain.complete(unsigned, sig)?;
        self.write(entry, &line, Some(signer))
    }

    fn write(&mut self, entry: Entry, line: &[u8], signer: Option<&Signer>) -> Result<Entry, AppendError> {
        let written = self.disk.write(line).and_then(|()| self.disk.sync());
        written.map_err(|error| self.truncate_to_acknowledged(&error))?;
        self.length += line.len() as u64;
        self.chain.advance(&entry);
        self.remember_head();
        if let Some(signer) = signer {
            self.remember_signer(signer);
        }
        Ok(entry)
    }

    /// Removes a log without any acknowledged entry.
    pub fn discard(self) {
        if self.length == 0 {
            // If that fails, an empty file stays, which everything skips.
            let name = self.path.file_name().unwrap_or_default();
            let _ = Directory::containing(&self.path).and_then(|directory| directory.remove(name));
            self.marks.discard();
        }
    }

    /// Checks that the log still takes entries and is still at its path.
    ///
    /// # Errors
    /// Why not. A deleted log is restored first, as far as it was acknowledged.
    pub fn check(&mut self) -> Result<(), AppendError> {
        if self.broken.is_none() {
            self.broken = find_moved(&self.file, &self.path).map(|moved| self.moved_error(moved));
        }
        match &self.broken {
            Some(why) => Err(AppendError::Broken { path: self.path.clone(), why: why.clone() }),
            None => Ok(()),
        }
    }

    fn moved_error(&self, moved: LogMoved) -> String {
        match moved {
            LogMoved::Moved(Some(to)) => {
                format!("the log was moved to {}; move it back and resume the run", to.display())
            }
            LogMoved::Moved(None) => "the log was moved; move it back and resume the run".into(),
            LogMoved::Deleted => match self.copy_to_new_file() {
                Ok(to) => format!(
                    "the log was deleted; its acknowledged entries were restored to {}. Resume the run",
                    to.display()
                ),
                Err(error) => format!("the log was deleted, and cannot be restored: {error}"),
            },
        }
    }

    /// Copies the acknowledged entries of a deleted file to a new file: at its old path, or next to it if another file
    /// has that name now.
    fn copy_to_new_file(&self) -> io::Result<PathBuf> {
        let mut acknowledged = Vec::new();
        (&self.file).seek(SeekFrom::Start(0))?;
        (&self.file).take(self.length).read_to_end(&mut acknowledged)?;
        let above = self.path.parent().filter(|above| !above.as_os_str().is_empty());
        let directory = Directory::create_unshared(above.unwrap_or(Path::new(".")))?;
        let new = |path: &Path| directory.create(path.file_name().unwrap_or_default());
        let (mut file, path) = match new(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let beside = self.path.with_extension("rescued.jsonl");
                (new(&beside)?, beside)
            }
            file => (file?, self.path.clone()),
        };
        file.write_all(&acknowledged)?;
        file.sync_all()?;
        directory.sync()?;
        Ok(path)
    }

    fn remember_head(&self) {
        let Some(seq) = self.chain.seq.checked_sub(1) else { return };
        // A head that is not remembered costs a check at the next resume, not the entry.
        let _ = self.store.remember_head(&self.chain.run, Head { seq, hash: self.chain.head });
    }

    /// An operator who is not remembered costs a question at the next resume, not the entry.
    fn remember_signer(&mut self, signer: &Signer) {
        if self.remembered_signers.insert(signer.principal.clone()) {
            let _ = self.store.remember_enrolled(&signer.principal, &signer.public);
        }
    }

    fn truncate_to_acknowledged(&mut self, error: &io::Error) -> AppendError {
        let cut = self.disk.truncate(self.length).and_then(|()| self.disk.sync());
        let advice = "acknowledged entries are safe. Check the disk and resume the run";
        let why = match cut {
            Ok(()) => format!("cannot write: {error}; {advice}"),
            Err(also) => format!("cannot write: {error}; cannot remove the partial entry: {also}; {advice}"),
        };
        self.broken = Some(why.clone());
        AppendError::Broken { path: self.path.clone(), why }
    }

    fn keep_torn(&mut self, rest: &[u8]) -> Result<Option<TornTail>, OpenJournalError> {
        if rest.is_empty() {
            return Ok(None);
        }
        let torn = keep_torn(&self.path, rest)?;
        let cut = self.disk.truncate(self.length).and_then(|()| self.disk.sync());
        cut.map_err(|source| StoreError::new(&self.path, source))?;
        Ok(Some(torn))
    }

    /// The marks of its actions.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
