//! Trust: a profile that can run commands is looked at by a person once per content, before anything of
//! it runs.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::identity::ask;
use super::load::{Loaded, state_dir};
use crate::checklist::Plan;
use crate::outcome::Sha256Hex;
use crate::process::Permit;
use crate::text::{line, shell_word};

/// What was trusted.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Trusted {
    /// SHA-256 of profile and checklist.
    content: String,
    /// The commands that they could run.
    commands: BTreeSet<Vec<String>>,
}

/// Lets plans pass that run no command, or whose content is trusted already, or that are trusted now: by
/// `--trust`, or by a person who is asked. An open run has a plan of its own, which a log brings along.
/// Gives the permit to start what they name.
///
/// # Errors
/// When nobody trusts them. Nothing has run then.
pub(super) fn require<'a>(
    loaded: &Loaded,
    plans: impl IntoIterator<Item = &'a Plan>,
    given: bool,
) -> Result<Permit> {
    let commands: BTreeSet<_> = plans.into_iter().flat_map(Plan::commands).collect();
    if commands.is_empty() {
        return Ok(Permit::given_by_trust());
    }
    let path = file(loaded.path())?;
    let known = read(&path);
    let now = Trusted { content: loaded.content().to_string(), commands };
    let covers = |known: &Trusted| known.content == now.content && known.commands.is_superset(&now.commands);
    if known.as_ref().is_some_and(covers) {
        return Ok(Permit::given_by_trust());
    }
    if !given {
        told(loaded.path(), known.as_ref(), &now);
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            bail!("nobody has said that these commands may run; look at them, then give --trust once");
        }
        if ask("May they run with your rights? y to trust this content: ")? != "y" {
            bail!("not trusted; nothing was run");
        }
    }
    write(&path, &now)?;
    Ok(Permit::given_by_trust())
}

/// Shows what may run, and what of it is new.
fn told(profile: &Path, known: Option<&Trusted>, now: &Trusted) {
    let before = known.map(|known| &known.commands);
    eprintln!("{} runs commands:", line(&profile.display().to_string()));
    for command in &now.commands {
        let is_new = before.is_some_and(|before| !before.contains(command));
        eprintln!("  {} {}", if is_new { "new" } else { "   " }, words(command));
    }
    for gone in before.into_iter().flatten().filter(|command| !now.commands.contains(*command)) {
        eprintln!("  no longer: {}", words(gone));
    }
    if before.is_some_and(|before| *before == now.commands) {
        eprintln!(
            "These commands were trusted before; something else in the profile or checklist has changed."
        );
    }
}

fn words(command: &[String]) -> String {
    command.iter().map(|word| line(&shell_word(word))).collect::<Vec<_>>().join(" ")
}

/// One file per profile, by its place.
fn file(profile: &Path) -> Result<PathBuf> {
    let place = fs::canonicalize(profile).with_context(|| profile.display().to_string())?;
    let name = Sha256Hex::of(place.as_os_str().as_encoded_bytes());
    Ok(state_dir()?.join("trust").join(format!("{name}.json")))
}

/// What cannot be read trusts nothing.
fn read(path: &Path) -> Option<Trusted> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write(path: &Path, trusted: &Trusted) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| directory.display().to_string())?;
    fs::write(path, serde_json::to_vec(trusted)?).with_context(|| path.display().to_string())
}
