//! A file of limited size: when it is full, it is renamed, and a new one is started.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// How often this retries if other programs rotate the file at the same time.
const ATTEMPTS: usize = 3;

/// A file of lines, and its predecessor. Several programs may write to it at the same time.
pub(super) struct CappedFile {
    path: PathBuf,
    most: u64,
    open: Option<File>,
}

impl CappedFile {
    /// The file at `path`, of at most `most` bytes. It is created when something is appended.
    pub(super) fn new(path: PathBuf, most: u64) -> Self {
        Self { path, most, open: None }
    }

    /// Appends a line.
    ///
    /// # Errors
    /// The system error; or other programs always rotated the file first.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            let file = self.open.take().map_or_else(|| open(&self.path), Ok)?;
            if file.metadata()?.len() + line.len() as u64 <= self.most {
                // A single write, so that lines of several programs do not mix.
                return self.open.insert(file).write_all(line);
            }
            self.rotate(&file)?;
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Rotates a full file, unless another program has done so.
    fn rotate(&self, full: &File) -> io::Result<()> {
        // The owner of the lock does it. It is released when the file is closed.
        if full.try_lock().is_ok() && is_at(full, &self.path)? {
            fs::rename(&self.path, rotated_path(&self.path))?;
        }
        Ok(())
    }
}

/// Writes the content to `path`, readable by the owner only; replaces what is there.
///
/// # Errors
/// The system error.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = open(path)?;
    file.set_len(0)?;
    file.write_all(content)
}

/// The path of the predecessor.
fn rotated_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (open, current) = (file.metadata()?, fs::symlink_metadata(path).ok());
    Ok(current.is_some_and(|current| (current.dev(), current.ino()) == (open.dev(), open.ino())))
}

/// Opens the file, for its owner only whatever the umask, in a directory of the same kind.
fn open(path: &Path) -> io::Result<File> {
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    if fs::metadata(directory)?.mode() & 0o777 != 0o700 {
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    }
    // Does not follow a link or wait for a pipe.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("expected a regular file"));
    }
    if metadata.mode() & 0o777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_SIZE: u64 = 1000;

    #[test]
    fn there_are_never_more_than_two_files() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("d/log");
        let writer = |name: char| {
            let mut file = CappedFile::new(path.clone(), MAX_SIZE);
            move || (0..2000).filter(|n| file.append(format!("{name}{n:05}\n").as_bytes()).is_ok()).count()
        };
        let threads = ['a', 'b', 'c'].map(|name| std::thread::spawn(writer(name)));
        let written = threads.map(|thread| thread.join().unwrap());
        assert!(written.iter().all(|count| *count > 1000), "{written:?}");
        let mut names: Vec<_> =
            fs::read_dir(home.path().join("d")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["log", "log.1"]);
        for file in [&path, &rotated_path(&path)] {
            let text = fs::read_to_string(file).unwrap();
            // Each program checks the length before it writes its line.
            assert!(text.len() as u64 <= MAX_SIZE + 3 * 7, "{}", text.len());
            assert!(text.lines().all(|line| line.len() == 6), "{text}");
        }
    }

    #[test]
    fn the_file_is_private_and_no_link_is_followed() {
        let home = tempfile::tempdir().unwrap();
        let (directory, path) = (home.path().join("d"), home.path().join("d/log"));
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o777)).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        CappedFile::new(path.clone(), MAX_SIZE).append(b"x\n").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&path)), (0o700, 0o600));
        let other = home.path().join("other");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(CappedFile::new(path, MAX_SIZE).append(b"x\n").is_err() && !other.exists());
    }

    #[test]
    fn a_replaced_file_is_private_and_its_content_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("d/last");
        for content in ["a long one", "short"] {
            replace(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
    }
}
