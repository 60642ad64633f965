//! The content of a dialog, and how it is placed and drawn.

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Widget as _};

use crate::tui::context::{Context, pad_right};
use crate::tui::style::text::{cells, styled, wrap};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::text_field::TextField;
use gonogo_core::text;

/// The maximum width of a dialog's text.
const MAX_TEXT_WIDTH: u16 = 96;

/// The content of a dialog: a title, a text that scrolls, and the keys that answer it.
pub struct DialogView {
    /// The title.
    pub title: String,
    /// The role that colours the title and the border.
    pub role: StyleRole,
    /// The text. It scrolls if it does not fit.
    pub body: Vec<Line<'static>>,
    /// The keys that answer it. They are always visible.
    pub footer: Vec<Line<'static>>,
    /// The cursor, if something is typed: column and line within the body.
    pub cursor: Option<(usize, usize)>,
    /// Whether it opens scrolled to the end, where the question is.
    pub at_end: bool,
    /// Whether some keys do not answer yet: the text has to be scrolled to its end first.
    is_unread: bool,
}

impl DialogView {
    /// An empty dialog.
    pub fn new(title: impl Into<String>, role: StyleRole) -> Self {
        let (body, footer) = (Vec::new(), Vec::new());
        Self { title: title.into(), role, body, footer, cursor: None, at_end: false, is_unread: false }
    }

    /// Adds a paragraph.
    pub fn put(&mut self, spans: Vec<Span<'static>>, width: usize, hang: usize) {
        self.body.extend(wrap(spans, width, hang));
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.body.push(Line::default());
    }

    /// Adds keys and what they do, as many per line as fit.
    pub fn keys(&mut self, cx: &Context, keys: &[(&str, &str)], width: usize) {
        let mut line: Vec<Span<'static>> = Vec::new();
        for (key, description) in keys {
            let pair = [styled(key, cx.theme.accent()), styled(&format!(" {description}"), Theme::text())];
            let used: usize = line.iter().chain(&pair).map(Span::width).sum();
            if !line.is_empty() && used + 3 > width {
                self.footer.extend(wrap(std::mem::take(&mut line), width, 2));
            }
            if !line.is_empty() {
                line.push(Span::raw("   "));
            }
            line.extend(pair);
        }
        self.footer.extend(wrap(line, width, 2));
    }

    /// Dims the keys that answer the question, as the end of the text has not been on the screen.
    pub fn mark_unread(&mut self, cx: &Context, answers: impl Fn(KeyEvent) -> bool) {
        for line in &mut self.footer {
            let mut dims = false;
            for span in &mut line.spans {
                if span.style == cx.theme.accent() {
                    dims = shown_key(&span.content).is_some_and(&answers);
                    self.is_unread |= dims;
                }
                if dims {
                    span.style = cx.theme.dim();
                }
            }
        }
    }

    /// Adds a text field of at least `min_rows` rows, with the cursor if it has the focus.
    pub fn field(&mut self, cx: &Context, width: usize, field: &TextField, min_rows: usize, has_focus: bool) {
        let (mut rows, (row, column)) = field.rows(width.saturating_sub(1));
        rows.resize(rows.len().max(min_rows), String::new());
        if has_focus {
            self.cursor = Some((column, self.body.len() + row));
        }
        for row in rows {
            let spans = pad_right(vec![styled(&row, Theme::text())], width);
            self.body.push(Line::from(spans).style(cx.theme.field()));
        }
    }

    fn height(&self) -> u16 {
        cells(self.body.len() + self.footer.len() + 3)
    }

    /// The area of the dialog. It moves only if a notice would cover a part of it.
    pub fn area(&self, cx: &Context) -> Rect {
        let area = self.area_on(cx.screen);
        if area.bottom() <= cx.dialog_screen.bottom() { area } else { self.area_on(cx.dialog_screen) }
    }

    fn area_on(&self, screen: Rect) -> Rect {
        let width = (text_columns(screen) + 4).min(screen.width);
        let height = self.height().min(max_height(screen));
        let x = screen.x + (screen.width - width) / 2;
        // A little above the middle.
        let y = screen.y + (screen.height - height) * 2 / 5;
        Rect { x, y, width, height }
    }

    /// The lines of the text that fit on a screen, with the keys that it has so far.
    pub fn max_body_height(&self, screen: Rect) -> usize {
        usize::from(max_height(screen)).saturating_sub(self.footer.len() + 3)
    }

