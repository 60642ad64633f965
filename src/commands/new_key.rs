//! Creates a key, and writes it to the settings.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::passphrase;
use super::settings::{NewSettings, Settings, own_key};
use gonogo_core::files::{self, directory::make_path};
use gonogo_core::journal::keys;
use gonogo_core::secret::Secret;

/// Creates the first key of an operator, and writes it to the settings.
pub(super) fn create_first(principal: &str, settings: &Settings) -> Result<PathBuf> {
    let path = own_key()?;
    create(&path, principal, new_passphrase()?.as_ref())?;
    remember(settings, principal, &path)?;
    Ok(path)
}

/// Creates a key file.
pub(super) fn create(path: &Path, principal: &str, passphrase: Option<&Secret>) -> Result<()> {
    let directory = path.parent().filter(|directory| !directory.exists());
    keys::create(path, principal, passphrase)?;
    if let Some(directory) = directory {
        say!("Created the directory {}, which did not exist", directory.display());
    }
    say!("Created a key: {}", path.display());
    Ok(())
}

/// Asks twice. An empty answer means no passphrase.
pub(super) fn new_passphrase() -> Result<Option<Secret>> {
    if !io::stdin().is_terminal() {
        bail!("no terminal to ask for a passphrase; run this on a terminal, or give --no-passphrase");
    }
    let first = passphrase::ask("Passphrase for the new key (empty for none): ")?;
    if first.expose().is_empty() {
        return Ok(None);
    }
    if passphrase::ask("Passphrase again: ")?.expose() != first.expose() {
        return Err(anyhow!("the passphrases differ; no key was created"));
    }
    Ok(Some(first))
}

/// Writes the settings, unless there are some.
pub(super) fn remember(settings: &Settings, principal: &str, key: &Path) -> Result<()> {
    let path = Settings::path()?;
    if path.exists() {
        if settings.principal.as_deref() != Some(principal) || settings.key.as_deref() != Some(key) {
            say!("Your settings are unchanged; to use this key, add to {}:", path.display());
            say!("{}", toml::to_string(&NewSettings { principal, key })?.trim_end());
        }
        return Ok(());
    }
    let text = toml::to_string(&NewSettings { principal, key })?;
    make_path(path.parent().unwrap_or(Path::new(".")))
        .and_then(|()| files::create_new(&path, files::PRIVATE)?.write_all(text.as_bytes()))
        .with_context(|| path.display().to_string())?;
    say!("You sign as {principal} with this key from now on ({})", path.display());
    Ok(())
}
