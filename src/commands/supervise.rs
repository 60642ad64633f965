//! `gonogo supervise`: what stands between an action and whoever watches it. Not for people: gonogo starts it.

use std::io::{self, Read as _, Write as _};

use anyhow::{Context as _, Error, Result, anyhow};
use rustix::process::setsid;
use zeroize::Zeroizing;

use crate::engine::supervisor::{BEGUN, Order, run};
use crate::error::Exit;
use crate::process::{Launch, Permit};

pub(super) fn supervise() -> Result<Exit> {
    let mut told = Zeroizing::new(Vec::new());
    io::stdin().lock().read_to_end(&mut told)?;
    // What is not whole was cut off when gonogo ended: then nothing begins.
    let order: Order = serde_json::from_slice(&told).context("an order is expected on standard input")?;
    drop(told);
    run(&order, &Permit::for_supervisor(), || {
        // Where nobody listens any more, it has begun all the same.
        let _ = writeln!(io::stdout(), "{BEGUN}");
    })?;
    Ok(Exit::Good)
}

/// Becomes a program, in a session of its own: one without a terminal. Comes back only with why that cannot be done.
pub(super) fn become_without_terminal(argv: &[String]) -> Error {
    // Fails only for the leader of a group, which may be one that a person has started by hand.
    let _ = setsid();
    let program = argv.first().map_or("", String::as_str);
    match Launch::of(argv).map(|launch| launch.exec(&Permit::for_supervisor())) {
        Ok(error) | Err(error) if error.kind() == io::ErrorKind::NotFound => {
            anyhow!("there is no program `{program}` here; install it, or see to PATH")
        }
        Ok(error) | Err(error) => anyhow!("`{program}` cannot be started: {error}"),
    }
}
