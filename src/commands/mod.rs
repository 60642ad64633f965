//! One command each: arguments in, exit code out.

mod abandon;
mod bundle;
mod check;
mod doctor;
mod ending;
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
mod played;
mod points;
mod rehearse;
mod replan;
mod report;
mod resume;
mod review;
mod run;
mod session;
mod settings;
mod stand_in;
mod start;
mod supervise;
mod trust;
mod trusted;
mod verify;

use std::ffi::OsString;
use std::io::{self, Write as _};

use anyhow::Result;
use clap::Parser as _;
use clap::error::ContextKind;

use crate::cli::{Cli, Command};
use crate::error::{Exit, chain};

/// Runs the command line and gives the exit code.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            if is_about_trust(&error) {
                let hint =
                    "hint: the SHA256 of --trust is what `gonogo doctor --trust-digest PROFILE` prints";
                let _ = writeln!(io::stderr(), "{hint}");
            }
            return if error.use_stderr() { Exit::Usage } else { Exit::Good };
        }
    };
    let Some(command) = cli.command else { return ended(start::start()) };
    ended(match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Abandon(arguments) => abandon::abandon(&arguments),
        Command::Check(arguments) => check::check(&arguments),
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
        Command::StandIn(arguments) => stand_in::run(arguments),
        Command::Supervise { argv } if argv.is_empty() => supervise::supervise(),
        Command::Supervise { argv } => Err(supervise::become_without_terminal(&argv)),
    })
}

/// Whether the digest of `--trust` is missing, or something else stands in its place.
fn is_about_trust(error: &clap::Error) -> bool {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    argument.is_some_and(|argument| argument.starts_with("--trust "))
}

/// The exit code; what went wrong is told.
fn ended(done: Result<Exit>) -> Exit {
    done.unwrap_or_else(|error| {
        // The reader of a closed pipe wants no more, not even an error.
        if !is_broken_pipe(&error) {
            let _ = writeln!(io::stderr(), "gonogo: {}", chain(error.as_ref()));
        }
        Exit::Usage
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
