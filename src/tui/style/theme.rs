//! Styles by meaning. Colours that people with a colour vision deficiency tell apart (after Okabe and
//! Ito), from the 256 that every terminal has; without colour, modifiers carry the meaning.

use ratatui::style::{Color, Modifier, Style};

/// How the screen is to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// For a dark or a light background.
    pub shade: Shade,
    /// Nothing but ASCII, for poor fonts.
    pub ascii: bool,
    /// Whether colours may be used.
    pub color: bool,
}

/// The background that the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shade {
    /// Light on dark.
    #[default]
    Dark,
    /// Dark on light.
    Light,
}

/// What a style can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StyleRole {
    /// As it must be.
    Good,
    /// Confirmed by people.
    Settled,
    /// Wrong.
    Failed,
    /// Could not be looked at.
    Error,
    /// Too old.
    Stale,
    /// Waits for the person who looks at this screen.
    Needs,
    /// Let pass.
    Waived,
    /// Nothing to be done now.
    Idle,
    /// Under way.
    Busy,
}

/// Whether it calls for somebody.
pub const fn is_loud(tone: StyleRole) -> bool {
    matches!(
        tone,
        StyleRole::Failed | StyleRole::Error | StyleRole::Needs | StyleRole::Busy | StyleRole::Stale
    )
}

/// The styles.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    look: Look,
}

impl Theme {
    /// The styles for a look.
    pub const fn new(look: Look) -> Self {
        Self { look }
    }

    /// A colour by its number in the 256, for a dark and for a light background.
    fn color(self, dark: u8, light: u8) -> Style {
        match self.look {
            Look { color: false, .. } => Style::new(),
            Look { shade: Shade::Dark, .. } => Style::new().fg(Color::Indexed(dark)),
            Look { shade: Shade::Light, .. } => Style::new().fg(Color::Indexed(light)),
        }
    }

    fn ground(self, dark: u8, light: u8) -> Style {
        let style = self.color(dark, light);
        style.fg.map_or(Style::new(), |color| Style::new().bg(color))
    }

    /// The style of a meaning.
    pub fn tone(self, tone: StyleRole) -> Style {
        match tone {
            StyleRole::Good => self.color(79, 29),
            StyleRole::Settled => self.color(75, 25),
            StyleRole::Failed => self.failed(),
            StyleRole::Error => self.color(176, 90).add_modifier(Modifier::BOLD),
            StyleRole::Stale => self.color(180, 94),
            StyleRole::Needs => self.color(221, 130).add_modifier(Modifier::BOLD),
            StyleRole::Waived => self.color(109, 66),
            StyleRole::Idle => self.dim(),
            StyleRole::Busy => self.color(117, 31),
        }
    }

    /// The same for longer texts: not bold where the colour says enough.
    pub fn prose(self, tone: StyleRole) -> Style {
        let style = self.tone(tone);
        if self.look.color { style.remove_modifier(Modifier::BOLD) } else { style }
    }

    /// What is wrong.
    pub fn failed(self) -> Style {
        self.color(209, 160).add_modifier(Modifier::BOLD)
    }

    /// A word in a field of its colour: the verdict, the environment.
    pub fn badge(self, tone: StyleRole) -> Style {
        self.tone(tone).add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// Plain text.
    pub const fn text() -> Style {
        Style::new()
    }

    /// What matters most.
    pub const fn strong() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What matters less.
    pub fn dim(self) -> Style {
        if self.look.color { self.color(246, 242) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// Lines between things.
    pub fn rule(self) -> Style {
        if self.look.color { self.color(240, 249) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// What has the focus, and keys to press.
    pub fn accent(self) -> Style {
        self.color(75, 25).add_modifier(Modifier::BOLD)
    }

    /// The ground of the line on top.
    pub fn band(self) -> Style {
        self.ground(236, 254)
    }

    /// The ground of the selected line.
    pub fn selected(self) -> Style {
        if self.look.color { self.ground(238, 252) } else { Style::new().add_modifier(Modifier::REVERSED) }
    }

    /// Where something is typed.
    pub fn field(self) -> Style {
        if self.look.color { self.ground(235, 255) } else { Style::new().add_modifier(Modifier::UNDERLINED) }
    }
}
