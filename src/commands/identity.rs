//! Who acts: from the command line, the settings, or git.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::settings::{Settings, own_key};
use super::{new_key, passphrase};
use crate::cli::Identity;
use crate::engine::Keyring;
use crate::error::chain;
use crate::files::read_regular_text;
use crate::journal::agent::Agent;
use crate::journal::entry::MACHINE;
use crate::journal::keys::{LoadKeyError, Signer};
use crate::journal::signers::is_key;
use crate::secret::Secret;
use crate::text::{is_harmful, line};
use crate::tui::{Newcomer, Unlocked};

/// How often a passphrase is asked for.
const PASSPHRASES: usize = 3;
/// The most bytes of a file with a public key.
const MAX_PUBLIC_KEY: u64 = 64 << 10;

/// The operator's name; asked for on a terminal if nothing says it.
pub(super) fn principal(given: Option<&str>, settings: &Settings) -> Result<String> {
    let found = given
        .map(str::to_owned)
        .or_else(|| settings.principal.clone())
        .or_else(|| settings.git.get("user.email"));
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
            Err(wrong) if !wrong.is::<NoName>() => say!("{wrong}"),
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
    super::printing::print(format_args!("{question}"));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Which key somebody signs with.
enum Key {
    /// Of a private key file.
    File(PathBuf),
    /// Known by its public half; an agent holds the other one.
    Public(String),
}

impl Key {
    /// A key as it is named: a file, the public half of one, or the public key itself, as git has it too.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn named(name: &Path) -> io::Result<Self> {
        if let Some(public) = written_out(name) {
            return Ok(Self::Public(public));
        }
        let path = at_home(&name.to_string_lossy());
        let private = private_half(path.clone());
        if private.exists() || private == path {
            return Ok(Self::File(private));
        }
        let public = read_regular_text(&path, MAX_PUBLIC_KEY)?;
        Ok(Self::Public(without_comment(&public)))
    }
}

fn unread(name: &str, why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => format!("{}: there is no such key", line(name)),
        _ => format!("key {}: {why}", line(name)),
    }
}

/// A public key where a file could be named.
pub(super) fn written_out(name: &Path) -> Option<String> {
    let text = name.to_string_lossy();
    let literal = text.strip_prefix("key::").unwrap_or(&text);
    (is_key(literal) && literal.contains(' ')).then(|| without_comment(literal))
}