    /// The line of the text at a position of the screen.
    pub fn line_at(&self, cx: &Context, scroll: usize, position: Position) -> Option<usize> {
        let row = usize::from(position.y.checked_sub(self.area(cx).y + 1)?);
        self.shown_lines(cx, scroll).nth(row)
    }

    fn body_height(&self, cx: &Context) -> usize {
        usize::from(self.area(cx).height).saturating_sub(self.footer.len() + 3)
    }

    /// The highest scroll offset.
    pub fn scroll_limit(&self, cx: &Context) -> usize {
        self.body.len().saturating_sub(self.body_height(cx))
    }

    /// The lines of the text that a frame shows.
    pub fn shown_lines(&self, cx: &Context, scroll: usize) -> Range<usize> {
        let height = self.body_height(cx);
        let start = self.clamp_scroll(scroll, height);
        start..(start + height).min(self.body.len())
    }

    /// Draws the dialog over a dimmed screen. The header stays as it is: where the run is, and that a rollback is going on,
    /// counts in a dialog too.
    pub fn draw(&self, cx: &Context, frame: &mut Frame, scroll: usize) {
        let screen = frame.area();
        let (area, height) = (self.area(cx), self.body_height(cx));
        let buffer = frame.buffer_mut();
        for part in around_header(cx, screen) {
            buffer.set_style(part, cx.theme.rule());
        }
        // An empty column on either side.
        let margin = Rect { x: area.x.saturating_sub(1), width: area.width + 2, ..area };
        Clear.render(margin.intersection(screen), buffer);
        let style = cx.theme.style(self.role);
        let title = Span::styled(format!(" {} ", self.title), style);
        let block = Block::bordered().border_type(BorderType::Rounded).border_style(style).title(title);
        let scroll = self.clamp_scroll(scroll, height);
        let beyond = self.body.len().saturating_sub(height + scroll);
        let more =
            if beyond > 0 { format!(" ↓ {} ", text::count(beyond, "more line")) } else { String::new() };
        let more = if self.is_unread { cx.with_role(&more, StyleRole::Attention) } else { cx.dim(&more) };
        block.title_bottom(Line::from(more).right_aligned()).render(area, buffer);
        let text = Rect { x: area.x + 2, width: area.width - 4, height: 1, ..area };
        for (row, line) in (1..).zip(self.body.iter().skip(scroll).take(height)) {
            line.render(Rect { y: area.y + row, ..text }, buffer);
        }
        for (row, line) in (0..).zip(&self.footer) {
            let y = area.bottom() - 1 - cells(self.footer.len()) + row;
            line.render(Rect { y, ..text }, buffer);
        }
        if let Some((column, line)) = self.cursor {
            let y = area.y + 1 + cells(line.saturating_sub(scroll));
            frame.set_cursor_position(Position::new(text.x + cells(column), y));
        }
    }

    /// The scroll offset, limited to the text and such that the cursor is visible.
    fn clamp_scroll(&self, scroll: usize, height: usize) -> usize {
        let scroll = if self.at_end { usize::MAX } else { scroll };
        let min_scroll = self.cursor.map_or(0, |(_, line)| (line + 2).saturating_sub(height));
        scroll.max(min_scroll).min(self.body.len().saturating_sub(height))
    }
}

/// The key of a hint, such as `y` or `production Enter`.
fn shown_key(hint: &str) -> Option<KeyEvent> {
    let code = match hint.rsplit(' ').next()? {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        key => KeyCode::Char(key.chars().next().filter(|_| key.chars().count() == 1)?),
    };
    Some(KeyEvent::from(code))
}

/// The screen above and below the header.
fn around_header(cx: &Context, screen: Rect) -> [Rect; 2] {
    let header = cx.area.y.clamp(screen.y, screen.bottom());
    let below = (header + 1).min(screen.bottom());
    let above = Rect { height: header - screen.y, ..screen };
    [above, Rect { y: below, height: screen.bottom() - below, ..screen }]
}

/// The maximum height of a dialog. It leaves the header visible if there is space.
fn max_height(screen: Rect) -> u16 {
    if screen.height >= 24 { screen.height - 4 } else { screen.height }
}

/// The width of a dialog's text on a screen, in cells.
pub fn text_width(screen: Rect) -> usize {
    usize::from(text_columns(screen))
}

fn text_columns(screen: Rect) -> u16 {
    let width = if screen.width < 60 { screen.width } else { screen.width - 8 };
    width.min(MAX_TEXT_WIDTH + 4).saturating_sub(4)
}
