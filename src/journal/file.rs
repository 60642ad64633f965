//! The log file: one writer, every entry durable before it counts, recovery of what a crash left.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::chain::{Chain, LinkError, Unsigned};
pub use super::disk::OpenJournalError;
use super::disk::{Astray, Disk, astray, check_plain, lock, open};
use super::entry::{Entry, Event, Torn};
use super::keys::Signer;
use super::marks::{MarkError, Marks};
use super::recover::{check_head, keep, read_all};
use super::store::{Head, Store, StoreError, make_unshared, sync_with_those_above};
use crate::error::{ErrorKind, HasKind};
use crate::files::directory::Directory;
use crate::time::Moment;

/// A log open for writing.
#[derive(Debug)]
pub struct Journal {
    disk: Box<dyn Disk>,
    /// The same file, to be held locked, and to be read.
    file: File,
    path: PathBuf,
    store: Store,
    chain: Chain,
    length: u64,
    broken: Option<String>,
    /// Who has signed in this log from here, and is remembered for it.
    enrolled: BTreeSet<String>,
    marks: Marks,
}

/// Why an entry was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It could not be made; the log is as it was.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It could not be made durable, or the log is no longer where it was. The log was cut back to what was
    /// acknowledged, and takes no more.
    #[error("{path}: nothing more is taken in: {why}", path = .path.display())]
    Broken {
        /// The log.
        path: PathBuf,
        /// What happened, and what to do.
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

/// A log that was opened to go on with.
#[derive(Debug)]
pub struct Reopened {
    /// The log.
    pub journal: Journal,
    /// Its entries.
    pub entries: Vec<Entry>,
    /// What was set aside.
    pub torn: Option<Torn>,
    /// The position of the last entry, where this host does not remember that it was acknowledged.
    pub in_doubt: Option<u64>,
}

impl Journal {
    /// Makes the log of a new run. The directory entry is durable when this returns; the log is empty.
    ///
    /// # Errors
    /// What the system said.
    pub fn create(store: &Store, path: &Path, chain: Chain) -> Result<Self, OpenJournalError> {
        let directory = path.parent().unwrap_or(Path::new("."));
        make_unshared(directory)?;
        let file = open(path, OFlags::CREATE | OFlags::EXCL)?;
        lock(&file, path)?;
        sync_with_those_above(directory)?;
        let journal = Self::on(file, store, path, chain, 0)?;
        journal.marks.make().map_err(|error| match error {
            MarkError::System { path, source } => StoreError::new(&path, source),
            foreign @ MarkError::Foreign { .. } => StoreError::new(path, io::Error::other(foreign)),
        })?;
        Ok(journal)
    }

    /// Opens a log to go on with: locks it, checks its chain and that it is what this host saw last, and
    /// sets aside what a crash left at its end.
    ///
    /// # Errors
    /// Why it cannot be gone on with. Nothing was changed then.
    pub fn reopen(store: &Store, path: &Path) -> Result<Reopened, OpenJournalError> {
        Self::reopen_on(store, path, |disk| disk)
    }

    /// The same, on another disk.
    pub(super) fn reopen_on(
        store: &Store,
        path: &Path,
        on: impl FnOnce(Box<dyn Disk>) -> Box<dyn Disk>,
    ) -> Result<Reopened, OpenJournalError> {
        let file = open(path, OFlags::empty())?;
        check_plain(&file, path)?;
        lock(&file, path)?;
        let found = read_all(&file, path)?;
        let last = found.entries.last().ok_or_else(|| OpenJournalError::Empty(path.to_owned()))?;
        let in_doubt = check_head(store, path, last, &found)?;
        let rehearsal = found.entries[0].event.opens_rehearsal();
        let chain = Chain { rehearsal, ..Chain::after(last) };
        let mut journal = Self::on(file, store, path, chain, found.length)?;
        journal.disk = on(journal.disk);
        let torn = journal.set_aside(&found.rest)?;
        Ok(Reopened { journal, entries: found.entries, torn, in_doubt })
    }

    /// Goes on with another disk.
    #[cfg(test)]
    pub(crate) fn use_disk(&mut self, disk: Box<dyn Disk>) {
        self.disk = disk;
    }

    fn on(
        file: File,
        store: &Store,
        path: &Path,
        chain: Chain,
        length: u64,
    ) -> Result<Self, OpenJournalError> {
        let marks = Marks::new(path, &chain.run, store.place()?);
        let disk = file.try_clone().map_err(|source| StoreError::new(path, source))?;
        let (disk, path, store) = (Box::new(disk), path.to_owned(), store.clone());
        Ok(Self { disk, file, path, store, chain, length, broken: None, enrolled: BTreeSet::new(), marks })
    }

    /// Appends an entry: one write of the whole line, then `fdatasync`. When this returns, the entry is
    /// durable.
    ///
    /// # Errors
    /// An entry that could not be made leaves the log as it was. A failed write or sync breaks it: it is
    /// cut back to the acknowledged length and takes nothing more.
    pub fn append(
        &mut self,
        at: Moment,
        by: &str,
        event: Event,
        signer: Option<&Signer>,
    ) -> Result<Entry, AppendError> {
        self.check()?;
        let (entry, line) = self.chain.link(at, by, event, signer)?;
        self.write(entry, &line, signer)
    }

    /// Makes an entry ready to be signed, for the place where the log ends now.
    ///
    /// # Errors
    /// When it does not fit into a line. The log is as it was.
    pub fn prepare(&self, at: Moment, by: &str, event: Event) -> Result<Unsigned, AppendError> {
        Ok(self.chain.prepare(at, by, event)?)
    }

    /// Appends an entry that was signed for the place where the log ends, as [`Journal::append`] does.
    ///
    /// # Errors
    /// Those, and that the log went on since.
    pub fn append_signed(
        &mut self,
        unsigned: Unsigned,
        sig: String,
        signer: &Signer,
    ) -> Result<Entry, AppendError> {
        self.check()?;
        let (entry, line) = self.chain.complete(unsigned, sig)?;
        self.write(entry, &line, Some(signer))
    }

    fn write(&mut self, entry: Entry, line: &[u8], signer: Option<&Signer>) -> Result<Entry, AppendError> {
        let written = self.disk.write(line).and_then(|()| self.disk.sync());
        written.map_err(|error| self.cut_back(&error))?;
        self.length += line.len() as u64;
        self.chain.step(&entry);
        self.remember();
        if let Some(signer) = signer {
            self.remember_signer(signer);
        }
        Ok(entry)
    }

    /// Removes a log that nothing was ever acknowledged in.
    pub fn discard(self) {
        if self.length == 0 {
            // What stays is an empty file, which everybody passes over.
            let name = self.path.file_name().unwrap_or_default();
            let _ = Directory::of(&self.path).and_then(|directory| directory.remove(name));
            self.marks.discard();
        }
    }

    /// Whether the log still takes entries, and is where it was.
    ///
    /// # Errors
    /// Why it is not. A log that was deleted is written anew first, as far as it was acknowledged.
    pub fn check(&mut self) -> Result<(), AppendError> {
        if self.broken.is_none() {
            self.broken = astray(&self.file, &self.path).map(|astray| self.went(astray));
        }
        match &self.broken {
            Some(why) => Err(AppendError::Broken { path: self.path.clone(), why: why.clone() }),
            None => Ok(()),
        }
    }

    fn went(&self, astray: Astray) -> String {
        match astray {
            Astray::Moved(Some(to)) => {
                format!("the log was moved to {}; move it back and resume the run", to.display())
            }
            Astray::Moved(None) => "the log was moved elsewhere; move it back and resume the run".into(),
            Astray::Deleted => match self.write_anew() {
                Ok(to) => format!(
                    "the log was deleted; what was acknowledged has been written anew to {}. Resume the run",
                    to.display()
                ),
                Err(error) => format!("the log was deleted, and cannot be written anew: {error}"),
            },
        }
    }

    /// Copies what was acknowledged from the file that has lost its name to a new one: of that name, or
    /// beside it where something else has the name now.
    fn write_anew(&self) -> io::Result<PathBuf> {
        let mut acknowledged = Vec::new();
        (&self.file).seek(SeekFrom::Start(0))?;
        (&self.file).take(self.length).read_to_end(&mut acknowledged)?;
        let above = self.path.parent().filter(|above| !above.as_os_str().is_empty());
        let directory = Directory::make_unshared(above.unwrap_or(Path::new(".")))?;
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

    fn remember(&self) {
        let Some(seq) = self.chain.seq.checked_sub(1) else { return };
        // A head that could not be remembered costs a check at the next resume, not the entry.
        let _ = self.store.remember(&self.chain.run, Head { seq, hash: self.chain.head });
    }

    /// One who could not be remembered costs a question at the next resume, not the entry.
    fn remember_signer(&mut self, signer: &Signer) {
        if self.enrolled.insert(signer.principal.clone()) {
            let _ = self.store.remember_enrolled(&signer.principal, &signer.public);
        }
    }

    fn cut_back(&mut self, error: &io::Error) -> AppendError {
        let cut = self.disk.cut(self.length).and_then(|()| self.disk.sync());
        let advice = "what was acknowledged is safe. See to the disk and resume the run";
        let why = match cut {
            Ok(()) => format!("cannot write: {error}; {advice}"),
            Err(also) => format!("cannot write: {error}, nor take back what was written: {also}; {advice}"),
        };
        self.broken = Some(why.clone());
        AppendError::Broken { path: self.path.clone(), why }
    }

    fn set_aside(&mut self, rest: &[u8]) -> Result<Option<Torn>, OpenJournalError> {
        if rest.is_empty() {
            return Ok(None);
        }
        let torn = keep(&self.path, rest)?;
        let cut = self.disk.cut(self.length).and_then(|()| self.disk.sync());
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
