//! The record of allowed permissions in the user's state directory: one private file per profile.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::commands::loaded_profile::state_dir;
use gonogo_core::checklist::permissions::Permissions;
use gonogo_core::files::directory::Directory;
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::text::line;

/// The maximum size of a record, in bytes.
const MAX_TRUSTED: u64 = 16 << 20;

/// The allowed permissions of a profile.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustRecord {
    /// SHA-256 of the profile's permissions.
    pub(super) digest: Sha256Hex,
    /// The profile's permissions, for any release.
    pub(super) profile: Permissions,
    /// Further permissions of plans of certain releases, or of plans in logs.
    pub(super) others: Permissions,
}

/// Reads the record of a profile. An unreadable file or one in an older format allows nothing; the first is reported.
pub(super) fn read(profile: &Path) -> Result<Option<TrustRecord>> {
    let path = record_path(profile)?;
    let name = path.file_name().unwrap_or_default();
    let directory = path.parent().map_or_else(|| Directory::containing(&path), Directory::open_unshared);
    match directory.and_then(|directory| directory.read_bytes(name, MAX_TRUSTED)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            note!("{}: {error}; what you allowed before is unknown", line(&path.display().to_string()));
            Ok(None)
        }
    }
}

/// Writes the record atomically.
pub(super) fn write(profile: &Path, trusted: &TrustRecord) -> Result<()> {
    let path = record_path(profile)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let write = || -> Result<()> {
        Directory::create_own(directory)?;
        // Temporary files are readable by their owner only.
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(&serde_json::to_vec(trusted)?)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        Ok(())
    };
    write().with_context(|| format!("{}: cannot record what you allow", path.display()))
}

/// The file of a profile's record, named after the profile's path.
fn record_path(profile: &Path) -> Result<PathBuf> {
    let place = fs::canonicalize(profile).with_context(|| profile.display().to_string())?;
    let name = Sha256Hex::of(place.as_os_str().as_encoded_bytes());
    Ok(state_dir()?.join("trust").join(format!("{name}.json")))
}
