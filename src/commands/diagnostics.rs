//! Starts the diagnostic log as the command line asks for.

use std::env;

use super::loaded_profile::state_dir;
use crate::cli::{Cli, CliCommand};
use crate::diagnostic;
use gonogo_core::error::Failure;

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
const fn is_internal(command: Option<&CliCommand>) -> bool {
    match command {
        Some(CliCommand::Supervise { .. }) => true,
        #[cfg(feature = "rehearsal")]
        Some(CliCommand::Shim(_)) => true,
        _ => false,
    }
}

/// Whether a command uses the whole terminal, which lines on standard error would disturb.
fn has_screen(command: Option<&CliCommand>) -> bool {
    match command {
        None | Some(CliCommand::Run(_) | CliCommand::Review(_)) => true,
        #[cfg(feature = "rehearsal")]
        Some(CliCommand::Rehearse(arguments)) => !arguments.serve && !arguments.list,
        Some(_) => false,
    }
}

/// A command's name, without its arguments: they may be confidential.
pub(super) fn name(command: Option<&CliCommand>) -> &'static str {
    match command {
        None => "start",
        Some(CliCommand::Run(_)) => "run",
        Some(CliCommand::Abandon(_)) => "abandon",
        Some(CliCommand::Check(_)) => "check",
        #[cfg(feature = "rehearsal")]
        Some(CliCommand::Rehearse(_)) => "rehearse",
        Some(CliCommand::Status(_)) => "status",
        Some(CliCommand::Verify(_)) => "verify",
        Some(CliCommand::Review(_)) => "review",
        Some(CliCommand::Report(_)) => "report",
        Some(CliCommand::Diff(_)) => "diff",
        Some(CliCommand::Bundle(_)) => "bundle",
        Some(CliCommand::Doctor(_)) => "doctor",
        Some(CliCommand::Points(_)) => "points",
        Some(CliCommand::Init(_)) => "init",
        Some(CliCommand::Completions { .. }) => "completions",
        Some(CliCommand::Help(_)) => "help",
        Some(CliCommand::Man(_)) => "man",
        Some(CliCommand::New(_)) => "new",
        Some(CliCommand::Supervise { .. }) => "supervise",
        #[cfg(feature = "rehearsal")]
        Some(CliCommand::Shim(_)) => "shim",
    }
}
