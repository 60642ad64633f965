//! Lines of text while they are put together.

use ratatui::text::{Line, Span};

use crate::text;
use crate::tui::context::{Context, spread};
use crate::tui::style::text::{shorten, styled, wrap};
use crate::tui::style::theme::Theme;

/// The longest paragraph, in bytes. What is longer is cut, which shows: every frame sets it.
pub const MAX_PARAGRAPH: usize = 16 * 1024;
/// The most lines of a detail.
const MOST_LINES: usize = 2000;

/// The lines of a detail while it is set.
pub struct TextBuilder {
    /// How wide it is, in cells.
    pub width: usize,
    /// What stands there.
    pub lines: Vec<Line<'static>>,
}

impl TextBuilder {
    /// A paragraph, its further lines `hang` cells further in.
    pub fn put(&mut self, spans: Vec<Span<'static>>, hang: usize) {
        if self.lines.len() < MOST_LINES {
            self.lines.extend(wrap(bounded(spans), self.width, hang));
        }
    }

    /// One empty line, unless there is one.
    pub fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| line.width() > 0) {
            self.lines.push(Line::default());
        }
    }

    /// Says so where there is more than is set.
    pub fn end(&mut self, cx: &Context) {
        if self.lines.len() >= MOST_LINES {
            self.lines.truncate(MOST_LINES);
            let more = "… there is more; `gonogo report` shows it all";
            self.lines.push(Line::from(shorten(vec![cx.dim(more)], self.width)));
        }
    }

    /// The title of a part.
    pub fn part(&mut self, cx: &Context, title: &str) {
        self.gap();
        let left = vec![cx.dim(title), Span::raw(" ")];
        let line = spread(left, ("─", cx.theme.rule()), Vec::new(), self.width);
        self.lines.push(line.into());
    }
}

/// The same, none of them longer than a paragraph may be.
fn bounded(mut spans: Vec<Span<'static>>) -> Vec<Span<'static>> {
    for span in spans.iter_mut().filter(|span| span.content.len() > MAX_PARAGRAPH) {
        span.content = text::clip(&span.content, MAX_PARAGRAPH).into();
    }
    spans
}

/// Whom to call.
pub fn contacts(cx: &Context, paper: &mut TextBuilder) {
    if cx.plan().contacts.is_empty() {
        return;
    }
    paper.part(cx, "whom to call");
    for contact in &cx.plan().contacts {
        let role = styled(&format!("{}  ", contact.role), Theme::strong());
        let rest = format!("{}  {}", contact.name, contact.channel);
        paper.put(vec![role, styled(&rest, Theme::text())], 2);
    }
}
