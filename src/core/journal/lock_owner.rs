//! The owner of a run's log: one process at a time writes it, and others can read who.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::directory::Directory;
use crate::recorded_process::ProcessStart;
use crate::time::Utc;

/// The owner of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockOwner {
    /// Their name.
    pub principal: String,
    /// Their host.
    pub host: String,
    /// Their process id.
    pub pid: i32,
    /// The start of the ownership.
    pub since: Utc,
    /// When that process started. Without it, a reused process id cannot be detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<ProcessStart>,
}

impl LockOwner {
    /// This process, for `principal`.
    #[must_use]
    pub fn this_process(principal: &str, host: String, since: Utc) -> Self {
        let pid = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
        Self { principal: principal.to_owned(), host, pid, since, started: ProcessStart::of_this() }
    }
}

/// The record that this process owns a log. Removed on drop, unless there is another owner by then.
#[derive(Debug)]
pub struct LockOwnerFile {
    log: PathBuf,
    owner: LockOwner,
}

/// The most bytes of a record that are read.
const MAX_RECORD: u64 = 4096;

/// A request to the owner of a log to quit. Removed on drop.
#[derive(Debug)]
pub struct TakeoverRequest(PathBuf);

/// The path of the owner record of a log.
#[must_use]
pub fn path_of(log: &Path) -> PathBuf {
    log.with_extension("holder")
}

/// The path of the takeover request for a log.
fn request_path_of(log: &Path) -> PathBuf {
    log.with_extension("take-over")
}

/// The directory of a record, and its name.
fn directory_and_name(path: &Path) -> io::Result<(Directory, String)> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    Ok((Directory::containing(path)?, name))
}

/// The recorded owner of a log.
#[must_use]
pub fn read_owner(log: &Path) -> Option<LockOwner> {
    read_record(&path_of(log))
}

fn read_record(path: &Path) -> Option<LockOwner> {
    let (directory, name) = directory_and_name(path).ok()?;
    serde_json::from_slice(&directory.read_bytes(name, MAX_RECORD).ok()?).ok()
}

/// Whether an owner of a log is recorded. If the log is not locked by another process, that owner crashed.
#[must_use]
pub fn is_recorded(log: &Path) -> bool {
    directory_and_name(&path_of(log)).is_ok_and(|(directory, name)| directory.exists(name))
}

/// Records the owner of a log. The caller has its lock.
///
/// # Errors
/// The system error.
pub fn record_owner(log: &Path, own: LockOwner) -> io::Result<LockOwnerFile> {
    write(&path_of(log), &own)?;
    // Removes the request of a process that was killed meanwhile.
    remove(&request_path_of(log));
    Ok(LockOwnerFile { log: log.to_owned(), owner: own })
}

/// Records a takeover request for the owner to read.
///
/// # Errors
/// The system error.
pub fn request_takeover(log: &Path, by: &LockOwner) -> io::Result<TakeoverRequest> {
    let path = request_path_of(log);
    write(&path, by)?;
    Ok(TakeoverRequest(path))
}

fn write(path: &Path, record: &LockOwner) -> io::Result<()> {
    let (directory, name) = directory_and_name(path)?;
    let draft = format!("{name}.{}", std::process::id());
    let record = serde_json::to_vec(record).map_err(io::Error::other)?;
    directory.create_draft(&draft)?.write_all(&record)?;
    let result = directory.rename(&draft, &name);
    if result.is_err() {
        let _ = directory.remove(&draft);
    }
    result
}

fn remove(path: &Path) {
    // If removing fails, the record names a process that has ended.
    let _ = directory_and_name(path).and_then(|(directory, name)| directory.remove(name));
}

impl Drop for TakeoverRequest {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

impl LockOwnerFile {
    /// Leaves the record in place, because this process has not finished with the log.
    pub fn leave_in_place(self) {
        std::mem::forget(self);
    }

    /// Who takes the log over, or has: the owner recorded after this process, or the author of a takeover request.
    #[must_use]
    pub fn taken_over_by(&self) -> Option<LockOwner> {
        // In this order: a request is removed when its author is recorded as owner.
        read_record(&request_path_of(&self.log)).or_else(|| self.successor())
    }

    fn successor(&self) -> Option<LockOwner> {
        read_owner(&self.log).filter(|now| *now != self.owner)
    }
}

impl Drop for LockOwnerFile {
    fn drop(&mut self) {
        if self.successor().is_none() {
            remove(&path_of(&self.log));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_names_the_newest_owner_and_only_that_owner_removes_it() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("run.jsonl");
        let owner = |name: &str| LockOwner::this_process(name, "deck".into(), Utc::from_millis(0));
        assert!(read_owner(&log).is_none() && !is_recorded(&log));
        let first = record_owner(&log, owner("ann@x")).unwrap();
        assert!(is_recorded(&log) && read_owner(&log) == Some(owner("ann@x")));
        let second = record_owner(&log, owner("bob@x")).unwrap();
        assert_eq!((first.taken_over_by(), second.taken_over_by()), (Some(owner("bob@x")), None));
        drop(first);
        assert_eq!(read_owner(&log), Some(owner("bob@x")));
        drop(second);
        assert!(!is_recorded(&log));
        record_owner(&log, owner("ann@x")).unwrap().leave_in_place();
        assert_eq!(read_owner(&log), Some(owner("ann@x")));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "a draft is left");
    }

    #[test]
    fn a_takeover_request_is_visible_to_the_owner_and_does_not_change_the_owner() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("run.jsonl");
        let owner = |name: &str| LockOwner::this_process(name, "deck".into(), Utc::from_millis(0));
        let owner_file = record_owner(&log, owner("ann@x")).unwrap();
        drop(request_takeover(&log, &owner("bob@x")).unwrap());
        assert_eq!(
            (owner_file.taken_over_by(), read_owner(&log)),
            (None, Some(owner("ann@x"))),
            "the request was withdrawn"
        );
        let request = request_takeover(&log, &owner("bob@x")).unwrap();
        assert_eq!(
            (owner_file.taken_over_by(), read_owner(&log)),
            (Some(owner("bob@x")), Some(owner("ann@x")))
        );
        drop(owner_file);
        assert!(!is_recorded(&log), "who leaves takes back that they hold it");
        std::mem::forget(request);
        assert_eq!(
            record_owner(&log, owner("cid@x")).unwrap().taken_over_by(),
            None,
            "of one who was killed"
        );
    }

    #[test]
    fn a_record_of_an_older_version_is_read_without_the_start_of_its_process() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("run.jsonl");
        let record = r#"{"principal":"ann@x","host":"deck","pid":77,"since":"2026-09-21T14:13:20.000Z"}"#;
        std::fs::write(path_of(&log), record).unwrap();
        assert_eq!(read_owner(&log).map(|owner| (owner.pid, owner.started)), Some((77, None)));
    }
}
