//! Temporary directories that are removed even if their process is killed: creating the next one removes those whose
//! lock is free.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::directory::{Directory, temporary};

/// The prefix of their names.
const PREFIX: &str = "gonogo-";

/// A temporary private directory; removed on drop.
#[derive(Debug)]
pub struct ScratchDirectory {
    directory: TempDir,
    /// Locked until it is removed. The system releases the lock if this process is killed.
    _lock: Option<File>,
}

impl ScratchDirectory {
    /// Creates one in a directory for such directories only, which is created if it is missing. Directories of killed
    /// processes are removed.
    ///
    /// # Errors
    /// The system error, or the directory is a link or not private.
    pub fn make(within: &Path) -> io::Result<Self> {
        let parent = Directory::create_own(within)?;
        let names = parent.names()?;
        // Locked during sweep and creation, so that a new directory without a lock is not taken for an abandoned one.
        // On a file system without such locks, abandoned ones stay.
        let lock = parent.lock();
        if lock.is_ok() {
            for name in names.iter().filter(|name| name.to_string_lossy().starts_with(PREFIX)) {
                sweep(&within.join(name));
            }
        }
        let directory = temporary(PREFIX, within)?;
        let own = Directory::open_own(directory.path())?.lock();
        Ok(Self { directory, _lock: own.ok() })
    }

    /// Creates one in another place.
    ///
    /// # Errors
    /// The system error.
    pub fn make_elsewhere(within: &Path) -> io::Result<Self> {
        Ok(Self { directory: temporary(PREFIX, within)?, _lock: None })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes one whose lock is free. Anything that is not an own directory stays.
fn sweep(path: &Path) {
    if Directory::open_own(path).is_ok_and(|left| left.try_lock().is_ok()) {
        // The next sweep removes what cannot be removed now.
        let _ = fs::remove_dir_all(path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn abandoned_directories_are_removed_and_others_stay() {
        let home = tempfile::tempdir().unwrap();
        let parent = home.path().join("unpacked");
        let used = ScratchDirectory::make(&parent).unwrap();
        fs::write(used.path().join("log"), "1").unwrap();
        // As a killed process leaves it.
        let ScratchDirectory { directory, _lock: lock } = ScratchDirectory::make(&parent).unwrap();
        let left = directory.keep();
        fs::write(left.join("log"), "1").unwrap();
        drop(ScratchDirectory::make(&parent).unwrap());
        assert!(left.exists(), "its lock is held");
        drop(lock);
        let elsewhere = home.path().join("elsewhere");
        drop(Directory::create_own(&elsewhere).unwrap());
        symlink(&elsewhere, parent.join("gonogo-link")).unwrap();
        drop(Directory::create_own(&parent.join("other")).unwrap());
        let next = ScratchDirectory::make(&parent).unwrap();
        assert!(!left.exists());
        assert!(used.path().join("log").exists() && elsewhere.exists() && parent.join("other").exists());
        let (first, second) = (used.path().to_owned(), next.path().to_owned());
        drop((used, next));
        assert!(!first.exists() && !second.exists());
    }

    #[test]
    fn a_directory_that_others_prepared_is_rejected() {
        let home = tempfile::tempdir().unwrap();
        let parent = home.path().join("unpacked");
        symlink(home.path(), &parent).unwrap();
        assert!(ScratchDirectory::make(&parent).unwrap_err().to_string().contains("it is a symbolic link"));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
