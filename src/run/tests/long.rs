//! Plans of thousands of points.

use std::thread;

use super::*;
use crate::checklist::Point;

const POINTS: usize = 7_000;
/// Far less than a call for each point would take.
const STACK: usize = 256 * 1024;

/// A plan whose points wait for each other in one chain, the last one first.
fn chained(link: impl Fn(&mut Point, String)) -> Plan {
    let mut plan = Plan::clone(&World::new("").state.plan);
    let mut point = plan.sections[0].points[0].clone();
    (point.after, point.due, point.probes) = (Vec::new(), None, Vec::new());
    let id = |n: usize| format!("a.{n}");
    let numbered = (0..POINTS).rev().map(|n| {
        let mut point = Point { id: id(n), ..point.clone() };
        if let Some(before) = n.checked_sub(1) {
            link(&mut point, id(before));
        }
        point
    });
    plan.sections[0].points = numbered.collect();
    plan
}

fn judged(plan: Plan) -> Verdict {
    let mut state = World::new("").state;
    let now = World::new("").now;
    state.points = plan.points().map(|point| (point.id.clone(), PointState::default())).collect();
    state.plan = plan.into();
    let judging = move || judge(&state.judge(&now));
    thread::Builder::new().stack_size(STACK).spawn(judging).unwrap().join().unwrap()
}

#[test]
fn a_chain_of_thousands_of_points_needs_no_deep_stack() {
    let probe = World::new("").state.plan.sections[0].points[0].probes[0].clone();
    let closed = |plan| judged(plan).closed;
    assert_eq!(closed(chained(|point, before| point.after.push(before))), POINTS as u64);
    assert_eq!(closed(chained(|point, before| point.due = Some(before))), POINTS as u64);
    let probes = chained(|point, before| point.probes.push(Probe { due: Some(before), ..probe.clone() }));
    // What has a probe has not passed yet; the first point has none.
    assert_eq!(closed(probes), 1);
}

#[test]
fn of_points_that_wait_in_a_circle_none_is_ever_closed() {
    let mut plan = chained(|point, before| point.after.push(before));
    plan.sections[0].points.last_mut().unwrap().after.push(format!("a.{}", POINTS - 1));
    assert_eq!(judged(plan).closed, 0);
}

#[test]
fn a_point_is_found_wherever_it_stands_now() {
    let mut plan = Plan::clone(&World::new("").state.plan);
    let found = |plan: &Plan, id: &str| {
        (plan.point(id).map(|point| point.id.clone()), plan.section_of(id).map(|section| section.id.clone()))
    };
    let there = |id: &str| (Some(id.to_owned()), Some("a".to_owned()));
    assert_eq!(found(&plan, "a.two"), there("a.two"));
    plan.sections[0].points.remove(0);
    plan.sections[0].points[0].id = "a.renamed".into();
    for id in ["a.two", "a.later", "a.renamed"] {
        assert_eq!(found(&plan, id), there(id));
    }
    for gone in ["a.probe", "a.one", ""] {
        assert_eq!(found(&plan, gone), (None, None));
        assert_eq!(found(&plan.clone(), gone), (None, None));
    }
    assert_eq!(plan.clone(), plan);
}
