//! One command each: arguments in, exit code out.

#[macro_use]
mod printing;

mod abandon;
mod background;
mod bundle;
mod check;
mod diagnostics;
mod doctor;
mod editor;
mod exit_status;
mod exiting;
mod follow;
mod git;
mod help;
mod identity;
mod init;
mod loaded_profile;
mod manual;
mod new;
mod new_key;
mod pager;
mod passphrase;
mod points;
#[cfg(feature = "rehearsal")]
mod rehearse;
mod replan;
mod report;
mod require_go;
mod resume;
mod review;
mod run;
mod run_list;
mod run_summary;
mod screen_options;
mod session;
mod settings;
#[cfg(feature = "rehearsal")]
mod shim;
#[cfg_attr(not(feature = "rehearsal"), path = "no_rehearsal.rs")]
mod simulated_operators;
mod start;
mod status;
mod supervise;
mod takeover;
mod trust;
mod trusted_signers;
mod verified_log;
mod verify;

#[cfg(test)]
pub(crate) use self::settings::unknown_setting;
use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use clap::error::ContextKind;
use tracing::info;

use self::exit_status::report_result;
use crate::cli::{Cli, CliCommand};
use crate::diagnostic::please_report;
use crate::process::{keep_private, kill_running};
use gonogo_core::error::Exit;

/// Runs the command line and gives the exit code.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> Exit {
    // Before anything is read: a supervisor's input and a log of another user may name secrets, too.
    keep_private();
    // The state that a panic leaves is not used again.
    let exit = panic::catch_unwind(AssertUnwindSafe(|| run(arguments))).unwrap_or_else(|_| {
        note!("gonogo: this is a bug; {}", please_report());
        Exit::Internal
    });
    kill_running();
    exit
}

fn run(arguments: impl Iterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let printed = error.print();
            if let Some(hint) = hint(&error) {
                note!("hint: {hint}");
            }
            return if error.use_stderr() {
                Exit::Usage
            } else {
                report_result(printed.map(|()| Exit::Success).context("standard output"))
            };
        }
    };
    if let Err(failure) = diagnostics::start(&cli) {
        return report_result(Err(failure.into()));
    }
    let name = diagnostics::name(cli.command.as_ref());
    info!(command = name, version = env!("CARGO_PKG_VERSION"), "command started");
    let exit = report_result(cli.command.map_or_else(start::start, run_command));
    info!(command = name, code = exit.code(), "command ended");
    exit
}

fn run_command(command: CliCommand) -> Result<Exit> {
    match command {
        CliCommand::Run(arguments) => run::run(&arguments),
        CliCommand::Abandon(arguments) => abandon::abandon(&arguments),
        CliCommand::Check(arguments) => check::check(&arguments),
        #[cfg(feature = "rehearsal")]
        CliCommand::Rehearse(arguments) => rehearse::rehearse(&arguments),
        CliCommand::Status(arguments) => status::status(&arguments),
        CliCommand::Verify(arguments) => verify::verify(&arguments),
        CliCommand::Bundle(arguments) => bundle::bundle(&arguments),
        CliCommand::Report(arguments) => report::report(&arguments),
        CliCommand::Review(arguments) => review::review(&arguments),
        CliCommand::Diff(arguments) => report::diff(&arguments),
        CliCommand::Doctor(arguments) => doctor::doctor(&arguments),
        CliCommand::Points(arguments) => points::points(&arguments),
        CliCommand::Init(arguments) => init::init(&arguments),
        CliCommand::Completions { shell } => Ok(manual::completions(shell)),
        CliCommand::Help(arguments) => help::help(&arguments),
        CliCommand::Man(arguments) => manual::man(&arguments),
        CliCommand::New(arguments) => new::new(&arguments),
        #[cfg(feature = "rehearsal")]
        CliCommand::Shim(arguments) => shim::run(arguments),
        CliCommand::Supervise { argv } if argv.is_empty() => supervise::supervise(),
        CliCommand::Supervise { argv } => Err(supervise::exec_without_terminal(&argv)),
    }
}

/// A hint for a command line that could not be parsed.
fn hint(error: &clap::Error) -> Option<&'static str> {
    if is_about_trust(error) {
        return Some("`gonogo doctor --trust-digest PROFILE` prints the SHA256 for --trust");
    }
    let command = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string);
    let lacks_rehearsal =
        !cfg!(feature = "rehearsal") && command.is_some_and(|command| command == "rehearse");
    lacks_rehearsal.then_some("this gonogo was built without its rehearsal (the feature `rehearsal`)")
}

/// Whether the error is a missing or invalid digest of `--trust`.
fn is_about_trust(error: &clap::Error) -> bool {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    argument.is_some_and(|argument| argument.starts_with("--trust "))
}
