//! `gonogo init`: who you are, and a key to sign with.

use std::fs;
use std::io::{self, IsTerminal as _};
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
    if path.exists() {
        println!("Your key is there already: {}", path.display());
    } else {
        let passphrase = if arguments.no_passphrase { None } else { new_passphrase()? };
        create(&path, &principal, passphrase.as_ref())?;
    }
    remember(&settings, &principal, &path)?;
    println!("\nWhoever is to verify your logs puts this line into their allowed_signers file:\n");
    println!("{principal} {}", keys::public_of(&path)?);
    Ok(Exit::Good)
}

/// Makes the first key of somebody who has none, and remembers it.
pub(super) fn make(principal: &str, settings: &Settings) -> Result<PathBuf> {
    let path = own_key()?;
    create(&path, principal, new_passphrase()?.as_ref())?;
    remember(settings, principal, &path)?;
    Ok(path)
}

fn create(path: &Path, principal: &str, passphrase: Option<&Secret>) -> Result<()> {
    keys::create(path, principal, passphrase)?;
    println!("Made a key: {}", path.display());
    Ok(())
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
fn remember(settings: &Settings, principal: &str, key: &Path) -> Result<()> {
    let path = Settings::path()?;
    if path.exists() {
        if settings.principal.as_deref() != Some(principal) || settings.key.as_deref() != Some(key) {
            println!("Your settings stay as they are; to use this key, put into {}:", path.display());
            println!("{}", toml::to_string(&NewSettings { principal, key })?.trim_end());
        }
        return Ok(());
    }
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    fs::write(&path, toml::to_string(&NewSettings { principal, key })?)
        .with_context(|| path.display().to_string())?;
    println!("You are {principal}, and sign with it from now on ({})", path.display());
    Ok(())
}
