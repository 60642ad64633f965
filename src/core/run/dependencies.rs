//! Dependencies between points: what depends on a point, and what keeps its actions from starting.

use std::collections::{BTreeMap, BTreeSet};

use super::status::{Judgement, Status};
use crate::checklist::{Plan, Point, PointId, Section};

/// The points with actions that depend on a point, directly or not.
pub(super) fn dependents<'a>(plan: &'a Plan, point: &'a str) -> Vec<&'a Point> {
    let mut after: BTreeMap<&str, Vec<&Point>> = BTreeMap::new();
    for other in plan.points().filter(|other| !other.actions.is_empty()) {
        other.after.iter().for_each(|id| after.entry(id).or_default().push(other));
    }
    let (mut visited, mut found, mut pending) = (BTreeSet::from([point]), Vec::new(), vec![point]);
    while let Some(point) = pending.pop() {
        for other in after.get(point).into_iter().flatten().filter(|other| visited.insert(&other.id)) {
            found.push(*other);
            pending.push(&other.id);
        }
    }
    found
}

impl Judgement<'_> {
    /// The point that keeps a point's actions from starting, if there is one: a point that it comes after, or one in
    /// an earlier section that is due and not done.
    #[must_use]
    pub fn actions_blocked_by(&self, point: &Point) -> Option<PointId> {
        if let Some(by) = self.blocked_by(point) {
            return Some(by);
        }
        let plan = &self.state.plan;
        let own = plan.section_of(&point.id)?;
        let mut before = plan.sections.iter().filter(|section| own.actions_after.contains(&section.id));
        before.find_map(|section| self.first_open(section))
    }

    /// The first point of a section that is due and not done. It is cached for all points that come after it.
    fn first_open(&self, section: &Section) -> Option<PointId> {
        if let Some(cached) = self.first_open.borrow().get(&section.id) {
            return cached.clone();
        }
        let is_open = |other: &&Point| {
            let status = self.status_before_blocking(&other.id);
            !status.is_done() && !matches!(status, Status::NotDue(_))
        };
        let open = section.points.iter().find(is_open).map(|other| other.id.clone());
        self.first_open.borrow_mut().insert(section.id.clone(), open.clone());
        open
    }
}
