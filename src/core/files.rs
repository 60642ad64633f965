//! Files that the user names. Only regular files are read, so that no pipe or device can block; new files are never
//! writable by others, whatever the umask.

pub mod directory;
pub mod inherited_pipe;
pub mod scratch;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

/// The mode of private files.
pub const PRIVATE: u32 = 0o600;
/// The mode of files that others may read as far as the umask allows, and never write.
pub const READABLE: u32 = 0o644;

/// Creates a new file with at most this mode.
///
/// # Errors
/// The system error, or the file exists.
pub fn create_new(path: impl AsRef<Path>, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// Writes a file that the user named, for others to read. An existing file is overwritten.
///
/// # Errors
/// The system error, or it is a pipe without a reader.
pub fn write_readable(path: impl AsRef<Path>, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(READABLE);
    // Opening a pipe would wait for a reader.
    let opened = options.custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    let mut file = opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NXIO) => io::Error::other("this pipe has no reader"),
        _ => error,
    })?;
    rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
    file.write_all(text.as_bytes())
}

/// Opens a regular file for reading. Anything else is refused at once.
///
/// # Errors
/// The system error, or it is not a regular file.
pub fn open_regular(path: impl AsRef<Path>) -> io::Result<File> {
    open(path.as_ref(), OFlags::empty())
}

/// The same for a file that the program chose: a link is refused too.
///
/// # Errors
/// As above, or it is a link.
pub fn open_regular_no_follow(path: impl AsRef<Path>) -> io::Result<File> {
    open(path.as_ref(), OFlags::NOFOLLOW).map_err(|error| {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::LOOP | Errno::MLINK) => {
                io::Error::other("it is a symbolic link; expected a regular file")
            }
            _ => error,
        }
    })
}

fn open(path: &Path, more: OFlags) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | more;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => {
            let file = File::from(file);
            if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
        }
        // A socket.
        Err(Errno::NXIO) => Err(not_regular()),
        Err(error) => Err(error.into()),
    }
}

fn not_regular() -> io::Error {
    io::Error::other("expected a regular file")
}

/// Reads a regular file of at most `max_bytes`.
///
/// # Errors
/// The system error, it is not a regular file, or it is larger.
pub fn read_regular(path: impl AsRef<Path>, max_bytes: u64) -> io::Result<Vec<u8>> {
    read_bounded(&open_regular(path)?, max_bytes)
}

/// Reads an open file of at most `max_bytes`.
///
/// # Errors
/// The system error, or it is larger.
pub fn read_bounded(file: &File, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::other(format!("larger than {} KiB", max_bytes >> 10)));
    }
    Ok(bytes)
}

/// The same as text.
///
/// # Errors
/// As above, or it is not UTF-8.
pub fn read_regular_text(path: impl AsRef<Path>, max_bytes: u64) -> io::Result<String> {
    String::from_utf8(read_regular(path, max_bytes)?).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// The same for a file that is trusted like its user: this user or root owns it, and not everybody can write to it.
///
/// # Errors
/// As above, another user owns it, or everybody can write to it.
pub fn read_trusted_text(path: impl AsRef<Path>, max_bytes: u64) -> io::Result<String> {
    let file = open_regular(path)?;
    let metadata = file.metadata()?;
    if ![0, geteuid().as_raw()].contains(&metadata.uid()) {
        return Err(io::Error::other("another user owns it; expected a file that you own"));
    }
    if metadata.mode() & 0o002 != 0 {
        return Err(io::Error::other("everybody can write to it (chmod o-w fixes that)"));
    }
    String::from_utf8(read_bounded(&file, max_bytes)?).map_err(|_| io::Error::other("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_a_regular_file_of_a_bounded_size_is_read() {
        const MOST: u64 = 4096;
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        File::create(at("large")).unwrap().set_len(MOST + 1).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        let no_follow = |name| open_regular_no_follow(at(name)).map(drop).map_err(|error| error.to_string());
        assert_eq!(no_follow("file"), Ok(()));
        assert_eq!(no_follow("link"), Err("it is a symbolic link; expected a regular file".into()));
        assert_eq!(no_follow("fifo"), Err("expected a regular file".into()));
        let read = |path: &Path| read_regular(path, MOST).map_err(|error| error.to_string());
        assert_eq!(read(&at("file")), Ok(b"x".to_vec()));
        assert_eq!(read(&at("link")), Ok(b"x".to_vec()));
        for other in [at("fifo"), home.path().to_owned(), "/dev/zero".into(), "/dev/null".into()] {
            assert_eq!(read(&other), Err("expected a regular file".into()), "{}", other.display());
        }
        assert_eq!(read(&at("large")), Err("larger than 4 KiB".into()));
    }

    #[test]
    fn a_trusted_file_is_read_only_if_no_other_user_can_write_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        std::fs::write(&path, "x").unwrap();
        let with = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            read_trusted_text(&path, 1).map_err(|error| error.to_string())
        };
        assert_eq!([with(0o600), with(0o664)], [Ok("x".into()), Ok("x".into())]);
        assert_eq!(with(0o666), Err("everybody can write to it (chmod o-w fixes that)".into()));
        // Only root can give a file away.
        if geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
            assert_eq!(with(0o600), Err("another user owns it; expected a file that you own".into()));
        }
    }
}
