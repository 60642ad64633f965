//! A sheet of paper over the screen: where it lies, how it is drawn.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Widget as _};

use crate::text;
use crate::tui::context::View;
use crate::tui::dialogs::Dialog;
use crate::tui::dialogs::confirm as sheets;
use crate::tui::dialogs::help;
use crate::tui::dialogs::plan_proposal as proposal;
use crate::tui::dialogs::run_action as acting;
use crate::tui::dialogs::switch_operator as turns;
use crate::tui::dialogs::verdict;
use crate::tui::style::text::{cells, ink, wrap};
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::views::review::timeline;

/// The widest that a sheet's text may be.
const WIDEST: u16 = 96;

/// A sheet: what is asked or told, and the keys that answer it.
pub struct Sheet {
    /// What it is about.
    pub title: String,
    /// How grave it is.
    pub tone: Tone,
    /// What it says; scrolls when there is too much.
    pub body: Vec<Line<'static>>,
    /// The keys that answer it, always in view.
    pub foot: Vec<Line<'static>>,
    /// Where something is typed: column and line within the body.
    pub cursor: Option<(usize, usize)>,
}

impl Sheet {
    /// A sheet with nothing on it yet.
    pub fn new(title: impl Into<String>, tone: Tone) -> Self {
        Self { title: title.into(), tone, body: Vec::new(), foot: Vec::new(), cursor: None }
    }

    /// What a dialog looks like now.
    pub fn of(view: &View, dialog: &Dialog) -> Self {
        let width = usize::from(inner(view.app.area).width);
        match dialog {
            Dialog::Help { .. } => help::sheet(view, width),
            Dialog::Notices { .. } => sheets::notices(view, width),
            Dialog::Confirm { point, of, reason, .. } => {
                sheets::confirm(view, width, point, of, reason.as_deref())
            }
            Dialog::Retract { point, what } => sheets::retract(view, width, point, what),
            Dialog::Words(prompt) => crate::tui::dialogs::words::sheet(view, width, prompt),
            Dialog::Proposal { seq, .. } => proposal::sheet(view, width, *seq),
            Dialog::Verdict { .. } => verdict::sheet(view, width),
            Dialog::Seal => verdict::seal(view, width),
            Dialog::Entry { .. } => timeline::sheet(view, width),
            Dialog::Run(form) => acting::sheet(view, width, form),
            Dialog::Stop { action, started } => acting::stop(view, width, action, *started),
            Dialog::Failed { action, started } => acting::failed(view, width, action, *started),
            Dialog::RolledBack => sheets::rolled_back(view, width),
            Dialog::Turn => turns::turn(view, width),
            Dialog::Newcomer(form) => turns::newcomer(view, width, form),
        }
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
    pub fn keys(&mut self, view: &View, keys: &[(&str, &str)], width: usize) {
        let mut line: Vec<Span<'static>> = Vec::new();
        for (key, does) in keys {
            let pair = [ink(key, view.theme.accent()), ink(&format!(" {does}"), Theme::text())];
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
    pub fn draw(&self, view: &View, frame: &mut Frame, scroll: usize) {
        let screen = frame.area();
        let (place, room) = (self.place(screen), self.room(screen));
        let buffer = frame.buffer_mut();
        buffer.set_style(screen, view.theme.rule());
        // A column of air on either side.
        let air = Rect { x: place.x.saturating_sub(1), width: place.width + 2, ..place };
        Clear.render(air.intersection(screen), buffer);
        let style = view.theme.tone(self.tone);
        let title = Span::styled(format!(" {} ", self.title), style);
        let block = Block::bordered().border_type(BorderType::Rounded).border_style(style).title(title);
        let scroll = self.followed(scroll, room);
        let beyond = self.body.len().saturating_sub(room + scroll);
        let more =
            if beyond > 0 { format!(" ↓ {} ", text::count(beyond, "more line")) } else { String::new() };
        block.title_bottom(Line::from(view.dim(&more)).right_aligned()).render(place, buffer);
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
        let least = self.cursor.map_or(0, |(_, line)| (line + 2).saturating_sub(room));
        scroll.max(least).min(self.body.len().saturating_sub(room))
    }
}

/// The highest that a sheet may be: the line on top stays in view where there is room.
fn most(screen: Rect) -> u16 {
    if screen.height >= 24 { screen.height - 4 } else { screen.height }
}

/// The place of a sheet's text, as far as the screen determines it.
fn inner(screen: Rect) -> Rect {
    let width = if screen.width < 60 { screen.width } else { screen.width - 8 };
    Rect { width: width.min(WIDEST + 4).saturating_sub(4), ..screen }
}
