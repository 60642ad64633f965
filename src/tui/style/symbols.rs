//! The symbols of the screen, and their ASCII replacements.

use std::time::Duration;

use ratatui::buffer::{Buffer, Cell};

use crate::tui::style::theme::StyleRole;
use gonogo_core::outcome::{Class, Observation, key};
use gonogo_core::run::Status;

/// The symbol of a value that was recorded only.
const RECORDED: &str = "·";

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
    ("ℹ", "i"),
    ("⚠", "!"),
    ("◷", "@"),
    ("◐", "?"),
    ("●", "*"),
    ("•", "i"),
    ("▷", ">"),
    ("◁", "<"),
    ("▶", "="),
    ("▸", ">"),
    ("■", "S"),
    ("◆", "V"),
    ("×", "x"),
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
    let role = match status {
        Status::Pending | Status::NotApplicable | Status::Blocked(_) | Status::NotDue(_) => StyleRole::Idle,
        Status::Passed | Status::PassedOnRetry(_) => StyleRole::Good,
        Status::Failed | Status::Unconfigured(_) => StyleRole::Failed,
        Status::Error | Status::Interrupted(_) => StyleRole::Error,
        Status::Stale => StyleRole::Stale,
        Status::NeedsConfirmation { .. } | Status::NeedsAction(_) | Status::Reverted(_) => {
            StyleRole::Attention
        }
        Status::Running(_) => StyleRole::Busy,
        Status::Confirmed => StyleRole::Confirmed,
        Status::Waived(_) => StyleRole::Waived,
    };
    (status.symbol(), role)
}

/// The symbol of an observation, and its role. A value that was recorded only, or left to people, has no tick: nothing has
/// compared it.
pub fn observation_symbol(seen: &Observation) -> (&'static str, StyleRole) {
    match seen.ok {
        Some(true) if seen.has_key(key::NOTICE) => ("ℹ", StyleRole::Attention),
        Some(true) if seen.has_key(key::LEFT_TO_PEOPLE) => ("◐", StyleRole::Attention),
        Some(true) if seen.is_recorded() => (RECORDED, StyleRole::Idle),
        Some(true) => outcome_symbol(Class::Pass),
        Some(false) => outcome_symbol(Class::Fail),
        None => outcome_symbol(Class::Error),
    }
}

/// The symbols of observations that no status has, with their roles and what they mean.
pub const OBSERVATION_SYMBOLS: [(&str, StyleRole, &str); 3] = [
    (RECORDED, StyleRole::Idle, "recorded only"),
    ("ℹ", StyleRole::Attention, "notice"),
    ("◐", StyleRole::Attention, "left to people"),
];

/// The symbol of an outcome, and its role.
pub const fn outcome_symbol(class: Class) -> (&'static str, StyleRole) {
    match class {
        Class::Pass => ("✔", StyleRole::Good),
        Class::Fail => ("✖", StyleRole::Failed),
        Class::Error => ("⚠", StyleRole::Error),
    }
}

/// The frame of a spinner that started `elapsed` ago.
pub fn spinner(elapsed: Duration) -> &'static str {
    let frame = elapsed.as_millis() / u128::from(SPINNER_FRAME_MS) % SPINNER.len() as u128;
    usize::try_from(frame).ok().and_then(|index| SPINNER.get(index)).unwrap_or(&SPINNER[0])
}

/// Replaces every cell that is not ASCII, one for one, so that the layout stays the same.
pub fn to_ascii(buffer: &mut Buffer) {
    let columns = usize::from(buffer.area.width).max(1);
    buffer.content.chunks_mut(columns).for_each(widen_ellipses);
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let replacement = ascii_symbol(cell.symbol());
            cell.set_symbol(replacement);
        }
    }
}

/// Puts `...` for `…`, over the characters before it, or over the space after it: one dot looks like the end of a
/// sentence.
fn widen_ellipses(row: &mut [Cell]) {
    let is_blank = |row: &[Cell], index: usize| row.get(index).is_none_or(|cell| cell.symbol() == " ");
    let is_text = |cell: &Cell| !matches!(cell.symbol(), " " | "\"" | "“" | "(");
    for index in (0..row.len()).filter(|index| row[*index].symbol() == "…").collect::<Vec<_>>() {
        let ends_word =
            row.get(index + 1).is_none_or(|next| !next.symbol().starts_with(char::is_alphanumeric));
        let before = row[..index].iter().rev().take(2).take_while(|cell| is_text(cell)).count();
        let dots = match before {
            1 | 2 if ends_word => index - before..index + 1,
            0 if (1..=3).all(|after| is_blank(row, index + after)) => index..(index + 3).min(row.len()),
            _ => continue,
        };
        row[dots].iter_mut().for_each(|cell| {
            cell.set_symbol(".");
        });
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

    #[test]
    fn in_ascii_no_mark_looks_like_needs_confirmation() {
        // A seal, a verdict and an entry after the end of a log in the time line; the active operator.
        assert_eq!(["■", "◆", "×", "▸"].map(ascii_symbol), ["S", "V", "x", ">"]);
    }

    #[test]
    fn in_ascii_an_ellipsis_is_three_dots() {
        let cases = [
            ("Exchange, ret…  failed", "Exchange, r...  failed", "a cut title"),
            ("RabbitMQ:…", "RabbitM...", "at the edge"),
            ("“abcd…” x", "\"ab...\" x", "a cut filter"),
            ("a …     ", "a ...   ", "a line that stands for others"),
            ("env = \"…\"", "env = \".\"", "no text to cut"),
            ("1…3", "1.3", "a range"),
        ];
        for (text, expected, what) in cases {
            let mut buffer = Buffer::with_lines([text]);
            to_ascii(&mut buffer);
            assert_eq!(buffer, Buffer::with_lines([expected]), "{what}");
        }
    }
}
