//! Whom the person trusts: the files that say so, and which option or setting names them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::identity::at_home;
use super::settings::Settings;
use crate::cli::TrustArgs;
use crate::error::{Problem, Problems};
use crate::files::handed::{is_handed, read_handed};
use crate::files::read_regular;
use crate::journal::revoked::Revoked;
use crate::journal::signers::AllowedSigners;
use crate::outcome::Sha256Hex;
use crate::report::{Trust, TrustFile};
use crate::text::line;

/// The most bytes of such a file.
const MOST: u64 = 4 * 1024 * 1024;
/// The most bytes of what a shell hands over in place of one.
const MOST_HANDED: usize = 1024 * 1024;
/// How long that may take.
const HANDED_WITHIN: Duration = Duration::from_secs(10);

/// Whom the person trusts, and what to say about it. Read once in a command: what a shell hands over is gone then.
#[derive(Clone)]
pub(super) struct Trusted {
    /// Whom.
    pub(super) signers: AllowedSigners,
    /// By which files.
    pub(super) source: Trust,
}

/// A path, and what names it.
struct Named {
    path: PathBuf,
    from: String,
    /// Whether the command line names it.
    is_given: bool,
}

/// Where a path can be named.
struct Sources<'a> {
    option: (&'static str, Option<&'a Path>),
    setting: (&'static str, Option<&'a Path>),
    git: &'static str,
    settings: &'a Settings,
}

/// Whom the person trusts, but for revoked keys.
pub(super) fn trusted(trust: &TrustArgs) -> Result<Trusted> {
    let settings = Settings::read()?;
    let (signers, file) = match (&trust.signers, trust.rehearsal) {
        (None, true) => (AllowedSigners::of_rehearsals(), None),
        (given, rehearsal) => {
            let (signers, file) = read_signers(given.as_deref(), &settings)?;
            (if rehearsal { signers.for_rehearsals() } else { signers }, Some(file))
        }
    };
    let (revoked, revoked_file) = read_revoked(trust.revoked.as_deref(), &settings)?;
    let source = Trust { signers: file, revoked: revoked_file, ignored: signers.warnings() };
    Ok(Trusted { signers: signers.without(revoked), source })
}

/// Whom the settings, gonogo's or git's, say to trust, but for revoked keys; nobody where they say nothing.
pub(super) fn trusted_by_settings(settings: &Settings) -> Result<Option<AllowedSigners>> {
    if Sources::of_signers(None, settings).find()?.is_none() {
        return Ok(None);
    }
    let (signers, _) = read_signers(None, settings)?;
    Ok(Some(signers.without(read_revoked(None, settings)?.0)))
}

fn read_signers(given: Option<&Path>, settings: &Settings) -> Result<(AllowedSigners, TrustFile)> {
    let named = Sources::of_signers(given, settings).find()?.context(
        "trusted signers required: give --signers FILE, an allowed_signers file with a line per person: \
         `you@example.com ssh-ed25519 AAAA…`",
    )?;
    let (bytes, file) = named.read("allowed signers")?;
    Ok((AllowedSigners::parse(&named.path.display().to_string(), bytes), file))
}

/// None is as good as an empty one; one that is named and cannot be read is an error.
fn read_revoked(given: Option<&Path>, settings: &Settings) -> Result<(Revoked, Option<TrustFile>)> {
    let sources = Sources {
        option: ("--revoked", given),
        setting: ("revoked", settings.revoked.as_deref()),
        git: "gpg.ssh.revocationFile",
        settings,
    };
    let Some(named) = sources.find()? else { return Ok((Revoked::default(), None)) };
    let (bytes, file) = named.read("revoked keys")?;
    let revoked = Revoked::parse(&named.path.display().to_string(), &bytes);
    Ok((revoked.map_err(Problems::from)?, Some(file)))
}

impl<'a> Sources<'a> {
    fn of_signers(given: Option<&'a Path>, settings: &'a Settings) -> Self {
        Self {
            option: ("--signers", given),
            setting: ("signers", settings.signers.as_deref()),
            git: "gpg.ssh.allowedSignersFile",
            settings,
        }
    }

    fn find(&self) -> Result<Option<Named>> {
        if let (name, Some(path)) = self.option {
            return Ok(Some(Named { path: path.to_owned(), from: name.to_owned(), is_given: true }));
        }
        if let (key, Some(path)) = self.setting {
            let from = format!("{}, {key}", Settings::path()?.display());
            return absolute(&path.to_string_lossy(), from).map(Some);
        }
        self.settings.git.get(self.git).map(|path| absolute(&path, format!("git, {}", self.git))).transpose()
    }
}

/// A setting holds in every directory, so what it names does not depend on one.
fn absolute(path: &str, from: String) -> Result<Named> {
    let path = at_home(path);
    if !path.is_absolute() {
        let what = format!(
            "{from}: {} is a relative path, another file in every directory; write the whole path",
            line(&path.display().to_string())
        );
        return Err(Problems::from(Problem::new(what)).into());
    }
    Ok(Named { path, from, is_given: false })
}

impl Named {
    /// The file's bytes, and what to say about it.
    fn read(&self, what: &str) -> Result<(Vec<u8>, TrustFile)> {
        let name = line(&self.path.display().to_string());
        let bytes = self.bytes().with_context(|| format!("{what} {name} ({})", self.from))?;
        let whole = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let file = TrustFile {
            path: line(&whole.display().to_string()),
            sha256: Sha256Hex(Sha256::digest(&bytes).into()).to_string(),
            from: line(&self.from),
        };
        Ok((bytes, file))
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        if self.is_given && is_handed(&self.path) {
            return read_handed(&self.path, MOST_HANDED, HANDED_WITHIN);
        }
        read_regular(&self.path, MOST)
    }
}
