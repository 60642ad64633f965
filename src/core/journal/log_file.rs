//! A log to read: a file, or from a bundle.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::bundle::{self, BundleError};

use crate::files::scratch::ScratchDirectory;
use crate::files::{open_regular, open_regular_no_follow};

/// The first bytes of a bundle (gzip).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A log on disk with its attachments. It is opened once: a file that gets its name later is not read.
#[derive(Debug)]
pub struct LogFile {
    log: PathBuf,
    file: File,
    /// The directory that a bundle was unpacked into; removed on drop.
    unpacked: Option<ScratchDirectory>,
}

impl LogFile {
    /// Opens the log at `path`, or the log in the bundle at `path`, which is unpacked into a `scratch` directory until
    /// this is dropped.
    ///
    /// # Errors
    /// When it cannot be read, or is an invalid bundle.
    pub fn open(
        path: &Path,
        scratch: impl FnOnce() -> io::Result<ScratchDirectory>,
    ) -> Result<Self, BundleError> {
        let file = open_regular(path)?;
        let mut first = [0; GZIP.len()];
        if file.read_at(&mut first, 0)? < first.len() || first != GZIP {
            return Ok(Self { log: path.to_owned(), file, unpacked: None });
        }
        let directory = scratch()?;
        let log = bundle::unpack(&file, directory.path())?;
        Ok(Self { file: open_regular(&log)?, log, unpacked: Some(directory) })
    }

    /// Opens a log that the program found by itself, never a bundle.
    ///
    /// # Errors
    /// The system error, or it is not a regular file.
    pub fn open_log(path: &Path) -> io::Result<Self> {
        Ok(Self { file: open_regular_no_follow(path)?, log: path.to_owned(), unpacked: None })
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The open log.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// A reader from the start of the log; several readers do not affect each other.
    #[must_use]
    pub fn reader(&self) -> BufReader<PositionedReader<'_>> {
        BufReader::new(PositionedReader { file: &self.file, at: 0 })
    }

    /// Whether a program holds the log: it has the lock to write it. A program that was killed does not. On a file system
    /// without such locks, nobody is known not to.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let is_free = self.file.try_lock_shared().is_ok();
        if is_free {
            // Unlocked at the end of this process at the latest.
            let _ = self.file.unlock();
        }
        !is_free
    }

    /// Whether it was in a bundle.
    #[must_use]
    pub fn is_unpacked(&self) -> bool {
        self.unpacked.is_some()
    }
}

/// Reads a file from its start, independent of other readers.
#[derive(Debug)]
pub struct PositionedReader<'a> {
    file: &'a File,
    at: u64,
}

impl Read for PositionedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_log_is_read_in_place_and_a_bundled_one_while_it_is_open() {
        let home = tempfile::tempdir().unwrap();
        let (log, packed) = (home.path().join("run.jsonl"), home.path().join("run.tar.gz"));
        let line = crate::testing::first_line();
        std::fs::write(&log, &line).unwrap();
        bundle::write(&File::open(&log).unwrap(), &log, File::create(&packed).unwrap()).unwrap();
        let scratch = || ScratchDirectory::make(&home.path().join("unpacked"));
        assert_eq!(LogFile::open(&log, scratch).unwrap().log(), log);
        let source = LogFile::open(&packed, scratch).unwrap();
        let unpacked = source.log().to_owned();
        assert_eq!(std::fs::read(&unpacked).unwrap(), line);
        let mode = std::fs::metadata(unpacked.parent().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(source);
        assert!(!unpacked.exists());
    }

    #[test]
    fn a_file_that_later_replaces_a_log_is_not_read() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("run.jsonl");
        std::fs::write(&log, "first").unwrap();
        let source = LogFile::open(&log, || unreachable!("it is no bundle")).unwrap();
        std::fs::rename(&log, home.path().join("away")).unwrap();
        std::fs::write(&log, "second").unwrap();
        for _ in 0..2 {
            assert_eq!(io::read_to_string(source.reader()).unwrap(), "first");
        }
    }

    #[test]
    fn a_log_is_held_while_another_handle_has_its_lock() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("run.jsonl");
        std::fs::write(&log, "first").unwrap();
        let source = LogFile::open_log(&log).unwrap();
        let writer = File::open(&log).unwrap();
        assert!(!source.is_held());
        writer.try_lock().unwrap();
        assert!(source.is_held());
        writer.unlock().unwrap();
        assert!(!source.is_held());
        writer.try_lock().expect("looking leaves no lock");
    }
}
