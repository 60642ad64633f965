//! Plans of thousands of points.

use std::thread;

use proptest::prelude::*;

use super::super::judgement_cache::JudgementCache;
use super::super::status::EVALUATIONS;
use super::*;
use crate::checklist::{Confirm, Point, SCANS};

const POINTS: usize = 7_000;
/// Far less than a call for each point needs.
const STACK: usize = 256 * 1024;

/// A plan whose points depend on each other in one chain, the last one first.
fn chained(add_dependency: impl Fn(&mut Point, String)) -> Plan {
    let mut plan = Plan::clone(&World::new("").state.plan);
    let mut point = plan.sections[0].points[0].clone();
    (point.after, point.due, point.probes) = (Vec::new(), None, Vec::new());
    let id = |n: usize| format!("a.{n}");
    let numbered = (0..POINTS).rev().map(|n| {
        let mut point = Point { id: id(n), ..point.clone() };
        if let Some(before) = n.checked_sub(1) {
            add_dependency(&mut point, id(before));
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
    let done = |plan| judged(plan).done;
    assert_eq!(done(chained(|point, before| point.after.push(before))), POINTS as u64);
    assert_eq!(done(chained(|point, before| point.due = Some(before))), POINTS as u64);
    let probes = chained(|point, before| point.probes.push(Probe { due: Some(before), ..probe.clone() }));
    // A point with a probe has not passed yet; the first point has none.
    assert_eq!(done(probes), 1);
}

#[test]
fn points_in_a_dependency_cycle_are_never_done() {
    let mut plan = chained(|point, before| point.after.push(before));
    plan.sections[0].points.last_mut().unwrap().after.push(format!("a.{}", POINTS - 1));
    assert_eq!(judged(plan).done, 0);
}

#[test]
fn a_point_is_found_at_its_current_position() {
    let mut plan = Plan::clone(&World::new("").state.plan);
    let lookup = |plan: &Plan, id: &str| {
        (plan.point(id).map(|point| point.id.clone()), plan.section_of(id).map(|section| section.id.clone()))
    };
    let expected = |id: &str| (Some(id.to_owned()), Some("a".to_owned()));
    assert_eq!(lookup(&plan, "a.two"), expected("a.two"));
    plan.sections[0].points.remove(0);
    plan.sections[0].points[0].id = "a.renamed".into();
    for id in ["a.two", "a.later", "a.renamed"] {
        assert_eq!(lookup(&plan, id), expected(id));
    }
    for gone in ["a.probe", "a.one", ""] {
        assert_eq!(lookup(&plan, gone), (None, None));
        assert_eq!(lookup(&plan.clone(), gone), (None, None));
    }
    assert_eq!(plan.clone(), plan);
}

/// How often points are evaluated meanwhile.
fn judgements(work: impl FnOnce()) -> usize {
    let before = EVALUATIONS.get();
    work();
    EVALUATIONS.get() - before
}

#[test]
fn a_chain_is_not_evaluated_again_for_every_confirmation() {
    let count = 1_000;
    let mut plan = chained(|point, before| point.after.push(before));
    let points = &mut plan.sections[0].points;
    points.drain(..POINTS - count);
    for point in points.iter_mut() {
        point.confirm = Confirm::One;
    }
    let mut world = World::open(plan);
    let confirming = judgements(|| {
        for n in 0..count {
            world.confirm(ALICE, &format!("a.{n}")).unwrap();
        }
    });
    // Each point is evaluated when it is confirmed, and once at the end.
    assert!(confirming <= 2 * count, "{confirming}");
    assert_eq!(world.decision(), Decision::Go);
    let replaying = judgements(|| world.assert_replays());
    assert!(replaying <= 3 * count, "{replaying}");
}

#[test]
fn verdicts_over_many_points_evaluate_each_once_and_scan_no_plan() {
    let (count, verdicts) = (1_000, 50);
    let mut plan = chained(|_, _| {});
    plan.sections[0].points.truncate(count);
    for point in &mut plan.sections[0].points {
        point.confirm = Confirm::One;
    }
    let mut world = World::open(plan);
    let scans = SCANS.get();
    let judged = judgements(|| {
        for _ in 0..verdicts {
            assert_eq!(world.decision(), Decision::Pending);
        }
    });
    assert_eq!((judged, SCANS.get() - scans), (count, 0));
}

/// Failed points first, each group in the order of the plan, then the number of the others.
#[test]
fn a_verdict_over_many_points_lists_the_worst_first_and_counts_the_rest() {
    let probe = World::new("").state.plan.sections[0].points[0].probes[0].clone();
    let mut plan = chained(|_, _| {});
    plan.sections[0].points.truncate(300);
    for (n, point) in plan.sections[0].points.iter_mut().enumerate() {
        point.confirm = Confirm::One;
        point.probes.extend((n % 10 == 0).then(|| probe.clone()));
    }
    let mut world = World::open(plan);
    let ids: Vec<_> = world.state.plan.points().map(|point| point.id.clone()).collect();
    let (failed, open): (Vec<_>, Vec<_>) = ids.iter().enumerate().partition(|(n, _)| n % 10 == 0);
    for (_, id) in &failed {
        world.finish(id, Some(false)).unwrap();
    }
    let verdict = judge(&world.state.judge(&world.now));
    assert_eq!((verdict.decision, verdict.done, verdict.total), (Decision::NoGo, 0, 300));
    let expected = failed.iter().chain(&open).take(119).map(|(_, id)| id.as_str());
    assert!(verdict.reasons[..119].iter().map(|reason| reason.point.as_str()).eq(expected));
    assert_eq!(verdict.reasons[0].why, "w: expected e, found seen");
    let [rest] = &verdict.reasons[119..] else { panic!("{:?}", verdict.reasons.len()) };
    assert_eq!((rest.point.as_str(), rest.why.as_str()), ("…", "another 181 points are not done"));
}

/// The statuses of a state without a cache.
fn without_cache(state: &RunState) -> RunState {
    RunState { cache: JudgementCache::default(), ..state.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens and however the clocks change, the cache gives the same as a new judgement.
    #[test]
    fn the_cache_gives_the_same_as_a_new_judgement(steps in prop::collection::vec((0..11_u8, 0..5_usize, any::<bool>(), 0..40_u64), 1..40)) {
        let mut world = World::new("");
        let points = ["a.probe", "a.one", "a.two", "a.after", "a.later"];
        let opened = world.now.clone();
        for (what, point, flag, minutes) in steps {
            let (id, by) = (points[point], if flag { ALICE } else { BOB });
            // A rejected command changes nothing.
            let _ = match what {
                0 | 1 if id != "a.two" => world.finish(id, Some(flag)),
                0 | 1 => world.confirm(ALICE, id),
                2 => world.confirm(by, id),
                3 => world.waive(by, id, minutes + 1),
                4 => world.act(by, Act::Retract { point: id.into(), target: None }),
                5 => world.act(by, Act::Exempt { point: id.into(), reason: "no".into() }),
                6 => world.act(by, Act::Verdict),
                7 => world.act(&format!("{minutes}@x"), Act::Join { key: minutes.to_string(), role: Role::Reviewer }),
                8 => {
                    world.wait(minutes);
                    continue;
                }
                9 => {
                    world.now.mono += minutes * 60_000;
                    continue;
                }
                _ => {
                    world.now.boot = if flag { "b" } else { "c" }.into();
                    world.now.wall = if minutes == 0 { opened.wall } else { world.now.wall };
                    continue;
                }
            };
            for moment in [&world.now, &opened, &world.now] {
                let fresh = without_cache(&world.state);
                let (cached, fresh) = (world.state.judge(moment), fresh.judge(moment));
                for id in points {
                    prop_assert_eq!(cached.status(id), fresh.status(id), "{}", id);
                }
                let verdict = judge(&fresh);
                prop_assert_eq!(tally(&cached), (verdict.decision, verdict.done));
                prop_assert_eq!(judge(&cached), verdict);
            }
        }
    }
}
