//! The files between a supervisor and whoever watches it.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::journal::entry::{Cause, Ended};
use crate::journal::side;
use crate::outcome::Sha256Hex;

/// How many bytes it takes at most to put down how it ended, if not many secrets were taken out.
const END_ROOM: usize = 4096;

/// The files of one running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    directory: PathBuf,
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
    /// It has not begun.
    NotBegun,
    /// It is at work.
    AtWork(Begun),
    /// It has ended.
    Ended(Box<End>),
    /// Its supervisor is gone and has not said how it ended.
    Gone(Begun),
}

impl Files {
    /// Those of the running that began with this entry of a log.
    #[must_use]
    pub fn of(log: &Path, started: u64) -> Self {
        let directory = std::path::absolute(side::directory(log)).unwrap_or_else(|_| side::directory(log));
        Self { directory, name: side::action_name(started) }
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.directory.join(format!("{}.{kind}", self.name))
    }

    /// The file of what it prints.
    #[must_use]
    pub fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// Makes the directory, for its owner only.
    pub(super) fn make_directory(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)
    }

    /// Puts down that it begins: a locked file that was not there before. Locked as long as the file is held.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when it has begun, or was given up.
    pub(super) fn begin(&self, begun: &Begun) -> io::Result<File> {
        self.make_directory()?;
        // Nobody may see it before it is locked: it is made under another name, and linked.
        let draft = self.path(&format!("begun.{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        let linked = file
            .lock()
            .and_then(|()| write(&mut file, begun))
            .and_then(|()| fs::hard_link(&draft, self.path("begun")))
            .and_then(|()| self.sync_directory());
        let _ = fs::remove_file(&draft);
        linked.map(|()| file)
    }

    /// Puts down that it never began, unless it has: a supervisor that comes later finds that.
    ///
    /// # Errors
    /// What the system says.
    pub fn give_up(&self) -> io::Result<bool> {
        match self.begin(&Begun::default()) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the room for putting down how it ends: what it prints may fill the disk.
    pub(super) fn reserve_end(&self) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.path("end.draft"))?;
        file.write_all(&[b' '; END_ROOM])?;
        file.sync_all()
    }

    /// Puts down how it ended: all of it, or nothing.
    pub(super) fn end(&self, end: &End) -> io::Result<()> {
        let draft = self.path("end.draft");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&draft)?;
        write(&mut file, end)?;
        fs::rename(&draft, self.path("end"))?;
        self.sync_directory()
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    /// How it stands.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn stands(&self) -> io::Result<Stands> {
        // Asked for before the end is: who is not at work any more may have ended in between.
        let at_work = self.at_work()?;
        match (self.ended()?, at_work) {
            (Some(end), _) => Ok(Stands::Ended(Box::new(end))),
            (None, None) => Ok(Stands::NotBegun),
            (None, Some((begun, true))) => Ok(Stands::AtWork(begun)),
            (None, Some((begun, false))) if begun.supervisor == 0 => Ok(Stands::NotBegun),
            (None, Some((begun, false))) => Ok(Stands::Gone(begun)),
        }
    }

    fn at_work(&self) -> io::Result<Option<(Begun, bool)>> {
        let file = match File::open(self.path("begun")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let locked = match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Error(error)) => return Err(error),
        };
        let begun = serde_json::from_reader(&file).unwrap_or_default();
        Ok(Some((begun, locked)))
    }

    fn ended(&self) -> io::Result<Option<End>> {
        match fs::read(self.path("end")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => serde_json::from_slice(&bytes?).map(Some).map_err(io::Error::other),
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
