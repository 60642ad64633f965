//! The signs of the screen, and what stands for them where a font has only ASCII.

use std::time::Duration;

use ratatui::buffer::Buffer;

use crate::outcome::Class;
use crate::run::Status;
use crate::tui::style::theme::Tone;

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
pub const fn of_status(status: &Status) -> (&'static str, Tone) {
    match status {
        Status::Pending => ("○", Tone::Idle),
        Status::Passed => ("✔", Tone::Good),
        Status::PassedOnRetry(2) => ("✔²", Tone::Good),
        Status::PassedOnRetry(3) => ("✔³", Tone::Good),
        Status::PassedOnRetry(_) => ("✔⁺", Tone::Good),
        Status::Failed => ("✖", Tone::Failed),
        Status::Error => ("⚠", Tone::Error),
        Status::Stale => ("◷", Tone::Stale),
        Status::NeedsYou { .. } => ("◐", Tone::Needs),
        Status::ToRun(_) => ("▷", Tone::Needs),
        Status::Running(_) => ("▶", Tone::Busy),
        Status::Interrupted(_) => ("↯", Tone::Error),
        Status::Settled => ("●", Tone::Settled),
        Status::Waived(_) => ("≈", Tone::Waived),
        Status::NotApplicable => ("–", Tone::Idle),
        Status::Blocked(_) => ("⊘", Tone::Idle),
        Status::NotDue(_) => ("◌", Tone::Idle),
        Status::Unconfigured(_) => ("∅", Tone::Failed),
    }
}

/// The sign of one observation.
pub const fn of_seen(ok: Option<bool>) -> (&'static str, Tone) {
    match ok {
        Some(true) => ("✔", Tone::Good),
        Some(false) => ("✖", Tone::Failed),
        None => ("⚠", Tone::Error),
    }
}

/// The sign of what a probe came to.
pub const fn of_class(class: Class) -> (&'static str, Tone) {
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
