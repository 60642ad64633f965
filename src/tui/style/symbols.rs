//! The signs of the screen, and what stands for them where a font has only ASCII.

use std::time::Duration;

use ratatui::buffer::Buffer;

use crate::outcome::Class;
use crate::run::Status;
use crate::tui::style::theme::StyleRole;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// How long one picture of the spinner stands, in milliseconds.
pub const SPIN_MS: u64 = 100;

/// Every sign that the screen uses, and its one character of ASCII.
const ASCII: &[(&str, &str)] = &[
    ("○", "."),
    ("✔", "o"),
    ("✖", "x"),
    ("⚠", "!"),
    ("◷", "@"),
    ("◐", "/"),
    ("●", "*"),
    ("▷", ")"),
    ("▶", ">"),
    ("↯", "%"),
    ("≈", "="),
    ("–", "-"),
    ("⊘", "#"),
    ("◌", ":"),
    ("∅", "_"),
    ("²", "2"),
    ("³", "3"),
    ("⁺", "+"),
    ("·", "-"),
    ("…", "~"),
    ("─", "-"),
    ("━", "="),
    ("│", "|"),
    ("┃", "#"),
    ("╭", "+"),
    ("╮", "+"),
    ("╰", "+"),
    ("╯", "+"),
    ("▌", ">"),
    ("←", "<"),
    ("→", ">"),
    ("↑", "^"),
    ("↓", "v"),
    ("—", "-"),
    ("’", "'"),
    ("“", "\""),
    ("”", "\""),
];

/// The sign of a state and what it means.
pub const fn of_status(status: &Status) -> (&'static str, StyleRole) {
    match status {
        Status::Pending => ("○", StyleRole::Idle),
        Status::Passed => ("✔", StyleRole::Good),
        Status::PassedOnRetry(2) => ("✔²", StyleRole::Good),
        Status::PassedOnRetry(3) => ("✔³", StyleRole::Good),
        Status::PassedOnRetry(_) => ("✔⁺", StyleRole::Good),
        Status::Failed => ("✖", StyleRole::Failed),
        Status::Error => ("⚠", StyleRole::Error),
        Status::Stale => ("◷", StyleRole::Stale),
        Status::NeedsConfirmation { .. } => ("◐", StyleRole::Needs),
        Status::NeedsAction(_) => ("▷", StyleRole::Needs),
        Status::Running(_) => ("▶", StyleRole::Busy),
        Status::Interrupted(_) => ("↯", StyleRole::Error),
        Status::Confirmed => ("●", StyleRole::Settled),
        Status::Waived(_) => ("≈", StyleRole::Waived),
        Status::NotApplicable => ("–", StyleRole::Idle),
        Status::Blocked(_) => ("⊘", StyleRole::Idle),
        Status::NotDue(_) => ("◌", StyleRole::Idle),
        Status::Unconfigured(_) => ("∅", StyleRole::Failed),
    }
}

/// The sign of one observation.
pub const fn of_seen(ok: Option<bool>) -> (&'static str, StyleRole) {
    match ok {
        Some(true) => ("✔", StyleRole::Good),
        Some(false) => ("✖", StyleRole::Failed),
        None => ("⚠", StyleRole::Error),
    }
}

/// The sign of what a probe came to.
pub const fn of_class(class: Class) -> (&'static str, StyleRole) {
    match class {
        Class::Pass => of_seen(Some(true)),
        Class::Fail => of_seen(Some(false)),
        Class::Error => of_seen(None),
    }
}

/// The spinner's picture, `elapsed` after it began to turn.
pub fn spinner(elapsed: Duration) -> &'static str {
    let picture = elapsed.as_millis() / u128::from(SPIN_MS) % SPINNER.len() as u128;
    usize::try_from(picture).ok().and_then(|index| SPINNER.get(index)).unwrap_or(&SPINNER[0])
}

/// Puts ASCII in the place of everything else, cell by cell, so that nothing moves.
pub fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let plain = plain(cell.symbol());
            cell.set_symbol(plain);
        }
    }
}

fn plain(symbol: &str) -> &'static str {
    if let Some((_, plain)) = ASCII.iter().find(|(sign, _)| *sign == symbol) {
        return plain;
    }
    let turning = SPINNER.iter().position(|picture| *picture == symbol);
    turning.map_or("?", |index| ["-", "\\", "|", "/"][index % 4])
}
