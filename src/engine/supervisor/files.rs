//! The files that a supervisor and its observers share.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use gonogo_core::files::directory::Directory;
use gonogo_core::journal::entry::{ActionExit, StopCause};
use gonogo_core::journal::{attachments, marks};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::recorded_process::{ProcessStart, RecordedProcess, RecordedProcessError};

/// The size of an exit record, unless very many secrets were redacted.
const EXIT_RECORD_SIZE: usize = 4096;

/// The largest exit record that is read, in bytes.
const MAX_RECORD: u64 = 1 << 20;

/// The files of one run of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorFiles {
    /// The directory of its attachments.
    directory: PathBuf,
    /// The directory of its start marker. It is made with the run, never here.
    marks: PathBuf,
    name: String,
}

/// The start marker: who runs the action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartMarker {
    /// The supervisor's process id; 0 if the action was given up before it started.
    pub supervisor: i32,
    /// The process group of the program, once it runs.
    pub group: Option<i32>,
    /// Since the epoch, in milliseconds.
    pub at_ms: u64,
    /// When the supervisor's process started. Without it, a reused process id cannot be detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<ProcessStart>,
}

/// The record of how the action ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// The exit.
    pub exit: ActionExit,
    /// Why it was ended from outside.
    pub cause: Option<StopCause>,
    /// Its duration, in milliseconds.
    pub took_ms: u64,
    /// How many bytes of output are recorded.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Sha256Hex,
    /// How often each secret was redacted.
    pub redacted: BTreeMap<String, u64>,
    /// Why the output is incomplete.
    pub lost: Option<String>,
}

/// The state of an action according to its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupervisorState {
    /// There is no start marker, or one that prevents a start.
    NotStarted,
    /// It is running.
    Running(StartMarker),
    /// It has ended.
    Finished(Box<ExitRecord>),
    /// Its supervisor is gone and left no exit record.
    Gone(StartMarker),
    /// Its supervisor is gone, and a file that it left is invalid: which file, and why.
    Unreadable(String),
}

impl SupervisorFiles {
    /// The files of the action with this start entry.
    #[must_use]
    pub fn of(log: &Path, started: u64) -> Self {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let (directory, marks) = (absolute(attachments::directory(log)), absolute(marks::directory(log)));
        Self { directory, marks, name: attachments::action_name(started) }
    }

    fn file_name(&self, kind: &str) -> String {
        format!("{}.{kind}", self.name)
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.directory.join(self.file_name(kind))
    }

    /// The path of the start marker.
    pub(in crate::engine) fn marker_path(&self) -> PathBuf {
        self.marks.join(self.file_name("begun"))
    }

    /// The supervisor's process: the recorded one, which has the marker open. It need not run the same file as this
    /// program, which may have been replaced meanwhile.
    ///
    /// # Errors
    /// Why the process is not the recorded one.
    pub(in crate::engine) fn supervisor(
        &self,
        marker: &StartMarker,
    ) -> Result<RecordedProcess, RecordedProcessError> {
        RecordedProcess::open(marker.supervisor, marker.started.as_ref())?.require_lock(&self.marker_path())
    }

    /// The path of its output.
    #[must_use]
    pub fn output_path(&self) -> PathBuf {
        self.path("out")
    }

    /// Creates the directory of attachments, for its owner only.
    pub(in crate::engine) fn make_directory(&self) -> io::Result<ActionAttachments<'_>> {
        Ok(ActionAttachments { files: self, directory: Rc::new(Directory::create_own(&self.directory)?) })
    }

    /// Writes the start marker: a new, locked file. It is locked as long as the file is held.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if the action was started or given up. A missing directory of marks is not
    /// created again, because a started action would be started twice.
    pub(in crate::engine) fn write_start_marker(&self, marker: &StartMarker) -> io::Result<File> {
        let marks = Directory::open_own(&self.marks)?;
        // No process may see the marker before it is locked, so it is created under another name and linked.
        let draft = self.file_name(&format!("begun.{}", std::process::id()));
        let mut file = marks.create_draft(&draft)?;
        let linked = file
            .lock()
            .and_then(|()| write(&mut file, marker))
            .and_then(|()| marks.link(&draft, &self.file_name("begun")))
            .and_then(|()| marks.sync());
        let _ = marks.remove(&draft);
        linked.map(|()| file)
    }

    /// Makes sure that the action does not start any more, unless it has started: a late supervisor finds the marker.
    /// Returns whether it had not started.
    ///
    /// # Errors
    /// The system error.
    pub fn prevent_start(&self) -> io::Result<bool> {
        match self.write_start_marker(&StartMarker::default()) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(matches!(self.read_marker()?, Some((Ok(marker), _)) if marker == StartMarker::default()))
            }
            // Without the directory no supervisor can start anything.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(self.read_marker()?.is_none()),
            Err(error) => Err(with_path(&self.marker_path())(error)),
        }
    }

    /// The state of the action.
    ///
    /// # Errors
    /// When a file cannot be read; with its name.
    pub fn state(&self) -> io::Result<SupervisorState> {
        state_of(|| self.read_marker(), || self.read_exit_record())
    }

    /// The marker, and whether it is locked.
    fn read_marker(&self) -> io::Result<LockedMarker> {
        let path = self.marker_path();
        // It has two names for a moment; for good, if its supervisor is killed in that moment.
        let opened =
            Directory::open(&self.marks).and_then(|marks| marks.read_linked(self.file_name("begun")));
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(with_path(&path))?,
        };
        let is_locked = match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(error)) => return Err(with_path(&path)(error)),
        };
        let mut text = Vec::new();
        (&mut file).take(MAX_RECORD).read_to_end(&mut text).map_err(with_path(&path))?;
        Ok(Some((parse(&path, &text), is_locked)))
    }

    fn read_exit_record(&self) -> io::Result<Option<ParseResult<Box<ExitRecord>>>> {
        let path = self.path("end");
        let end = Directory::open(&self.directory)
            .and_then(|directory| directory.read_bytes(self.file_name("end"), MAX_RECORD));
        match end {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => Ok(Some(parse(&path, &text.map_err(with_path(&path))?))),
        }
    }
}

