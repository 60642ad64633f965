//! Who holds a run: one program at a time writes its log, and the others are told who.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::time::Utc;

/// Who holds a run, where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Their name.
    pub principal: String,
    /// The host.
    pub host: String,
    /// The process there.
    pub pid: i32,
    /// Since when.
    pub since: Utc,
}

impl Holder {
    /// This process, for `principal`.
    #[must_use]
    pub fn here(principal: &str, host: String, since: Utc) -> Self {
        let pid = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
        Self { principal: principal.to_owned(), host, pid, since }
    }
}

/// That a run is held from here. Taken back when dropped, unless somebody else holds it by then.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    own: Holder,
}

/// Where it stands who holds a log.
fn path_of(log: &Path) -> PathBuf {
    log.with_extension("holder")
}

/// Who holds a log, as far as it is told.
#[must_use]
pub fn of(log: &Path) -> Option<Holder> {
    serde_json::from_slice(&fs::read(path_of(log)).ok()?).ok()
}

/// Whether a holder is recorded beside a log. If nobody else has locked the log, that holder crashed.
#[must_use]
pub fn is_recorded(log: &Path) -> bool {
    path_of(log).symlink_metadata().is_ok()
}

/// Tells that a log is held.
///
/// # Errors
/// What the system said.
pub fn tell(log: &Path, own: Holder) -> io::Result<Held> {
    let path = path_of(log);
    let draft = path.with_extension(format!("holder.{}", own.pid));
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(&serde_json::to_vec(&own).map_err(io::Error::other)?)?;
    fs::rename(&draft, &path)?;
    Ok(Held { path, own })
}

impl Held {
    /// Leaves the record in place: this program has not finished with the log.
    pub fn keep_recorded(self) {
        std::mem::forget(self);
    }

    /// Who holds it now, if that is somebody else.
    #[must_use]
    pub fn lost_to(&self) -> Option<Holder> {
        let now: Holder = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        (now != self.own).then_some(now)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.lost_to().is_none() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
