//! Where the person is: the open section, and the selected point of each.

use std::sync::Arc;

use crate::checklist::{Plan, Point};
use crate::tui::style::layout::Size;
use crate::tui::views::checklist::visible_points::VisiblePoints;

/// The open section and the selected points, by their places in the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The section that has the focus.
    pub section: usize,
    selected: Vec<usize>,
}

impl Selection {
    /// The first point of a plan.
    pub fn first(plan: &Plan) -> Self {
        Self { section: 0, selected: vec![0; plan.sections.len()] }
    }

    /// The row of the selected point among those that are shown of a section.
    pub fn row(&self, section: usize, shown: &VisiblePoints) -> Option<usize> {
        shown.row(section, self.selected(section))
    }

    /// The selected point of the open section; never one that is not shown.
    pub fn point<'a>(&self, plan: &'a Plan, shown: &VisiblePoints) -> Option<&'a Point> {
        let row = self.row(self.section, shown)?;
        plan.sections.get(self.section)?.points.get(*shown.of(self.section).get(row)?)
    }

    fn selected(&self, section: usize) -> usize {
        self.selected.get(section).copied().unwrap_or(0)
    }

    /// To that point.
    pub fn select(&mut self, section: usize, point: usize) {
        self.section = section;
        if let Some(selected) = self.selected.get_mut(section) {
            *selected = point;
        }
    }

    /// To a row of a section, if anything is shown of it.
    fn select_row(&mut self, section: usize, row: usize, shown: &VisiblePoints) {
        let points = shown.of(section);
        if let Some(point) = points.get(row.min(points.len().saturating_sub(1))) {
            self.select(section, *point);
        }
    }

    /// Takes the point that is shown as selected for the selected one, so that it stays it.
    pub fn settle(&mut self, shown: &VisiblePoints) {
        if let Some(row) = self.row(self.section, shown) {
            self.select_row(self.section, row, shown);
        }
    }

    /// To the point of that id.
    pub fn go_to(&mut self, plan: &Plan, id: &str) {
        for (section, points) in plan.sections.iter().map(|section| &section.points).enumerate() {
            if let Some(point) = points.iter().position(|point| point.id == id) {
                return self.select(section, point);
            }
        }
    }

    /// The same places in a plan that was changed.
    fn follow(&mut self, old: &Plan, new: &Plan) {
        let of = |section: usize| old.sections.get(section)?.points.get(self.selected(section));
        let here = of(self.section).map(|point| point.id.clone());
        let chosen = (0..old.sections.len()).filter_map(of).map(|point| point.id.clone());
        let chosen: Vec<_> = chosen.collect();
        *self = Self::first(new);
        for id in chosen.into_iter().chain(here) {
            self.go_to(new, &id);
        }
    }

    /// The same, unless it is the same plan.
    pub fn follow_if_changed(&mut self, old: &Arc<Plan>, new: &Arc<Plan>) {
        if !Arc::ptr_eq(old, new) && old != new {
            self.follow(old, new);
        }
    }

    /// To a section, if there is one of that number.
    pub fn open(&mut self, shown: &VisiblePoints, section: usize) {
        if section < shown.sections() {
            self.section = section;
        }
    }

    /// So many sections on, around.
    pub fn turn(&mut self, shown: &VisiblePoints, by: isize) {
        let count = shown.sections().max(1);
        self.section =
            self.section.cast_signed().saturating_add(by).rem_euclid(count.cast_signed()).cast_unsigned();
    }

    /// To the first or the last point of the section.
    pub fn end(&mut self, shown: &VisiblePoints, last: bool) {
        self.select_row(self.section, if last { usize::MAX } else { 0 }, shown);
    }

    /// So many points on in a section, and no further than its ends.
    pub fn roll(&mut self, shown: &VisiblePoints, section: usize, by: isize) {
        let row = self.row(section, shown).map_or(0, |row| row.saturating_add_signed(by));
        self.select_row(section, row, shown);
    }

    /// One down; past the end, into the next panel below of which anything is shown.
    pub fn down(&mut self, shown: &VisiblePoints, size: Size) {
        let next = self.row(self.section, shown).map_or(0, |row| row + 1);
        if next < shown.of(self.section).len() {
            return self.select_row(self.section, next, shown);
        }
        let mut below = (self.section + step(size)..shown.sections()).step_by(step(size));
        if let Some(below) = below.find(|section| !shown.of(*section).is_empty()) {
            self.select_row(below, 0, shown);
        }
    }

    /// One up; past the top, into the next panel above of which anything is shown.
    pub fn up(&mut self, shown: &VisiblePoints, size: Size) {
        if let Some(previous) = self.row(self.section, shown).and_then(|row| row.checked_sub(1)) {
            return self.select_row(self.section, previous, shown);
        }
        let mut above = (self.section % step(size)..self.section).step_by(step(size)).rev();
        if let Some(above) = above.find(|section| !shown.of(*section).is_empty()) {
            self.select_row(above, usize::MAX, shown);
        }
    }

    /// To the panel beside, keeping the row where it has one; without panels, to the section before or after.
    pub fn aside(&mut self, shown: &VisiblePoints, size: Size, right: bool) {
        if size != Size::Wide {
            return self.turn(shown, if right { 1 } else { -1 });
        }
        let beside = if right { self.section | 1 } else { self.section & !1 };
        if beside != self.section && beside < shown.sections() {
            let row = self.row(self.section, shown).unwrap_or(0);
            self.section = beside;
            self.select_row(beside, row, shown);
        }
    }
}

/// How many sections on the panel below is.
const fn step(size: Size) -> usize {
    if matches!(size, Size::Wide) { 2 } else { 1 }
}
