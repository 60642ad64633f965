//! Builds wrapped lines of text.

use ratatui::text::{Line, Span};

use crate::tui::context::{Context, justify};
use crate::tui::style::text::{styled, truncate_spans, wrap};
use crate::tui::style::theme::Theme;
use gonogo_core::text;

/// The maximum length of a paragraph, in bytes. Longer ones are cut, as each frame lays out the whole text.
pub const MAX_PARAGRAPH: usize = 16 * 1024;
/// The maximum number of lines of a text.
const MAX_LINES: usize = 2000;

/// Builds the lines of a text for a given width.
pub struct TextBuilder {
    /// The width, in cells.
    pub width: usize,
    /// The lines so far.
    pub lines: Vec<Line<'static>>,
}

impl TextBuilder {
    /// Adds a paragraph. All its lines but the first are indented by `hang` cells.
    pub fn put(&mut self, spans: Vec<Span<'static>>, hang: usize) {
        if self.lines.len() < MAX_LINES {
            self.lines.extend(wrap(clip_spans(spans), self.width, hang));
        }
    }

    /// Adds an empty line, unless the last one is empty.
    pub fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| line.width() > 0) {
            self.lines.push(Line::default());
        }
    }

    /// Adds a line that says that the text was cut, if it was.
    pub fn mark_truncated(&mut self, cx: &Context) {
        if self.lines.len() >= MAX_LINES {
            self.lines.truncate(MAX_LINES);
            let more = "there is more; `gonogo report` shows it all";
            self.lines.push(Line::from(truncate_spans(vec![cx.dim(more)], self.width)));
        }
    }

    /// Adds an empty line and a heading.
    pub fn heading(&mut self, cx: &Context, title: &str) {
        self.gap();
        let left = vec![cx.dim(title), Span::raw(" ")];
        let line = justify(left, ("─", cx.theme.rule()), Vec::new(), self.width);
        self.lines.push(line.into());
    }
}

/// Cuts spans that are longer than a paragraph may be.
fn clip_spans(mut spans: Vec<Span<'static>>) -> Vec<Span<'static>> {
    for span in spans.iter_mut().filter(|span| span.content.len() > MAX_PARAGRAPH) {
        span.content = text::clip(&span.content, MAX_PARAGRAPH).into();
    }
    spans
}

/// Adds the contacts of the plan.
pub fn add_contacts(cx: &Context, builder: &mut TextBuilder) {
    if cx.plan().contacts.is_empty() {
        return;
    }
    builder.heading(cx, "contacts");
    for contact in &cx.plan().contacts {
        let role = styled(&format!("{}  ", contact.role), Theme::strong());
        let rest = format!("{}  {}", contact.name, contact.channel);
        builder.put(vec![role, styled(&rest, Theme::text())], 2);
    }
}
