//! The log file: one writer, every entry durable before it counts, recovery of what a crash left.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::chain::{Chain, LinkError};
use super::entry::{Entry, Event};
use super::keys::Signer;
use super::read::{Lines, NextError, Position, Reader};
use super::store::{Head, Store, StoreError, make_directory};
use crate::outcome::Sha256Hex;
use crate::time::Moment;

/// A log open for writing.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    store: Store,
    chain: Chain,
    length: u64,
    broken: Option<String>,
}

/// Why a log cannot be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenJournalError {
    /// The system said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another program writes it.
    #[error("{path}: another gonogo is writing this run log; look for it, or use `gonogo verify` to read", path = .0.display())]
    Locked(PathBuf),
    /// It is not an ordinary file of one's own.
    #[error("{path}: {why}; a run log must be a plain file of your own, with one name and mode 0600", path = .0.display(), why = .1)]
    NotPlain(PathBuf, &'static str),
    /// A line is not the next entry.
    #[error("{path}: line {line} (byte {byte}): {why}", path = .path.display(), line = .at.line, byte = .at.byte)]
    Line {
        /// The log.
        path: PathBuf,
        /// Where.
        at: Position,
        /// What is wrong.
        why: NextError,
    },
    /// There is not even a first entry.
    #[error("{path}: there is no entry in it; it can be deleted", path = .0.display())]
    Empty(PathBuf),
    /// It is not what this host saw last.
    #[error("{path}: {why}; the log was changed after it was written here", path = .0.display(), why = .1)]
    WentBack(PathBuf, String),
}

/// Why an entry was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It could not be made; the log is as it was.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It could not be made durable; the log was cut back to what was acknowledged, and takes no more.
    #[error("{path}: {why}; nothing more is taken in. What was acknowledged is safe: make room and resume the run", path = .path.display())]
    Broken {
        /// The log.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

/// What a crash left after the last acknowledged entry; kept beside the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Sha256Hex,
    /// The file that they are kept in, relative to the log's directory.
    pub kept: String,
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
}

impl Journal {
    /// Makes the log of a new run. The directory entry is durable when this returns; the log is empty.
    ///
    /// # Errors
    /// What the system said.
    pub fn create(store: &Store, path: &Path, chain: Chain) -> Result<Self, OpenJournalError> {
        let directory = path.parent().unwrap_or(Path::new("."));
        make_directory(directory)?;
        let flags = OFlags::RDWR
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::EXCL
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC;
        let file = open(path, flags)?;
        lock(&file, path)?;
        // The directories above may be new too, and a file is only as durable as the way to it.
        for above in directory.ancestors().take(3).filter(|above| !above.as_os_str().is_empty()) {
            let synced = File::open(above).and_then(|above| above.sync_all());
            synced.map_err(|source| StoreError::new(above, source))?;
        }
        Ok(Self { file, path: path.to_owned(), store: store.clone(), chain, length: 0, broken: None })
    }

    /// Opens a log to go on with: locks it, checks its chain and that it is what this host saw last, and
    /// sets aside what a crash left at its end.
    ///
    /// # Errors
    /// Why it cannot be gone on with. Nothing was changed then.
    pub fn reopen(store: &Store, path: &Path) -> Result<Reopened, OpenJournalError> {
        let file = open(path, OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC)?;
        check_plain(&file, path)?;
        lock(&file, path)?;
        let found = read_all(&file, path)?;
        let last = found.entries.last().ok_or_else(|| OpenJournalError::Empty(path.to_owned()))?;
        let chain = Chain::after(last);
        check_head(store, path, &found)?;
        let mut journal = Self {
            file,
            path: path.to_owned(),
            store: store.clone(),
            chain,
            length: found.length,
            broken: None,
        };
        let torn = journal.set_aside(&found)?;
        Ok(Reopened { journal, entries: found.entries, torn })
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
        if let Some(why) = &self.broken {
            return Err(AppendError::Broken { path: self.path.clone(), why: why.clone() });
        }
        let (entry, line) = self.chain.link(at, by, event, signer)?;
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(|error| self.cut_back(&error))?;
        self.length += line.len() as u64;
        self.chain = Chain::after(&entry);
        // A head that could not be remembered costs a check at the next resume, not the entry.
        let _ = self.store.remember(&self.chain.run, Head { seq: entry.header.seq, hash: entry.hash });
        Ok(entry)
    }

    fn cut_back(&mut self, error: &io::Error) -> AppendError {
        let cut = self.file.set_len(self.length).and_then(|()| self.file.sync_all());
        let why = match cut {
            Ok(()) => format!("cannot write: {error}"),
            Err(also) => format!("cannot write: {error}; nor cut back what was written: {also}"),
        };
        self.broken = Some(why.clone());
        AppendError::Broken { path: self.path.clone(), why }
    }

