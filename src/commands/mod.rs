//! One command each: arguments in, exit code out.

#[macro_use]
mod printing;

mod abandon;
mod ahead;
mod bundle;
mod check;
mod diagnostics;
mod doctor;
mod ending;
mod failure;
mod farewell;
mod gate;
mod git;
mod holding;
mod identity;
mod init;
mod judged;
mod known_runs;
mod load;
mod looking_on;
mod manual;
mod new_key;
mod passphrase;
mod points;
#[cfg(feature = "rehearsal")]
mod rehearse;
mod replan;
mod report;
mod resume;
mod review;
mod run;
mod session;
mod settings;
#[cfg(feature = "rehearsal")]
mod shim;
#[cfg_attr(not(feature = "rehearsal"), path = "no_rehearsal.rs")]
mod simulated_reviewer;
mod start;
mod supervise;
mod trust;
mod trusted;
mod verify;

use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use clap::error::ContextKind;
use tracing::info;

use self::failure::ended;
use crate::cli::{Cli, Command};
use crate::diagnostic::please_report;
use crate::error::Exit;
use crate::process::{keep_private, kill_left};

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
    kill_left();
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
                ended(printed.map(|()| Exit::Good).context("standard output"))
            };
        }
    };
    if let Err(failure) = diagnostics::start(&cli) {
        return ended(Err(failure.into()));
    }
    let name = diagnostics::name(cli.command.as_ref());
    info!(command = name, version = env!("CARGO_PKG_VERSION"), "command started");
    let exit = ended(cli.command.map_or_else(start::start, carry_out));
    info!(command = name, code = exit.code(), "command ended");
    exit
}

fn carry_out(command: Command) -> Result<Exit> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Abandon(arguments) => abandon::abandon(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        #[cfg(feature = "rehearsal")]
        Command::Rehearse(arguments) => rehearse::rehearse(&arguments),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Bundle(arguments) => bundle::bundle(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Review(arguments) => review::review(&arguments),
        Command::Diff(arguments) => report::diff(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Points(arguments) => points::points(&arguments),
        Command::Init(arguments) => init::init(&arguments),
        Command::Completions { shell } => Ok(manual::completions(shell)),
        Command::Man => manual::man(),
        #[cfg(feature = "rehearsal")]
        Command::Shim(arguments) => shim::run(arguments),
        Command::Supervise { argv } if argv.is_empty() => supervise::supervise(),
        Command::Supervise { argv } => Err(supervise::become_without_terminal(&argv)),
    }
}

/// A hint for a command line that could not be parsed.
fn hint(error: &clap::Error) -> Option<&'static str> {
    if is_about_trust(error) {
        return Some("`gonogo doctor --trust-digest PROFILE` prints the SHA256 for --trust");
    }
    let command = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string);
    let lacks_it = !cfg!(feature = "rehearsal") && command.is_some_and(|command| command == "rehearse");
    lacks_it.then_some("this gonogo was built without its rehearsal (the feature `rehearsal`)")
}

/// Whether the error is a missing or invalid digest of `--trust`.
fn is_about_trust(error: &clap::Error) -> bool {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    argument.is_some_and(|argument| argument.starts_with("--trust "))
}
