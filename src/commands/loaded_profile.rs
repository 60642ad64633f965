//! Reads profiles and checklists from files, and finds the directories of this user.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, Result, anyhow};
use directories::ProjectDirs;
use tracing::debug;

use gonogo_core::checklist::permissions::{
    BaseDirectories, Permissions, notify_permissions, permissions, with_placeholders,
};
use gonogo_core::checklist::{Checklist, Lock, Plan, Profile, Promotion, STANDARD_NAME, SourceFile, resolve};
use gonogo_core::error::{ErrorKind, Failure, Problem, Problems};
use gonogo_core::files::read_regular_text;
use gonogo_core::files::scratch::ScratchDirectory;
use gonogo_core::journal::entry::{Entry, Event, ReadEntryError};
use gonogo_core::journal::log_file as log;
use gonogo_core::journal::read::LogLines;
use gonogo_core::journal::store::LogStore;
use gonogo_core::journal::verify::VerifyError;
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::secret::SecretRef;

/// The maximum size of a profile or checklist, in bytes.
pub(super) const MAX_FILE: u64 = 1024 * 1024;

/// A profile with its checklist.
pub(super) struct LoadedProfile {
    path: PathBuf,
    profile: Profile,
    checklist: Checklist,
    /// SHA-256 of the profile file.
    pub(super) sha256: Sha256Hex,
}

impl LoadedProfile {
    /// Reads a profile, and the checklist that it names.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let source = read(path).with_context(|| {
            format!("profile {}; give the path of a TOML file such as config/local.toml", path.display())
        })?;
        let sha256 = Sha256Hex::of(source.text.as_bytes());
        let profile = Profile::parse(source)?;
        let checklist = match &profile.file.checklist {
            None => Checklist::standard().map_err(Problems::from)?,
            Some(name) => own_checklist(&path.parent().unwrap_or(Path::new("")).join(name))?,
        };
        Ok(Self { path: path.to_owned(), profile, checklist, sha256 })
    }

    /// The production example, with the standard checklist.
    pub(super) fn example() -> Result<Self> {
        let (path, text) = ("config/production.toml", include_str!("../../config/production.toml"));
        let profile = Profile::parse(SourceFile::new(path, text))?;
        let checklist = Checklist::standard().map_err(Problems::from)?;
        Ok(Self { path: path.into(), profile, checklist, sha256: Sha256Hex::of(text.as_bytes()) })
    }

    /// The profile.
    pub(super) fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The user's files: the profile, and the checklist if the profile names one.
    pub(super) fn own_files(&self) -> impl Iterator<Item = &SourceFile> {
        let names_one = self.profile.file.checklist.is_some();
        std::iter::once(&self.profile.source).chain(names_one.then_some(&self.checklist.source))
    }

    /// The profile file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The environment's name.
    pub(super) fn environment(&self) -> &str {
        &self.profile.file.environment
    }

    /// The current release, from the profile.
    pub(super) fn previous(&self) -> Option<&str> {
        self.profile.file.previous.as_deref()
    }

    /// The checkout that the release is built from: the profile's `source.repository`, relative to the current
    /// directory; the current directory by default.
    pub(super) fn repository(&self) -> PathBuf {
        let source = self.profile.file.values.get("source").and_then(|source| source.get("repository"));
        PathBuf::from(source.and_then(toml::Value::as_str).unwrap_or("."))
    }

    /// The secrets that the profile names.
    pub(super) fn secrets(&self) -> Vec<SecretRef> {
        self.profile.secrets()
    }

    /// The lock of the checklist.
    pub(super) fn lock(&self) -> Lock {
        Lock::of(&self.checklist)
    }

    /// The plan for a promotion.
    pub(super) fn plan(&self, promotion: &Promotion) -> Result<Plan> {
        debug!(checklist = %self.checklist.file.name, "plan is made");
        Ok(resolve(&self.checklist, &self.profile, promotion)?)
    }

    /// The permissions of its notifications.
    pub(super) fn notify_permissions(&self) -> Result<Permissions> {
        Ok(notify_permissions(&self.profile.file.notify, &self.base_directories()?))
    }

    /// What the profile does, for any release and without one.
    pub(super) fn permissions(&self) -> Result<Permissions> {
        let base = self.base_directories()?;
        let mut all = with_placeholders(permissions(&self.plan(&Promotion::any())?, &base));
        all.extend(permissions(&self.plan(&Promotion::default())?, &base));
        all.extend(notify_permissions(&self.profile.file.notify, &base));
        Ok(all)
    }

    /// The base directories of paths: the profile's, and the current one.
    pub(super) fn base_directories(&self) -> Result<BaseDirectories> {
        let profile = fs::canonicalize(&self.path).with_context(|| self.path.display().to_string())?;
        let current = std::env::current_dir().context("the current directory")?;
        Ok(BaseDirectories::new(profile.parent().unwrap_or(Path::new("/")), current))
    }
}