    fn set_aside(&mut self, found: &Found) -> Result<Option<Torn>, OpenJournalError> {
        if found.rest.is_empty() {
            return Ok(None);
        }
        let failed = |source| StoreError::new(&self.path, source);
        let sha256 = Sha256Hex::of(&found.rest);
        let directory = side_directory(&self.path);
        make_directory(&directory)?;
        let kept = directory.join(format!("torn-{sha256}"));
        let mut side = File::create(&kept).map_err(|source| StoreError::new(&kept, source))?;
        side.write_all(&found.rest).and_then(|()| side.sync_all()).map_err(failed)?;
        self.file.set_len(self.length).and_then(|()| self.file.sync_all()).map_err(failed)?;
        let name = |path: &Path| {
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let kept = format!("{}/{}", name(&directory), name(&kept));
        Ok(Some(Torn { bytes: found.rest.len() as u64, sha256, kept }))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The directory beside a log for what is too large for a line.
#[must_use]
pub fn side_directory(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".d");
    PathBuf::from(name)
}

fn open(path: &Path, flags: OFlags) -> Result<File, OpenJournalError> {
    match rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(handle) => Ok(File::from(handle)),
        Err(rustix::io::Errno::LOOP) => {
            Err(OpenJournalError::NotPlain(path.to_owned(), "it is a symbolic link"))
        }
        Err(error) => Err(StoreError::new(path, error.into()).into()),
    }
}

fn check_plain(file: &File, path: &Path) -> Result<(), OpenJournalError> {
    let data = file.metadata().map_err(|source| StoreError::new(path, source))?;
    let why = if !data.is_file() {
        "it is not a regular file"
    } else if data.nlink() != 1 {
        "it has more than one name (hard links)"
    } else if data.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to somebody else"
    } else if data.mode() & 0o077 != 0 {
        "others can read or write it"
    } else {
        return Ok(());
    };
    Err(OpenJournalError::NotPlain(path.to_owned(), why))
}

fn lock(file: &File, path: &Path) -> Result<(), OpenJournalError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenJournalError::Locked(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(StoreError::new(path, source).into()),
    }
}

/// What stands in a log: entries, and bytes after them that are not one.
struct Found {
    entries: Vec<Entry>,
    length: u64,
    rest: Vec<u8>,
    rest_has_lf: bool,
}

fn read_all(mut file: &File, path: &Path) -> Result<Found, OpenJournalError> {
    let failed = |source| OpenJournalError::Store(StoreError::new(path, source));
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut reader = Reader::default();
    let mut found = Found { entries: Vec::new(), length: 0, rest: Vec::new(), rest_has_lf: false };
    for line in Lines::new(BufReader::new(file)) {
        let line = line.map_err(failed)?;
        let end = line.position.byte + line.bytes.len() as u64 + u64::from(line.ended);
        match reader.take(&line.bytes) {
            Ok(entry) if line.ended => {
                found.entries.push(entry);
                found.length = end;
            }
            // A last line that is not an entry was never acknowledged; anything else is damage.
            Err(why) if line.endless || end < size => {
                return Err(OpenJournalError::Line { path: path.to_owned(), at: line.position, why });
            }
            _ => {
                found.rest_has_lf = line.ended;
                file.seek(SeekFrom::Start(found.length)).map_err(failed)?;
                file.take(size - found.length).read_to_end(&mut found.rest).map_err(failed)?;
                break;
            }
        }
    }
    Ok(found)
}

/// The log must hold what this host saw last, at its place, and a torn rest may follow only that.
fn check_head(store: &Store, path: &Path, found: &Found) -> Result<(), OpenJournalError> {
    let went_back = |why: String| Err(OpenJournalError::WentBack(path.to_owned(), why));
    let Some(last) = found.entries.last() else { return Ok(()) };
    let Some(head) = store.head(&last.header.run)? else {
        // Seen for the first time here: a last line that was ended must have been an entry.
        return if found.rest_has_lf { went_back("its last line is not an entry".into()) } else { Ok(()) };
    };
    if head.seq > last.header.seq {
        return went_back(format!(
            "it ends at seq {}, but seq {} was written here",
            last.header.seq, head.seq
        ));
    }
    let at_head = usize::try_from(head.seq).ok().and_then(|seq| found.entries.get(seq));
    if at_head.is_none_or(|entry| entry.hash != head.hash) {
        return went_back(format!("seq {} is not the entry that was written here", head.seq));
    }
    Ok(())
}
