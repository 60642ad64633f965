//! The arguments of `new` and `init`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Starting something.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub struct NewArgs {
    /// What.
    #[command(subcommand)]
    pub what: NewCommand,
}

/// What can be started.
#[derive(Debug, Subcommand)]
pub enum NewCommand {
    /// Print a profile to start from, with a comment for each value
    Profile(NewProfileArgs),
    /// Print a checklist to start from, or turn a Markdown checklist into one
    Checklist(NewChecklistArgs),
    /// Set up your name and your signing key
    Key(InitArgs),
}

/// Starting a profile.
#[derive(Debug, Args)]
pub struct NewProfileArgs {
    /// For the standard checklist; otherwise for the one that `gonogo new checklist` prints
    #[arg(long)]
    pub standard: bool,
    /// The file to write; an existing one is kept [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Starting a checklist.
#[derive(Debug, Args)]
pub struct NewChecklistArgs {
    /// The standard checklist itself
    #[arg(long, conflicts_with = "from")]
    pub standard: bool,
    /// A Markdown checklist: headings become sections, `- [ ]` points, shell code probes that are off
    #[arg(long, value_name = "LIST.md")]
    pub from: Option<PathBuf>,
    /// The file to write; an existing one is kept [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Setting up.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Your name in run logs, usually a mail address [default: git's user.email]
    #[arg(long = "as", value_name = "PRINCIPAL")]
    pub principal: Option<String>,
    /// The key file; created if it does not exist
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Create the key without a passphrase
    #[arg(long)]
    pub no_passphrase: bool,
}
