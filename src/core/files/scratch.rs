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
        let all = Directory::create_own(within)?;
        let names = all.names()?;
        // Locked during sweep and creation, so that a new directory without a lock is not taken for an abandoned one.
        // On a file system without such locks, abandoned ones stay.
        let lock = all.lock();
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
    fn what_is_left_is_swept_and_what_is_used_or_is_none_stays() {
        let home = tempfile::tempdir().unwrap();
        let all = home.path().join("unpacked");
        let used = ScratchDirectory::make(&all).unwrap();
        fs::write(used.path().join("log"), "1").unwrap();
        // As a killed process leaves it.
        let ScratchDirectory { directory, _lock: lock } = ScratchDirectory::make(&all).unwrap();
        let left = directory.keep();
        fs::write(left.join("log"), "1").unwrap();
        drop(ScratchDirectory::make(&all).unwrap());
        assert!(left.exists(), "its lock is held");
        drop(lock);
        let elsewhere = home.path().join("elsewhere");
        drop(Directory::create_own(&elsewhere).unwrap());
        symlink(&elsewhere, all.join("gonogo-link")).unwrap();
        drop(Directory::create_own(&all.join("other")).unwrap());
        let next = ScratchDirectory::make(&all).unwrap();
        assert!(!left.exists());
        assert!(used.path().join("log").exists() && elsewhere.exists() && all.join("other").exists());
        let (first, second) = (used.path().to_owned(), next.path().to_owned());
        drop((used, next));
        assert!(!first.exists() && !second.exists());
    }

    #[test]
    fn a_directory_that_others_have_prepared_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let all = home.path().join("unpacked");
        symlink(home.path(), &all).unwrap();
        assert!(ScratchDirectory::make(&all).unwrap_err().to_string().contains("it is a symbolic link"));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
