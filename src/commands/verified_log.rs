//! A log, or a bundle of one, read and verified: the first step of `verify`, `review`, `report` and `diff`.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::loaded_profile::open_log;
use super::trusted_signers::{TrustedSigners, read_trusted_signers};
use crate::cli::TrustArgs;
use crate::engine::{RuleChecker, clock};
use crate::report::TrustSources;
use crate::report::dsse::Envelope;
use gonogo_core::journal::attachments;
use gonogo_core::journal::log_file::LogFile;
use gonogo_core::journal::raw::forks;
use gonogo_core::journal::signers::AllowedSigners;
use gonogo_core::journal::store::logs_beside;
use gonogo_core::journal::verify::{self, Verification};
use gonogo_core::run::RunState;

/// A log and the result of its verification.
pub(super) struct VerifiedLog {
    /// The log; unpacked, if it was in a bundle.
    pub(super) source: LogFile,
    /// The result of the verification.
    pub(super) report: Verification,
    /// The run, up to the last valid entry.
    pub(super) state: Option<RunState>,
    /// The trusted signers.
    pub(super) signers: AllowedSigners,
    /// The files that name them.
    pub(super) trust: TrustSources,
}

/// The maximum size of an envelope, in bytes: its statement is as long as a report.
pub(super) const MAX_ENVELOPE: u64 = 64 << 20;

/// Reads and verifies the log at `path`, or in the bundle at `path`.
pub(super) fn open_and_verify(path: &Path, trust: &TrustArgs) -> Result<VerifiedLog> {
    verified_log(path, open_log(path)?, read_trusted_signers(trust)?)
}

/// The same, for a command that has already read the trusted signers.
pub(super) fn open_and_verify_with(path: &Path, trusted: &TrustedSigners) -> Result<VerifiedLog> {
    verified_log(path, open_log(path)?, trusted.clone())
}

fn verified_log(path: &Path, source: LogFile, trusted: TrustedSigners) -> Result<VerifiedLog> {
    let named = || format!("run log {}", path.display());
    let (report, state) = verify_source(&source, &trusted).with_context(named)?;
    if report.entries == 0 && is_envelope(&source) {
        bail!(
            "{} is a signed statement about a run log (a DSSE envelope), expected a run log or a bundle: give the log itself; \
             a verifier of in-toto statements reads the envelope",
            path.display()
        );
    }
    let TrustedSigners { signers, source: trust } = trusted;
    Ok(VerifiedLog { source, report, state, signers, trust })
}

/// Whether it is an envelope as `report --format dsse` writes it.
fn is_envelope(source: &LogFile) -> bool {
    serde_json::from_reader::<_, Envelope>(source.reader().take(MAX_ENVELOPE)).is_ok()
}

/// Verifies a log: the result, and the run up to the last valid entry.
pub(super) fn verify_source(
    source: &LogFile,
    trusted: &TrustedSigners,
) -> Result<(Verification, Option<RunState>)> {
    let mut rules = RuleChecker::default();
    let log = source.log();
    let mut report = verify::verify(source.reader(), &trusted.signers, clock::now().wall, &mut rules)?;
    let state = rules.into_state();
    report.warnings.extend(state.iter().flat_map(|state| attachment_warnings(log, state)));
    report.warnings.extend(forks(source, &logs_beside(log)));
    report.warnings.extend(trusted.source.warnings.iter().cloned());
    Ok((report, state))
}

/// Warnings about the attachments of a log.
fn attachment_warnings(log: &Path, state: &RunState) -> Vec<String> {
    let torn = state.recoveries.iter().filter_map(|(seq, recovery)| Some((seq, recovery.torn.as_ref()?)));
    let torn = torn.filter_map(|(seq, torn)| Some((seq, attachments::check(log, torn).err()?)));
    let printed = state
        .outputs
        .iter()
        .filter_map(|(seq, output)| Some((seq, attachments::check_output(log, output).err()?)));
    torn.chain(printed).map(|(seq, error)| format!("line {}: attachment {error}", seq + 1)).collect()
}
