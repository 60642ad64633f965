//! The symbols of the screen, and their ASCII replacements.

use std::time::Duration;

use ratatui::buffer::Buffer;

use crate::tui::style::theme::StyleRole;
use gonogo_core::outcome::Class;
use gonogo_core::run::Status;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// The frames of the spinner in ASCII; none of them is the symbol of a state.
const ASCII_SPINNER: [&str; 4] = ["|", "/", "|", "\\"];
/// How long a frame of the spinner is shown, in milliseconds.
pub const SPINNER_FRAME_MS: u64 = 100;

/// Every symbol of the screen, and the ASCII character that replaces it.
const ASCII: &[(&str, &str)] = &[
    ("○", "o"),
    ("✔", "+"),
    ("✖", "x"),
    ("⚠", "!"),
    ("◷", "@"),
    ("◐", "?"),
    ("●", "*"),
    ("•", "i"),
    ("▷", ">"),
    ("▶", "="),
    ("↯", "%"),
    ("≈", "~"),
    ("–", "-"),
    ("⊘", "#"),
    ("◌", "."),
    ("∅", "_"),
    ("²", "2"),
    ("³", "3"),
    ("⁺", "+"),
    ("·", "-"),
    ("…", "."),
    ("─", "-"),
    ("━", "="),
    ("│", "|"),
    ("┃", "#"),
    ("╭", "+"),
    ("╮", "+"),
    ("╰", "+"),
    ("╯", "+"),
    ("▌", "|"),
    ("←", "<"),
    ("→", ">"),
    ("↑", "^"),
    ("↓", "v"),
    ("—", "-"),
    ("’", "'"),
    ("“", "\""),
    ("”", "\""),
];

/// The symbol of a status, and its role.
pub const fn status_symbol(status: &Status) -> (&'static str, StyleRole) {
    match status {
        Status::Pending => ("○", StyleRole::Idle),
        Status::Passed => ("✔", StyleRole::Good),
        Status::PassedOnRetry(2) => ("✔²", StyleRole::Good),
        Status::PassedOnRetry(3) => ("✔³", StyleRole::Good),
        Status::PassedOnRetry(_) => ("✔⁺", StyleRole::Good),
        Status::Failed => ("✖", StyleRole::Failed),
        Status::Error => ("⚠", StyleRole::Error),
        Status::Stale => ("◷", StyleRole::Stale),
        Status::NeedsConfirmation { .. } => ("◐", StyleRole::Attention),
        Status::NeedsAction(_) => ("▷", StyleRole::Attention),
        Status::Running(_) => ("▶", StyleRole::Busy),
        Status::Interrupted(_) => ("↯", StyleRole::Error),
        Status::Confirmed => ("●", StyleRole::Confirmed),
        Status::Waived(_) => ("≈", StyleRole::Waived),
        Status::NotApplicable => ("–", StyleRole::Idle),
        Status::Blocked(_) => ("⊘", StyleRole::Idle),
        Status::NotDue(_) => ("◌", StyleRole::Idle),
        Status::Unconfigured(_) => ("∅", StyleRole::Failed),
    }
}

/// The symbol of an observation, and its role. `None` could not be checked.
pub const fn observation_symbol(ok: Option<bool>) -> (&'static str, StyleRole) {
    match ok {
        Some(true) => ("✔", StyleRole::Good),
        Some(false) => ("✖", StyleRole::Failed),
        None => ("⚠", StyleRole::Error),
    }
}

/// The symbol of an outcome, and its role.
pub const fn outcome_symbol(class: Class) -> (&'static str, StyleRole) {
    match class {
        Class::Pass => observation_symbol(Some(true)),
        Class::Fail => observation_symbol(Some(false)),
        Class::Error => observation_symbol(None),
    }
}

/// The frame of a spinner that started `elapsed` ago.
pub fn spinner(elapsed: Duration) -> &'static str {
    let frame = elapsed.as_millis() / u128::from(SPINNER_FRAME_MS) % SPINNER.len() as u128;
    usize::try_from(frame).ok().and_then(|index| SPINNER.get(index)).unwrap_or(&SPINNER[0])
}

/// Replaces every cell that is not ASCII, one for one, so that the layout stays the same.
pub fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let replacement = ascii_symbol(cell.symbol());
            cell.set_symbol(replacement);
        }
    }
}

fn ascii_symbol(symbol: &str) -> &'static str {
    if let Some((_, ascii)) = ASCII.iter().find(|(known, _)| *known == symbol) {
        return ascii;
    }
    let spinner_frame = SPINNER.iter().position(|frame| *frame == symbol);
    spinner_frame.map_or("?", |index| ASCII_SPINNER[index % 4])
}

#[cfg(test)]
mod tests {
    use super::*;
    use gonogo_core::time::Utc;

    #[test]
    fn in_ascii_too_no_symbol_stands_for_two_states() {
        let needs_confirmation = Status::NeedsConfirmation { confirmed: 0, required: 1 };
        let id = || "a.b".to_owned();
        let symbols = [
            (Status::Passed, "+"),
            (Status::Confirmed, "*"),
            (Status::Failed, "x"),
            (Status::Error, "!"),
            (Status::Waived(Utc::from_millis(0)), "~"),
            (Status::NotApplicable, "-"),
            (Status::NotDue(id()), "."),
            (Status::Blocked(id()), "#"),
            (Status::Pending, "o"),
            (Status::NeedsAction(id()), ">"),
            (needs_confirmation, "?"),
            (Status::Running(id()), "="),
            (Status::Interrupted(id()), "%"),
            (Status::Stale, "@"),
            (Status::Unconfigured(vec![]), "_"),
        ];
        for (status, expected) in &symbols {
            assert_eq!(ascii_symbol(status_symbol(status).0), *expected, "{status:?}");
        }
        let all =
            symbols.iter().map(|(_, symbol)| *symbol).chain(["i"]).chain(ASCII_SPINNER[..2].iter().copied());
        let mut all: Vec<_> = all.chain([ASCII_SPINNER[3]]).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!((all.len(), ascii_symbol("•")), (count, "i"));
    }
}
