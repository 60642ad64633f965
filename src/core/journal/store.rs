//! The storage of run logs: one directory per environment, one file per run; and the heads that this host remembers.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::disk::sync_directory;
use super::entry::Entry;
use super::known_operators;
use super::marks::MarkOrigin;
use super::read::{EntryReader, LogLines};
use crate::error::{ErrorKind, Failure, HasKind};
use crate::files::directory::{Directory, make_path};
use crate::files::open_regular_no_follow;
use crate::outcome::Sha256Hex;
use crate::time::Utc;

/// The maximum size of a head or an id, in bytes.
const MAX_SMALL: u64 = 4096;
/// The file with the id of the state directory.
const ID: &str = "id";

/// The directories of run logs and of remembered heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStore {
    runs: PathBuf,
    heads: PathBuf,
    fingerprints: PathBuf,
    pub(super) enrolled: PathBuf,
    /// The file with the id of the state directory.
    id: PathBuf,
}

/// A system error with its path.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}", path = path.display())]
pub struct StoreError {
    /// The file or directory.
    pub path: PathBuf,
    /// The system error.
    pub source: io::Error,
}

impl HasKind for StoreError {
    /// The program chose these paths, not the user.
    fn kind(&self) -> ErrorKind {
        ErrorKind::Io
    }
}

impl StoreError {
    pub(super) fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }

    /// The same error for a file that the user named: its content is the user's problem.
    #[must_use]
    pub fn into_user_failure(self) -> Failure {
        Failure::new(HasKind::kind(&self.source), self.to_string())
    }
}

/// The last entry of a run that this host has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its position.
    pub seq: u64,
    /// The hash of its entry's line.
    pub hash: Sha256Hex,
}

impl LogStore {
    /// Logs are in `log_dir` if given, otherwise in `<state>/runs`; heads in `<state>/heads`, keys for fingerprints in
    /// `<state>/fingerprints`, known operators in `<state>/enrolled`, the id of the state directory in `<state>/id`.
    #[must_use]
    pub fn new(state: &Path, log_dir: Option<&Path>) -> Self {
        let runs = log_dir.map_or_else(|| state.join("runs"), Path::to_owned);
        let [heads, fingerprints, enrolled] =
            ["heads", "fingerprints", known_operators::FILE].map(|name| state.join(name));
        Self { runs, heads, fingerprints, enrolled, id: state.join(ID) }
    }

    /// The directory of an environment's logs.
    #[must_use]
    pub fn environment(&self, name: &str) -> PathBuf {
        self.runs.join(name)
    }

    /// The file of a new run.
    #[must_use]
    pub fn path_of(&self, environment: &str, start: Utc, run: &str) -> PathBuf {
        let short = run.get(..8).unwrap_or(run);
        self.environment(environment).join(format!("{}-{short}.jsonl", start.compact()))
    }

