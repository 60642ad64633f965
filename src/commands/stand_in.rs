//! `gonogo stand-in`: a command-line tool's process in a rehearsal. Not for people: the rehearsal's programs are this.

use std::io::{self, Write as _};

use anyhow::Result;

use crate::cli::StandInArgs;
use crate::error::Exit;
use crate::rehearsal::tools::stand_in::stand_in;

pub(super) fn run(arguments: StandInArgs) -> Result<Exit> {
    let StandInArgs { desk, tool, args } = arguments;
    let code = stand_in(&desk, &tool, args).unwrap_or_else(|error| {
        // Who has closed standard error hears nothing.
        let _ = writeln!(io::stderr(), "{tool}: {error}");
        1
    });
    std::process::exit(code)
}
