//! The arguments of `help` and `man`.

use std::path::PathBuf;

use clap::Args;

/// Showing the manual.
#[derive(Debug, Args)]
pub struct HelpArgs {
    /// A topic, a kind of probe, or a command
    #[arg(value_name = "NAME")]
    pub topic: Vec<String>,
}

/// Man pages.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The page: a command, or `profile`, `checklist`, `probes`, `log` [default: that of the program]
    pub page: Option<String>,
    /// The directory to write all pages to, in `man1` and `man5` below it
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    pub output: Option<PathBuf>,
}