    /// The logs of an environment, oldest first (by their names). None if there is no directory yet.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn logs(&self, environment: &str) -> Result<Vec<PathBuf>, StoreError> {
        let directory = self.environment(environment);
        match Directory::open(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(StoreError::new(&directory, source)),
            Ok(_) => logs_in(&directory),
        }
    }

    /// The logs of every environment, by environment and name.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn all(&self) -> Result<Vec<PathBuf>, StoreError> {
        let listing = match fs::read_dir(&self.runs) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing.map_err(|source| StoreError::new(&self.runs, source))?,
        };
        let names: Result<Vec<_>, io::Error> =
            listing.map(|item| item.map(|item| item.file_name())).collect();
        let mut names = names.map_err(|source| StoreError::new(&self.runs, source))?;
        // A link is not our directory; opening a run there reports it.
        names.retain(|name| self.runs.join(name).symlink_metadata().is_ok_and(|metadata| metadata.is_dir()));
        names.sort();
        let logs: Result<Vec<_>, StoreError> =
            names.iter().map(|name| self.logs(&name.to_string_lossy())).collect();
        Ok(logs?.concat())
    }

    /// The remembered head of the run whose log has this file name.
    ///
    /// # Errors
    /// When the remembered heads cannot be read.
    pub fn head_of_log(&self, log: &Path) -> Result<Option<Head>, StoreError> {
        let name = log.file_stem().unwrap_or_default().to_string_lossy();
        let Some((_, short)) = name.rsplit_once('-') else { return Ok(None) };
        let listing = match fs::read_dir(&self.heads) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            listing => listing.map_err(|source| StoreError::new(&self.heads, source))?,
        };
        let runs = listing.filter_map(|item| item.ok()?.file_name().into_string().ok());
        runs.filter(|run| run.starts_with(short)).find_map(|run| self.head(&run).transpose()).transpose()
    }

    /// Locks an environment, so that two processes cannot open a run of it at the same time. Unlocked on drop.
    ///
    /// # Errors
    /// When another process has locked it, or the directory cannot be created.
    pub fn lock_environment(&self, environment: &str) -> Result<File, StoreError> {
        let directory = self.environment(environment);
        let path = directory.join("lock");
        let file = make_unshared(&directory)?.update("lock");
        let file = file.map_err(|source| StoreError::new(&path, source))?;
        file.lock().map_err(|source| StoreError::new(&path, source))?;
        Ok(file)
    }

    /// Creates, durably, what a run of an environment needs besides its log: the directories, the id of the state
    /// directory, the key for fingerprints. A run creates what is missing; this allows to do it earlier, in parallel
    /// to other work.
    ///
    /// # Errors
    /// The system error.
    pub fn prepare(&self, environment: &str) -> Result<(), StoreError> {
        let directory = self.environment(environment);
        make_unshared(&directory)?;
        make_unshared(&self.heads)?;
        self.mark_origin()?;
        self.fingerprint_key(environment)?;
        sync_with_those_above(&directory)
    }

    /// The remembered head of a run.
    ///
    /// # Errors
    /// When it cannot be read, or is invalid.
    pub fn head(&self, run: &str) -> Result<Option<Head>, StoreError> {
        let path = self.heads.join(run);
        let bytes = match Directory::open(&self.heads).and_then(|heads| heads.read_bytes(run, MAX_SMALL)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|source| StoreError::new(&path, source))?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let parsed = text
            .trim_end()
            .split_once(' ')
            .and_then(|(seq, hash)| Some(Head { seq: seq.parse().ok()?, hash: hash.parse().ok()? }));
        // A crash may leave the file empty, as it is not synced; then only the log itself counts.
        Ok(parsed)
    }

    /// The key for fingerprints of an environment's secrets: 32 random bytes, created at the first call. It never
    /// leaves this host, so a reader of a log cannot test guesses.
    ///
    /// # Errors
    /// When it cannot be read or created.
    pub fn fingerprint_key(&self, environment: &str) -> Result<Zeroizing<[u8; 32]>, StoreError> {
        let path = self.fingerprints.join(environment);
        let failed = |source| StoreError::new(&path, source);
        let directory = make_unshared(&self.fingerprints)?;
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut()).map_err(|error| failed(io::Error::other(error.to_string())))?;
        match directory.create(environment) {
            Ok(file) => file.write_all_at(key.as_ref(), 0).and_then(|()| file.sync_all()).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let file = directory.read(environment);
                file.and_then(|file| file.read_exact_at(key.as_mut(), 0)).map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        Ok(key)
    }

    /// This host and this state directory, whose id is created at the first call, from 128 random bits.
    ///
    /// # Errors
    /// When the id cannot be read or created.
    pub fn mark_origin(&self) -> Result<MarkOrigin, StoreError> {
        let read = match self.read_id() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_id().and_then(|()| self.read_id())
            }
            read => read,
        };
        let state = read.map_err(|source| StoreError::new(&self.id, source))?;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(MarkOrigin { host, state_id: state })
    }

    fn read_id(&self) -> io::Result<String> {
        let mut id = String::new();
        // Another process may be about to remove its first name.
        Directory::containing(&self.id)?.read_linked(ID)?.take(MAX_SMALL).read_to_string(&mut id)?;
        Ok(id)
    }

    fn make_id(&self) -> io::Result<()> {
        if let Some(state) = self.id.parent() {
            make_directory(state).map_err(|error| error.source)?;
        }
        let state = Directory::containing(&self.id)?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| io::Error::other(error.to_string()))?;
        let text = base16ct::lower::encode_string(&id);
        // Under another name first, because another process may read it at once.
        let draft = format!("{ID}.{text}");
        let mut file = state.create(&draft)?;
        let linked = file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| state.link(&draft, ID));
        let _ = state.remove(&draft);
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    }

    /// Forgets the head of a run.
    #[cfg(test)]
    pub(super) fn forget_head(&self, run: &str) {
        let _ = fs::remove_file(self.heads.join(run));
    }

    /// Remembers a head, without a sync: it protects against tampering, not against power failures.
    ///
    /// # Errors
    /// The system error.
    pub fn remember_head(&self, run: &str, head: Head) -> Result<(), StoreError> {
        let path = self.heads.join(run);
        let file = Directory::create_unshared(&self.heads).and_then(|heads| heads.update(run));
        // In place, in one write of fixed length, so that there is never half a head. Creating, truncating or renaming
        // a file each time would delay the log's next sync.
        let line = format!("{:020} {}\n", head.seq, head.hash);
        let written = file.and_then(|file| file.write_all_at(line.as_bytes(), 0));
        written.map_err(|source| StoreError::new(&path, source))
    }
}

