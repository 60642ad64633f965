//! Side files: what is too large for a line, kept in a directory beside the log.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::entry::Torn;
use crate::outcome::Sha256Hex;

/// The directory beside a log for what is too large for a line.
#[must_use]
pub fn directory(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".d");
    PathBuf::from(name)
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
    let path = path_of(log, &torn.kept)?;
    let unread = |error| SideError::Unread(torn.kept.clone(), error);
    let file = File::open(&path).map_err(unread)?;
    if !file.metadata().map_err(unread)?.is_file() {
        return Err(unread(io::Error::other("not a regular file")));
    }
    let mut content = Sha256::new();
    // One byte more than there may be tells a longer one, without reading all of it.
    let length = io::copy(&mut file.take(torn.bytes + 1), &mut content).map_err(unread)?;
    let digest = Sha256Hex(content.finalize().into());
    if length == torn.bytes && digest == torn.sha256 {
        Ok(path)
    } else {
        Err(SideError::Changed(torn.kept.clone()))
    }
}
