//! One program at a time holds a run. Who else comes is told who that is, and can take it over.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::checklist::Role;
use crate::engine::{self, OpenRunError, Opened, clock, host};
use crate::journal::file::OpenJournalError;
use crate::journal::holder::{self, Holder, Requested};
use crate::journal::keys::Signer;
use crate::journal::store::Store;
use crate::process::recorded::{RecordedProcess, RecordedProcessError};
use crate::run::{Act, Command};
use crate::text::{line, shell_word};

/// How long the holder may take to leave.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const PAUSE: Duration = Duration::from_millis(100);

/// Records, for the holder to read, that `principal` asks them to leave.
fn request(log: &Path, principal: &str) -> Result<Requested> {
    let own = Holder::here(principal, host(), clock::now().wall);
    holder::request(log, &own)
        .with_context(|| format!("cannot record beside {} who takes it over", log.display()))
}

/// The process that holds a log, shown to be the one that is recorded.
fn process_of(log: &Path, other: &Holder) -> Result<RecordedProcess, RecordedProcessError> {
    RecordedProcess::open(other.pid, other.started.as_ref())?.has_open(log)?.is_this_program()
}

/// Why a run is not taken over, and what to do.
fn not_shown(log: &Path, other: &Holder, why: &RecordedProcessError) -> String {
    let (who, log) = (line(&other.principal), shell_word(&log.display().to_string()));
    format!(
        "the recorded holder {who} is not shown to hold this run: {}; no process was signalled\n\
         `fuser -v {log}` lists the processes that have the log open; let the gonogo among them be left with q, or end \
         it, and run this again without --take-over",
        line(&why.to_string())
    )
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
    let process = process_of(log, other).map_err(|why| anyhow!(not_shown(log, other, &why)))?;
    // Until this program has the lock, the record is the holder's.
    let _requested = request(log, &signer.principal)?;
    process.terminate().map_err(|why| anyhow!(not_shown(log, other, &why)))?;
    note!("gonogo: {} is asked to leave, and has {} s for that", line(&other.principal), PATIENCE.as_secs());
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        match engine::reopen(store, log, signer, role) {
            Err(OpenRunError::Journal(OpenJournalError::Locked(_))) => thread::sleep(PAUSE),
            opened => return Ok(opened?),
        }
    }
    let (pid, who) = (other.pid, line(&other.principal));
    if process.is_stopped() {
        bail!(
            "process {pid} of {who} is stopped (Ctrl-Z); bring it back with fg, and it leaves; then try again"
        );
    }
    bail!("process {pid} of {who} does not leave; end it, and try again")
}
