//! The operator and their key: from the command line, the settings, or git.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::settings::{Settings, own_key};
use super::{new_key, passphrase};
use crate::cli::IdentityArgs;
use crate::engine::Keyring;
use crate::tui::{AddOperatorRequest, UnlockResult};
use gonogo_core::error::chain;
use gonogo_core::files::read_regular_text;
use gonogo_core::journal::agent::{Agent, AgentKeys};
use gonogo_core::journal::entry::MACHINE;
use gonogo_core::journal::keys::{LoadKeyError, Signer};
use gonogo_core::journal::public_key::{is_certificate, plain_key};
use gonogo_core::journal::signers::is_key;
use gonogo_core::secret::Secret;
use gonogo_core::text::{is_harmful, line};

/// How often gonogo asks for a passphrase.
const MAX_PASSPHRASE_ATTEMPTS: usize = 3;
/// The maximum size of a public key file, in bytes.
const MAX_PUBLIC_KEY: u64 = 64 << 10;

/// The operator's name; on a terminal, asks for it if nothing gives it.
pub(super) fn principal(option: Option<&str>, settings: &Settings) -> Result<String> {
    let principal = option
        .map(str::to_owned)
        .or_else(|| settings.principal.clone())
        .or_else(|| settings.git.get("user.email"));
    match principal {
        None if io::stdin().is_terminal() => ask_principal(),
        principal => check_principal(principal.context(
            "your name is required: give --as YOU@EXAMPLE.COM, or run `gonogo init --as YOU@EXAMPLE.COM` once",
        )?),
    }
}

/// Asks until the answer is a valid name, or empty.
fn ask_principal() -> Result<String> {
    loop {
        let name = ask("Your name in run logs, usually a mail address: ")?;
        match check_principal(name) {
            Err(error) if !error.is::<MissingName>() => say!("{error}"),
            result => return result,
        }
    }
}

/// The answer was empty.
#[derive(Debug, thiserror::Error)]
#[error("a name is required, such as you@example.com")]
struct MissingName;

fn check_principal(name: String) -> Result<String> {
    let is_valid = |c: char| !c.is_whitespace() && !"*?!,\"".contains(c) && !is_harmful(c);
    if name.is_empty() {
        return Err(MissingName.into());
    }
    if name.len() > 255 || name == MACHINE || !name.chars().all(is_valid) {
        bail!(
            "{:?} is not a valid name: expected a name such as you@example.com, without white space or any of * ? ! , \"",
            line(&name)
        );
    }
    Ok(name)
}

/// Asks for a line on the terminal.
pub(super) fn ask(question: &str) -> Result<String> {
    super::printing::print(format_args!("{question}"));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Where a signing key is.
enum SigningKeySource {
    /// In a private key file.
    File(PathBuf),
    /// In an agent, named by its public key.
    InAgent(String),
}

impl SigningKeySource {
    /// Parses the name of a key: a private key file, its public key file or certificate, or the public key itself, as
    /// git takes it too. A certificate stands for its key.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn parse(name: &Path) -> io::Result<Self> {
        if let Some(public) = public_key_literal(name) {
            return Ok(Self::InAgent(public));
        }
        let path = expand_home(&name.to_string_lossy());
        let private = private_key_files(&path);
        if let Some(private) = private.iter().find(|private| private.exists()) {
            return Ok(Self::File(private.clone()));
        }
        if private.is_empty() {
            return Ok(Self::File(path));
        }
        let public = read_regular_text(&path, MAX_PUBLIC_KEY)?;
        Ok(Self::InAgent(without_comment(&public)))
    }
}

fn describe_key_error(name: &str, why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => format!("{}: no such key", line(name)),
        _ => format!("key {}: {why}", line(name)),
    }
}

/// A public key in place of a file.
pub(super) fn public_key_literal(name: &Path) -> Option<String> {
    let text = name.to_string_lossy();
    let literal = text.strip_prefix("key::").unwrap_or(&text);
    (is_key(literal) && literal.contains(' ')).then(|| without_comment(literal))
}