/// The logs in a directory, oldest first (by their names). None if there is no such directory.
///
/// # Errors
/// When it cannot be read.
pub fn logs_in(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let listing = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(|source| StoreError::new(directory, source))?,
    };
    let names: Result<Vec<PathBuf>, io::Error> = listing.map(|item| item.map(|item| item.path())).collect();
    let mut logs = names.map_err(|source| StoreError::new(directory, source))?;
    logs.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    logs.sort();
    Ok(logs)
}

/// The logs in the directory of a log, with itself. None if the directory cannot be listed.
#[must_use]
pub fn logs_beside(log: &Path) -> Vec<PathBuf> {
    let directory = log.parent().filter(|directory| !directory.as_os_str().is_empty());
    logs_in(directory.unwrap_or(Path::new("."))).unwrap_or_default()
}

/// Creates a directory and its parents, for its owner only.
pub(super) fn make_directory(path: &Path) -> Result<(), StoreError> {
    make_path(path).map_err(|source| StoreError::new(path, source))
}

/// The same for a directory of this program; opens it, and refuses a link or a directory that others can write to.
pub(super) fn make_unshared(path: &Path) -> Result<Directory, StoreError> {
    Directory::create_unshared(path).map_err(|source| StoreError::new(path, source))
}

/// Makes the directory entries of a directory of logs and of its parents durable, as they may be new.
pub(super) fn sync_with_those_above(directory: &Path) -> Result<(), StoreError> {
    let mut parents = directory.ancestors().take(3).filter(|above| !above.as_os_str().is_empty());
    parents.try_for_each(|above| sync_directory(above).map_err(|source| StoreError::new(above, source)))
}

/// The entries of a log as far as they form a chain, not verified.
///
/// # Errors
/// When the file cannot be read.
pub fn read_unverified(path: &Path) -> Result<Vec<Entry>, StoreError> {
    let failed = |source| StoreError::new(path, source);
    let file = open_regular_no_follow(path).map_err(failed)?;
    read_unverified_from(BufReader::new(file)).map_err(failed)
}

fn read_unverified_from(log: impl BufRead) -> io::Result<Vec<Entry>> {
    let mut reader = EntryReader::default();
    let mut entries = Vec::new();
    for line in LogLines::new(log) {
        let line = line?;
        match reader.read(&line.bytes) {
            Ok(entry) if line.is_terminated => entries.push(entry),
            _ => break,
        }
    }
    Ok(entries)
}

/// The same, and the SHA-256 of the whole file.
///
/// # Errors
/// When it cannot be read.
pub fn read_unverified_with_digest(log: impl Read) -> io::Result<(Vec<Entry>, Sha256Hex)> {
    let mut log = BufReader::new(HashingReader { from: log, sha256: Sha256::new() });
    let entries = read_unverified_from(&mut log)?;
    io::copy(&mut log, &mut io::sink())?;
    Ok((entries, Sha256Hex(log.into_inner().sha256.finalize().into())))
}

struct HashingReader<R> {
    from: R,
    sha256: Sha256,
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.sha256.update(&buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::TryLockError;

    use super::*;

    #[test]
    fn an_environment_is_locked_by_one_program_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let store = LogStore::new(home.path(), None);
        let lock = store.lock_environment("prod").unwrap();
        // Each open file has its own lock, in one process as in two.
        let other = File::open(store.environment("prod").join("lock")).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop(store.lock_environment("staging").unwrap());
        drop(lock);
        // A process that another test starts has a copy of the lock for a moment, so this waits for it.
        other.lock().unwrap();
    }
}