fn without_comment(public: &str) -> String {
    public.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// The key that is named, or that is there without being named.
fn key(given: Option<&Path>, settings: &Settings) -> Result<Option<Key>> {
    if let Some(name) = given.or(settings.key.as_deref()) {
        return Key::named(name).map(Some).map_err(|why| anyhow!(unread(&name.to_string_lossy(), &why)));
    }
    // Git's signing key can be the id of a GPG key, too.
    let of_git = settings.git.get("user.signingkey").and_then(|name| Key::named(Path::new(&name)).ok());
    let of_git = of_git.filter(|key| !matches!(key, Key::File(path) if !path.is_file()));
    Ok(of_git.or(Some(Key::File(own_key()?)).filter(|key| matches!(key, Key::File(path) if path.exists()))))
}

/// The operator and their key, its passphrase asked for on the terminal if it has one. Who has no key
/// chooses one of their agent's, or gets one made.
pub(super) fn signer(identity: &Identity, settings: &Settings) -> Result<Signer> {
    let principal = principal(identity.principal.as_deref(), settings)?;
    let agent = Agent::from_environment();
    let key = match key(identity.key.as_deref(), settings)? {
        Some(key) => key,
        None => match chosen(&principal, settings, agent.as_ref())? {
            Some(key) => key,
            None => made(&principal, settings)?,
        },
    };
    match key {
        Key::File(path) => unlocked(&principal, &path, agent.as_ref()),
        Key::Public(public) => Ok(Signer::in_agent(&principal, &public, agent.as_ref())?),
    }
}

fn made(principal: &str, settings: &Settings) -> Result<Key> {
    say!("There is no key yet that {principal} could sign run logs with; here is one to be made.");
    Ok(Key::File(new_key::first(principal, settings)?))
}

/// A key of the agent's, if a person chooses one; it is remembered.
fn chosen(principal: &str, settings: &Settings, agent: Option<&Agent>) -> Result<Option<Key>> {
    let held = agent.and_then(|agent| agent.keys().ok()).unwrap_or_default();
    if held.is_empty() || !io::stdin().is_terminal() {
        return Ok(None);
    }
    say!("Your ssh-agent holds:");
    for (number, key) in (1..).zip(&held) {
        say!("  {number}  {}  {}", line(&key.public), line(&key.comment));
    }
    loop {
        let answer = ask("Which of them signs run logs? Its number, or n to make a new key: ")?;
        let index = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match index.and_then(|index| held.get(index)) {
            Some(key) => {
                new_key::remember(settings, principal, Path::new(&key.public))?;
                return Ok(Some(Key::Public(key.public.clone())));
            }
            None if answer == "n" => return Ok(None),
            None if answer.is_empty() => bail!("no key was chosen"),
            None => say!("expected a number from 1 to {}, or n", held.len()),
        }
    }
}

/// The key of a file, its passphrase asked for again if it was mistyped.
fn unlocked(principal: &str, path: &Path, agent: Option<&Agent>) -> Result<Signer> {
    for _ in 1..PASSPHRASES {
        match Signer::load(principal, path, agent, &mut ask_passphrase) {
            Err(wrong @ LoadKeyError::WrongPassphrase { .. }) => note!("{wrong}; once more"),
            loaded => return Ok(loaded?),
        }
    }
    Ok(Signer::load(principal, path, agent, &mut ask_passphrase)?)
}

/// Tells a person that a key may wait for them.
pub(super) fn tell_that_it_may_wait(signer: &Signer) {
    if signer.wants_touch() {
        say!("Touch your security key: this is signed with it.");
    } else if signer.may_wait() {
        say!("Asking your ssh-agent to sign; it may ask you to confirm that.");
    }
}

fn ask_passphrase(path: &Path) -> io::Result<Secret> {
    passphrase::ask(&format!("Passphrase of {}: ", path.display()))
}

/// The key of somebody who comes to this keyboard later; kept where the engine finds it.
///
/// # Errors
/// Why it cannot be used, and what to do.
pub(super) fn unlock(newcomer: &Newcomer, keys: &Keyring) -> Result<Unlocked, String> {
    let principal = checked(newcomer.principal.clone()).map_err(|error| chain(error.as_ref()))?;
    let agent = Agent::from_environment();
    let key = match Key::named(Path::new(&newcomer.key)) {
        Ok(Key::File(path)) if path.as_os_str().is_empty() || !path.exists() => {
            Key::Public(in_agent(&newcomer.key, agent.as_ref())?)
        }
        found => found.map_err(|why| unread(&newcomer.key, &why))?,
    };
    let mut locked = false;
    let mut ask = |_: &Path| {
        locked = newcomer.passphrase.is_none();
        newcomer.passphrase.clone().ok_or_else(|| io::Error::other("not asked yet"))
    };
    let loaded = match key {
        Key::File(path) => Signer::load(&principal, &path, agent.as_ref(), &mut ask),
        Key::Public(public) => Signer::in_agent(&principal, &public, agent.as_ref()),
    };
    match loaded {
        Ok(signer) => {
            let public = signer.public.clone();
            keys.add(signer);
            Ok(Unlocked::Key(public))
        }
        Err(LoadKeyError::NoPassphrase { .. }) if locked => Ok(Unlocked::Locked),
        Err(why) => Err(why.to_string()),
    }
}

/// The key that the agent holds under this comment; the only one, if none is said.
fn in_agent(comment: &str, agent: Option<&Agent>) -> Result<String, String> {
    let held = agent.and_then(|agent| agent.keys().ok()).unwrap_or_default();
    let mut fitting = held.iter().filter(|key| comment.is_empty() || key.comment == comment);
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only.public.clone()),
        (None, _) if !comment.is_empty() => {
            Err(format!("{}: there is no such file, and no such key in an ssh-agent", line(comment)))
        }
        _ => {
            let known: Vec<_> = held.iter().map(|key| line(&key.comment)).collect();
            let known = if known.is_empty() { "no keys".into() } else { known.join(", ") };
            Err(format!("which key? A file, or one by its comment; the ssh-agent holds: {known}"))
        }
    }
}

/// A path of a setting, its `~/` written out.
pub(super) fn at_home(path: &str) -> PathBuf {
    let home =
        path.strip_prefix("~/").and_then(|rest| Some(PathBuf::from(std::env::var_os("HOME")?).join(rest)));
    home.unwrap_or_else(|| PathBuf::from(path))
}

/// People give the public half as often as the private one.
fn private_half(path: PathBuf) -> PathBuf {
    if path.extension().is_some_and(|extension| extension == "pub") { path.with_extension("") } else { path }
}
