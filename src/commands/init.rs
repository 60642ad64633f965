//! `gonogo init`: who you are, and a key to sign with.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::identity::{NewSettings, Settings, own_key, principal};
use crate::cli::InitArgs;
use crate::error::Exit;
use crate::journal::keys;
use crate::secret::Secret;

pub(super) fn init(arguments: &InitArgs) -> Result<Exit> {
    let settings = Settings::read()?;
    let principal = principal(arguments.principal.as_deref(), &settings)?;
    let key = arguments.key.clone().or_else(|| settings.key.clone());
    let path = absolute(&key.map_or_else(own_key, Ok)?)?;
    let mut out = io::stdout().lock();
    if path.exists() {
        writeln!(out, "Your key is there already: {}", path.display())?;
    } else {
        let passphrase = if arguments.no_passphrase { None } else { new_passphrase()? };
        keys::create(&path, &principal, passphrase.as_ref())?;
        writeln!(out, "Made a key: {}", path.display())?;
    }
    let public = keys::public_of(&path)?;
    remember(&settings, &principal, &path, &mut out)?;
    writeln!(out, "\nWhoever is to verify your logs puts this line into their allowed_signers file:\n")?;
    writeln!(out, "{principal} {public}")?;
    Ok(Exit::Good)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| path.display().to_string())
}

/// Asks twice. An empty answer means no passphrase.
fn new_passphrase() -> Result<Option<Secret>> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask for a passphrase on; run this on one, or give --no-passphrase");
    }
    let first = rpassword::prompt_password("Passphrase for the new key (empty for none): ")?;
    if first.is_empty() {
        return Ok(None);
    }
    if rpassword::prompt_password("The same again: ")? != first {
        return Err(anyhow!("the two are not the same; nothing was made"));
    }
    Ok(Some(Secret::new(first)))
}

/// Writes the settings, unless the user has written some.
fn remember(settings: &Settings, principal: &str, key: &Path, out: &mut impl io::Write) -> Result<()> {
    let path = Settings::path()?;
    if path.exists() {
        if settings.principal.as_deref() != Some(principal) || settings.key.as_deref() != Some(key) {
            writeln!(out, "Your settings stay as they are; to use this key, put into {}:", path.display())?;
            writeln!(out, "{}", toml::to_string(&NewSettings { principal, key })?.trim_end())?;
        }
        return Ok(());
    }
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    fs::write(&path, toml::to_string(&NewSettings { principal, key })?)
        .with_context(|| path.display().to_string())?;
    writeln!(out, "You are {principal}, and sign with it from now on ({})", path.display())?;
    Ok(())
}
