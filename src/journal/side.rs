//! Side files: what is too large for a line, kept in a directory beside the log.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::entry::{Output, Torn};
use crate::files::open_regular;
use crate::outcome::Sha256Hex;

/// The directory beside a log for what is too large for a line.
#[must_use]
pub fn directory(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".d");
    PathBuf::from(name)
}

/// What the files of an action are called, by the entry that it began with.
#[must_use]
pub fn action_name(started: u64) -> String {
    format!("action-{started}")
}

/// What actions have printed, beside a log.
#[derive(Clone, Debug)]
pub struct Outputs(PathBuf);

impl Outputs {
    /// Those beside this log.
    #[must_use]
    pub fn beside(log: &Path) -> Self {
        Self(directory(log))
    }

    fn open(&self, started: u64) -> io::Result<File> {
        open_regular(self.0.join(format!("{}.out", action_name(started))))
    }

    /// How many bytes an action has printed so far, by the entry that it began with.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn length(&self, started: u64) -> io::Result<u64> {
        Ok(self.open(started)?.metadata()?.len())
    }

    /// Bytes from a place on, as many as there are and were asked for.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(&self, started: u64, from: u64, most: usize) -> io::Result<Vec<u8>> {
        read(&self.0.join(format!("{}.out", action_name(started))), from, most)
    }
}

/// Bytes of a file from a place on, as many as there are and were asked for.
///
/// # Errors
/// When they cannot be read.
pub fn read(path: &Path, from: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut file = open_regular(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How long a file is, and its SHA-256.
///
/// # Errors
/// When it cannot be read.
pub fn digest(path: &Path) -> io::Result<(u64, Sha256Hex)> {
    let mut content = Sha256::new();
    let length = io::copy(&mut open_regular(path)?, &mut content)?;
    Ok((length, Sha256Hex(content.finalize().into())))
}

/// Where a side file is: `kept` is relative to the log's directory, and cannot lead out of the log's own one.
///
/// # Errors
/// When it would.
pub fn path_of(log: &Path, kept: &str) -> Result<PathBuf, SideError> {
    let mut parts = Path::new(kept).components();
    let own = directory(log);
    let fits = matches!(
        (parts.next(), parts.next(), parts.next()),
        (Some(Component::Normal(first)), Some(Component::Normal(_)), None) if Some(first) == own.file_name()
    );
    if fits { Ok(log.with_file_name(kept)) } else { Err(SideError::Elsewhere(kept.to_owned())) }
}

/// Why a side file is not what the log says of it.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// Its name leads elsewhere.
    #[error("{0:?} is not in the log's own directory of side files")]
    Elsewhere(String),
    /// It cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unread(String, io::Error),
    /// It was changed.
    #[error("{0} was changed: its content is not what the log has the digest of")]
    Changed(String),
}

/// Holds a side file to the length and the digest that the log has of it.
///
/// # Errors
/// Why it is not the one.
pub fn check(log: &Path, torn: &Torn) -> Result<PathBuf, SideError> {
    held(log, &torn.kept, torn.bytes, torn.sha256)
}

/// The same for what an action has printed.
///
/// # Errors
/// Why it is not the one.
pub fn check_output(log: &Path, output: &Output) -> Result<PathBuf, SideError> {
    held(log, &output.kept, output.bytes, output.sha256)
}

fn held(log: &Path, kept: &str, bytes: u64, sha256: Sha256Hex) -> Result<PathBuf, SideError> {
    let path = path_of(log, kept)?;
    let unread = |error| SideError::Unread(kept.to_owned(), error);
    let file = open_regular(&path).map_err(unread)?;
    if !file.metadata().map_err(unread)?.is_file() {
        return Err(unread(io::Error::other("not a regular file")));
    }
    let mut content = Sha256::new();
    // One byte more than there may be tells a longer one, without reading all of it.
    let length = io::copy(&mut file.take(bytes + 1), &mut content).map_err(unread)?;
    let digest = Sha256Hex(content.finalize().into());
    if length == bytes && digest == sha256 { Ok(path) } else { Err(SideError::Changed(kept.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_found_beside_its_log_and_grows() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("run.jsonl");
        // As the README says: who looks for it by hand finds it there.
        let out = home.path().join("run.jsonl.d/action-7.out");
        std::fs::create_dir(home.path().join("run.jsonl.d")).unwrap();
        let outputs = Outputs::beside(&log);
        assert!(outputs.length(7).is_err());
        for (text, length) in [("", 0), ("one\n", 4), ("one\ntwo\n", 8)] {
            std::fs::write(&out, text).unwrap();
            assert_eq!(outputs.length(7).unwrap(), length);
        }
        assert_eq!(outputs.read(7, 4, 2).unwrap(), b"tw");
        assert_eq!(path_of(&log, "run.jsonl.d/action-7.out").unwrap(), out);
        for elsewhere in
            ["run.jsonl.d/../x", "other.jsonl.d/x", "run.jsonl.d", "/run.jsonl.d/x", "run.jsonl.d/a/b"]
        {
            assert!(path_of(&log, elsewhere).is_err(), "{elsewhere}");
        }
    }
}
