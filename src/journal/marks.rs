//! Marks of actions: what a host writes beside a log, so that after a crash it can tell an action that never began from
//! one that was interrupted.
//!
//! ```text
//!     LOG.marks/run                 made with the run: its id, and the host and state directory that made it
//!     LOG.marks/action-12.planned   before entry 12 is appended: where it belongs in the log, and who writes it
//!     LOG.marks/action-12.begun     after that, before the program starts
//! ```
//!
//! Only the host and state directory that planned an action may conclude from a missing `begun` that it never began.
//! Anywhere else, and where the directory was lost or is an older copy, nobody can know.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::side::action_name;
use crate::checklist::ProbeKey;
use crate::files::directory::Directory;
use crate::outcome::Sha256Hex;

/// The longest mark that is read, in bytes.
const MAX_MARK: u64 = 4096;

/// The mark that the directory begins with.
const RUN: &str = "run";
/// What the names of the marks of probes begin with.
const PROBE: &str = "probe-";

/// The directory of the marks beside a log.
#[must_use]
pub fn directory(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".marks");
    PathBuf::from(name)
}

/// Who writes marks: a host, and on it a state directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The host's name.
    pub host: String,
    /// The id of the state directory.
    pub state: String,
}

/// The marks of one log, as one place writes them.
#[derive(Clone, Debug)]
pub struct Marks {
    directory: PathBuf,
    run: String,
    place: Place,
}

/// The mark of a probe that changes something.
#[derive(Serialize, Deserialize)]
struct ProbeMark {
    run: String,
    probe: ProbeKey,
    attempt: u64,
}

/// The mark that the directory begins with.
#[derive(Serialize, Deserialize)]
struct RunMark {
    run: String,
    #[serde(flatten)]
    place: Place,
}

/// What is written before an action is put on record.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct PlannedMark {
    run: String,
    /// The hash of the line before its entry.
    prev: Sha256Hex,
    #[serde(flatten)]
    place: Place,
}

/// Why a mark cannot be written. The action is not put on record then.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The system said no.
    #[error("{path}: {source}; an action needs its mark there before it may begin", path = .path.display())]
    System {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory is of another run, or of another copy of this log.
    #[error("{path} belongs to {owner}; move {directory} away, and start the action again", path = .path.display(), directory = .directory.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: String,
        /// The directory that it stands in.
        directory: PathBuf,
    },
}

impl Marks {
    /// Those of the log of a run. Nothing is read or made yet.
    #[must_use]
    pub fn new(log: &Path, run: &str, place: Place) -> Self {
        Self { directory: directory(log), run: run.to_owned(), place }
    }

    /// Makes the directory, for its owner only, and the file in it that names the run; durable when this returns.
    ///
    /// # Errors
    /// What the system said, or that the directory is of another run.
    pub fn make(&self) -> Result<(), MarkError> {
        self.opened().map(drop)
    }

    /// The directory, of this run.
    fn opened(&self) -> Result<Directory, MarkError> {
        let directory = Directory::make(&self.directory).map_err(self.failed(""))?;
        if directory.has(RUN) {
            self.check_run(&directory)?;
            return Ok(directory);
        }
        let mark = RunMark { run: self.run.clone(), place: self.place.clone() };
        let made = write(&directory, RUN, &mark).and_then(|()| Directory::of(&self.directory)?.sync());
        made.map_err(self.failed(RUN))?;
        Ok(directory)
    }

    fn failed(&self, name: &str) -> impl Fn(io::Error) -> MarkError {
        let path = if name.is_empty() { self.directory.clone() } else { self.directory.join(name) };
        move |source| MarkError::System { path: path.clone(), source }
    }

    fn check_run(&self, directory: &Directory) -> Result<(), MarkError> {
        let mark: io::Result<RunMark> = read(directory, RUN);
        match mark {
            Ok(mark) if mark.run == self.run => Ok(()),
            Ok(mark) => {
                Err(self.foreign(&self.directory.join(RUN), format!("run {}", crate::text::line(&mark.run))))
            }
            Err(source) => Err(self.failed(RUN)(source)),
        }
    }

    fn foreign(&self, path: &Path, owner: String) -> MarkError {
        MarkError::Foreign { path: path.to_owned(), owner, directory: self.directory.clone() }
    }

    /// Puts down, durably, that the entry at `started`, after the line with the hash `prev`, is to begin an action.
    ///
    /// # Errors
    /// What the system said, or that an action of another copy of this log has begun under that number.
    pub fn plan(&self, started: u64, prev: Sha256Hex) -> Result<(), MarkError> {
        let directory = self.opened()?;
        let begun = mark_name(started, "begun");
        if directory.has(&begun) {
            return Err(self.foreign(&self.directory.join(begun), "another copy of this log".into()));
        }
        let name = mark_name(started, "planned");
        write(&directory, &name, &self.planned(prev)).map_err(self.failed(&name))
    }

    fn planned(&self, prev: Sha256Hex) -> PlannedMark {
        PlannedMark { run: self.run.clone(), prev, place: self.place.clone() }
    }

