//! Checks before a run is resumed: lists what is unknown about its log, and asks.

use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};

use super::identity::ask;
use super::settings::Settings;
use super::trusted_signers::read_signers_of_settings;
use crate::engine::{self, LogWarnings, OpenRun, RuleChecker, clock};
use gonogo_core::files::open_regular_no_follow;
use gonogo_core::journal::entry::entry_namespace;
use gonogo_core::journal::keys::{Signer, fingerprint};
use gonogo_core::journal::signers::AllowedSigners;
use gonogo_core::journal::store::LogStore;
use gonogo_core::journal::verify::{self, LogStatus};
use gonogo_core::run::RunState;
use gonogo_core::text::{line, shell_word};

/// How many ignored lines of the trusted signers are named as a possible cause.
const MAX_IGNORED_LINES: usize = 3;

/// Accepts a log that this host has written, if its people have signed here or are trusted signers. For any other
/// log, lists what is unknown, and asks. Returns the verified run.
///
/// # Errors
/// When the operator declines, or the log is invalid: nothing signed in it could ever be verified.
pub(super) fn confirm_known(
    store: &LogStore,
    log: &Path,
    state: &RunState,
    settings: &Settings,
) -> Result<RunState> {
    let state = replay(log, state)?.map_err(|why| {
        let path = line(&log.display().to_string());
        anyhow!(
            "{path}: {why}; nothing was signed. `gonogo review` shows it; restore the log from a copy, or move it out of its \
             directory to open a new run"
        )
    })?;
    let doubts = unknowns(store, &state, settings)?;
    if doubts.is_empty() {
        return Ok(state);
    }
    note!("{}: parts of this run log are unknown on this host:", line(&log.display().to_string()));
    for doubt in &doubts {
        note!("  {doubt}");
    }
    note!("`gonogo review` shows the log. What you sign in this run relies on the content of its log.");
    if ask("Continue this run? y to continue: ")? != "y" {
        bail!("not resumed, nothing was signed; to open a new run, move this log out of its directory");
    }
    Ok(state)
}

/// The same for a log that is now open for writing, if it has changed since it was checked: another program may have
/// written to it until then.
///
/// # Errors
/// Those of [`require`], or that the log still changes.
pub(super) fn confirm_opened(
    store: &LogStore,
    opened: &OpenRun,
    checked: Option<&RunState>,
    settings: &Settings,
) -> Result<()> {
    if checked.is_none_or(|checked| checked.head == opened.state.head) {
        return Ok(());
    }
    let log = opened.journal.path();
    let now = confirm_known(store, log, &opened.state, settings)?;
    if now.head != opened.state.head {
        bail!("{}: the log changed while it was read; nothing was signed", line(&log.display().to_string()));
    }
    Ok(())
}

/// Asks a signer who is not a trusted signer of the settings: a verification with those finds the log invalid.
///
/// # Errors
/// When they decline to sign.
pub(super) fn confirm_trusted(signer: &Signer, is_rehearsal: bool, settings: &Settings) -> Result<()> {
    let Some(why) = why_not_trusted(&signer.principal, &signer.public, is_rehearsal, settings)? else {
        return Ok(());
    };
    note!("{why}.");
    if ask("Sign in this run anyway? y to sign: ")? != "y" {
        bail!(
            "nothing was signed; add the key to the file of trusted signers, or give another --as or --key"
        );
    }
    Ok(())
}

/// Why a principal is not a trusted signer of the settings, if these name any.
pub(super) fn why_not_trusted(
    principal: &str,
    public: &str,
    is_rehearsal: bool,
    settings: &Settings,
) -> Result<Option<String>> {
    let Some(signers) = read_signers_of_settings(settings)? else { return Ok(None) };
    let trusted = signers.check(principal, public, entry_namespace(is_rehearsal), clock::now().wall);
    Ok(trusted.err().map(|why| {
        let why = format!("with the trusted signers of your settings, {why}: this log would be invalid");
        // An ignored line can be the operator's.
        let ignored = signers.warnings().into_iter().take(MAX_IGNORED_LINES);
        [why].into_iter().chain(ignored).collect::<Vec<_>>().join("; ")
    }))
}

/// Lists the logs of an environment that cannot be read, and the other open runs. Asks before a new run is opened beside
/// a damaged log.
///
/// # Errors
/// When the operator declines.
pub(super) fn report_unreadable(store: &LogStore, environment: &str, opens_new: bool) -> Result<()> {
    let LogWarnings { damaged, other_version, also_open } = engine::log_warnings(store, environment)?;
    let other_version = other_version.iter().map(|(path, rules)| (path, rules.to_string()));
    let unread = damaged.iter().map(|log| (&log.path, log.why.clone())).chain(other_version);
    for (path, why) in unread {
        note!("{}: the run cannot be resumed: {}", line(&path.display().to_string()), line(&why));
    }
    for (path, state) in &also_open {
        note!(
            "a run for release {}, opened {}, is not sealed and not the newest one; to end it: gonogo abandon {}",
            line(&state.plan.release),
            state.opened_at.wall.readable(),
            shell_word(&path.display().to_string())
        );
    }
    if opens_new && !damaged.is_empty() && ask("Open a new run anyway? y to open: ")? != "y" {
        bail!("no run was opened; restore the log from a copy, or move it out of its directory");
    }
    Ok(())
}

/// What is unknown about a log.
fn unknowns(store: &LogStore, state: &RunState, settings: &Settings) -> Result<Vec<String>> {
    let mut doubts = Vec::new();
    if store.head(&state.run)?.is_none() {
        doubts.push("this host has not written the log with this state directory".to_owned());
    }
    let signers = read_signers_of_settings(settings)?.unwrap_or_default();
    let namespace = entry_namespace(state.plan.rehearsal.is_some());
    let now = clock::now().wall;
    for who in &state.roster {
        let is_trusted = signers.check(&who.principal, &who.key, namespace, now).is_ok();
        if !is_trusted && !store.has_enrolled(&who.principal, &who.key)? {
            let key = fingerprint(&who.key).unwrap_or_else(|| line(&who.key));
            let (name, role) = (line(&who.principal), who.role);
            doubts
                .push(format!("{name} ({role}) with {key} has not signed here and is not a trusted signer"));
        }
    }
    Ok(doubts)
}

/// The run, or why its log is invalid even if all its people are trusted.
fn replay(log: &Path, state: &RunState) -> Result<Result<RunState, String>> {
    let people = state.roster.iter().map(|who| (who.principal.as_str(), who.key.as_str()));
    let signers = AllowedSigners::of_people(people);
    let signers = if state.plan.rehearsal.is_some() { signers.for_rehearsals() } else { signers };
    let file = open_regular_no_follow(log).with_context(|| log.display().to_string())?;
    let mut rules = RuleChecker::default();
    let report = verify::verify(BufReader::new(file), &signers, clock::now().wall, &mut rules)?;
    let valid = match report.status {
        LogStatus::Sealed | LogStatus::Open => rules.into_state(),
        LogStatus::Invalid { at, why } => {
            let why = format!("INVALID at line {}: {}; it can never be sealed", at.line, line(&why));
            return Ok(Err(why));
        }
    };
    Ok(valid.ok_or_else(|| "the log is empty".into()))
}
