//! Directories of ours, and the files in them. A directory is opened once, and never through a link; what is in it is
//! reached from there and never through a link either. So nobody who has prepared what lies beside a log can have
//! something written or read elsewhere, or have it waited for.

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

/// What is opened is ours alone.
const FILE: Mode = Mode::from_raw_mode(0o600);

/// A directory that is open.
#[derive(Debug)]
pub struct Directory {
    handle: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens a directory to read what is in it. A link to one is refused.
    ///
    /// # Errors
    /// What the system said, or that it is a link or no directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::with(path, OFlags::NOFOLLOW)
    }

    /// Opens the directory that a file is in, which its user has named: it may be a link.
    ///
    /// # Errors
    /// What the system said.
    pub fn of(file: &Path) -> io::Result<Self> {
        let above = file.parent().filter(|above| !above.as_os_str().is_empty());
        Self::with(above.unwrap_or(Path::new(".")), OFlags::empty())
    }

    /// Opens a directory to write to: it has to be one's own, for nobody else.
    ///
    /// # Errors
    /// Those of [`Directory::open`], or that it belongs to somebody else or others may enter it.
    pub fn open_own(path: &Path) -> io::Result<Self> {
        Self::open(path)?.own(
            0o077,
            "others may enter it (chmod 700 fixes that); expected a directory of your own, mode 0700",
        )
    }

    /// It, where it is one's own and nobody else has any of these permissions.
    fn own(self, of_others: RawMode, why: &str) -> io::Result<Self> {
        let about = rustix::fs::fstat(&self.handle)?;
        if about.st_uid != rustix::process::geteuid().as_raw() {
            Err(io::Error::other("it belongs to somebody else; expected a directory of your own"))
        } else if RawMode::from(about.st_mode) & of_others != 0 {
            Err(io::Error::other(why))
        } else {
            Ok(self)
        }
    }

    /// Makes a directory and those above it, for their owner only, and opens it to write to.
    ///
    /// # Errors
    /// Those of [`Directory::open_own`], or what the system said.
    pub fn make(path: &Path) -> io::Result<Self> {
        match make_path(path) {
            // What is there in its place is named.
            Err(error) => {
                Err(Self::open(path).err().filter(|why| why.raw_os_error().is_none()).unwrap_or(error))
            }
            Ok(()) => Self::open_own(path),
        }
    }

    /// The same for a directory that others may read, if its user has made it so.
    ///
    /// # Errors
    /// Those of [`Directory::open_unshared`].
    pub fn make_unshared(path: &Path) -> io::Result<Self> {
        match Self::open_unshared(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_path(path)?;
                Self::open_unshared(path)
            }
            opened => opened,
        }
    }

    /// Opens a directory whose content nobody else can have written.
    ///
    /// # Errors
    /// That it is a link or no directory, belongs to somebody else, or others may write to it; or what the system said.
    pub fn open_unshared(path: &Path) -> io::Result<Self> {
        let why = "others may write to it (chmod go-w fixes that); expected a directory of your own";
        Self::open(path)?.own(0o022, why)
    }

    fn with(path: &Path, more: OFlags) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | more;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(handle) => Ok(Self { handle, path: path.to_owned() }),
            Err(error) => Err(no_directory(path, error)),
        }
    }

    /// Where it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn at(&self, name: impl AsRef<OsStr>, flags: OFlags) -> io::Result<File> {
        let name = plain(name.as_ref())?;
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.handle, name, flags, FILE) {
            Ok(file) => Ok(File::from(file)),
            // A FIFO that nobody reads, or a socket, which no flag makes wait.
            Err(Errno::NXIO) => Err(not_regular()),
            Err(Errno::LOOP | Errno::MLINK) => Err(other("it is a symbolic link")),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file to read: a regular one with one name. Whatever else has the name is refused at once.
    ///
    /// # Errors
    /// What the system said, or what it is instead.
    pub fn read(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.read_linked(name).and_then(with_one_name)
    }

    /// The same for a file that comes into being under two names, of which one goes at once.
    ///
    /// # Errors
    /// Those, but that it has two names.
    pub fn read_linked(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.at(name, OFlags::RDONLY).and_then(regular)
    }

    /// What a file holds, which is at most so many bytes.
    ///
    /// # Errors
    /// Those of [`Directory::read`], or that it is larger.
    pub fn bytes(&self, name: impl AsRef<OsStr>, most: u64) -> io::Result<Vec<u8>> {
        read_bounded(&self.read(name)?, most)
    }

    /// Makes a file that is not there.
    ///
    /// # Errors
    /// What the system said: [`io::ErrorKind::AlreadyExists`] where anything has the name.
    pub fn create(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.at(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    /// Opens a file of one's own to write to; made where it is not there.
    ///
    /// # Errors
    /// What the system said, what it is instead, or that others may write to it too.
    pub fn update(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.at(name, OFlags::RDWR | OFlags::CREATE).and_then(own)
    }

    /// The same, to write at its end.
    ///
    /// # Errors
    /// Those.
    pub fn append(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.at(name, OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND).and_then(own)
    }

    /// Makes a file whose name is of this program alone; what has the name is of one that was killed, and goes.
    ///
    /// # Errors
    /// What the system said.
    pub fn draft(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.remove(name.as_ref())?;
        self.create(name)
    }

    /// Writes a file whole or not at all; a link that has its name goes. Durable when this returns.
    ///
    /// # Errors
    /// What the system said.
    pub fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let draft = format!("{name}.draft");
        let mut file = self.draft(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        self.rename(&draft, name)?;
        self.sync()
    }

    /// Gives a file another name; what has that goes.
    ///
    /// # Errors
    /// What the system said.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (plain(from.as_ref())?, plain(to.as_ref())?);
        Ok(rustix::fs::renameat(&self.handle, from, &self.handle, to)?)
    }

    /// Gives a file a second name, which nothing has.
    ///
    /// # Errors
    /// What the system said.
    pub fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (plain(from.as_ref())?, plain(to.as_ref())?);
        Ok(rustix::fs::linkat(&self.handle, from, &self.handle, to, AtFlags::empty())?)
    }

    /// Removes a file, or a link by itself; it is no error where there is none.
    ///
    /// # Errors
    /// What the system said.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.handle, plain(name.as_ref())?, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether anything has the name, a link that leads nowhere too.
    #[must_use]
    pub fn has(&self, name: impl AsRef<OsStr>) -> bool {
        self.stat(name.as_ref()).is_ok()
    }

    fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(rustix::fs::statat(&self.handle, plain(name)?, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// The names of all that is in it, by name.
    ///
    /// # Errors
    /// What the system said.
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

    /// Takes its lock, waiting for it; held as long as the file is open.
    ///
    /// # Errors
    /// What the system said: not every file system has locks of directories.
    pub fn lock(self) -> io::Result<File> {
        let file = File::from(self.handle);
        file.lock()?;
        Ok(file)
    }

    /// The same, where nobody has it.
    ///
    /// # Errors
    /// That somebody has it, or what the system said.
    pub fn try_lock(self) -> io::Result<File> {
        let file = File::from(self.handle);
        file.try_lock()?;
        Ok(file)
    }

    /// Makes the names in it durable.
    ///
    /// # Errors
    /// What the system said.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.handle)?)
    }
}

/// Makes a directory and those above it, for their owner only. What is there stays as it is.
///
/// # Errors
/// What the system said.
pub fn make_path(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A temporary directory in another one, which nobody else may enter whatever the umask.
///
/// # Errors
/// What the system said.
pub fn temporary(prefix: &str, within: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(prefix).permissions(Permissions::from_mode(0o700)).tempdir_in(within)
}

/// A name that leads nowhere else.
fn plain(name: &OsStr) -> io::Result<&OsStr> {
    let mut parts = Path::new(name).components();
    let is_plain =
        matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
    if is_plain {
        Ok(name)
    } else {
        Err(io::Error::other(format!("{} is no name of a file", name.display())))
    }
}

fn no_directory(path: &Path, error: Errno) -> io::Error {
    let is_link = path.symlink_metadata().is_ok_and(|about| about.is_symlink());
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

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
}

fn with_one_name(file: File) -> io::Result<File> {
    if file.metadata()?.nlink() == 1 {
        Ok(file)
    } else {
        Err(other("it has more than one name (hard links)"))
    }
}

fn own(file: File) -> io::Result<File> {
    let file = regular(file).and_then(with_one_name)?;
    let about = file.metadata()?;
    let why = if about.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to somebody else"
    } else if about.mode() & 0o077 != 0 {
        "others can read or write it (chmod 600 fixes that)"
    } else {
        return Ok(file);
    };
    Err(io::Error::other(format!("{why}; expected a file of your own, mode 0600")))
}

#[cfg(test)]
mod tests;
