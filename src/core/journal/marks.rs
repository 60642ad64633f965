//! Marks of actions: files next to a log, with which a host can tell after a crash whether an action never started or
//! was interrupted.
//!
//! ```text
//!     LOG.marks/run                 created with the run: its id, its host and its state directory
//!     LOG.marks/action-12.planned   before entry 12 is appended: its position in the log, and its writer
//!     LOG.marks/action-12.begun     after that, before the program starts
//! ```
//!
//! Only the host and state directory that planned an action may conclude from a missing `begun` that it never started.
//! Anywhere else, or if the directory was lost or is an older copy, the outcome is unknown.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::attachments::action_name;
use crate::checklist::ProbeKey;
use crate::files::directory::Directory;
use crate::outcome::Sha256Hex;

/// The longest mark that is read, in bytes.
const MAX_MARK: u64 = 4096;

/// The name of the run's mark.
const RUN_MARK: &str = "run";
/// The prefix of the names of probe marks.
const PROBE_PREFIX: &str = "probe-";

/// The directory of the marks next to a log.
#[must_use]
pub fn directory(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".marks");
    PathBuf::from(name)
}

/// The writer of marks: a host and a state directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkOrigin {
    /// The host's name.
    pub host: String,
    /// The id of the state directory.
    pub state_id: String,
}

/// The marks of one log, for one writer.
#[derive(Clone, Debug)]
pub struct Marks {
    directory: PathBuf,
    run: String,
    origin: MarkOrigin,
}

/// The mark of a probe with effects.
#[derive(Serialize, Deserialize)]
struct ProbeMark {
    run: String,
    probe: ProbeKey,
    attempt: u64,
}

/// The mark of the run, the first one in the directory.
#[derive(Serialize, Deserialize)]
struct RunMark {
    run: String,
    #[serde(flatten)]
    origin: MarkOrigin,
}

/// The mark that is written before the start of an action is logged.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct PlannedMark {
    run: String,
    /// The hash of the line before its entry.
    prev: Sha256Hex,
    #[serde(flatten)]
    origin: MarkOrigin,
}

/// Why a mark cannot be written. The start of the action is not logged then.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// A system error.
    #[error("{path}: {source}; an action needs its start marker there", path = .path.display())]
    System {
        /// The file or directory.
        path: PathBuf,
        /// The system error.
        source: io::Error,
    },
    /// The directory belongs to another run, or to another copy of this log.
    #[error("{path} belongs to {owner}; move {directory} away, and start the action again", path = .path.display(), directory = .directory.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The owner.
        owner: String,
        /// The directory of the mark.
        directory: PathBuf,
    },
}

impl Marks {
    /// The marks of a run's log. Reads and creates nothing yet.
    #[must_use]
    pub fn new(log: &Path, run: &str, place: MarkOrigin) -> Self {
        Self { directory: directory(log), run: run.to_owned(), origin: place }
    }

    /// Creates the directory, for its owner only, and the mark of the run in it; durable when this returns.
    ///
    /// # Errors
    /// The system error, or the directory belongs to another run.
    pub fn create(&self) -> Result<(), MarkError> {
        self.open().map(drop)
    }

    /// Opens the directory, and checks that it belongs to this run.
    fn open(&self) -> Result<Directory, MarkError> {
        let directory = Directory::create_own(&self.directory).map_err(self.system_error(""))?;
        if directory.exists(RUN_MARK) {
            self.check_run(&directory)?;
            return Ok(directory);
        }
        let mark = RunMark { run: self.run.clone(), origin: self.origin.clone() };
        let result =
            write(&directory, RUN_MARK, &mark).and_then(|()| Directory::containing(&self.directory)?.sync());
        result.map_err(self.system_error(RUN_MARK))?;
        Ok(directory)
    }

    fn system_error(&self, name: &str) -> impl Fn(io::Error) -> MarkError {
        let path = if name.is_empty() { self.directory.clone() } else { self.directory.join(name) };
        move |source| MarkError::System { path: path.clone(), source }
    }

    fn check_run(&self, directory: &Directory) -> Result<(), MarkError> {
        let mark: io::Result<RunMark> = read(directory, RUN_MARK);
        match mark {
            Ok(mark) if mark.run == self.run => Ok(()),
            Ok(mark) => {
                Err(self
                    .foreign(&self.directory.join(RUN_MARK), format!("run {}", crate::text::line(&mark.run))))
            }
            Err(source) => Err(self.system_error(RUN_MARK)(source)),
        }
    }

    fn foreign(&self, path: &Path, owner: String) -> MarkError {
        MarkError::Foreign { path: path.to_owned(), owner, directory: self.directory.clone() }
    }

    /// Writes a durable mark that the entry at `started`, after the line with the hash `prev`, will start an action.
    ///
    /// # Errors
    /// The system error, or an action of another copy of this log was started under that number.
    pub fn mark_planned(&self, started: u64, prev: Sha256Hex) -> Result<(), MarkError> {
        let directory = self.open()?;
        let marker = mark_name(started, "begun");
        if directory.exists(&marker) {
            return Err(self.foreign(&self.directory.join(marker), "another copy of this log".into()));
        }
        let name = mark_name(started, "planned");
        write(&directory, &name, &self.planned_mark(prev)).map_err(self.system_error(&name))
    }

