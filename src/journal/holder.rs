//! Who holds a run: one program at a time writes its log, and the others are told who.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::directory::Directory;
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
    log: PathBuf,
    own: Holder,
}

/// The most bytes of a record that are read.
const MAX_RECORD: u64 = 4096;

/// Where it stands who holds a log.
#[must_use]
pub fn path_of(log: &Path) -> PathBuf {
    log.with_extension("holder")
}

/// The directory that a record is in, and its name.
fn place_of(log: &Path) -> io::Result<(Directory, String)> {
    let path = path_of(log);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    Ok((Directory::of(&path)?, name))
}

/// Who holds a log, as far as it is told.
#[must_use]
pub fn of(log: &Path) -> Option<Holder> {
    let (directory, name) = place_of(log).ok()?;
    serde_json::from_slice(&directory.bytes(name, MAX_RECORD).ok()?).ok()
}

/// Whether a holder is recorded beside a log. If nobody else has locked the log, that holder crashed.
#[must_use]
pub fn is_recorded(log: &Path) -> bool {
    place_of(log).is_ok_and(|(directory, name)| directory.has(name))
}

/// Tells that a log is held.
///
/// # Errors
/// What the system said.
pub fn tell(log: &Path, own: Holder) -> io::Result<Held> {
    let (directory, name) = place_of(log)?;
    let draft = format!("{name}.{}", std::process::id());
    let record = serde_json::to_vec(&own).map_err(io::Error::other)?;
    directory.draft(&draft)?.write_all(&record)?;
    let told = directory.rename(&draft, &name);
    if told.is_err() {
        let _ = directory.remove(&draft);
    }
    told.map(|()| Held { log: log.to_owned(), own })
}

impl Held {
    /// Leaves the record in place: this program has not finished with the log.
    pub fn keep_recorded(self) {
        std::mem::forget(self);
    }

    /// Who holds it now, if that is somebody else.
    #[must_use]
    pub fn lost_to(&self) -> Option<Holder> {
        of(&self.log).filter(|now| *now != self.own)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.lost_to().is_none() {
            let _ = place_of(&self.log).and_then(|(directory, name)| directory.remove(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_the_newest_holder_and_only_that_one_takes_it_back() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("run.jsonl");
        let holder = |name: &str| Holder::here(name, "deck".into(), Utc::from_millis(0));
        assert!(of(&log).is_none() && !is_recorded(&log));
        let first = tell(&log, holder("ann@x")).unwrap();
        assert!(is_recorded(&log) && of(&log) == Some(holder("ann@x")));
        let second = tell(&log, holder("bob@x")).unwrap();
        assert_eq!((first.lost_to(), second.lost_to()), (Some(holder("bob@x")), None));
        drop(first);
        assert_eq!(of(&log), Some(holder("bob@x")));
        drop(second);
        assert!(!is_recorded(&log));
        tell(&log, holder("ann@x")).unwrap().keep_recorded();
        assert_eq!(of(&log), Some(holder("ann@x")));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "a draft is left");
    }
}
