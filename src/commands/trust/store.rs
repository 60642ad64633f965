//! What was trusted, kept in the user's state directory: a file per profile, for its owner only.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::checklist::permissions::Permissions;
use crate::commands::load::state_dir;
use crate::files::directory::Directory;
use crate::outcome::Sha256Hex;
use crate::text::line;

/// The most bytes of a file of what was trusted.
const MAX_TRUSTED: u64 = 16 << 20;

/// What was trusted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trusted {
    /// SHA-256 of what the profile makes happen.
    pub(super) digest: Sha256Hex,
    /// What the profile makes happen, for any release.
    pub(super) profile: Permissions,
    /// What plans of certain releases, or those of logs, make happen besides.
    pub(super) others: Permissions,
}

/// What was trusted of a profile. A file that cannot be read, or is of an older form, trusts nothing; the first is said.
pub(super) fn read(profile: &Path) -> Result<Option<Trusted>> {
    let path = file(profile)?;
    let name = path.file_name().unwrap_or_default();
    let kept = path.parent().map_or_else(|| Directory::of(&path), Directory::open_unshared);
    match kept.and_then(|kept| kept.bytes(name, MAX_TRUSTED)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            note!("{}: {error}; what you allowed before is not known", line(&path.display().to_string()));
            Ok(None)
        }
    }
}

/// Keeps what was trusted, whole or not at all.
pub(super) fn write(profile: &Path, trusted: &Trusted) -> Result<()> {
    let path = file(profile)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let keep = || -> Result<()> {
        Directory::make(directory)?;
        // Readable by its owner only, as every temporary file.
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(&serde_json::to_vec(trusted)?)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    };
    keep().with_context(|| format!("{}: what you allow cannot be kept", path.display()))
}

/// One file per profile, by its place.
fn file(profile: &Path) -> Result<PathBuf> {
    let place = fs::canonicalize(profile).with_context(|| profile.display().to_string())?;
    let name = Sha256Hex::of(place.as_os_str().as_encoded_bytes());
    Ok(state_dir()?.join("trust").join(format!("{name}.json")))
}
