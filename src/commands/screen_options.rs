//! How the screen looks and what it does with the terminal: the command line, else the settings, else the environment.

use super::settings::Settings;
use crate::cli::{ScreenArgs, ThemeArg};
use crate::tui::terminal::{TerminalKind, TerminalOptions, scheme_of_colorfgbg};
use crate::tui::{Appearance, ColorScheme};

/// The options of a screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScreenOptions {
    /// Colors and character set.
    pub(super) appearance: Appearance,
    /// What it does with the terminal besides drawing.
    pub(super) terminal: TerminalOptions,
}

/// The options of this session's screen.
pub(super) fn screen_options(arguments: &ScreenArgs, settings: &Settings) -> ScreenOptions {
    options(arguments, settings, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn options(
    arguments: &ScreenArgs,
    settings: &Settings,
    env: &dyn Fn(&str) -> Option<String>,
) -> ScreenOptions {
    let theme = arguments.theme.or(settings.theme);
    let color = env("NO_COLOR").is_none();
    let color_scheme = match theme {
        Some(ThemeArg::Light) => ColorScheme::Light,
        Some(ThemeArg::Dark) => ColorScheme::Dark,
        None => env("COLORFGBG").and_then(|value| scheme_of_colorfgbg(&value)).unwrap_or_default(),
    };
    let ascii = arguments.ascii || settings.ascii.unwrap_or_else(|| needs_ascii(env));
    let kind = terminal_kind(env);
    ScreenOptions {
        appearance: Appearance { color_scheme, ascii, color },
        terminal: TerminalOptions {
            detects_background: theme.is_none() && color && kind != TerminalKind::Plain,
            attention: settings.attention,
            kind,
        },
    }
}

fn terminal_kind(env: &dyn Fn(&str) -> Option<String>) -> TerminalKind {
    match env("TERM").as_deref() {
        Some("dumb" | "linux") => TerminalKind::Plain,
        _ if env("TMUX").is_some() => TerminalKind::Tmux,
        _ => TerminalKind::Osc,
    }
}

/// Whether the terminal cannot show Unicode: it is a dumb one, or the locale names another character set. The first of
/// these variables that is set decides, as for every program (POSIX, 8.2).
fn needs_ascii(env: &dyn Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(env);
    let is_utf8 = |locale: String| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    };
    env("TERM").as_deref() == Some("dumb") || !locale.is_none_or(is_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(env: &[(&str, &str)], settings: &Settings, theme: Option<ThemeArg>) -> ScreenOptions {
        let arguments = ScreenArgs { log_dir: None, theme, ascii: false };
        let value =
            |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        options(&arguments, settings, &value)
    }

    #[test]
    fn a_terminal_without_unicode_gets_ascii() {
        for (env, expected) in [
            (&[][..], false),
            (&[("LANG", "de_DE.UTF-8")], false),
            (&[("LANG", "C.utf8")], false),
            (&[("LANG", "C")], true),
            (&[("LANG", "de_DE@euro")], true),
            (&[("LC_CTYPE", "en_US.UTF-8"), ("LANG", "C")], false),
            (&[("LC_ALL", "POSIX"), ("LC_CTYPE", "en_US.UTF-8")], true),
            (&[("LANG", "en_US.UTF-8"), ("TERM", "dumb")], true),
            (&[("LANG", "en_US.UTF-8"), ("TERM", "xterm-256color")], false),
        ] {
            assert_eq!(of(env, &Settings::default(), None).appearance.ascii, expected, "{env:?}");
        }
        let set = |ascii| Settings { ascii: Some(ascii), ..Settings::default() };
        assert!(!of(&[("LANG", "C")], &set(false), None).appearance.ascii);
        assert!(of(&[("LANG", "C.UTF-8")], &set(true), None).appearance.ascii);
    }

    #[test]
    fn the_terminal_is_asked_for_its_background_only_if_nothing_sets_the_theme() {
        let light = Settings { theme: Some(ThemeArg::Light), ..Settings::default() };
        let none = Settings::default();
        let scheme =
            |options: ScreenOptions| (options.appearance.color_scheme, options.terminal.detects_background);
        assert_eq!(scheme(of(&[], &none, None)), (ColorScheme::Dark, true));
        assert_eq!(scheme(of(&[("COLORFGBG", "0;15")], &none, None)), (ColorScheme::Light, true));
        assert_eq!(
            scheme(of(&[("COLORFGBG", "0;15")], &none, Some(ThemeArg::Dark))),
            (ColorScheme::Dark, false)
        );
        assert_eq!(scheme(of(&[], &light, None)), (ColorScheme::Light, false));
        assert_eq!(scheme(of(&[], &light, Some(ThemeArg::Dark))), (ColorScheme::Dark, false));
        for variable in [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "linux")] {
            assert!(!of(&[variable], &none, None).terminal.detects_background, "{variable:?}");
        }
    }
}