fn without_comment(public: &str) -> String {
    plain_key(&public.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// The key of the option or the settings, or else the default one.
fn find_key(option: Option<&Path>, settings: &Settings) -> Result<Option<SigningKeySource>> {
    if let Some(name) = option.or(settings.key.as_deref()) {
        return SigningKeySource::parse(name)
            .map(Some)
            .map_err(|why| anyhow!(describe_key_error(&name.to_string_lossy(), &why)));
    }
    // Git's signing key can also be the id of a GPG key.
    let of_git =
        settings.git.get("user.signingkey").and_then(|name| SigningKeySource::parse(Path::new(&name)).ok());
    let of_git = of_git.filter(|key| !matches!(key, SigningKeySource::File(path) if !path.is_file()));
    Ok(of_git.or(Some(SigningKeySource::File(own_key()?))
        .filter(|key| matches!(key, SigningKeySource::File(path) if path.exists()))))
}

/// A notice, if the name of a key names a certificate: nothing in a run log shows it.
fn certificate_notice(name: &Path) -> Option<String> {
    let text = name.to_string_lossy();
    if is_certificate(text.strip_prefix("key::").unwrap_or(&text)) {
        return Some(explain_certificate("the key"));
    }
    let path = Some(expand_home(&text)).filter(|path| !private_key_files(path).is_empty())?;
    let public = read_regular_text(&path, MAX_PUBLIC_KEY).ok()?;
    is_certificate(&public).then(|| explain_certificate(&line(&text)))
}

fn explain_certificate(name: &str) -> String {
    format!(
        "{name} is a certificate: run logs are signed with its plain key, its names and dates have no effect."
    )
}

/// The operator and their key; asks for its passphrase on the terminal if it has one. An operator without a key
/// chooses one of their agent, or creates one.
pub(super) fn signer(identity: &IdentityArgs, settings: &Settings) -> Result<Signer> {
    let principal = principal(identity.principal.as_deref(), settings)?;
    let agent = Agent::from_environment();
    let named = identity.key.as_deref().or(settings.key.as_deref());
    if let Some(notice) = named.and_then(certificate_notice) {
        note!("{notice}");
    }
    let key = match find_key(identity.key.as_deref(), settings)? {
        Some(key) => key,
        None => match choose_agent_key(&principal, settings, agent.as_ref())? {
            Some(key) => key,
            None => create_first_key(&principal, settings)?,
        },
    };
    match key {
        SigningKeySource::File(path) => load_with_retries(&principal, &path, agent.as_ref()),
        SigningKeySource::InAgent(public) => Ok(Signer::in_agent(&principal, &public, agent.as_ref())?),
    }
}

fn create_first_key(principal: &str, settings: &Settings) -> Result<SigningKeySource> {
    say!("{principal} has no key to sign run logs with; gonogo creates one now.");
    Ok(SigningKeySource::File(new_key::create_first(principal, settings)?))
}

/// None, if there is no agent or it does not answer.
fn keys_of(agent: Option<&Agent>) -> AgentKeys {
    agent.and_then(|agent| agent.keys().ok()).unwrap_or_default()
}

/// A key of the agent, if the operator chooses one; it is written to the settings.
fn choose_agent_key(
    principal: &str,
    settings: &Settings,
    agent: Option<&Agent>,
) -> Result<Option<SigningKeySource>> {
    let held = keys_of(agent);
    if let Some(kinds) = held.unusable_kinds() {
        say!("Keys in your ssh-agent that cannot sign run logs: {kinds}; ed25519, ecdsa and sk- keys can.");
    }
    let keys = held.usable;
    if keys.is_empty() || !io::stdin().is_terminal() {
        return Ok(None);
    }
    say!("Keys in your ssh-agent:");
    for (number, key) in (1..).zip(&keys) {
        say!("  {number}  {}  {}", line(&key.public), line(&key.comment));
    }
    loop {
        let answer = ask("Which key signs run logs? Number, or n for a new key: ")?;
        let index = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match index.and_then(|index| keys.get(index)) {
            Some(key) => {
                new_key::remember(settings, principal, Path::new(&key.public))?;
                return Ok(Some(SigningKeySource::InAgent(key.public.clone())));
            }
            None if answer == "n" => return Ok(None),
            None if answer.is_empty() => bail!("no key was chosen"),
            None => say!("expected a number from 1 to {}, or n", keys.len()),
        }
    }
}

/// Loads the key of a file; asks for its passphrase again if it was wrong.
fn load_with_retries(principal: &str, path: &Path, agent: Option<&Agent>) -> Result<Signer> {
    for _ in 1..MAX_PASSPHRASE_ATTEMPTS {
        match Signer::load(principal, path, agent, &mut ask_passphrase) {
            Err(error @ LoadKeyError::WrongPassphrase { .. }) => note!("{error}; try again"),
            loaded => return Ok(loaded?),
        }
    }
    Ok(Signer::load(principal, path, agent, &mut ask_passphrase)?)
}

/// Announces that signing may wait for the operator.
pub(super) fn announce_wait_for_key(signer: &Signer) {
    if signer.needs_touch() {
        say!("Touch your security key to sign.");
    } else if signer.may_block() {
        say!("Asking your ssh-agent to sign; it may ask for confirmation.");
    }
}

fn ask_passphrase(path: &Path) -> io::Result<Secret> {
    passphrase::ask(&format!("Passphrase of {}: ", path.display()))
}

/// Loads the key of an operator who joins at this keyboard, and adds it to the engine's keyring.
///
/// # Errors
/// Why it cannot be used, and what to do.
pub(super) fn unlock(request: &AddOperatorRequest, keys: &Keyring) -> Result<UnlockResult, String> {
    let principal = check_principal(request.principal.clone()).map_err(|error| chain(error.as_ref()))?;
    let agent = Agent::from_environment();
    let key = match SigningKeySource::parse(Path::new(&request.key)) {
        Ok(SigningKeySource::File(path)) if path.as_os_str().is_empty() || !path.exists() => {
            SigningKeySource::InAgent(agent_key(&request.key, agent.as_ref())?)
        }
        source => source.map_err(|why| describe_key_error(&request.key, &why))?,
    };
    let mut locked = false;
    let mut ask = |_: &Path| {
        locked = request.passphrase.is_none();
        request.passphrase.clone().ok_or_else(|| io::Error::other("not asked yet"))
    };
    let loaded = match key {
        SigningKeySource::File(path) => Signer::load(&principal, &path, agent.as_ref(), &mut ask),
        SigningKeySource::InAgent(public) => Signer::in_agent(&principal, &public, agent.as_ref()),
    };
    match loaded {
        Ok(signer) => {
            let public = signer.public.clone();
            keys.add(signer);
            Ok(UnlockResult::Unlocked(public))
        }
        Err(LoadKeyError::NoPassphrase { .. }) if locked => Ok(UnlockResult::NeedsPassphrase),
        Err(why) => Err(why.to_string()),
    }
}

/// The agent's key with this comment; with an empty comment, its only key.
fn agent_key(comment: &str, agent: Option<&Agent>) -> Result<String, String> {
    let agent_keys = keys_of(agent).usable;
    let mut matching = agent_keys.iter().filter(|key| comment.is_empty() || key.comment == comment);
    match (matching.next(), matching.next()) {
        (Some(only), None) => Ok(only.public.clone()),
        (None, _) if !comment.is_empty() => {
            Err(format!("{}: no such file, and no such key in an ssh-agent", line(comment)))
        }
        _ => {
            let comments: Vec<_> = agent_keys.iter().map(|key| line(&key.comment)).collect();
            let comments = if comments.is_empty() { "no keys".into() } else { comments.join(", ") };
            Err(format!("give a key file, or the comment of a key in the ssh-agent; it holds: {comments}"))
        }
    }
}

/// The path of a setting, with `~/` expanded.
pub(super) fn expand_home(path: &str) -> PathBuf {
    let home =
        path.strip_prefix("~/").and_then(|rest| Some(PathBuf::from(std::env::var_os("HOME")?).join(rest)));
    home.unwrap_or_else(|| PathBuf::from(path))
}

/// The names that the private key of a public key file or certificate can have; none if it is not named like one.
fn private_key_files(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stems = [".pub", "-cert.pub"].into_iter().filter_map(|suffix| name.strip_suffix(suffix));
    stems.filter(|stem| !stem.is_empty()).map(|stem| path.with_file_name(stem)).collect()
}
