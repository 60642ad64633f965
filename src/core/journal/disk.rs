//! The file operations of the journal, and the checks of the log file.

use std::fmt::Debug;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::read::{LinePosition, NextEntryError};
use super::store::StoreError;
use crate::error::{ErrorKind, HasKind};

/// Why a log cannot be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenJournalError {
    /// A system error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another program writes it.
    #[error("{path}: another gonogo is writing this run log; find it, or use `gonogo verify` to read the log", path = .0.display())]
    Locked(PathBuf),
    /// It is not a regular file that this user owns.
    #[error("{path}: {why}; a run log must be a regular file that you own, with one name and mode 0600", path = .0.display(), why = .1)]
    NotRegular(PathBuf, &'static str),
    /// A line is not the next entry.
    #[error("{path}: line {line} (byte {byte}): {why}", path = .path.display(), line = .at.line, byte = .at.byte)]
    Line {
        /// The log.
        path: PathBuf,
        /// The position.
        at: LinePosition,
        /// The problem.
        why: NextEntryError,
    },
    /// It has no entry at all.
    #[error("{path}: the log has no entry; it can be deleted", path = .0.display())]
    Empty(PathBuf),
    /// It does not have the head that this host remembers.
    #[error("{path}: {why}; the log was changed after this host wrote it; restore it from a copy, or move it out of its directory to open a new run", path = .0.display(), why = .1)]
    HeadMismatch(PathBuf, String),
}

impl HasKind for OpenJournalError {
    fn kind(&self) -> ErrorKind {
        match self {
            // A conflict between two people; neither the disk nor the file is at fault.
            Self::Locked(_) => ErrorKind::User,
            Self::Store(error) => error.kind(),
            Self::NotRegular(..) | Self::Line { .. } | Self::Empty(_) | Self::HeadMismatch(..) => {
                ErrorKind::Io
            }
        }
    }
}

/// All operations of the journal on its file. Unsynced data may be lost on a power failure, in whole or in part;
/// synced data stays, even if the same block is written again.
pub trait Disk: Debug + Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// As the system reports it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes the content and the length durable.
    ///
    /// # Errors
    /// As the system reports it.
    fn sync(&mut self) -> io::Result<()>;
    /// Truncates the file.
    ///
    /// # Errors
    /// As the system reports it.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

impl Disk for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Opens a log for reading and appending, without following a link.
pub(super) fn open(path: &Path, more: OFlags) -> Result<File, OpenJournalError> {
    let non_blocking = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC | non_blocking | more;
    match rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(handle) => Ok(File::from(handle)),
        Err(rustix::io::Errno::LOOP) => {
            Err(OpenJournalError::NotRegular(path.to_owned(), "it is a symbolic link"))
        }
        Err(error) => Err(StoreError::new(path, error.into()).into()),
    }
}

pub(super) fn check_regular(file: &File, path: &Path) -> Result<(), OpenJournalError> {
    let data = file.metadata().map_err(|source| StoreError::new(path, source))?;
    let why = if !data.is_file() {
        "it is not a regular file"
    } else if data.nlink() != 1 {
        "it has more than one name (hard links)"
    } else if data.uid() != rustix::process::geteuid().as_raw() {
        "another user owns it"
    } else if data.mode() & 0o077 != 0 {
        "others can read or write it (chmod 600 fixes that)"
    } else {
        return Ok(());
    };
    Err(OpenJournalError::NotRegular(path.to_owned(), why))
}

pub(super) fn lock(file: &File, path: &Path) -> Result<(), OpenJournalError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenJournalError::Locked(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(StoreError::new(path, source).into()),
    }
}

/// A file is durable only if its directory entry is.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

/// How an open file is no longer at its path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LogMoved {
    /// It has another name now, which the system may know (`/proc/self/fd`).
    Moved(Option<PathBuf>),
    /// It has no name any more, and vanishes when it is closed.
    Deleted,
}

/// Whether the path no longer names the open file.
pub(super) fn find_moved(file: &File, path: &Path) -> Option<LogMoved> {
    let own = file.metadata().ok()?;
    let at_path = fs::symlink_metadata(path).ok();
    if at_path.is_some_and(|at_path| (at_path.dev(), at_path.ino()) == (own.dev(), own.ino())) {
        return None;
    }
    Some(if own.nlink() == 0 { LogMoved::Deleted } else { LogMoved::Moved(current_name(file)) })
}

fn current_name(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd as _;
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}
