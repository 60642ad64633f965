//! Who acts: from the command line, the settings, or git.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::settings::{Settings, own_key};
use super::{git, new_key};
use crate::cli::Identity;
use crate::journal::entry::MACHINE;
use crate::journal::keys::{LoadKeyError, Signer};
use crate::secret::Secret;
use crate::text::{is_harmful, line};

/// How often a passphrase is asked for.
const PASSPHRASES: usize = 3;

/// The operator's name; asked for on a terminal if nothing says it.
pub(super) fn principal(given: Option<&str>, settings: &Settings) -> Result<String> {
    let found =
        given.map(str::to_owned).or_else(|| settings.principal.clone()).or_else(|| git::config("user.email"));
    match found {
        None if io::stdin().is_terminal() => ask_principal(),
        found => checked(found.context(
            "who are you? Give --as YOU@EXAMPLE.COM, or run `gonogo init --as YOU@EXAMPLE.COM` once",
        )?),
    }
}

/// Asks until the answer is a name, or there is none.
fn ask_principal() -> Result<String> {
    loop {
        let name = ask("Your name in run logs, usually a mail address: ")?;
        match checked(name) {
            Err(wrong) if !wrong.is::<NoName>() => println!("{wrong}"),
            found => return found,
        }
    }
}

/// Nothing was said.
#[derive(Debug, thiserror::Error)]
#[error("a name is needed, something like you@example.com")]
struct NoName;

fn checked(name: String) -> Result<String> {
    let plain = |c: char| !c.is_whitespace() && !"*?!,\"".contains(c) && !is_harmful(c);
    if name.is_empty() {
        return Err(NoName.into());
    }
    if name.len() > 255 || name == MACHINE || !name.chars().all(plain) {
        bail!(
            "{:?} cannot be a name: expected something like you@example.com, without white space or any of * ? ! , \"",
            line(&name)
        );
    }
    Ok(name)
}

/// Asks on the terminal for a line.
pub(super) fn ask(question: &str) -> Result<String> {
    print!("{question}");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// The operator's key file, if there is one.
fn key_file(given: Option<&Path>, settings: &Settings) -> Result<Option<PathBuf>> {
    if let Some(path) = given.map(Path::to_owned).or_else(|| settings.key.clone()) {
        return Ok(Some(private_half(path)));
    }
    if let Some(path) = git::config("user.signingkey").and_then(|key| signing_key(&key)) {
        return Ok(Some(path));
    }
    Ok(Some(own_key()?).filter(|path| path.exists()))
}

/// The operator and their key, its passphrase asked for on the terminal if it has one. Who has no key gets
/// one made.
pub(super) fn signer(identity: &Identity, settings: &Settings) -> Result<Signer> {
    let principal = principal(identity.principal.as_deref(), settings)?;
    let path = if let Some(path) = key_file(identity.key.as_deref(), settings)? {
        path
    } else {
        println!("There is no key yet that {principal} could sign run logs with; here is one to be made.");
        new_key::first(&principal, settings)?
    };
    unlocked(&principal, &path)
}

/// The key, its passphrase asked for again if it was mistyped.
fn unlocked(principal: &str, path: &Path) -> Result<Signer> {
    for _ in 1..PASSPHRASES {
        match Signer::load(principal, path, &mut ask_passphrase) {
            Err(wrong @ LoadKeyError::WrongPassphrase { .. }) => eprintln!("{wrong}; once more"),
            loaded => return Ok(loaded?),
        }
    }
    Ok(Signer::load(principal, path, &mut ask_passphrase)?)
}

fn ask_passphrase(path: &Path) -> io::Result<Secret> {
    rpassword::prompt_password(format!("Passphrase of {}: ", path.display())).map(Secret::new)
}

/// Whom a user trusts.
pub(super) fn signers_file(given: Option<&Path>, settings: &Settings) -> Result<PathBuf> {
    let found = given.map(Path::to_owned).or_else(|| settings.signers.clone());
    found.or_else(|| git::config("gpg.ssh.allowedSignersFile").map(|path| at_home(&path))).context(
        "whom do you trust? Give --signers FILE, an allowed_signers file with a line per person: \
         `you@example.com ssh-ed25519 AAAA…`",
    )
}

/// Git's signing key is an SSH key only if it names a file; a key id of GPG or a literal key does not.
fn signing_key(value: &str) -> Option<PathBuf> {
    let path = private_half(at_home(value));
    path.is_file().then_some(path)
}

fn at_home(path: &str) -> PathBuf {
    let home =
        path.strip_prefix("~/").and_then(|rest| Some(PathBuf::from(std::env::var_os("HOME")?).join(rest)));
    home.unwrap_or_else(|| PathBuf::from(path))
}

/// People give the public half as often as the private one.
fn private_half(path: PathBuf) -> PathBuf {
    if path.extension().is_some_and(|extension| extension == "pub") { path.with_extension("") } else { path }
}
