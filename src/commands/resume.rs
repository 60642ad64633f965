//! Before a run is continued: what is not known of its log is said, and asked about.

use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};

use super::identity::ask;
use super::settings::Settings;
use super::trusted::trusted_by_settings;
use crate::engine::{self, ByTheRules, Doubtful, Opened, clock};
use crate::files::open_regular_no_follow;
use crate::journal::entry::entry_namespace;
use crate::journal::keys::{Signer, fingerprint};
use crate::journal::signers::AllowedSigners;
use crate::journal::store::Store;
use crate::journal::verify::{self, Answer};
use crate::run::RunState;
use crate::text::{line, shell_word};

/// Lets a log pass that this host has written, and whose people have signed here or are trusted signers. Any other one
/// is told and asked about. Gives the run as it was verified.
///
/// # Errors
/// When nobody wants to continue it, or it is not valid by itself: nothing that is signed in it could ever be verified.
pub(super) fn require(store: &Store, log: &Path, state: &RunState, settings: &Settings) -> Result<RunState> {
    let state = verified(log, state)?.map_err(|why| {
        let path = line(&log.display().to_string());
        anyhow!(
            "{path}: {why}; nothing was signed. `gonogo review` shows it; restore it from a copy, or move it out of its \
             directory to open a new run"
        )
    })?;
    let doubts = doubts(store, &state, settings)?;
    if doubts.is_empty() {
        return Ok(state);
    }
    note!("{}: not everything in this run log is known here:", line(&log.display().to_string()));
    for doubt in &doubts {
        note!("  {doubt}");
    }
    note!("`gonogo review` shows it. Whatever you sign in this run rests on what its log says.");
    if ask("Continue this run? y to continue: ")? != "y" {
        bail!("not continued, and nothing was signed; to open a new run, move this log out of its directory");
    }
    Ok(state)
}

/// The same for what a log has become that is opened to be continued, where one was known before: nobody else writes to
/// it any more, but may have since it was asked about.
///
/// # Errors
/// Those of [`require`], or that it changes all the same.
pub(super) fn require_opened(
    store: &Store,
    opened: &Opened,
    known: Option<&RunState>,
    settings: &Settings,
) -> Result<()> {
    if known.is_none_or(|known| known.head == opened.state.head) {
        return Ok(());
    }
    let log = opened.journal.path();
    let now = require(store, log, &opened.state, settings)?;
    if now.head != opened.state.head {
        bail!("{}: it was changed while it was read; nothing was signed", line(&log.display().to_string()));
    }
    Ok(())
}

/// Asks whoever signs here and is no trusted signer of the settings: who verifies with those calls the log invalid.
///
/// # Errors
/// When they do not want to sign then.
pub(super) fn require_trusted(signer: &Signer, is_rehearsal: bool, settings: &Settings) -> Result<()> {
    let Some(why) = not_trusted(&signer.principal, &signer.public, is_rehearsal, settings)? else {
        return Ok(());
    };
    note!("{why}.");
    if ask("Sign in this run all the same? y to sign: ")? != "y" {
        bail!(
            "nothing was signed; add a line for the key to the file of trusted signers, or give another --as or --key"
        );
    }
    Ok(())
}

/// Why somebody is no trusted signer of the settings, where these name any.
pub(super) fn not_trusted(
    principal: &str,
    public: &str,
    is_rehearsal: bool,
    settings: &Settings,
) -> Result<Option<String>> {
    let Some(signers) = trusted_by_settings(settings)? else { return Ok(None) };
    let trusted = signers.trust(principal, public, entry_namespace(is_rehearsal), clock::now().wall);
    Ok(trusted.err().map(|why| {
        format!("by the trusted signers of your settings, {why}: to them this log would be invalid")
    }))
}

/// Says which logs of an environment cannot be read, and which other runs are open. Before a new run is opened beside one that is damaged, a
/// person is asked.
///
/// # Errors
/// When nobody wants a new run then.
pub(super) fn tell_unread(store: &Store, environment: &str, opens_new: bool) -> Result<()> {
    let Doubtful { damaged, other_version, also_open } = engine::doubtful(store, environment)?;
    let other_version = other_version.iter().map(|(path, rules)| (path, rules.to_string()));
    let unread = damaged.iter().map(|log| (&log.path, log.why.clone())).chain(other_version);
    for (path, why) in unread {
        note!("{} is no run that can be continued: {}", line(&path.display().to_string()), line(&why));
    }
    for (path, state) in &also_open {
        note!(
            "a run for release {}, opened {}, was never sealed and is not the newest one: gonogo abandon {}",
            line(&state.plan.release),
            state.opened.wall.readable(),
            shell_word(&path.display().to_string())
        );
    }
    if opens_new && !damaged.is_empty() && ask("Open a new run beside it? y to open: ")? != "y" {
        bail!("no run was opened; restore the log from a copy, or move it out of its directory");
    }
    Ok(())
}

/// What is not known of a log.
fn doubts(store: &Store, state: &RunState, settings: &Settings) -> Result<Vec<String>> {
    let mut doubts = Vec::new();
    if store.head(&state.run)?.is_none() {
        doubts.push("this host has not written it with this state directory".to_owned());
    }
    let signers = trusted_by_settings(settings)?.unwrap_or_default();
    let namespace = entry_namespace(state.plan.rehearsal.is_some());
    let now = clock::now().wall;
    for who in &state.roster {
        let is_trusted = signers.trust(&who.principal, &who.key, namespace, now).is_ok();
        if !is_trusted && !store.has_enrolled(&who.principal, &who.key)? {
            let key = fingerprint(&who.key).unwrap_or_else(|| line(&who.key));
            let (name, role) = (line(&who.principal), who.role);
            doubts.push(format!("{name} ({role}) with {key} has not signed here and is no trusted signer"));
        }
    }
    Ok(doubts)
}

/// The run, or what is wrong with its log by itself, whoever its people are.
fn verified(log: &Path, state: &RunState) -> Result<Result<RunState, String>> {
    let people = state.roster.iter().map(|who| (who.principal.as_str(), who.key.as_str()));
    let signers = AllowedSigners::of_people(people);
    let signers = if state.plan.rehearsal.is_some() { signers.for_rehearsals() } else { signers };
    let file = open_regular_no_follow(log).with_context(|| log.display().to_string())?;
    let mut rules = ByTheRules::default();
    let report = verify::verify(BufReader::new(file), &signers, clock::now().wall, &mut rules)?;
    let valid = match report.answer {
        Answer::Sealed | Answer::Open => rules.into_state(),
        Answer::Invalid { at, why } => {
            let why = format!("INVALID at line {}: {}; it can never be sealed", at.line, line(&why));
            return Ok(Err(why));
        }
    };
    Ok(valid.ok_or_else(|| "it is empty".into()))
}
