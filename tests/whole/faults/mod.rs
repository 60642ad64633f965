//! Faults that are injected into the real servers.

pub mod application;
pub mod brokers;
pub mod elsewhere;
pub mod release;
pub mod worker;
pub mod workload;

use std::collections::BTreeSet;

use crate::support::full_stack::FullStack;

/// A fault, the points that it must fail, and texts that their observations must contain.
pub struct StackFault {
    pub name: &'static str,
    pub inject: fn(&mut FullStack),
    pub fix: fn(&mut FullStack),
    pub points: &'static [&'static str],
    pub messages: &'static [&'static str],
}

/// Faults that another one could hide: in events that pass the worker, or in what a tag names.
const ALONE: [&str; 6] = [
    "another image runs",
    "worker runs another image",
    "message that the worker cannot read",
    "events dead-lettered after they were delivered",
    "events published twice, and a worker that passes both on",
    "tag moved after the push",
];

/// All faults.
pub fn all() -> impl Iterator<Item = &'static StackFault> {
    let brokers = brokers::FAULTS.iter().chain(worker::FAULTS);
    brokers.chain(application::FAULTS).chain(workload::FAULTS).chain(release::FAULTS)
}

/// All faults, in groups that are injected together: no two of a group fail the same point, so that each point tells
/// which fault it is.
pub fn groups() -> Vec<Vec<&'static StackFault>> {
    let mut groups: Vec<Vec<&StackFault>> = Vec::new();
    for fault in all() {
        let is_alone = ALONE.contains(&fault.name);
        let is_compatible = |group: &&mut Vec<&StackFault>| {
            !is_alone && group.iter().all(|other| !ALONE.contains(&other.name) && fault.is_disjoint(other))
        };
        match groups.iter_mut().find(is_compatible) {
            Some(group) => group.push(fault),
            None => groups.push(vec![fault]),
        }
    }
    groups
}

impl StackFault {
    fn is_disjoint(&self, other: &Self) -> bool {
        self.points.iter().all(|point| !other.points.contains(point))
    }

    /// The points that it must fail.
    pub fn expected(&self) -> BTreeSet<String> {
        self.points.iter().map(|point| (*point).to_owned()).collect()
    }
}
