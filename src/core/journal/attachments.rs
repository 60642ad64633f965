//! Attachments: content that is too large for a line, in a directory next to the log.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::entry::{ActionOutput, TornTail};
use crate::files::directory::Directory;
use crate::outcome::Sha256Hex;

/// The directory of attachments next to a log.
#[must_use]
pub fn directory(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".d");
    PathBuf::from(name)
}

/// The name of an action's files, from the position of its start entry.
#[must_use]
pub fn action_name(started: u64) -> String {
    format!("action-{started}")
}

/// The name of an attachment in the log.
#[must_use]
pub fn attachment_name(log: &Path, name: &str) -> String {
    let directory = directory(log);
    format!("{}/{name}", directory.file_name().unwrap_or_default().display())
}

/// The outputs of actions, next to a log.
#[derive(Clone, Debug)]
pub struct ActionOutputs(PathBuf);

impl ActionOutputs {
    /// The outputs next to this log.
    #[must_use]
    pub fn beside(log: &Path) -> Self {
        Self(directory(log))
    }

    fn open(&self, started: u64) -> io::Result<File> {
        Directory::open(&self.0)?.read(format!("{}.out", action_name(started)))
    }

    /// How many bytes an action has printed so far, by its start entry.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn length(&self, started: u64) -> io::Result<u64> {
        Ok(self.open(started)?.metadata()?.len())
    }

    /// Bytes from an offset on, at most as many as requested.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(&self, started: u64, from: u64, max_bytes: usize) -> io::Result<Vec<u8>> {
        let mut file = self.open(started)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(max_bytes as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The length and the SHA-256 of an action's output.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn digest(&self, started: u64) -> io::Result<(u64, Sha256Hex)> {
        let mut content = Sha256::new();
        let length = io::copy(&mut self.open(started)?, &mut content)?;
        Ok((length, Sha256Hex(content.finalize().into())))
    }
}

/// The name of an attachment in the log's own directory: `path` is relative to the log's directory, and must not lead
/// out of the attachments directory.
///
/// # Errors
/// When it does.
pub fn file_name<'a>(log: &Path, path: &'a str) -> Result<&'a OsStr, AttachmentError> {
    let mut parts = Path::new(path).components();
    let own = directory(log);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Component::Normal(first)), Some(Component::Normal(name)), None)
            if Some(first) == own.file_name() =>
        {
            Ok(name)
        }
        _ => Err(AttachmentError::OutsideDirectory(path.to_owned())),
    }
}

/// Why an attachment does not match the log.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// Its name leads to another directory.
    #[error("{0:?} is not in the log's own attachments directory")]
    OutsideDirectory(String),
    /// It cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, io::Error),
    /// It was changed.
    #[error("{0} was changed: its content does not match the digest in the log")]
    Changed(String),
}

/// Opens an attachment, and checks its length and digest against the log. Later reads from the file see the content
/// that was checked, from its start.
///
/// # Errors
/// Why it does not match.
pub fn check(log: &Path, torn: &TornTail) -> Result<File, AttachmentError> {
    open_checked(log, &torn.file, torn.bytes, torn.sha256)
}

/// The same for the output of an action.
///
/// # Errors
/// Why it does not match.
pub fn check_output(log: &Path, output: &ActionOutput) -> Result<File, AttachmentError> {
    open_checked(log, &output.file, output.bytes, output.sha256)
}

pub(super) fn open_checked(
    log: &Path,
    path: &str,
    bytes: u64,
    sha256: Sha256Hex,
) -> Result<File, AttachmentError> {
    let name = file_name(log, path)?;
    let unreadable = |error| AttachmentError::Unreadable(path.to_owned(), error);
    let mut file = Directory::open(&directory(log)).and_then(|own| own.read(name)).map_err(unreadable)?;
    let mut content = Sha256::new();
    // One byte more than expected proves that it is longer, without reading all of it.
    let length = io::copy(&mut (&file).take(bytes.saturating_add(1)), &mut content).map_err(unreadable)?;
    let digest = Sha256Hex(content.finalize().into());
    file.rewind().map_err(unreadable)?;
    if length == bytes && digest == sha256 {
        Ok(file)
    } else {
        Err(AttachmentError::Changed(path.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_found_beside_its_log_and_grows() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("run.jsonl");
        // As the README documents it, for people who search by hand.
        let out = home.path().join("run.jsonl.d/action-7.out");
        std::fs::create_dir(home.path().join("run.jsonl.d")).unwrap();
        let outputs = ActionOutputs::beside(&log);
        assert!(outputs.length(7).is_err());
        for (text, length) in [("", 0), ("one\n", 4), ("one\ntwo\n", 8)] {
            std::fs::write(&out, text).unwrap();
            assert_eq!(outputs.length(7).unwrap(), length);
        }
        assert_eq!(outputs.read(7, 4, 2).unwrap(), b"tw");
        assert_eq!(outputs.digest(7).unwrap(), (8, Sha256Hex::of(b"one\ntwo\n")));
        assert_eq!(attachment_name(&log, "action-7.out"), "run.jsonl.d/action-7.out");
        assert_eq!(file_name(&log, "run.jsonl.d/action-7.out").unwrap(), "action-7.out");
        for elsewhere in
            ["run.jsonl.d/../x", "other.jsonl.d/x", "run.jsonl.d", "/run.jsonl.d/x", "run.jsonl.d/a/b"]
        {
            assert!(file_name(&log, elsewhere).is_err(), "{elsewhere}");
        }
    }
}
