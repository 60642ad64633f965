//! `gonogo supervise`: runs an action as its supervisor. Internal: gonogo starts it.

use std::io::{self, Read as _, Write as _};

use anyhow::{Context as _, Error, Result, anyhow};
use rustix::process::setsid;
use zeroize::Zeroizing;

use crate::engine::supervisor::{LaunchSpec, STARTED, run};
use crate::process::{Launch, Permit};
use gonogo_core::error::Exit;

pub(super) fn supervise() -> Result<Exit> {
    let mut input = Zeroizing::new(Vec::new());
    io::stdin().lock().read_to_end(&mut input)?;
    // An incomplete specification was cut off when gonogo ended: then nothing is started.
    let spec: LaunchSpec =
        serde_json::from_slice(&input).context("expected a launch specification on standard input")?;
    drop(input);
    run(&spec, &Permit::for_supervisor(), || {
        // The action has started, even if nobody reads this.
        let _ = writeln!(io::stdout(), "{STARTED}");
    })?;
    Ok(Exit::Success)
}

/// Replaces this process by a program, in a session without a terminal. Returns only on errors.
pub(super) fn exec_without_terminal(argv: &[String]) -> Error {
    // Fails only for a process group leader, such as a process started by hand.
    let _ = setsid();
    let program = argv.first().map_or("", String::as_str);
    match Launch::of(argv).map(|launch| launch.exec(&Permit::for_supervisor())) {
        Ok(error) | Err(error) if error.kind() == io::ErrorKind::NotFound => {
            anyhow!("program `{program}` not found; install it, or check PATH")
        }
        Ok(error) | Err(error) => anyhow!("`{program}` cannot be started: {error}"),
    }
}
