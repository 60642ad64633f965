//! The visible points: all of them, or those that match the filter.

use gonogo_core::checklist::{Plan, Point};

/// The visible points of each section, by their indexes in the section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisiblePoints(Vec<Vec<usize>>);

impl VisiblePoints {
    /// All points of a plan.
    pub fn all(plan: &Plan) -> Self {
        Self::matching(plan, |_| true)
    }

    /// The points of a plan for which `keep` is true.
    pub fn matching(plan: &Plan, keep: impl Fn(&Point) -> bool) -> Self {
        let matches = |points: &[Point]| {
            let matches = points.iter().enumerate().filter(|(_, point)| keep(point));
            matches.map(|(index, _)| index).collect()
        };
        Self(plan.sections.iter().map(|section| matches(&section.points)).collect())
    }

    /// The number of sections, including those without visible points.
    pub const fn section_count(&self) -> usize {
        self.0.len()
    }

    /// The visible points of a section.
    pub fn in_section(&self, section: usize) -> &[usize] {
        self.0.get(section).map_or(&[], Vec::as_slice)
    }

    /// The number of visible points.
    pub fn count(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// The row of a point; if it is hidden, that of the visible point after it, or of the last one.
    pub fn row(&self, section: usize, point: usize) -> Option<usize> {
        let points = self.in_section(section);
        let next = points.partition_point(|visible| *visible < point);
        points.len().checked_sub(1).map(|last| next.min(last))
    }

    /// The first section with visible points, from `section` on, cyclically.
    pub fn next_section_with_points(&self, section: usize) -> Option<usize> {
        (section..self.section_count())
            .chain(0..section)
            .find(|section| !self.in_section(*section).is_empty())
    }
}
