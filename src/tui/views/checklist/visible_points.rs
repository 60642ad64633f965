//! Which points are shown: all of them, or those that a filter leaves.

use crate::checklist::{Plan, Point};

/// The points that are shown, section by section, by their places in the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisiblePoints(Vec<Vec<usize>>);

impl VisiblePoints {
    /// All points.
    pub fn all(plan: &Plan) -> Self {
        Self::only(plan, |_| true)
    }

    /// The points for which `keep` holds.
    pub fn only(plan: &Plan, keep: impl Fn(&Point) -> bool) -> Self {
        let kept = |points: &[Point]| {
            let kept = points.iter().enumerate().filter(|(_, point)| keep(point));
            kept.map(|(place, _)| place).collect()
        };
        Self(plan.sections.iter().map(|section| kept(&section.points)).collect())
    }

    /// How many sections there are, whatever is shown of them.
    pub const fn sections(&self) -> usize {
        self.0.len()
    }

    /// The points that are shown of a section.
    pub fn of(&self, section: usize) -> &[usize] {
        self.0.get(section).map_or(&[], Vec::as_slice)
    }

    /// How many points are shown.
    pub fn count(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// The row of a point, or of the one that is shown next to where it would stand.
    pub fn row(&self, section: usize, point: usize) -> Option<usize> {
        let points = self.of(section);
        let next = points.partition_point(|shown| *shown < point);
        points.len().checked_sub(1).map(|last| next.min(last))
    }

    /// The first section at or after that one, around, of which anything is shown.
    pub fn section_from(&self, section: usize) -> Option<usize> {
        (section..self.sections()).chain(0..section).find(|section| !self.of(*section).is_empty())
    }
}