    /// Puts down, durably, that a probe begins that changes something: if nothing tells how it ended, it may have.
    ///
    /// # Errors
    /// What the system said.
    pub fn begin_probe(&self, probe: &ProbeKey, attempt: u64) -> Result<(), MarkError> {
        let directory = self.opened()?;
        let mark = ProbeMark { run: self.run.clone(), probe: probe.clone(), attempt };
        let name = format!("{PROBE}{}.begun", Sha256Hex::of(probe.to_string().as_bytes()));
        write(&directory, &name, &mark).map_err(self.failed(&name))
    }

    /// The probes that have begun which change something, each with its newest attempt.
    #[must_use]
    pub fn probes_begun(&self) -> Vec<(ProbeKey, u64)> {
        let Ok(directory) = Directory::open_own(&self.directory) else { return Vec::new() };
        let files = directory.names().unwrap_or_default();
        let begun = files.iter().filter(|name| name.to_string_lossy().starts_with(PROBE));
        let marks = begun.filter_map(|name| read::<ProbeMark>(&directory, name).ok());
        marks.filter(|mark| mark.run == self.run).map(|mark| (mark.probe, mark.attempt)).collect()
    }

    /// Takes back that an action was planned: no entry came of it.
    pub fn withdraw(&self, started: u64) {
        // One that stays says nothing of an entry that begins no action.
        let _ = Directory::open_own(&self.directory)
            .and_then(|directory| directory.remove(mark_name(started, "planned")));
    }

    /// Whether this place has put this very entry into the log, so that a missing `begun` means that it never began.
    #[must_use]
    pub fn are_own(&self, started: u64, prev: Sha256Hex) -> bool {
        let planned: io::Result<PlannedMark> = Directory::open_own(&self.directory)
            .and_then(|directory| read(&directory, mark_name(started, "planned")));
        planned.is_ok_and(|planned| planned == self.planned(prev))
    }

    /// Removes the directory of a run of which nothing was put on record.
    pub(super) fn discard(&self) {
        let _ = Directory::open_own(&self.directory).and_then(|directory| directory.remove(RUN));
        let _ = fs::remove_dir(&self.directory);
    }
}

fn mark_name(started: u64, kind: &str) -> String {
    format!("{}.{kind}", action_name(started))
}

fn read<T: for<'de> Deserialize<'de>>(directory: &Directory, name: impl AsRef<OsStr>) -> io::Result<T> {
    serde_json::from_slice(&directory.bytes(name, MAX_MARK)?).map_err(io::Error::other)
}

/// Writes a file whole or not at all, and durably.
fn write(directory: &Directory, name: &str, mark: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(mark).map_err(io::Error::other)?;
    line.push(b'\n');
    directory.replace(name, &line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(state: &str) -> Place {
        Place { host: "h".into(), state: state.into() }
    }

    fn prev(text: &str) -> Sha256Hex {
        Sha256Hex::of(text.as_bytes())
    }

    #[test]
    fn only_who_planned_an_entry_may_conclude() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log.jsonl");
        let marks = Marks::new(&log, "r", place("a"));
        assert!(!marks.are_own(7, prev("6")), "lost");
        marks.plan(7, prev("6")).unwrap();
        assert!(marks.are_own(7, prev("6")));
        assert!(!marks.are_own(8, prev("7")), "never planned here");
        assert!(!marks.are_own(7, prev("other")), "of another copy of the log");
        assert!(!Marks::new(&log, "r", place("b")).are_own(7, prev("6")), "another state directory");
        assert!(!Marks::new(&log, "s", place("a")).are_own(7, prev("6")), "another run");
        marks.withdraw(7);
        assert!(!marks.are_own(7, prev("6")));
    }

    #[test]
    fn the_directory_names_its_run_and_who_made_it() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log.jsonl");
        let marks = Marks::new(&log, "r", place("a"));
        marks.make().unwrap();
        marks.make().unwrap();
        let run = fs::read_to_string(directory(&log).join("run")).unwrap();
        assert_eq!(run, "{\"run\":\"r\",\"host\":\"h\",\"state\":\"a\"}\n");
        // Another place goes on with the run; another run does not take its directory.
        Marks::new(&log, "r", place("b")).plan(3, prev("2")).unwrap();
        let other = Marks::new(&log, "s", place("a")).plan(3, prev("2")).unwrap_err().to_string();
        assert!(other.contains("belongs to run r; move"), "{other}");
        marks.withdraw(3);
        marks.discard();
        assert!(!directory(&log).exists());
    }

    #[test]
    fn what_has_begun_in_another_copy_is_not_begun_again_under_its_number() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("log.jsonl");
        let marks = Marks::new(&log, "r", place("a"));
        marks.make().unwrap();
        fs::write(directory(&log).join("action-3.begun"), "").unwrap();
        let why = marks.plan(3, prev("2")).unwrap_err().to_string();
        assert!(why.contains("action-3.begun belongs to another copy of this log"), "{why}");
    }
}
