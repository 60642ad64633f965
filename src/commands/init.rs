//! `gonogo init`: sets up the operator's name and signing key.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::identity::{principal, public_key_literal};
use super::new_key::{create, new_passphrase, remember};
use super::settings::{Settings, own_key};
use crate::cli::InitArgs;
use gonogo_core::error::Exit;
use gonogo_core::journal::keys;

pub(super) fn init(arguments: &InitArgs) -> Result<Exit> {
    let settings = Settings::read()?;
    let principal = principal(arguments.principal.as_deref(), &settings)?;
    let key = arguments.key.clone().or_else(|| settings.key.clone());
    if let Some(public) = key.as_deref().and_then(public_key_literal) {
        remember(&settings, &principal, Path::new(&public))?;
        return Ok(print_signer_line(&principal, &public));
    }
    let path = absolute(&key.map_or_else(own_key, Ok)?)?;
    if path.exists() {
        check_owner(&settings, &principal, &path)?;
        // First of all: the file may not be a key.
        keys::public_of(&path)?;
        say!("Your key already exists: {}", path.display());
    } else {
        let passphrase = if arguments.no_passphrase { None } else { new_passphrase()? };
        create(&path, &principal, passphrase.as_ref())?;
    }
    remember(&settings, &principal, &path)?;
    Ok(print_signer_line(&principal, &keys::public_of(&path)?))
}

fn print_signer_line(principal: &str, public: &str) -> Exit {
    say!("\nTo verify your logs, others add this line to their allowed_signers file:\n");
    say!("{principal} {public}");
    Exit::Success
}

/// Rejects a key that belongs to another operator.
fn check_owner(settings: &Settings, principal: &str, path: &Path) -> Result<()> {
    let owner = settings.principal.as_deref().filter(|owner| *owner != principal);
    match owner.filter(|_| settings.key.as_deref() == Some(path)) {
        Some(owner) => {
            bail!(
                "{}: this key belongs to {owner}; give another file with --key PATH for {principal}",
                path.display()
            )
        }
        None => Ok(()),
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| path.display().to_string())
}
