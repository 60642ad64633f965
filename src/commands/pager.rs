//! Shows a long text in the person's pager: `$PAGER`, else `less` if it is installed.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::Stdio;

use super::exiting::ignore_interrupts;
use super::printing::print;
use crate::process::{Launch, Permit, find_program};

/// The pager where no variable names one.
const DEFAULT_PAGER: &str = "less";
/// As git sets it: end at once if the text fits, show styles, leave the text on the screen.
const LESS: (&str, &str) = ("LESS", "FRX");

/// Prints a text, through the pager if standard output is a terminal.
pub(super) fn show(text: &str) {
    if !io::stdout().is_terminal() || pager().is_none_or(|pager| page(&pager, text).is_err()) {
        print(format_args!("{text}"));
    }
}

/// Prints a text, through a command if standard output is a terminal and the command is installed.
pub(super) fn show_with(command: &str, text: &str) {
    let is_installed = command.split(' ').next().and_then(find_program).is_some();
    if !io::stdout().is_terminal() || !is_installed || page(command, text).is_err() {
        print(format_args!("{text}"));
    }
}

/// The command of the pager. An empty variable means none.
fn pager() -> Option<String> {
    match std::env::var("PAGER") {
        Ok(pager) => Some(pager).filter(|pager| !pager.trim().is_empty()),
        Err(_) => find_program(DEFAULT_PAGER).map(|_| DEFAULT_PAGER.to_owned()),
    }
}

/// Pipes a text through a command.
///
/// # Errors
/// When it cannot start. One that ends before it has read everything is no error: its person has seen enough.
fn page(command: &str, text: &str) -> io::Result<()> {
    // Ctrl-C is meant for the pager.
    let _ignored = ignore_interrupts();
    let less = std::env::var_os(LESS.0).is_none().then_some(LESS);
    let launch = Launch::new("sh").args(["-c", command]).envs(less);
    let mut child = launch
        .streams(Stdio::piped(), Stdio::inherit(), Stdio::inherit())
        .spawn_blocking(&Permit::for_pager())?;
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(text.as_bytes());
    }
    // 127 is how a shell reports that there is no such command.
    match child.wait()?.code() {
        Some(127) => Err(io::ErrorKind::NotFound.into()),
        _ => Ok(()),
    }
}
