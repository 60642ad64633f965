//! `gonogo run`: open a run, or go on with the one that is open.
use anyhow::Result;

use crate::cli::RunArgs;
use crate::error::Exit;

pub(super) fn run(_arguments: &RunArgs) -> Result<Exit> {
    anyhow::bail!("not yet")
}
