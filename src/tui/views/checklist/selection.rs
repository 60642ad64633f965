//! The open section, and the selected point of each section.

use std::sync::Arc;

use crate::tui::style::layout::ScreenSize;
use crate::tui::views::checklist::visible_points::VisiblePoints;
use gonogo_core::checklist::{Plan, Point};

/// The open section and the selected points, by their indexes in the plan. A selected point may be hidden by a filter;
/// the visible point next to it then counts as selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PointSelection {
    /// The open section.
    pub section: usize,
    selected: Vec<usize>,
}

impl PointSelection {
    /// Selects the first point of a plan.
    pub fn first(plan: &Plan) -> Self {
        Self { section: 0, selected: vec![0; plan.sections.len()] }
    }

    /// The row of the selected point among the visible ones of a section.
    pub fn row(&self, section: usize, visible: &VisiblePoints) -> Option<usize> {
        visible.row(section, self.selected(section))
    }

    /// The selected point of the open section, always a visible one.
    pub fn point<'a>(&self, plan: &'a Plan, visible: &VisiblePoints) -> Option<&'a Point> {
        let row = self.row(self.section, visible)?;
        plan.sections.get(self.section)?.points.get(*visible.in_section(self.section).get(row)?)
    }

    fn selected(&self, section: usize) -> usize {
        self.selected.get(section).copied().unwrap_or(0)
    }

    /// Selects a point.
    pub fn select(&mut self, section: usize, point: usize) {
        self.section = section;
        if let Some(selected) = self.selected.get_mut(section) {
            *selected = point;
        }
    }

    /// Selects a row of a section, or its last one. Does nothing if no point of it is visible.
    fn select_row(&mut self, section: usize, row: usize, visible: &VisiblePoints) {
        let points = visible.in_section(section);
        if let Some(point) = points.get(row.min(points.len().saturating_sub(1))) {
            self.select(section, *point);
        }
    }

    /// Makes the visible point that counts as selected the selected one, so that it stays so when the filter changes.
    pub fn adopt_visible(&mut self, visible: &VisiblePoints) {
        if let Some(row) = self.row(self.section, visible) {
            self.select_row(self.section, row, visible);
        }
    }

    /// Selects the point with that id.
    pub fn select_by_id(&mut self, plan: &Plan, id: &str) {
        for (section, points) in plan.sections.iter().map(|section| &section.points).enumerate() {
            if let Some(point) = points.iter().position(|point| point.id == id) {
                return self.select(section, point);
            }
        }
    }

    /// Selects the same points, by id, in a changed plan.
    fn follow_plan(&mut self, old: &Plan, new: &Plan) {
        let selected_in = |section: usize| old.sections.get(section)?.points.get(self.selected(section));
        let current = selected_in(self.section).map(|point| point.id.clone());
        let ids = (0..old.sections.len()).filter_map(selected_in).map(|point| point.id.clone());
        let ids: Vec<_> = ids.collect();
        *self = Self::first(new);
        for id in ids.into_iter().chain(current) {
            self.select_by_id(new, &id);
        }
    }

    /// Selects the same points in a new plan, if it differs.
    pub fn follow_plan_if_changed(&mut self, old: &Arc<Plan>, new: &Arc<Plan>) {
        if !Arc::ptr_eq(old, new) && old != new {
            self.follow_plan(old, new);
        }
    }

    /// Opens a section, if it exists.
    pub fn open_section(&mut self, visible: &VisiblePoints, section: usize) {
        if section < visible.section_count() {
            self.section = section;
        }
    }

    /// Opens the section `by` further on, cyclically.
    pub fn cycle_section(&mut self, visible: &VisiblePoints, by: isize) {
        let count = visible.section_count().max(1);
        self.section =
            self.section.cast_signed().saturating_add(by).rem_euclid(count.cast_signed()).cast_unsigned();
    }

    /// Selects the first or the last point of the open section.
    pub fn select_end(&mut self, visible: &VisiblePoints, last: bool) {
        self.select_row(self.section, if last { usize::MAX } else { 0 }, visible);
    }

    /// Moves the selection of a section by a number of points, up to its ends.
    pub fn move_by(&mut self, visible: &VisiblePoints, section: usize, by: isize) {
        let row = self.row(section, visible).map_or(0, |row| row.saturating_add_signed(by));
        self.select_row(section, row, visible);
    }

    /// Moves down by one point; from the last one, into the next panel below with a visible point.
    pub fn move_down(&mut self, visible: &VisiblePoints, size: ScreenSize) {
        let next = self.row(self.section, visible).map_or(0, |row| row + 1);
        if next < visible.in_section(self.section).len() {
            return self.select_row(self.section, next, visible);
        }
        let mut below =
            (self.section + panel_columns(size)..visible.section_count()).step_by(panel_columns(size));
        if let Some(below) = below.find(|section| !visible.in_section(*section).is_empty()) {
            self.select_row(below, 0, visible);
        }
    }

    /// Moves up by one point; from the first one, into the next panel above with a visible point.
    pub fn move_up(&mut self, visible: &VisiblePoints, size: ScreenSize) {
        if let Some(previous) = self.row(self.section, visible).and_then(|row| row.checked_sub(1)) {
            return self.select_row(self.section, previous, visible);
        }
        let mut above = (self.section % panel_columns(size)..self.section).step_by(panel_columns(size)).rev();
        if let Some(above) = above.find(|section| !visible.in_section(*section).is_empty()) {
            self.select_row(above, usize::MAX, visible);
        }
    }

    /// Opens the panel to the left or right, at the same row if it has one. Without panels, opens the
    /// previous or next section.
    pub fn move_sideways(&mut self, visible: &VisiblePoints, size: ScreenSize, right: bool) {
        if size != ScreenSize::Wide {
            return self.cycle_section(visible, if right { 1 } else { -1 });
        }
        let neighbour = if right { self.section | 1 } else { self.section & !1 };
        if neighbour != self.section && neighbour < visible.section_count() {
            let row = self.row(self.section, visible).unwrap_or(0);
            self.section = neighbour;
            self.select_row(neighbour, row, visible);
        }
    }
}

/// The number of panels in a row.
const fn panel_columns(size: ScreenSize) -> usize {
    if matches!(size, ScreenSize::Wide) { 2 } else { 1 }
}
