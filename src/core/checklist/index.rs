//! An index of a plan's points by id, for plans of thousands of points.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::plan::{Plan, Point, PointId, Section};

/// Built on first use. Not part of the plan's content: all indexes are equal, and a copy builds its own.
#[derive(Debug, Default)]
pub struct PointIndex {
    positions: OnceLock<HashMap<PointId, (usize, usize)>>,
    /// The points that depend on each point.
    dependents: OnceLock<HashMap<PointId, Vec<PointId>>>,
}

impl PointIndex {
    /// The point with an id, and its section.
    pub(super) fn find<'a>(&self, sections: &'a [Section], id: &str) -> Option<(&'a Section, &'a Point)> {
        let places = self.positions.get_or_init(|| positions(sections));
        let at = |&(section, point): &(usize, usize)| {
            let section = sections.get(section)?;
            Some((section, section.points.get(point)?))
        };
        let found = places.get(id).and_then(at).filter(|(_, point)| point.id == id);
        // Points may have changed since the index was built.
        found.or_else(|| scan(sections, id))
    }
}

impl Plan {
    /// The points that depend on a point.
    #[must_use]
    pub fn dependents_of(&self, id: &str) -> &[PointId] {
        let waiting = self.index.dependents.get_or_init(|| dependents(&self.sections));
        waiting.get(id).map_or(&[], Vec::as_slice)
    }
}

impl Clone for PointIndex {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for PointIndex {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for PointIndex {}

fn positions(sections: &[Section]) -> HashMap<PointId, (usize, usize)> {
    let mut places = HashMap::new();
    for (at, section) in sections.iter().enumerate() {
        for (within, point) in section.points.iter().enumerate() {
            // The first one counts.
            places.entry(point.id.clone()).or_insert((at, within));
        }
    }
    places
}

fn dependents(sections: &[Section]) -> HashMap<PointId, Vec<PointId>> {
    let mut waiting: HashMap<PointId, Vec<PointId>> = HashMap::new();
    for point in sections.iter().flat_map(|section| &section.points) {
        for other in point.prerequisites() {
            waiting.entry(other.to_owned()).or_default().push(point.id.clone());
        }
    }
    waiting
}

#[cfg(any(test, feature = "testing"))]
thread_local! {
    /// How often all points were looked through on this thread.
    pub static SCANS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

fn scan<'a>(sections: &'a [Section], id: &str) -> Option<(&'a Section, &'a Point)> {
    #[cfg(any(test, feature = "testing"))]
    SCANS.set(SCANS.get() + 1);
    let points = sections.iter().flat_map(|section| section.points.iter().map(move |point| (section, point)));
    points.into_iter().find(|(_, point)| point.id == id)
}
