//! What was trusted, kept in the user's state directory: a file per profile, for its owner only.

use std::fs::{self, DirBuilder, Permissions as Mode};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::checklist::permissions::Permissions;
use crate::commands::load::state_dir;
use crate::files::read_regular;
use crate::outcome::Sha256Hex;

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

/// What was trusted of a profile. A file that cannot be read, or is of an older form, trusts nothing.
pub(super) fn read(profile: &Path) -> Result<Option<Trusted>> {
    let path = file(profile)?;
    Ok(read_regular(path, MAX_TRUSTED).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// Keeps what was trusted, whole or not at all.
pub(super) fn write(profile: &Path, trusted: &Trusted) -> Result<()> {
    let path = file(profile)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let keep = || -> Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        fs::set_permissions(directory, Mode::from_mode(0o700))?;
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
