//! Styles by meaning. The colours can be told apart with a colour vision deficiency (after Okabe and Ito) and are
//! among the 256 that every terminal has. Without colour, modifiers carry the meaning.

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

    fn background(self, dark: u8, light: u8) -> Style {
        let style = self.color(dark, light);
        style.fg.map_or(Style::new(), |color| Style::new().bg(color))
    }

    /// The style of a role.
    pub fn style(self, role: StyleRole) -> Style {
        match role {
            StyleRole::Good => self.color(79, 29),
            StyleRole::Confirmed => self.color(75, 25),
            StyleRole::Failed => self.failed(),
            StyleRole::Error => self.color(176, 90).add_modifier(Modifier::BOLD),
            StyleRole::Stale => self.color(180, 94),
            StyleRole::Attention => self.color(221, 130).add_modifier(Modifier::BOLD),
            StyleRole::Waived => self.color(109, 66),
            StyleRole::Idle => self.dim(),
            StyleRole::Busy => self.color(117, 31),
        }
    }

    /// The style of a role for longer texts: not bold, unless there is no colour.
    pub fn prose(self, role: StyleRole) -> Style {
        let style = self.style(role);
        if self.appearance.color { style.remove_modifier(Modifier::BOLD) } else { style }
    }

    /// Failures.
    pub fn failed(self) -> Style {
        self.color(209, 160).add_modifier(Modifier::BOLD)
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
        if self.appearance.color { self.color(246, 242) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// Rules and borders.
    pub fn rule(self) -> Style {
        if self.appearance.color { self.color(240, 249) } else { Style::new().add_modifier(Modifier::DIM) }
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
            self.background(238, 252)
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
