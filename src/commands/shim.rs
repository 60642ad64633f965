//! `gonogo shim`: the process of a command-line tool in a rehearsal. Started by the rehearsal's scripts, not by people.

use std::io::{self, Write as _};

use anyhow::Result;
use gonogo_rehearsal::shims::client;

use crate::cli::ShimArgs;
use gonogo_core::error::Exit;

pub(super) fn run(arguments: ShimArgs) -> Result<Exit> {
    let ShimArgs { config, tool, args } = arguments;
    let code = client::run(&config, &tool, args).unwrap_or_else(|error| {
        // Standard error may be closed.
        let _ = writeln!(io::stderr(), "{tool}: {error}");
        1
    });
    std::process::exit(code)
}
