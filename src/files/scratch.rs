//! Temporary directories that do not stay when whoever made them is killed: the next one that is made beside them
//! removes those whose lock is free.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::directory::{Directory, temporary};

/// What their names begin with.
const PREFIX: &str = "gonogo-";

/// A temporary directory that nobody else may enter; gone with this.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
    /// Held until it is gone. The system lets go of it when this process is killed.
    _lock: Option<File>,
}

impl Scratch {
    /// Makes one in a directory that is only for such ones and is made where it is not there. What is there of a process
    /// that was killed is removed.
    ///
    /// # Errors
    /// What the system said, or that the directory is a link, or not one's own alone.
    pub fn make(within: &Path) -> io::Result<Self> {
        let all = Directory::make(within)?;
        let names = all.names()?;
        // Held while one is looked for or made: one that is not locked yet is not taken for one that was left. A file
        // system without such locks keeps what was left.
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

    /// Makes one elsewhere.
    ///
    /// # Errors
    /// What the system said.
    pub fn make_elsewhere(within: &Path) -> io::Result<Self> {
        Ok(Self { directory: temporary(PREFIX, within)?, _lock: None })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes one whose lock is free. What is no directory of one's own is left.
fn sweep(path: &Path) {
    if Directory::open_own(path).is_ok_and(|left| left.try_lock().is_ok()) {
        // The next one removes what cannot be removed now.
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
        let used = Scratch::make(&all).unwrap();
        fs::write(used.path().join("log"), "1").unwrap();
        // As a process leaves it that is killed.
        let Scratch { directory, _lock: lock } = Scratch::make(&all).unwrap();
        let left = directory.keep();
        fs::write(left.join("log"), "1").unwrap();
        drop(Scratch::make(&all).unwrap());
        assert!(left.exists(), "its lock is held");
        drop(lock);
        let elsewhere = home.path().join("elsewhere");
        drop(Directory::make(&elsewhere).unwrap());
        symlink(&elsewhere, all.join("gonogo-link")).unwrap();
        drop(Directory::make(&all.join("other")).unwrap());
        let next = Scratch::make(&all).unwrap();
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
        assert!(Scratch::make(&all).unwrap_err().to_string().contains("it is a symbolic link"));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
