//! Starts the diagnostic log as the command line asks for.

use std::env;

use super::load::state_dir;
use crate::cli::{Cli, Command};
use crate::diagnostic;
use crate::error::Failure;

/// Starts the log, except in programs that gonogo itself starts: they report errors in other ways.
///
/// # Errors
/// When the log levels cannot be parsed.
pub(super) fn start(cli: &Cli) -> Result<(), Failure> {
    if is_internal(cli.command.as_ref()) {
        return Ok(());
    }
    let named = env::var(diagnostic::VARIABLE).ok();
    let filter = diagnostic::filter(named.as_deref(), cli.verbose)?;
    // Without a home directory there is no file; a command that needs the directory reports that.
    let directory = state_dir().ok().map(|state| state.join("diagnostic"));
    diagnostic::start(directory.as_deref(), filter, cli.verbose > 0 && !has_screen(cli.command.as_ref()));
    Ok(())
}

/// Whether gonogo itself starts a command.
const fn is_internal(command: Option<&Command>) -> bool {
    match command {
        Some(Command::Supervise { .. }) => true,
        #[cfg(feature = "rehearsal")]
        Some(Command::Shim(_)) => true,
        _ => false,
    }
}

/// Whether a command uses the whole terminal, which lines on standard error would disturb.
fn has_screen(command: Option<&Command>) -> bool {
    match command {
        None | Some(Command::Run(_) | Command::Review(_)) => true,
        #[cfg(feature = "rehearsal")]
        Some(Command::Rehearse(arguments)) => !arguments.serve && !arguments.list,
        Some(_) => false,
    }
}

/// A command's name, without its arguments: they may be confidential.
pub(super) fn name(command: Option<&Command>) -> &'static str {
    match command {
        None => "start",
        Some(Command::Run(_)) => "run",
        Some(Command::Abandon(_)) => "abandon",
        Some(Command::Check(_)) => "check",
        #[cfg(feature = "rehearsal")]
        Some(Command::Rehearse(_)) => "rehearse",
        Some(Command::Verify(_)) => "verify",
        Some(Command::Review(_)) => "review",
        Some(Command::Report(_)) => "report",
        Some(Command::Diff(_)) => "diff",
        Some(Command::Bundle(_)) => "bundle",
        Some(Command::Doctor(_)) => "doctor",
        Some(Command::Points(_)) => "points",
        Some(Command::Init(_)) => "init",
        Some(Command::Completions { .. }) => "completions",
        Some(Command::Man) => "man",
        Some(Command::Supervise { .. }) => "supervise",
        #[cfg(feature = "rehearsal")]
        Some(Command::Shim(_)) => "shim",
    }
}