    fn planned_mark(&self, prev: Sha256Hex) -> PlannedMark {
        PlannedMark { run: self.run.clone(), prev, origin: self.origin.clone() }
    }

    /// Writes a durable mark that a probe with effects starts. If its result is missing later, it may have made its
    /// change.
    ///
    /// # Errors
    /// The system error.
    pub fn mark_probe(&self, probe: &ProbeKey, attempt: u64) -> Result<(), MarkError> {
        let directory = self.open()?;
        let mark = ProbeMark { run: self.run.clone(), probe: probe.clone(), attempt };
        let name = format!("{PROBE_PREFIX}{}.begun", Sha256Hex::of(probe.to_string().as_bytes()));
        write(&directory, &name, &mark).map_err(self.system_error(&name))
    }

    /// The marked probes with effects, each with its newest attempt.
    #[must_use]
    pub fn marked_probes(&self) -> Vec<(ProbeKey, u64)> {
        let Ok(directory) = Directory::open_own(&self.directory) else { return Vec::new() };
        let files = directory.names().unwrap_or_default();
        let started_probes = files.iter().filter(|name| name.to_string_lossy().starts_with(PROBE_PREFIX));
        let marks = started_probes.filter_map(|name| read::<ProbeMark>(&directory, name).ok());
        marks.filter(|mark| mark.run == self.run).map(|mark| (mark.probe, mark.attempt)).collect()
    }

    /// Removes the mark of a planned action whose start was not logged.
    pub fn remove_planned(&self, started: u64) {
        // If the mark stays, it has no meaning for an entry that starts no action.
        let _ = Directory::open_own(&self.directory)
            .and_then(|directory| directory.remove(mark_name(started, "planned")));
    }

    /// Whether this writer has logged this very entry, so that a missing `begun` means that the action never started.
    #[must_use]
    pub fn is_own(&self, started: u64, prev: Sha256Hex) -> bool {
        let planned: io::Result<PlannedMark> = Directory::open_own(&self.directory)
            .and_then(|directory| read(&directory, mark_name(started, "planned")));
        planned.is_ok_and(|planned| planned == self.planned_mark(prev))
    }

    /// Removes the directory of a run without any logged entry.
    pub(super) fn discard(&self) {
        let _ = Directory::open_own(&self.directory).and_then(|directory| directory.remove(RUN_MARK));
        let _ = fs::remove_dir(&self.directory);
    }
}

fn mark_name(started: u64, kind: &str) -> String {
    format!("{}.{kind}", action_name(started))
}

fn read<T: for<'de> Deserialize<'de>>(directory: &Directory, name: impl AsRef<OsStr>) -> io::Result<T> {
    serde_json::from_slice(&directory.read_bytes(name, MAX_MARK)?).map_err(io::Error::other)
}

/// Writes a file completely or not at all, durably.
fn write(directory: &Directory, name: &str, mark: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(mark).map_err(io::Error::other)?;
    line.push(b'\n');
    directory.replace(name, &line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(state: &str) -> MarkOrigin {
        MarkOrigin { host: "h".into(), state_id: state.into() }
    }

    fn prev(text: &str) -> Sha256Hex {
        Sha256Hex::of(text.as_bytes())
    }

    #[test]
    fn marks_are_own_only_if_this_host_planned_the_entry() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log.jsonl");
        let marks = Marks::new(&log, "r", place("a"));
        assert!(!marks.is_own(7, prev("6")), "lost");
        marks.mark_planned(7, prev("6")).unwrap();
        assert!(marks.is_own(7, prev("6")));
        assert!(!marks.is_own(8, prev("7")), "never planned here");
        assert!(!marks.is_own(7, prev("other")), "of another copy of the log");
        assert!(!Marks::new(&log, "r", place("b")).is_own(7, prev("6")), "another state directory");
        assert!(!Marks::new(&log, "s", place("a")).is_own(7, prev("6")), "another run");
        marks.remove_planned(7);
        assert!(!marks.is_own(7, prev("6")));
    }

    #[test]
    fn the_directory_names_its_run_and_its_creator() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log.jsonl");
        let marks = Marks::new(&log, "r", place("a"));
        marks.create().unwrap();
        marks.create().unwrap();
        let run = fs::read_to_string(directory(&log).join("run")).unwrap();
        assert_eq!(run, "{\"run\":\"r\",\"host\":\"h\",\"state_id\":\"a\"}\n");
        // Another writer can continue with the same run; another run cannot use its directory.
        Marks::new(&log, "r", place("b")).mark_planned(3, prev("2")).unwrap();
        let other = Marks::new(&log, "s", place("a")).mark_planned(3, prev("2")).unwrap_err().to_string();
        assert!(other.contains("belongs to run r; move"), "{other}");
        marks.remove_planned(3);
        marks.discard();
        assert!(!directory(&log).exists());
    }

    #[test]
    fn an_action_that_started_in_another_copy_is_not_started_again() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log.jsonl");
        let marks = Marks::new(&log, "r", place("a"));
        marks.create().unwrap();
        fs::write(directory(&log).join("action-3.begun"), "").unwrap();
        let why = marks.mark_planned(3, prev("2")).unwrap_err().to_string();
        assert!(why.contains("action-3.begun belongs to another copy of this log"), "{why}");
    }
}
