//! Asks for a passphrase. However gonogo ends meanwhile, the terminal's echo is restored.

use std::fs::File;
use std::io;

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::exiting::{exit_interrupted, with_undo_on_signal};
use gonogo_core::secret::Secret;

/// Asks for a passphrase on the terminal, without echo.
///
/// # Errors
/// When there is no terminal.
pub(super) fn ask(prompt: &str) -> io::Result<Secret> {
    let before = File::open("/dev/tty").and_then(|terminal| Ok((tcgetattr(&terminal)?, terminal)));
    let restore_echo = move || {
        if let Ok((settings, terminal)) = &before {
            let _ = tcsetattr(terminal, OptionalActions::Now, settings);
        }
    };
    let answer = with_undo_on_signal(restore_echo, || match rpassword::prompt_password(prompt) {
        // Ctrl-C: not a signal while the passphrase is read.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => exit_interrupted(),
        answer => answer,
    });
    answer.map(Secret::new)
}