fn own_checklist(path: &Path) -> Result<Checklist> {
    let source = read(path).with_context(|| format!("checklist {}", path.display()))?;
    let checklist = Checklist::parse(source).map_err(Problems::from)?;
    if checklist.file.name.trim().is_empty() {
        let what = format!(
            "{}: the checklist's name is empty; expected a name other than {STANDARD_NAME}",
            path.display()
        );
        return Err(Problems::from(Problem::new(what)).into());
    }
    Ok(checklist)
}

fn read(path: &Path) -> Result<SourceFile> {
    Ok(SourceFile::new(path.display().to_string(), read_regular_text(path, MAX_FILE)?))
}

fn directories() -> Result<ProjectDirs> {
    let unknown = || Failure::new(ErrorKind::Environment, "your home directory is unknown; set HOME");
    Ok(ProjectDirs::from("", "", "gonogo").ok_or_else(unknown)?)
}

/// The directory of this user's settings and key.
pub(super) fn config_dir() -> Result<PathBuf> {
    Ok(directories()?.config_dir().to_owned())
}

/// The directory of this program's state for this user.
pub(super) fn state_dir() -> Result<PathBuf> {
    let directories = directories()?;
    // macOS has no state directory.
    Ok(directories.state_dir().unwrap_or_else(|| directories.data_dir()).to_owned())
}

/// The runtime directory of this program for the user's session, if the system has one.
#[cfg(feature = "rehearsal")]
pub(super) fn runtime_dir() -> Option<PathBuf> {
    Some(directories().ok()?.runtime_dir()?.to_owned())
}

/// Opens a log, or a bundle, which is unpacked into a private directory.
pub(super) fn open_log(path: &Path) -> Result<log::LogFile> {
    log::LogFile::open(path, make_scratch).with_context(|| format!("run log {}", path.display()))
}

/// Checks that a file begins with the entry that opens a run, and that this gonogo reads its version.
pub(super) fn check_first_entry(path: &Path, source: &log::LogFile) -> Result<()> {
    let failed = |why: &dyn Display| anyhow!("{}: {why}", path.display());
    let first = LogLines::new(source.reader()).next().transpose()?;
    let Some(first) = first else { return Err(failed(&"not a run log: the file is empty")) };
    match Entry::read(&first.bytes) {
        Ok(Entry { event: Event::Opened(_), .. }) => Ok(()),
        Err(ReadEntryError::Rules(rules)) => Err(failed(&VerifyError::OtherVersion(rules))),
        Err(ReadEntryError::Version(format)) => Err(failed(&VerifyError::OtherFormat(format))),
        Ok(_) => Err(failed(&"not a run log: line 1 is not the entry that opens a run")),
        Err(why) => Err(failed(&format!("not a run log: line 1 is not the entry that opens a run: {why}"))),
    }
}

/// The directory in which a bundle is unpacked. Refuses anything else in its place.
fn make_scratch() -> io::Result<ScratchDirectory> {
    let directory = state_dir().map_err(io::Error::other)?.join("unpacked");
    match ScratchDirectory::make(&directory) {
        // The state directory is not usable: use a private temporary directory.
        Err(error) if error.raw_os_error().is_some() => {
            ScratchDirectory::make_elsewhere(&std::env::temp_dir())
        }
        Err(error) => Err(io::Error::other(format!("{}: {error}", directory.display()))),
        scratch => scratch,
    }
}

/// The store of this user's run logs.
pub(super) fn store(log_dir: Option<&Path>) -> Result<LogStore> {
    Ok(LogStore::new(&state_dir()?, log_dir))
}
