//! One program at a time holds a run. Who else comes is told who that is, and can take it over.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::checklist::Role;
use crate::engine::{self, OpenRunError, Opened, clock, host};
use crate::journal::file::OpenJournalError;
use crate::journal::holder::{self, Held, Holder};
use crate::journal::keys::Signer;
use crate::journal::store::Store;
use crate::run::{Act, Command};
use crate::text::line;

/// How long the holder may take to leave.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const PAUSE: Duration = Duration::from_millis(100);

/// Says that `principal` holds a log from here.
fn hold(log: &Path, principal: &str) -> Result<Held> {
    let own = Holder::here(principal, host(), clock::now().wall);
    holder::tell(log, own).with_context(|| format!("cannot say who holds {}", log.display()))
}

/// Goes on with a run, unless another program holds it; takes it over from that where it is told to.
///
/// # Errors
/// Why it cannot be gone on with: who holds it, and what to do.
pub(super) fn reopen(
    store: &Store,
    log: &Path,
    signer: &Signer,
    role: Role,
    take_over: bool,
) -> Result<Opened> {
    match engine::reopen(store, log, signer, role) {
        Err(OpenRunError::Journal(OpenJournalError::Locked(_))) if take_over => {}
        Err(OpenRunError::Journal(OpenJournalError::Locked(_))) => bail!(held_by(holder::of(log).as_ref())),
        opened => return Ok(opened?),
    }
    let Some(other) = holder::of(log) else {
        bail!(
            "another gonogo holds this run, and it is not told which; look for it on the hosts that share this directory"
        )
    };
    let mut opened = taken(store, log, signer, role, &other)?;
    let pid = u64::try_from(other.pid).unwrap_or_default();
    let taken = Act::TakeOver { from: other.principal, host: other.host, pid };
    opened.first.push(Command::new(signer.principal.clone(), taken));
    Ok(opened)
}

/// Who holds a run, and what can be done.
fn held_by(other: Option<&Holder>) -> String {
    let who = other.map_or_else(
        || "another gonogo is writing this run log".to_owned(),
        |other| {
            let since = other.since.readable();
            let (principal, host) = (line(&other.principal), line(&other.host));
            format!("this run is held by {principal} on {host} (process {}, since {since}); another gonogo is writing this run log", other.pid)
        },
    );
    format!(
        "{who}\nlook on with --read-only, let them leave with q, or take it over with --take-over: they are asked to \
         leave, and it is put on record"
    )
}

/// Asks the holder to leave, as `q` does, and goes on when they have.
fn taken(store: &Store, log: &Path, signer: &Signer, role: Role, other: &Holder) -> Result<Opened> {
    if other.host != host() {
        bail!(
            "{} holds this run on {}; from here they cannot be asked to leave. Take it over there",
            line(&other.principal),
            line(&other.host)
        );
    }
    // Who is asked to leave is told by whom.
    let held = hold(log, &signer.principal)?;
    let asked = Pid::from_raw(other.pid).map(|pid| kill_process(pid, Signal::TERM));
    let until = Instant::now() + PATIENCE;
    while matches!(asked, Some(Ok(()))) && Instant::now() < until {
        match engine::reopen(store, log, signer, role) {
            Err(OpenRunError::Journal(OpenJournalError::Locked(_))) => thread::sleep(PAUSE),
            opened => {
                // It stays told by whom until this program holds the run itself.
                held.keep_recorded();
                return Ok(opened?);
            }
        }
    }
    drop(held);
    drop(holder::tell(log, other.clone()).map(Held::keep_recorded));
    bail!("process {} of {} does not leave; end it, and try again", other.pid, line(&other.principal))
}
