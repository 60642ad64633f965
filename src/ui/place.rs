//! Where the person is: the open section, and the selected point of each.

use std::sync::Arc;

use super::layout::Size;
use crate::checklist::{Plan, Point};

/// The open section and the selected points, by their places in the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The section that has the focus.
    pub section: usize,
    selected: Vec<usize>,
}

impl Place {
    /// The first point of a plan.
    pub fn first(plan: &Plan) -> Self {
        Self { section: 0, selected: vec![0; plan.sections.len()] }
    }

    /// The selected point of a section.
    pub fn selected(&self, section: usize) -> usize {
        self.selected.get(section).copied().unwrap_or(0)
    }

    /// The selected point of the open section.
    pub fn point<'a>(&self, plan: &'a Plan) -> Option<&'a Point> {
        plan.sections.get(self.section)?.points.get(self.selected(self.section))
    }

    fn select(&mut self, section: usize, point: usize) {
        self.section = section;
        if let Some(selected) = self.selected.get_mut(section) {
            *selected = point;
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
        let here = self.point(old).map(|point| point.id.clone());
        let chosen: Vec<_> = old
            .sections
            .iter()
            .enumerate()
            .filter_map(|(index, section)| section.points.get(self.selected(index)))
            .map(|point| point.id.clone())
            .collect();
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
    pub fn open(&mut self, plan: &Plan, section: usize) {
        if section < plan.sections.len() {
            self.section = section;
        }
    }

    /// So many sections on, around.
    pub fn turn(&mut self, plan: &Plan, by: isize) {
        let count = plan.sections.len().max(1);
        self.section =
            self.section.cast_signed().saturating_add(by).rem_euclid(count.cast_signed()).cast_unsigned();
    }

    /// To the first or the last point of the section.
    pub fn end(&mut self, plan: &Plan, last: bool) {
        self.select(self.section, if last { points(plan, self.section).saturating_sub(1) } else { 0 });
    }

    /// One down; past the end, into the panel below.
    pub fn down(&mut self, plan: &Plan, size: Size) {
        let next = self.selected(self.section) + 1;
        let below = self.section + if size == Size::Wide { 2 } else { 1 };
        if next < points(plan, self.section) {
            self.select(self.section, next);
        } else if below < plan.sections.len() {
            self.select(below, 0);
        }
    }

    /// One up; past the top, into the panel above.
    pub fn up(&mut self, plan: &Plan, size: Size) {
        let step = if size == Size::Wide { 2 } else { 1 };
        match self.selected(self.section).checked_sub(1) {
            Some(previous) => self.select(self.section, previous),
            None if self.section >= step => {
                let above = self.section - step;
                self.select(above, points(plan, above).saturating_sub(1));
            }
            None => {}
        }
    }

    /// To the panel beside, keeping the row where it has one; without panels, to the section before or after.
    pub fn aside(&mut self, plan: &Plan, size: Size, right: bool) {
        if size != Size::Wide {
            return self.turn(plan, if right { 1 } else { -1 });
        }
        let beside = if right { self.section | 1 } else { self.section & !1 };
        if beside != self.section && beside < plan.sections.len() {
            let row = self.selected(self.section).min(points(plan, beside).saturating_sub(1));
            self.select(beside, row);
        }
    }
}

fn points(plan: &Plan, section: usize) -> usize {
    plan.sections.get(section).map_or(0, |section| section.points.len())
}
