//! A log to be read: a file as it stands, or one out of a bundle.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::bundle::{self, BundleError};

use crate::files::directory::temporary;
use crate::files::open_regular;

/// The first bytes of a bundle (gzip).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A log on disk, with its side files beside it.
#[derive(Debug)]
pub struct Source {
    log: PathBuf,
    /// What a bundle was unpacked into; gone with this.
    _unpacked: Option<TempDir>,
}

impl Source {
    /// The log at `path`, or in the bundle at `path`, which is unpacked for as long as this lives.
    ///
    /// # Errors
    /// When it cannot be read, or is a bundle and no good one.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        if !is_gzip(path)? {
            return Ok(Self { log: path.to_owned(), _unpacked: None });
        }
        let directory = temporary("gonogo-", &std::env::temp_dir())?;
        let log = bundle::unpack(open_regular(path)?, directory.path())?;
        Ok(Self { log, _unpacked: Some(directory) })
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }
}

fn is_gzip(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    open_regular(path)?.take(2).read_to_end(&mut first)?;
    Ok(first == GZIP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_where_it_is_and_one_in_a_bundle_for_as_long_as_it_is_open() {
        let home = tempfile::tempdir().unwrap();
        let (log, packed) = (home.path().join("run.jsonl"), home.path().join("run.tar.gz"));
        let line = crate::journal::tests::first_line();
        std::fs::write(&log, &line).unwrap();
        bundle::write(&log, std::fs::File::create(&packed).unwrap()).unwrap();
        assert_eq!(Source::open(&log).unwrap().log(), log);
        let source = Source::open(&packed).unwrap();
        let unpacked = source.log().to_owned();
        assert_eq!(std::fs::read(&unpacked).unwrap(), line);
        drop(source);
        assert!(!unpacked.exists());
    }
}
