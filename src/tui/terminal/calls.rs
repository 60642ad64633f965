//! How the terminal calls its user: the bell, a desktop notification (OSC 9), the window title (OSC 2).

use serde::Deserialize;

/// The maximum length of a notification or a title, in characters.
const MAX_TEXT: usize = 200;

/// Saves the window title on the terminal's stack, and restores it from there (XTWINOPS):
/// <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>.
pub const SAVE_TITLE: &str = "\x1b[22;2t";
/// See [`SAVE_TITLE`].
pub const RESTORE_TITLE: &str = "\x1b[23;2t";

/// What may call for attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionSetting {
    /// The bell, notifications and the window title.
    #[default]
    All,
    /// The bell only.
    Bell,
    /// The window title only.
    Title,
    /// Nothing.
    Off,
}

/// What the terminal understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TerminalKind {
    /// Operating system commands (OSC).
    #[default]
    Osc,
    /// The same, behind tmux, which passes a notification on only if it is wrapped.
    Tmux,
    /// Neither: the Linux console, or a dumb terminal.
    Plain,
}

/// What to write for a call.
pub fn call(setting: AttentionSetting, kind: TerminalKind, text: &str) -> String {
    let text = bounded(text);
    match (setting, kind) {
        (AttentionSetting::Title | AttentionSetting::Off, _) => String::new(),
        (AttentionSetting::Bell, _) | (AttentionSetting::All, TerminalKind::Plain) => "\x07".into(),
        (AttentionSetting::All, TerminalKind::Osc) => format!("\x1b]9;{text}\x1b\\\x07"),
        (AttentionSetting::All, TerminalKind::Tmux) => {
            format!("\x1bPtmux;\x1b\x1b]9;{text}\x07\x1b\\\x07")
        }
    }
}

/// What to write for a window title.
pub fn title(setting: AttentionSetting, kind: TerminalKind, text: &str) -> String {
    match (setting, kind) {
        (AttentionSetting::All | AttentionSetting::Title, TerminalKind::Osc | TerminalKind::Tmux) => {
            format!("\x1b]2;{}\x1b\\", bounded(text))
        }
        _ => String::new(),
    }
}

/// The text without anything that could end the sequence.
fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use AttentionSetting::{All, Bell, Off, Title};
    use TerminalKind::{Osc, Plain, Tmux};

    #[test]
    fn calls_and_titles_follow_the_setting_and_the_terminal() {
        for (setting, kind, expected_call, expected_title) in [
            (All, Osc, "\x1b]9;ship]9;\x1b\\\x07", "\x1b]2;ship]9;\x1b\\"),
            (All, Tmux, "\x1bPtmux;\x1b\x1b]9;ship]9;\x07\x1b\\\x07", "\x1b]2;ship]9;\x1b\\"),
            (All, Plain, "\x07", ""),
            (Bell, Osc, "\x07", ""),
            (Title, Osc, "", "\x1b]2;ship]9;\x1b\\"),
            (Title, Plain, "", ""),
            (Off, Osc, "", ""),
        ] {
            // What it contains cannot end the sequence or begin another one.
            let text = "ship\x1b]9;\x07\u{9c}";
            assert_eq!(call(setting, kind, text), expected_call, "{setting:?} {kind:?}");
            assert_eq!(title(setting, kind, text), expected_title, "{setting:?} {kind:?}");
        }
        assert!(call(All, Osc, &"x".repeat(10_000)).len() < 300);
    }
}
