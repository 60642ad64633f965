//! The trusted signers and revoked keys: reads their files, and records which option or setting names them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::identity::expand_home;
use super::settings::Settings;
use crate::cli::TrustArgs;
use crate::report::{TrustFile, TrustSources};
use gonogo_core::error::{Problem, Problems};
use gonogo_core::files::inherited_pipe::{is_inherited_pipe, read_inherited_pipe};
use gonogo_core::files::read_regular;
use gonogo_core::journal::revoked::RevokedKeys;
use gonogo_core::journal::signers::AllowedSigners;
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::text::line;

/// The maximum size of such a file, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// The maximum size of a pipe from the shell in place of a file, in bytes.
const MAX_PIPED: usize = 1024 * 1024;
/// Time limit for reading such a pipe.
const PIPE_TIMEOUT: Duration = Duration::from_secs(10);

/// The trusted signers and where they come from. A command reads them once: a pipe can be read only once.
#[derive(Clone)]
pub(super) struct TrustedSigners {
    /// The trusted signers.
    pub(super) signers: AllowedSigners,
    /// The files that name them.
    pub(super) source: TrustSources,
}

/// A path, and the option or setting that names it.
struct TrustPath {
    path: PathBuf,
    from: String,
    /// Whether an option names it.
    is_option: bool,
}

/// The option and settings that can name a path.
struct TrustPathSources<'a> {
    option: (&'static str, Option<&'a Path>),
    setting: (&'static str, Option<&'a Path>),
    git: &'static str,
    settings: &'a Settings,
}

/// The trusted signers, without revoked keys.
pub(super) fn read_trusted_signers(trust: &TrustArgs) -> Result<TrustedSigners> {
    let settings = Settings::read()?;
    let (signers, file) = match (&trust.signers, trust.rehearsal) {
        (None, true) => (AllowedSigners::any_rehearsal(), None),
        (option, rehearsal) => {
            let (signers, file) = read_signers(option.as_deref(), &settings)?;
            check_usable(&signers, &file)?;
            (if rehearsal { signers.for_rehearsals() } else { signers }, Some(file))
        }
    };
    let (revoked, revoked_file) = read_revoked(trust.revoked.as_deref(), &settings)?;
    let source = TrustSources { signers: file, revoked: revoked_file, warnings: signers.warnings() };
    Ok(TrustedSigners { signers: signers.with_revoked(revoked), source })
}

/// The trusted signers of the settings, gonogo's or git's, without revoked keys; none if no setting names any.
pub(super) fn read_signers_of_settings(settings: &Settings) -> Result<Option<AllowedSigners>> {
    if TrustPathSources::for_signers(None, settings).find()?.is_none() {
        return Ok(None);
    }
    let (signers, _) = read_signers(None, settings)?;
    Ok(Some(signers.with_revoked(read_revoked(None, settings)?.0)))
}

/// A file that names nobody is wrong itself; no log is invalid because of it.
fn check_usable(signers: &AllowedSigners, file: &TrustFile) -> Result<()> {
    let Some(why) = signers.why_unusable() else { return Ok(()) };
    let TrustFile { path, from, .. } = file;
    let problem = Problem::new(format!("allowed signers {path} ({from}) has no usable line: {why}"));
    let hint = "write one line per person, for example: you@example.com ssh-ed25519 AAAA…";
    Err(Problems::from(problem.hint(hint)).into())
}

fn read_signers(option: Option<&Path>, settings: &Settings) -> Result<(AllowedSigners, TrustFile)> {
    let named = TrustPathSources::for_signers(option, settings).find()?.context(
        "trusted signers required: give --signers FILE, an allowed_signers file with one line per person: \
         `you@example.com ssh-ed25519 AAAA…`; or --rehearsal for the log of a rehearsal",
    )?;
    let (bytes, file) = named.read("allowed signers")?;
    Ok((AllowedSigners::parse(&named.path.display().to_string(), bytes), file))
}

/// The file is optional; if one is named, it must be readable.
fn read_revoked(option: Option<&Path>, settings: &Settings) -> Result<(RevokedKeys, Option<TrustFile>)> {
    let sources = TrustPathSources {
        option: ("--revoked", option),
        setting: ("revoked", settings.revoked.as_deref()),
        git: "gpg.ssh.revocationFile",
        settings,
    };
    let Some(named) = sources.find()? else { return Ok((RevokedKeys::default(), None)) };
    let (bytes, file) = named.read("revoked keys")?;
    let revoked = RevokedKeys::parse(&named.path.display().to_string(), &bytes);
    Ok((revoked.map_err(Problems::from)?, Some(file)))
}

impl<'a> TrustPathSources<'a> {
    fn for_signers(option: Option<&'a Path>, settings: &'a Settings) -> Self {
        Self {
            option: ("--signers", option),
            setting: ("signers", settings.signers.as_deref()),
            git: "gpg.ssh.allowedSignersFile",
            settings,
        }
    }

    fn find(&self) -> Result<Option<TrustPath>> {
        if let (name, Some(path)) = self.option {
            return Ok(Some(TrustPath { path: path.to_owned(), from: name.to_owned(), is_option: true }));
        }
        if let (key, Some(path)) = self.setting {
            let from = format!("{}, {key}", Settings::path()?.display());
            return absolute(&path.to_string_lossy(), from).map(Some);
        }
        self.settings.git.get(self.git).map(|path| absolute(&path, format!("git, {}", self.git))).transpose()
    }
}

/// A setting applies in every directory, so its path must not depend on the current one.
fn absolute(path: &str, from: String) -> Result<TrustPath> {
    let path = expand_home(path);
    if !path.is_absolute() {
        let what = format!(
            "{from}: {} is a relative path; write an absolute path, the setting applies in every directory",
            line(&path.display().to_string())
        );
        return Err(Problems::from(Problem::new(what)).into());
    }
    Ok(TrustPath { path, from, is_option: false })
}

impl TrustPath {
    /// Reads the file: its bytes, and its description.
    fn read(&self, what: &str) -> Result<(Vec<u8>, TrustFile)> {
        let name = line(&self.path.display().to_string());
        let bytes = self.bytes().with_context(|| format!("{what} {name} ({})", self.from))?;
        let absolute_path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let file = TrustFile {
            path: line(&absolute_path.display().to_string()),
            sha256: Sha256Hex(Sha256::digest(&bytes).into()).to_string(),
            from: line(&self.from),
        };
        Ok((bytes, file))
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        if self.is_option && is_inherited_pipe(&self.path) {
            return read_inherited_pipe(&self.path, MAX_PIPED, PIPE_TIMEOUT);
        }
        read_regular(&self.path, MAX_FILE)
    }
}
