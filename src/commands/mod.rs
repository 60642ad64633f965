//! One command each: arguments in, exit code out.

#[macro_use]
mod printing;

mod bundle;
mod check;
mod doctor;
mod ending;
mod failure;
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
use std::panic::{self, AssertUnwindSafe};

use clap::Parser as _;
use clap::error::ContextKind;

use self::failure::ended;
use crate::cli::{Cli, Command};
use crate::error::Exit;

/// Runs the command line and gives the exit code.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> Exit {
    // The panic has been told where it happened, and nothing that it left behind is used again.
    let done = panic::catch_unwind(AssertUnwindSafe(|| run(arguments)));
    done.unwrap_or(Exit::Internal)
}

fn run(arguments: impl Iterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            if is_about_trust(&error) {
                note!("hint: the SHA256 of --trust is what `gonogo doctor --trust-digest PROFILE` prints");
            }
            return if error.use_stderr() { Exit::Usage } else { Exit::Good };
        }
    };
    let Some(command) = cli.command else { return ended(start::start()) };
    ended(match command {
        Command::Run(arguments) => run::run(&arguments),
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
        Command::Supervise => supervise::supervise(),
    })
}

/// Whether the digest of `--trust` is missing, or something else stands in its place.
fn is_about_trust(error: &clap::Error) -> bool {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    argument.is_some_and(|argument| argument.starts_with("--trust "))
}
