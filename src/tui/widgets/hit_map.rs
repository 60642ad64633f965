//! Lines that have found their place, and what each stands for. The same ones are drawn and clicked on.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget as _;

/// What a line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitTarget {
    /// A section, by its place in the plan.
    Section(usize),
    /// A point: its section, and its place there.
    Point(usize, usize),
    /// The detail of the selected point.
    Detail,
}

/// A line at its place.
pub struct Placed {
    /// Where.
    pub area: Rect,
    /// What it stands for, if a click on it means anything.
    pub thing: Option<HitTarget>,
    line: Line<'static>,
}

impl Placed {
    /// A line at the top of a place.
    pub fn top(area: Rect, thing: Option<HitTarget>, line: Line<'static>) -> Self {
        Self { area: Rect { height: area.height.min(1), ..area }, thing, line }
    }

    /// Lines from the top of a place, as many as fit.
    pub fn rows(
        area: Rect,
        lines: impl IntoIterator<Item = (Option<HitTarget>, Line<'static>)>,
    ) -> Vec<Self> {
        let rows = (area.y..area.bottom()).zip(lines);
        rows.map(|(y, (thing, line))| Self { area: Rect { y, height: 1, ..area }, thing, line }).collect()
    }

    /// Draws it.
    pub fn draw(self, frame: &mut Frame) {
        self.line.render(self.area, frame.buffer_mut());
    }
}

/// Draws lines from the top of a place, as many as fit.
pub fn put(frame: &mut Frame, area: Rect, lines: impl IntoIterator<Item = Line<'static>>) {
    for (row, line) in (0..area.height).zip(lines) {
        line.render(Rect { y: area.y + row, height: 1, ..area }, frame.buffer_mut());
    }
}
