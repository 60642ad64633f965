//! The user's settings, in `settings.toml` of their configuration directory.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::git::UserGitSettings;
use super::loaded_profile::{MAX_FILE, config_dir};
use crate::cli::ThemeArg;
use crate::tui::terminal::AttentionSetting;
use gonogo_core::checklist::SourceFile;
use gonogo_core::error::Problems;
use gonogo_core::files::read_trusted_text;

/// The user's settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Their name.
    pub(super) principal: Option<String>,
    /// Their key file.
    pub(super) key: Option<PathBuf>,
    /// The file of trusted signers.
    pub(super) signers: Option<PathBuf>,
    /// The file of revoked keys.
    pub(super) revoked: Option<PathBuf>,
    /// The color scheme.
    pub(super) theme: Option<ThemeArg>,
    /// ASCII only; otherwise, the environment decides.
    pub(super) ascii: Option<bool>,
    /// What may call for their attention while they look elsewhere.
    #[serde(default)]
    pub(super) attention: AttentionSetting,
    /// The user's settings of git.
    #[serde(skip)]
    pub(super) git: UserGitSettings,
}

/// The settings that `init` writes.
#[derive(Serialize)]
pub(super) struct NewSettings<'a> {
    pub(super) principal: &'a str,
    pub(super) key: &'a Path,
}

impl Settings {
    /// The file.
    pub(super) fn path() -> Result<PathBuf> {
        Ok(config_dir()?.join("settings.toml"))
    }

    /// Reads the settings; the file may be missing.
    pub(super) fn read() -> Result<Self> {
        let path = Self::path()?;
        match read_trusted_text(&path, MAX_FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            text => {
                let text = text.with_context(|| path.display().to_string())?;
                let source = SourceFile::new(path.display().to_string(), text);
                Ok(source.parse().map_err(Problems::from)?)
            }
        }
    }
}

/// The key file that `init` creates.
pub(super) fn own_key() -> Result<PathBuf> {
    Ok(config_dir()?.join("id_ed25519"))
}

/// The error for an unknown setting, which names all known ones.
#[cfg(test)]
pub(crate) fn unknown_setting() -> String {
    toml::from_str::<Settings>("unknown = 1").unwrap_err().message().to_owned()
}
