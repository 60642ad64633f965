//! `gonogo review`: shows a log on the screen, offline; without a log, lists the runs on this machine.

mod indexed_log;
mod list;

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail};

use self::indexed_log::IndexedLog;
use super::loaded_profile::{check_first_entry, open_log};
use super::screen_options::screen_options;
use super::session::{forward_signals, working_directory};
use super::settings::Settings;
use super::trusted_signers::read_trusted_signers;
use super::verified_log::verify_source;
use crate::cli::{ReviewArgs, TrustArgs};
use crate::engine::clock;
use crate::tui::review::{ReviewLog, ReviewProgress, VerificationResult};
use crate::tui::terminal::TerminalGuard;
use crate::tui::{self, Msg, Setup};
use gonogo_core::checklist::Role;
use gonogo_core::error::{Exit, chain};
use gonogo_core::journal::attachments::ActionOutputs;
use gonogo_core::journal::entry::EnrolledOperator;
use gonogo_core::journal::verify::{LogStatus, Verification};
use gonogo_core::text::line;

pub(super) fn review(arguments: &ReviewArgs) -> Result<Exit> {
    let Some(log) = &arguments.log else { return list::list(arguments) };
    open(log, &arguments.trust, arguments)
}

/// Opens a log on the screen.
fn open(path: &Path, trust: &TrustArgs, arguments: &ReviewArgs) -> Result<Exit> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!("`gonogo review` needs a terminal; without one, use `gonogo verify` and `gonogo report`");
    }
    let named = || format!("run log {}", path.display());
    let source = Arc::new(open_log(path)?);
    check_first_entry(path, &source)?;
    // Trust errors are reported before the screen is opened.
    let trusted = read_trusted_signers(trust)?;
    let log = Arc::new(IndexedLog::open(&source, trusted.source.clone()).with_context(named)?);
    let (sender, messages) = mpsc::channel();
    let (reading, to_screen, unpacked) = (Arc::clone(&log), sender.clone(), Arc::clone(&source));
    let first = log.first().ok_or_else(|| {
        anyhow!("{}: the first entry is not valid; `gonogo verify` says why", path.display())
    })?;
    // The thread ends with the program.
    thread::spawn(move || {
        let mut on_read =
            |is_complete| drop(to_screen.send(Msg::ReviewProgress(ReviewProgress::Read(is_complete))));
        let result = match reading.read(&mut on_read) {
            Ok(()) => match verify_source(&unpacked, &trusted) {
                Ok((report, _)) => describe_result(&report),
                Err(error) => VerificationResult::Unknown(chain(error.as_ref())),
            },
            Err(error) => VerificationResult::Unknown(error.to_string()),
        };
        drop(to_screen.send(Msg::ReviewProgress(ReviewProgress::Verified(result))));
    });
    let settings = Settings::read()?;
    let no_operator = EnrolledOperator { principal: String::new(), key: String::new(), role: Role::Reviewer };
    let screen = screen_options(&arguments.screen, &settings);
    let setup = Setup {
        operator: no_operator,
        log_name: path.display().to_string(),
        directory: working_directory(),
        ends_with_session: false,
        faults: Vec::new(),
        appearance: screen.appearance,
        clock: Box::new(clock::now),
        unlock: Arc::new(|_| Err("a review has no keys".into())),
        review: Some(Arc::clone(&log) as Arc<dyn ReviewLog>),
        outputs: Some(ActionOutputs::beside(source.log())),
        last_sealed: None,
        notices: Vec::new(),
        read_only: false,
    };
    forward_signals(&sender)?;
    let mut guard = TerminalGuard::acquire()?.with_options(screen.terminal);
    guard.read_events(sender)?;
    // `source` keeps a bundle unpacked until here.
    let end = tui::run(&mut *guard.terminal()?, &mut guard, &setup, first, &messages, &mut |_| {})?;
    Ok(if end.signalled { Exit::Interrupted } else { Exit::Success })
}

/// Describes the result of the verification.
fn describe_result(report: &Verification) -> VerificationResult {
    let warnings = match report.warnings.as_slice() {
        [] => String::new(),
        [warning] => format!("; {warning}"),
        [first, rest @ ..] => format!("; {first} (and {} more, see gonogo verify)", rest.len()),
    };
    match &report.status {
        LogStatus::Sealed => {
            VerificationResult::Sealed(format!("by {}{warnings}", report.sealed_by.join(" and ")))
        }
        LogStatus::Open => {
            let coverage = match &report.last_signed {
                Some((last, who)) => format!("covered by signatures up to line {last} (by {who})"),
                None => "not covered by any signature".into(),
            };
            let torn = if report.trailing > 0 { "; its last line is incomplete" } else { "" };
            VerificationResult::Open(format!("valid, not sealed; {coverage}{torn}{warnings}"))
        }
        LogStatus::Invalid { at, why } => {
            let valid = usize::try_from(report.entries).unwrap_or(usize::MAX);
            VerificationResult::Invalid(
                format!("at line {}: {}; shown up to there", at.line, line(why)),
                valid,
            )
        }
    }
}
