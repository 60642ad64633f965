//! Prints lines. Unlike `println!`, it does not panic on a full disk or a closed pipe: the command continues, and ends
//! with the exit code of the failure.

use std::fmt::Arguments;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

/// The first failure of standard output.
static FIRST_FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes a line to standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::commands::printing::say(format_args!($($text)*)) };
}

/// Writes a line to standard error.
macro_rules! note {
    ($($text:tt)*) => { $crate::commands::printing::note(format_args!($($text)*)) };
}

pub(super) fn say(line: Arguments) {
    print(format_args!("{line}\n"));
}

/// Writes to standard output, without a line end.
pub(super) fn print(text: Arguments) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) {
        FIRST_FAILURE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Writes a line to standard error, and ignores failures: there is nowhere to report them.
pub(super) fn note(line: Arguments) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The first failure of standard output, once.
pub(super) fn failure() -> Option<io::Error> {
    FIRST_FAILURE.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Whether standard output is a terminal that may have colors.
pub(super) fn is_colored() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
