//! The files between a supervisor and whoever watches it.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::files::directory::Directory;
use crate::journal::entry::{Cause, Ended};
use crate::journal::{marks, side};
use crate::outcome::Sha256Hex;
use crate::process::recorded::{ProcessStart, RecordedProcess, RecordedProcessError};

/// How many bytes it takes at most to put down how it ended, if not many secrets were taken out.
const END_ROOM: usize = 4096;

/// The largest record of how it ended, in bytes.
const MAX_RECORD: u64 = 1 << 20;

/// The files of one running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Where its attachments go.
    directory: PathBuf,
    /// Where it is marked that it has begun. Made with the run, and never here.
    marks: PathBuf,
    name: String,
}

/// Who is at work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The supervisor's process id; 0 where the running was given up before it began.
    pub supervisor: i32,
    /// The process group of what it runs, once that runs.
    pub group: Option<i32>,
    /// Since the epoch, in milliseconds.
    pub at_ms: u64,
    /// When the supervisor's process started. Without it, nobody can tell whether the process is still the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<ProcessStart>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// In which way.
    pub ended: Ended,
    /// Why from outside.
    pub cause: Option<Cause>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// How many bytes it printed, as they are kept.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Sha256Hex,
    /// Which secrets were taken out, and how often.
    pub redacted: BTreeMap<String, u64>,
    /// Why not all of it could be kept.
    pub lost: Option<String>,
}

/// What can be told of a running from its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    /// There is no mark that it has begun, or one that nobody may begin it any more.
    NoMark,
    /// It is at work.
    AtWork(Begun),
    /// It has ended.
    Ended(Box<End>),
    /// Its supervisor is gone and has not said how it ended.
    Gone(Begun),
    /// Its supervisor is gone, and what it has left cannot be understood: which file, and why.
    Unreadable(String),
}

impl Files {
    /// Those of the running that began with this entry of a log.
    #[must_use]
    pub fn of(log: &Path, started: u64) -> Self {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let (directory, marks) = (absolute(side::directory(log)), absolute(marks::directory(log)));
        Self { directory, marks, name: side::action_name(started) }
    }

    fn file_name(&self, kind: &str) -> String {
        format!("{}.{kind}", self.name)
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.directory.join(self.file_name(kind))
    }

    /// The mark that it has begun.
    pub(in crate::engine) fn mark(&self) -> PathBuf {
        self.marks.join(self.file_name("begun"))
    }

    /// The process that supervises it: the recorded one, which has the mark open. It need not run the same file as this
    /// program, which may have been replaced while the action runs.
    ///
    /// # Errors
    /// Why it is not shown to be that one.
    pub(in crate::engine) fn supervisor(
        &self,
        begun: &Begun,
    ) -> Result<RecordedProcess, RecordedProcessError> {
        RecordedProcess::open(begun.supervisor, begun.started.as_ref())?.has_open(&self.mark())
    }

    /// Where it stands what it prints.
    #[must_use]
    pub fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// Makes the directory of attachments, for its owner only.
    pub(in crate::engine) fn make_directory(&self) -> io::Result<Attachments<'_>> {
        Ok(Attachments { files: self, directory: Rc::new(Directory::make(&self.directory)?) })
    }

    /// Puts down that it begins: a locked file that was not there before. Locked as long as the file is held.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when it has begun, or was given up. Where the directory of marks is gone, it
    /// is not made anew: what had begun would be begun again.
    pub(in crate::engine) fn begin(&self, begun: &Begun) -> io::Result<File> {
        let marks = Directory::open_own(&self.marks)?;
        // Nobody may see it before it is locked: it is made under another name, and linked.
        let draft = self.file_name(&format!("begun.{}", std::process::id()));
        let mut file = marks.draft(&draft)?;
        let linked = file
            .lock()
            .and_then(|()| write(&mut file, begun))
            .and_then(|()| marks.link(&draft, &self.file_name("begun")))
            .and_then(|()| marks.sync());
        let _ = marks.remove(&draft);
        linked.map(|()| file)
    }

    /// Makes sure that it does not begin any more, unless it has: a supervisor that comes later finds that. Whether it
    /// had not.
    ///
    /// # Errors
    /// What the system says.
    pub fn give_up(&self) -> io::Result<bool> {
        match self.begin(&Begun::default()) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(matches!(self.marked()?, Some((Ok(begun), _)) if begun == Begun::default()))
            }
            // Without the directory no supervisor begins anything.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(self.marked()?.is_none()),
            Err(error) => Err(named(&self.mark())(error)),
        }
    }

    /// How it stands.
    ///
    /// # Errors
    /// When a file cannot be read now, with its name.
    pub fn stands(&self) -> io::Result<Stands> {
        state_of(|| self.marked(), || self.ended())
    }

    /// The mark, and whether it is locked.
    fn marked(&self) -> io::Result<Mark> {
        let path = self.mark();
        // For a moment it has two names; one for good, where its supervisor is killed then.
        let opened =
            Directory::open(&self.marks).and_then(|marks| marks.read_linked(self.file_name("begun")));
        let mut file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(named(&path))?,
        };
        let locked = match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(error)) => return Err(named(&path)(error)),
        };
        let mut text = Vec::new();
        (&mut file).take(MAX_RECORD).read_to_end(&mut text).map_err(named(&path))?;
        Ok(Some((understood(&path, &text), locked)))
    }

    fn ended(&self) -> io::Result<Option<Understood<Box<End>>>> {
        let path = self.path("end");
        let end =
            Directory::open(&self.directory).and_then(|kept| kept.bytes(self.file_name("end"), MAX_RECORD));
        match end {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => Ok(Some(understood(&path, &text.map_err(named(&path))?))),
        }
    }
}

