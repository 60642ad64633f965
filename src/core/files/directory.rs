//! The program's directories, and the files in them. A directory is opened once, and never through a link; its files
//! are opened relative to it, and never through a link either. So a user who prepares files next to a log cannot redirect
//! a read or write, or block it.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, RawMode, Stat};
use rustix::io::Errno;
use tempfile::TempDir;

use super::read_bounded;

/// New files are private.
const FILE: Mode = Mode::from_raw_mode(0o600);

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    handle: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens a directory for reading. A link to one is refused.
    ///
    /// # Errors
    /// The system error, or it is a link or not a directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::with(path, OFlags::NOFOLLOW)
    }

    /// Opens the directory of a file that the user named; it may be a link.
    ///
    /// # Errors
    /// The system error.
    pub fn containing(file: &Path) -> io::Result<Self> {
        let above = file.parent().filter(|above| !above.as_os_str().is_empty());
        Self::with(above.unwrap_or(Path::new(".")), OFlags::empty())
    }

    /// Opens a directory for writing: this user must own it, and no other user can enter it.
    ///
    /// # Errors
    /// As for [`Directory::open`], or another user owns it, or other users can enter it.
    pub fn open_own(path: &Path) -> io::Result<Self> {
        Self::open(path)?.require_own(
            0o077,
            "other users can enter it (chmod 700 fixes that); expected a directory that you own, mode 0700",
        )
    }

    /// Checks that this user owns it, and that other users have none of these permissions.
    fn require_own(self, of_others: RawMode, why: &str) -> io::Result<Self> {
        let metadata = rustix::fs::fstat(&self.handle)?;
        if metadata.st_uid != rustix::process::geteuid().as_raw() {
            Err(io::Error::other("another user owns it; expected a directory that you own"))
        } else if RawMode::from(metadata.st_mode) & of_others != 0 {
            Err(io::Error::other(why))
        } else {
            Ok(self)
        }
    }

    /// Creates a directory and its parents, private, and opens it for writing.
    ///
    /// # Errors
    /// As for [`Directory::open_own`], or the system error.
    pub fn create_own(path: &Path) -> io::Result<Self> {
        match make_path(path) {
            // The error names what exists instead.
            Err(error) => {
                Err(Self::open(path).err().filter(|why| why.raw_os_error().is_none()).unwrap_or(error))
            }
            Ok(()) => Self::open_own(path),
        }
    }

    /// The same for a directory that others may read, if its user allows that.
    ///
    /// # Errors
    /// As for [`Directory::open_unshared`].
    pub fn create_unshared(path: &Path) -> io::Result<Self> {
        match Self::open_unshared(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_path(path)?;
                Self::open_unshared(path)
            }
            opened => opened,
        }
    }

    /// Opens a directory whose content no other user can have written.
    ///
    /// # Errors
    /// It is a link or not a directory, another user owns it, or other users can write to it; or the system error.
    pub fn open_unshared(path: &Path) -> io::Result<Self> {
        let why = "other users can write to it (chmod go-w fixes that); expected a directory that you own";
        Self::open(path)?.require_own(0o022, why)
    }

    fn with(path: &Path, more: OFlags) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | more;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(handle) => Ok(Self { handle, path: path.to_owned() }),
            Err(error) => Err(no_directory(path, error)),
        }
    }

    /// The path at which it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn at(&self, name: impl AsRef<OsStr>, flags: OFlags) -> io::Result<File> {
        let name = check_name(name.as_ref())?;
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.handle, name, flags, FILE) {
            Ok(file) => Ok(File::from(file)),
            // A FIFO without a reader, or a socket; no flag makes the open wait for them.
            Err(Errno::NXIO) => Err(not_regular()),
            Err(Errno::LOOP | Errno::MLINK) => Err(other("it is a symbolic link")),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file for reading: a regular file with one name. Anything else is refused at once.
    ///
    /// # Errors
    /// The system error, or what it is instead.
    pub fn read(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.read_linked(name).and_then(require_single_link)
    }

    /// The same for a file that is created with two names, one of which is removed at once.
    ///
    /// # Errors
    /// As above, except that it may have two names.
    pub fn read_linked(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.at(name, OFlags::RDONLY).and_then(require_regular)
    }

    /// The content of a file of at most `max_bytes`.
    ///
    /// # Errors
    /// As for [`Directory::read`], or it is larger.
    pub fn read_bytes(&self, name: impl AsRef<OsStr>, max_bytes: u64) -> io::Result<Vec<u8>> {
        read_bounded(&self.read(name)?, max_bytes)
    }

    /// Creates a new file.
    ///
    /// # Errors
    /// The system error: [`io::ErrorKind::AlreadyExists`] if the name exists.
    pub fn create(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.at(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    /// Opens an own file for writing; creates it if it is missing.
    ///
    /// # Errors
    /// The system error, what it is instead, or other users can write to it.
    pub fn update(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.at(name, OFlags::RDWR | OFlags::CREATE).and_then(require_own)
    }

    /// The same, for appending.
    ///
    /// # Errors
    /// As above.
    pub fn append(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.at(name, OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND).and_then(require_own)
    }

    /// Creates a file with a name that only this process uses; an existing one was left by a killed process, and is
    /// replaced.
    ///
    /// # Errors
    /// The system error.
    pub fn create_draft(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.remove(name.as_ref())?;
        self.create(name)
    }

    /// Writes a file completely or not at all; a link with its name is replaced. Durable when this returns.
    ///
    /// # Errors
    /// The system error.
    pub fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let draft = format!("{name}.draft");
        let mut file = self.create_draft(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        self.rename(&draft, name)?;
        self.sync()
    }

    /// Renames a file; replaces the target.
    ///
    /// # Errors
    /// The system error.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (check_name(from.as_ref())?, check_name(to.as_ref())?);
        Ok(rustix::fs::renameat(&self.handle, from, &self.handle, to)?)
    }

    /// Gives a file a second name, which must be free.
    ///
    /// # Errors
    /// The system error.
    pub fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (check_name(from.as_ref())?, check_name(to.as_ref())?);
        Ok(rustix::fs::linkat(&self.handle, from, &self.handle, to, AtFlags::empty())?)
    }

    /// Removes a file, or a link itself; a missing one is no error.
    ///
    /// # Errors
    /// The system error.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.handle, check_name(name.as_ref())?, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the name exists, even as a broken link.
    #[must_use]
    pub fn exists(&self, name: impl AsRef<OsStr>) -> bool {
        self.stat(name.as_ref()).is_ok()
    }

    fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(rustix::fs::statat(&self.handle, check_name(name)?, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// The names in it, sorted.
    ///
    /// # Errors
    /// The system error.
    pub fn names(&self) -> io::Result<Vec<std::ffi::OsString>> {
        use std::os::unix::ffi::OsStringExt as _;
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(std::ffi::OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Locks it, and waits for that; locked as long as the file is open.
    ///
    /// # Errors
    /// The system error: not every file system can lock directories.
    pub fn lock(self) -> io::Result<File> {
        let file = File::from(self.handle);
        file.lock()?;
        Ok(file)
    }

    /// The same, without waiting.
    ///
    /// # Errors
    /// It is locked by another process, or the system error.
    pub fn try_lock(self) -> io::Result<File> {
        let file = File::from(self.handle);
        file.try_lock()?;
        Ok(file)
    }

    /// Makes its entries durable.
    ///
    /// # Errors
    /// The system error.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.handle)?)
    }
}

/// Creates a directory and its parents, private. Existing ones stay unchanged.
///
/// # Errors
/// The system error.
pub fn make_path(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A temporary directory in another one, private whatever the umask.
///
/// # Errors
/// The system error.
pub fn temporary(prefix: &str, within: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(prefix).permissions(Permissions::from_mode(0o700)).tempdir_in(within)
}

/// Checks that a name has no path in it.
fn check_name(name: &OsStr) -> io::Result<&OsStr> {
    let mut parts = Path::new(name).components();
    let is_plain =
        matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    if is_plain { Ok(name) } else { Err(io::Error::other(format!("{} is not a file name", name.display()))) }
}

fn no_directory(path: &Path, error: Errno) -> io::Error {
    let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    match error {
        Errno::LOOP | Errno::MLINK | Errno::NOTDIR if is_link => {
            io::Error::other("it is a symbolic link; expected a directory")
        }
        Errno::NOTDIR if path.symlink_metadata().is_ok() => io::Error::other("expected a directory"),
        error => error.into(),
    }
}

fn other(why: &str) -> io::Error {
    io::Error::other(format!("{why}; expected a regular file with one name"))
}

fn not_regular() -> io::Error {
    io::Error::other("expected a regular file")
}

fn require_regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
}

fn require_single_link(file: File) -> io::Result<File> {
    if file.metadata()?.nlink() == 1 {
        Ok(file)
    } else {
        Err(other("it has more than one name (hard links)"))
    }
}

fn require_own(file: File) -> io::Result<File> {
    let file = require_regular(file).and_then(require_single_link)?;
    let metadata = file.metadata()?;
    let why = if metadata.uid() != rustix::process::geteuid().as_raw() {
        "another user owns it"
    } else if metadata.mode() & 0o077 != 0 {
        "others can read or write it (chmod 600 fixes that)"
    } else {
        return Ok(file);
    };
    Err(io::Error::other(format!("{why}; expected a file that you own, mode 0600")))
}

#[cfg(test)]
mod tests;
