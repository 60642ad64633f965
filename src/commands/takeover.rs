//! Only one gonogo at a time holds a run. Another one reports the owner, and can take the run over.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::engine::{self, OpenRun, OpenRunError, clock, host};
use gonogo_core::checklist::Role;
use gonogo_core::journal::file::OpenJournalError;
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::lock_owner::{self, LockOwner, TakeoverRequest};
use gonogo_core::journal::store::LogStore;
use gonogo_core::recorded_process::{RecordedProcess, RecordedProcessError};
use gonogo_core::run::{Act, Command};
use gonogo_core::text::{line, shell_word};

/// Time limit for the owner to quit.
const QUIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval of the checks whether it has.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Records, for the owner, that `principal` asks them to quit.
fn record_request(log: &Path, principal: &str) -> Result<TakeoverRequest> {
    let requester = LockOwner::this_process(principal, host(), clock::now().wall);
    lock_owner::request_takeover(log, &requester)
        .with_context(|| format!("cannot record the takeover request beside {}", log.display()))
}

/// The process that holds a log, verified to be the recorded one.
fn owner_process(log: &Path, other: &LockOwner) -> Result<RecordedProcess, RecordedProcessError> {
    RecordedProcess::open(other.pid, other.started.as_ref())?.require_lock(log)?.require_this_program()
}

/// Why a run is not taken over, and what to do.
fn describe_unverified_owner(log: &Path, other: &LockOwner, why: &RecordedProcessError) -> String {
    let (who, log) = (line(&other.principal), shell_word(&log.display().to_string()));
    format!(
        "cannot verify that the recorded owner {who} holds this run: {}; no process was signalled\n\
         `fuser -v {log}` lists the processes that have the log open; quit the gonogo among them with q, or end \
         it, and run this again without --take-over",
        line(&why.to_string())
    )
}

/// Resumes a run, unless another gonogo holds it; with `take_over`, takes it over.
///
/// # Errors
/// Why the run cannot be resumed: who holds it, and what to do.
pub(super) fn reopen(
    store: &LogStore,
    log: &Path,
    signer: &Signer,
    role: Role,
    take_over: bool,
) -> Result<OpenRun> {
    match engine::reopen(store, log, signer, role) {
        Err(OpenRunError::Journal(OpenJournalError::Locked(_))) if take_over => {}
        Err(OpenRunError::Journal(OpenJournalError::Locked(_))) => {
            bail!(describe_owner(lock_owner::read_owner(log).as_ref()))
        }
        opened => return Ok(opened?),
    }
    let Some(other) = lock_owner::read_owner(log) else {
        bail!(
            "another gonogo holds this run, and its owner is not recorded; look for it on the hosts that share this directory"
        )
    };
    let mut opened = take_over_run(store, log, signer, role, &other)?;
    let pid = u64::try_from(other.pid).unwrap_or_default();
    let act = Act::TakeOver { from: other.principal, host: other.host, pid };
    opened.first_commands.push(Command::new(signer.principal.clone(), act));
    Ok(opened)
}

/// Describes who holds a run, and what can be done.
fn describe_owner(other: Option<&LockOwner>) -> String {
    let who = other.map_or_else(
        || "another gonogo is writing this run log".to_owned(),
        |other| {
            let since = other.since.readable();
            let (principal, host) = (line(&other.principal), line(&other.host));
            format!("this run is held by {principal} on {host} (process {}, since {since}); another gonogo is writing this run log", other.pid)
        },
    );
    format!(
        "{who}\nobserve it with --read-only, have them quit with q, or take it over with --take-over: that ends the screen of \
         their session without asking them (nothing signed is lost), and the takeover is recorded"
    )
}

/// Asks the owner's gonogo to quit, as `q` does, and resumes the run when it has.
fn take_over_run(
    store: &LogStore,
    log: &Path,
    signer: &Signer,
    role: Role,
    other: &LockOwner,
) -> Result<OpenRun> {
    if other.host != host() {
        bail!(
            "{} holds this run on {}; their gonogo cannot be asked to quit from here. Take it over on that host",
            line(&other.principal),
            line(&other.host)
        );
    }
    let process =
        owner_process(log, other).map_err(|why| anyhow!(describe_unverified_owner(log, other, &why)))?;
    // Until this program has the lock, the record belongs to the owner.
    let _requested = record_request(log, &signer.principal)?;
    process.terminate().map_err(|why| anyhow!(describe_unverified_owner(log, other, &why)))?;
    note!(
        "gonogo: asked the gonogo of {} to quit; timeout {}s",
        line(&other.principal),
        QUIT_TIMEOUT.as_secs()
    );
    let until = Instant::now() + QUIT_TIMEOUT;
    while Instant::now() < until {
        match engine::reopen(store, log, signer, role) {
            Err(OpenRunError::Journal(OpenJournalError::Locked(_))) => thread::sleep(POLL_INTERVAL),
            opened => return Ok(opened?),
        }
    }
    let (pid, who) = (other.pid, line(&other.principal));
    if process.is_stopped() {
        bail!(
            "process {pid} of {who} is suspended (Ctrl-Z); continue it with fg, and it quits; then try again"
        );
    }
    bail!("process {pid} of {who} did not quit; end it, and try again")
}