/// A record, or which file is none and why.
type Understood<T> = Result<T, String>;

/// The mark, where there is one, and whether it is locked.
type Mark = Option<(Understood<Begun>, bool)>;

/// How it stands, by its mark and by the record of its end.
fn state_of(
    mark: impl FnOnce() -> io::Result<Mark>,
    end: impl FnOnce() -> io::Result<Option<Understood<Box<End>>>>,
) -> io::Result<Stands> {
    // Asked for before the end is: who is not at work any more may have ended in between.
    let mark = mark();
    match (end(), mark) {
        (Ok(Some(Ok(end))), _) => Ok(Stands::Ended(end)),
        (Err(error), _) | (_, Err(error)) => Err(error),
        // What cannot be understood is written again before the lock goes.
        (Ok(_), Ok(Some((begun, true)))) => Ok(Stands::AtWork(begun.unwrap_or_default())),
        (Ok(Some(Err(why))), _) | (_, Ok(Some((Err(why), false)))) => Ok(Stands::Unreadable(why)),
        (Ok(None), Ok(None)) => Ok(Stands::NoMark),
        (Ok(None), Ok(Some((Ok(begun), false)))) if begun == Begun::default() => Ok(Stands::NoMark),
        (Ok(None), Ok(Some((Ok(begun), false)))) => Ok(Stands::Gone(begun)),
    }
}

fn understood<T: for<'de> Deserialize<'de>>(path: &Path, text: &[u8]) -> Understood<T> {
    serde_json::from_slice(text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The same error, with the name of the file.
fn named(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The directory of attachments as the supervisor of a running has it open.
pub(in crate::engine) struct Attachments<'a> {
    files: &'a Files,
    directory: Rc<Directory>,
}

impl Attachments<'_> {
    /// Takes the room for putting down how it ends: what it prints may fill the disk.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when it has begun already; nothing of that is touched then.
    pub(super) fn reserve_end(&self) -> io::Result<New> {
        let (new, mut file) = self.create("end.draft")?;
        file.write_all(&[b' '; END_ROOM])?;
        file.sync_all()?;
        Ok(new)
    }

    /// Makes the file of what it prints.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when it has begun already; nothing of that is touched then.
    pub(in crate::engine) fn create_out(&self) -> io::Result<(New, File)> {
        self.create("out")
    }

    fn create(&self, kind: &str) -> io::Result<(New, File)> {
        let name = self.files.file_name(kind);
        let file = self.directory.create(&name)?;
        Ok((New { directory: Rc::clone(&self.directory), name: Some(name) }, file))
    }

    /// Puts down how it ended: all of it, or nothing.
    pub(in crate::engine) fn end(&self, end: &End) -> io::Result<()> {
        let draft = self.files.file_name("end.draft");
        write(&mut self.directory.update(&draft)?, end)?;
        self.directory.rename(&draft, &self.files.file_name("end"))?;
        self.directory.sync()
    }
}

/// A file that was not there before. Removed when dropped, unless it is to be kept.
pub(in crate::engine) struct New {
    directory: Rc<Directory>,
    name: Option<String>,
}

impl New {
    pub(in crate::engine) fn keep(mut self) {
        self.name = None;
    }
}

impl Drop for New {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = self.directory.remove(name);
        }
    }
}

/// Writes it in place of what stands there, durably.
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
