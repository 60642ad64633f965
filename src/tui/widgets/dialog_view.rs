//! What a dialog shows: where it lies, how it is drawn.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Widget as _};

use crate::text;
use crate::tui::context::{Context, padded};
use crate::tui::style::text::{cells, styled, wrap};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::text_field::Field;

/// The widest that a sheet's text may be.
const WIDEST: u16 = 96;

/// A sheet: what is asked or told, and the keys that answer it.
pub struct DialogView {
    /// What it is about.
    pub title: String,
    /// How grave it is.
    pub tone: StyleRole,
    /// What it says; scrolls when there is too much.
    pub body: Vec<Line<'static>>,
    /// The keys that answer it, always in view.
    pub foot: Vec<Line<'static>>,
    /// Where something is typed: column and line within the body.
    pub cursor: Option<(usize, usize)>,
    /// Whether its end is shown first: the question stands there.
    pub at_end: bool,
}

impl DialogView {
    /// A sheet with nothing on it yet.
    pub fn new(title: impl Into<String>, tone: StyleRole) -> Self {
        Self { title: title.into(), tone, body: Vec::new(), foot: Vec::new(), cursor: None, at_end: false }
    }

    /// Adds a paragraph.
    pub fn put(&mut self, spans: Vec<Span<'static>>, width: usize, hang: usize) {
        self.body.extend(wrap(spans, width, hang));
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.body.push(Line::default());
    }

    /// Adds keys and what they do, as many to a line as fit.
    pub fn keys(&mut self, cx: &Context, keys: &[(&str, &str)], width: usize) {
        let mut line: Vec<Span<'static>> = Vec::new();
        for (key, does) in keys {
            let pair = [styled(key, cx.theme.accent()), styled(&format!(" {does}"), Theme::text())];
            let taken: usize = line.iter().chain(&pair).map(Span::width).sum();
            if !line.is_empty() && taken + 3 > width {
                self.foot.push(Line::from(std::mem::take(&mut line)));
            }
            if !line.is_empty() {
                line.push(Span::raw("   "));
            }
            line.extend(pair);
        }
        self.foot.push(Line::from(line));
    }

    /// A field, and the cursor in it if the person is there.
    pub fn field(&mut self, cx: &Context, width: usize, field: &Field, least: usize, here: bool) {
        let (mut rows, (row, column)) = field.rows(width.saturating_sub(1));
        rows.resize(rows.len().max(least), String::new());
        if here {
            self.cursor = Some((column, self.body.len() + row));
        }
        for row in rows {
            let spans = padded(vec![styled(&row, Theme::text())], width);
            self.body.push(Line::from(spans).style(cx.theme.field()));
        }
    }

    fn height(&self) -> u16 {
        cells(self.body.len() + self.foot.len() + 3)
    }

    /// Where it lies.
    pub fn place(&self, screen: Rect) -> Rect {
        let width = (inner(screen).width + 4).min(screen.width);
        let height = self.height().min(most(screen));
        let x = screen.x + (screen.width - width) / 2;
        // A little above the middle, where the eye is.
        let y = screen.y + (screen.height - height) * 2 / 5;
        Rect { x, y, width, height }
    }

    fn room(&self, screen: Rect) -> usize {
        usize::from(self.place(screen).height).saturating_sub(self.foot.len() + 3)
    }

    /// How far it can be scrolled.
    pub fn limit(&self, screen: Rect) -> usize {
        self.body.len().saturating_sub(self.room(screen))
    }

    /// Draws it.
    pub fn draw(&self, cx: &Context, frame: &mut Frame, scroll: usize) {
        let screen = frame.area();
        let (place, room) = (self.place(screen), self.room(screen));
        let buffer = frame.buffer_mut();
        buffer.set_style(screen, cx.theme.rule());
        // A column of air on either side.
        let air = Rect { x: place.x.saturating_sub(1), width: place.width + 2, ..place };
        Clear.render(air.intersection(screen), buffer);
        let style = cx.theme.tone(self.tone);
        let title = Span::styled(format!(" {} ", self.title), style);
        let block = Block::bordered().border_type(BorderType::Rounded).border_style(style).title(title);
        let scroll = self.followed(scroll, room);
        let beyond = self.body.len().saturating_sub(room + scroll);
        let more =
            if beyond > 0 { format!(" ↓ {} ", text::count(beyond, "more line")) } else { String::new() };
        block.title_bottom(Line::from(cx.dim(&more)).right_aligned()).render(place, buffer);
        let text = Rect { x: place.x + 2, width: place.width - 4, height: 1, ..place };
        for (row, line) in (1..).zip(self.body.iter().skip(scroll).take(room)) {
            line.render(Rect { y: place.y + row, ..text }, buffer);
        }
        for (row, line) in (0..).zip(&self.foot) {
            let y = place.bottom() - 1 - cells(self.foot.len()) + row;
            line.render(Rect { y, ..text }, buffer);
        }
        if let Some((column, line)) = self.cursor {
            let y = place.y + 1 + cells(line.saturating_sub(scroll));
            frame.set_cursor_position(Position::new(text.x + cells(column), y));
        }
    }

    /// What is typed stays in view.
    fn followed(&self, scroll: usize, room: usize) -> usize {
        let scroll = if self.at_end { usize::MAX } else { scroll };
        let least = self.cursor.map_or(0, |(_, line)| (line + 2).saturating_sub(room));
        scroll.max(least).min(self.body.len().saturating_sub(room))
    }
}

/// The highest that a sheet may be: the line on top stays in view where there is room.
fn most(screen: Rect) -> u16 {
    if screen.height >= 24 { screen.height - 4 } else { screen.height }
}

/// How wide a sheet's text is on a screen.
pub fn text_width(screen: Rect) -> usize {
    usize::from(inner(screen).width)
}

/// The place of a sheet's text, as far as the screen determines it.
fn inner(screen: Rect) -> Rect {
    let width = if screen.width < 60 { screen.width } else { screen.width - 8 };
    Rect { width: width.min(WIDEST + 4).saturating_sub(4), ..screen }
}
