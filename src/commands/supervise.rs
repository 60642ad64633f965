//! `gonogo supervise`: what stands between an action and whoever watches it. Not for people: gonogo starts it.

use std::io::{self, Read as _, Write as _};

use anyhow::{Context as _, Result};
use zeroize::Zeroizing;

use crate::engine::supervisor::{BEGUN, Order, run};
use crate::error::Exit;
use crate::process::Permit;

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
