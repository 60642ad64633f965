//! Styles by meaning. The colours can be told apart with a colour vision deficiency (after Okabe and Ito) and are
//! among the 256 that every terminal has. Text has a contrast of at least 4.5 with each of its backgrounds (WCAG 2.2,
//! 1.4.3). Without colour, modifiers carry the meaning.

use ratatui::style::{Color, Modifier, Style};

/// Appearance settings of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    /// Dark or light background.
    pub color_scheme: ColorScheme,
    /// ASCII symbols only.
    pub ascii: bool,
    /// Whether colours are used.
    pub color: bool,
}

/// The background of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorScheme {
    /// Light on dark.
    #[default]
    Dark,
    /// Dark on light.
    Light,
}

/// The meaning of a style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StyleRole {
    /// Passed.
    Good,
    /// Confirmed by people.
    Confirmed,
    /// Checked, and wrong.
    Failed,
    /// Could not be checked.
    Error,
    /// Too old.
    Stale,
    /// Needs the active operator, or deserves a warning.
    Attention,
    /// Waived, or waiting for somebody else.
    Waived,
    /// Nothing to do.
    Idle,
    /// Running.
    Busy,
}

/// Whether a state with this role is labelled even where there is little space.
pub const fn is_prominent(role: StyleRole) -> bool {
    matches!(
        role,
        StyleRole::Failed | StyleRole::Error | StyleRole::Attention | StyleRole::Busy | StyleRole::Stale
    )
}

/// The styles for one appearance.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    appearance: Appearance,
}

impl Theme {
    /// Creates the styles for an appearance.
    pub const fn new(appearance: Appearance) -> Self {
        Self { appearance }
    }

    /// A foreground colour by its index in the 256, one for each color scheme.
    fn color(self, dark: u8, light: u8) -> Style {
        match self.appearance {
            Appearance { color: false, .. } => Style::new(),
            Appearance { color_scheme: ColorScheme::Dark, .. } => Style::new().fg(Color::Indexed(dark)),
            Appearance { color_scheme: ColorScheme::Light, .. } => Style::new().fg(Color::Indexed(light)),
        }
    }

    /// A background. It sets the text's colour too: the terminal's own may not be legible on it, if its background is
    /// not the one that we take it for.
    fn background(self, dark: u8, light: u8) -> Style {
        let style = self.color(dark, light);
        style.fg.map_or(Style::new(), |color| self.color(255, 232).bg(color))
    }

    /// The style of a role.
    pub fn style(self, role: StyleRole) -> Style {
        match role {
            StyleRole::Good => self.color(79, 23),
            StyleRole::Confirmed => self.color(75, 25),
            StyleRole::Failed => self.failed(),
            StyleRole::Error => self.color(176, 90).add_modifier(Modifier::BOLD),
            StyleRole::Stale => self.color(180, 58),
            StyleRole::Attention => self.color(221, 94).add_modifier(Modifier::BOLD),
            StyleRole::Waived => self.color(109, 24),
            StyleRole::Idle => self.dim(),
            StyleRole::Busy => self.color(117, 26),
        }
    }

    /// The style of a role for longer texts: not bold, unless there is no colour.
    pub fn prose(self, role: StyleRole) -> Style {
        let style = self.style(role);
        if self.appearance.color { style.remove_modifier(Modifier::BOLD) } else { style }
    }

    /// Failures.
    pub fn failed(self) -> Style {
        self.color(209, 124).add_modifier(Modifier::BOLD)
    }

    /// A word on a coloured background: the verdict, the environment.
    pub fn badge(self, role: StyleRole) -> Style {
        self.style(role).add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// Plain text.
    pub const fn text() -> Style {
        Style::new()
    }

    /// Emphasised text.
    pub const fn strong() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Secondary text.
    pub fn dim(self) -> Style {
        if self.appearance.color { self.color(248, 240) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// Rules and borders.
    pub fn rule(self) -> Style {
        if self.appearance.color { self.color(241, 245) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// Focused elements, and keys.
    pub fn accent(self) -> Style {
        self.color(75, 25).add_modifier(Modifier::BOLD)
    }

    /// Background of the header.
    pub fn header(self) -> Style {
        self.background(236, 254)
    }

    /// Background of the selected line.
    pub fn selected(self) -> Style {
        if self.appearance.color {
            self.background(237, 254)
        } else {
            Style::new().add_modifier(Modifier::REVERSED)
        }
    }

    /// Background of text fields.
    pub fn field(self) -> Style {
        if self.appearance.color {
            self.background(235, 255)
        } else {
            Style::new().add_modifier(Modifier::UNDERLINED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of one of the 256 colours (WCAG 2.2), as xterm defines them.
    fn luminance(index: u8) -> f64 {
        let cube = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
        let channels = match index {
            16..=231 => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(cube),
            232.. => [8 + 10 * (index - 232); 3],
            _ => panic!("{index}: terminals define it as they like"),
        };
        let linear = channels.map(|channel| {
            let part = f64::from(channel) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    fn of(color: Option<Color>) -> f64 {
        match color {
            Some(Color::Indexed(index)) => luminance(index),
            other => panic!("{other:?}"),
        }
    }

    fn contrast(a: f64, b: f64) -> f64 {
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn theme(color_scheme: ColorScheme) -> Theme {
        Theme::new(Appearance { color_scheme, ascii: false, color: true })
    }

    /// The styles of text, with their names.
    fn text_styles(theme: Theme) -> impl Iterator<Item = (String, Style)> {
        use StyleRole::{Attention, Busy, Confirmed, Error, Failed, Good, Idle, Stale, Waived};
        let roles = [Good, Confirmed, Failed, Error, Stale, Attention, Waived, Idle, Busy];
        let roles = roles.into_iter().map(move |role| (format!("{role:?}"), theme.style(role)));
        roles.chain([("accent".into(), theme.accent()), ("dim".into(), theme.dim())])
    }

    #[test]
    fn every_text_is_legible_on_each_of_its_backgrounds() {
        for (scheme, terminal) in [(ColorScheme::Dark, 0.0), (ColorScheme::Light, 1.0)] {
            let theme = theme(scheme);
            let own = [("header", theme.header()), ("selected", theme.selected()), ("field", theme.field())];
            let own_luminance = own.map(|(name, style)| (name, of(style.bg)));
            for (background, behind) in own_luminance.into_iter().chain([("terminal", terminal)]) {
                for (name, style) in text_styles(theme) {
                    let ratio = contrast(of(style.fg), behind);
                    assert!(ratio >= 4.5, "{scheme:?}: {name} on {background}: {ratio:.2}");
                }
            }
            for (name, style) in own {
                assert!(contrast(of(style.fg), of(style.bg)) >= 7.0, "{scheme:?}: text on {name}");
            }
            // Lines need less (WCAG 2.2, 1.4.11).
            assert!(contrast(of(theme.rule().fg), terminal) >= 3.0, "{scheme:?}: rules");
        }
    }

    /// In a terminal whose background was not found out.
    #[test]
    fn title_and_selected_row_are_legible_in_the_wrong_theme() {
        for scheme in [ColorScheme::Dark, ColorScheme::Light] {
            for style in [theme(scheme).header(), theme(scheme).selected(), theme(scheme).field()] {
                assert!(style.fg.is_some() && style.bg.is_some(), "{scheme:?}: {style:?}");
            }
        }
    }
}
