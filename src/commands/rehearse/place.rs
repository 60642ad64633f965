//! The directory of a rehearsal's files, private to the user.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::commands::loaded_profile::{runtime_dir, state_dir};
use crate::process::{Launch, Permit};
use gonogo_core::error::{ErrorKind, Failure, HasKind};
use gonogo_core::files::directory::Directory;
use gonogo_core::journal::keys::{self, Signer};
use gonogo_core::text::line;
use gonogo_rehearsal::files::RehearsalFiles;

/// The variable with the directory of a rehearsal, for the process that runs it.
const DIRECTORY: &str = "GONOGO_REHEARSAL";
/// The prefix of the directories of rehearsals.
const PREFIX: &str = "rehearsal-";
/// The message if its files cannot be written.
const NO_PLACE: &str = "the rehearsal's own files cannot be written";
/// The minimum age of a directory that is removed as left over.
const SETTLED: Duration = Duration::from_mins(1);

/// The directory that this process was started with. Any other value of the variable is ignored: the directory is
/// removed in the end.
pub(super) fn begun() -> Result<Option<PathBuf>> {
    let Some(dir) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return Ok(None) };
    let is_own = dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    Ok((is_own && dir.parent() == Some(&*home()?)).then_some(dir))
}

/// The parent directory of all rehearsals' directories. Only the user can write to it: the session's runtime directory,
/// or else one in the user's state directory.
fn home() -> Result<PathBuf> {
    match runtime_dir().filter(|dir| dir.parent().is_some_and(may_hold_programs)) {
        Some(dir) => Ok(dir),
        None => Ok(state_dir()?.join("rehearsals")),
    }
}

/// Prints why the session's directory is not used, if other users may have prepared it.
fn tell_passed_over() {
    let Some(dir) = runtime_dir() else { return };
    let session = dir.parent().unwrap_or(&dir);
    if let Err(why) = Directory::open_own(session)
        && why.kind() != io::ErrorKind::NotFound
    {
        note!("{}: {why}; the rehearsal keeps its files elsewhere", line(&session.display().to_string()));
    }
}

/// Whether a directory is the user's alone, and programs in it can be started.
fn may_hold_programs(dir: &Path) -> bool {
    Directory::open_own(dir).is_ok() && !is_mounted_without_programs(dir)
}

#[cfg(target_os = "linux")]
fn is_mounted_without_programs(dir: &Path) -> bool {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    statvfs(dir).map_or(true, |stats| stats.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

#[cfg(not(target_os = "linux"))]
const fn is_mounted_without_programs(_: &Path) -> bool {
    false
}

/// Chooses the directory, and replaces this process by that of the rehearsal, with its tools first on the path.
/// Returns only on an error.
pub(super) fn begin() -> Result<anyhow::Error> {
    tell_passed_over();
    let home = home()?;
    Directory::create_own(&home).map_err(|error| no_place(&error, &home))?;
    sweep(&home);
    // The new process creates the directory, once no signal can end it before it removes the directory.
    let dir = home.join(format!("{PREFIX}{}", unused()?));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(RehearsalFiles::in_dir(&dir).programs()).chain(std::env::split_paths(&path));
    let env = [(DIRECTORY, dir.as_os_str().to_owned()), ("PATH", std::env::join_paths(paths)?)];
    let launch = Launch::new(std::env::current_exe()?).args(std::env::args_os().skip(1)).envs(env);
    Ok(launch.exec(&Permit::for_own_program()).into())
}

/// An unused name.
fn unused() -> Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(base16ct::lower::encode_string(&bytes))
}

/// The directory is not from the command line, so an error about it is one of the environment.
pub(super) fn no_place(error: &io::Error, dir: &Path) -> Failure {
    let kind = match HasKind::kind(error) {
        ErrorKind::User => ErrorKind::Environment,
        kind => kind,
    };
    Failure::new(kind, format!("{NO_PLACE}: {}: {error}", dir.display()))
}

/// Removes the directories of killed rehearsals.
fn sweep(home: &Path) {
    let uid = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let is_rehearsal = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let metadata = entry
            .metadata()
            .ok()
            .filter(|metadata| is_rehearsal && metadata.is_dir() && metadata.uid() == uid);
        let age = metadata.and_then(|metadata| metadata.modified().ok()?.elapsed().ok());
        if age.is_some_and(|age| age > SETTLED)
            && lock_of(&entry.path()).map_or(true, |lock| lock.try_lock().is_ok())
        {
            // Another gonogo may be removing it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn lock_of(dir: &Path) -> io::Result<File> {
    Directory::open(dir)?.read("lock")
}

/// The directory of a rehearsal's files; removed on drop.
pub(super) struct Place {
    dir: PathBuf,
    pub(super) files: RehearsalFiles,
    _lock: File,
}

impl Place {
    /// Creates it; nothing may be there yet.
    pub(super) fn make(dir: &Path) -> Result<Self> {
        let failed = |error| no_place(&error, dir);
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                bail!("another rehearsal uses {}", dir.display())
            }
            result => result.map_err(failed)?,
        }
        let files = RehearsalFiles::in_dir(dir);
        let create = || {
            let lock = Directory::open_own(dir)?.update("lock")?;
            lock.lock()?;
            files.create_dirs().map(|()| lock)
        };
        match create() {
            Ok(lock) => Ok(Self { dir: dir.to_owned(), files, _lock: lock }),
            Err(error) => {
                files.remove();
                Err(failed(error).into())
            }
        }
    }

    /// A name that no other current rehearsal has.
    pub(super) fn environment(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy();
        format!("rehearsal-{}", name.trim_start_matches(PREFIX).to_lowercase())
    }

    /// A key that is created for this rehearsal only.
    pub(super) fn signer(&self, principal: &str) -> Result<Signer> {
        let path = self.dir.join("secrets").join(principal);
        keys::create(&path, principal, None)?;
        let mut ask = |_: &Path| Err(io::ErrorKind::Unsupported.into());
        Ok(Signer::load(principal, &path, None, &mut ask)?)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.files.remove();
    }
}
