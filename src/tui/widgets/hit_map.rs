//! Lines with their areas and mouse targets. The same lines are drawn and clicked on.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget as _;

/// What a click on a line selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitTarget {
    /// A section, by its index in the plan.
    Section(usize),
    /// A point: the index of its section, and its index there.
    Point(usize, usize),
    /// The detail of the selected point.
    Detail,
}

/// A line, its area and its target.
pub struct PlacedLine {
    /// Its area.
    pub area: Rect,
    /// What a click on it selects, if anything.
    pub target: Option<HitTarget>,
    line: Line<'static>,
}

impl PlacedLine {
    /// A line at the top of an area.
    pub fn top(area: Rect, target: Option<HitTarget>, line: Line<'static>) -> Self {
        Self { area: Rect { height: area.height.min(1), ..area }, target, line }
    }

    /// Lines from the top of an area, as many as fit.
    pub fn rows(
        area: Rect,
        lines: impl IntoIterator<Item = (Option<HitTarget>, Line<'static>)>,
    ) -> Vec<Self> {
        let rows = (area.y..area.bottom()).zip(lines);
        rows.map(|(y, (target, line))| Self { area: Rect { y, height: 1, ..area }, target, line }).collect()
    }

    /// Draws the line.
    pub fn draw(self, frame: &mut Frame) {
        self.line.render(self.area, frame.buffer_mut());
    }
}

/// Draws lines from the top of an area, as many as fit.
pub fn draw_lines(frame: &mut Frame, area: Rect, lines: impl IntoIterator<Item = Line<'static>>) {
    for (row, line) in (0..area.height).zip(lines) {
        line.render(Rect { y: area.y + row, height: 1, ..area }, frame.buffer_mut());
    }
}