/// A record, or which file is invalid and why.
type ParseResult<T> = Result<T, String>;

/// The marker, if there is one, and whether it is locked.
type LockedMarker = Option<(ParseResult<StartMarker>, bool)>;

/// The state, from the marker and the exit record.
fn state_of(
    mark: impl FnOnce() -> io::Result<LockedMarker>,
    end: impl FnOnce() -> io::Result<Option<ParseResult<Box<ExitRecord>>>>,
) -> io::Result<SupervisorState> {
    // The marker is read first: a supervisor that is no longer running may have ended in between.
    let mark = mark();
    match (end(), mark) {
        (Ok(Some(Ok(end))), _) => Ok(SupervisorState::Finished(end)),
        (Err(error), _) | (_, Err(error)) => Err(error),
        // An incomplete record is completed before the lock is released.
        (Ok(_), Ok(Some((marker, true)))) => Ok(SupervisorState::Running(marker.unwrap_or_default())),
        (Ok(Some(Err(why))), _) | (_, Ok(Some((Err(why), false)))) => Ok(SupervisorState::Unreadable(why)),
        (Ok(None), Ok(None)) => Ok(SupervisorState::NotStarted),
        (Ok(None), Ok(Some((Ok(marker), false)))) if marker == StartMarker::default() => {
            Ok(SupervisorState::NotStarted)
        }
        (Ok(None), Ok(Some((Ok(marker), false)))) => Ok(SupervisorState::Gone(marker)),
    }
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, text: &[u8]) -> ParseResult<T> {
    serde_json::from_slice(text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Adds the name of the file to an error.
fn with_path(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The open directory of attachments of a supervisor.
pub(in crate::engine) struct ActionAttachments<'a> {
    files: &'a SupervisorFiles,
    directory: Rc<Directory>,
}

impl ActionAttachments<'_> {
    /// Reserves space for the exit record, because the output may fill the disk.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if the action was started before; those files stay unchanged.
    pub(super) fn reserve_exit_record(&self) -> io::Result<NewFile> {
        let (new, mut file) = self.create("end.draft")?;
        file.write_all(&[b' '; EXIT_RECORD_SIZE])?;
        file.sync_all()?;
        Ok(new)
    }

    /// Creates the output file.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if the action was started before; those files stay unchanged.
    pub(in crate::engine) fn create_output(&self) -> io::Result<(NewFile, File)> {
        self.create("out")
    }

    fn create(&self, kind: &str) -> io::Result<(NewFile, File)> {
        let name = self.files.file_name(kind);
        let file = self.directory.create(&name)?;
        Ok((NewFile { directory: Rc::clone(&self.directory), name: Some(name) }, file))
    }

    /// Writes the exit record, completely or not at all.
    pub(in crate::engine) fn write_exit_record(&self, end: &ExitRecord) -> io::Result<()> {
        let draft = self.files.file_name("end.draft");
        write(&mut self.directory.update(&draft)?, end)?;
        self.directory.rename(&draft, &self.files.file_name("end"))?;
        self.directory.sync()
    }
}

/// A new file. It is removed on drop, unless it is kept.
pub(in crate::engine) struct NewFile {
    directory: Rc<Directory>,
    name: Option<String>,
}

impl NewFile {
    pub(in crate::engine) fn keep(mut self) {
        self.name = None;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = self.directory.remove(name);
        }
    }
}

/// Overwrites the content of a file, durably.
pub(super) fn write(file: &mut File, value: &impl Serialize) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    let mut line = serde_json::to_vec(value).map_err(io::Error::other)?;
    line.push(b'\n');
    file.write_all_at(&line, 0)?;
    file.set_len(line.len() as u64)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
