//! Checks that no control point of the standard checklist is removed, renamed or emptied, and that every plan is
//! consistent.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{Checklist, PointFile, STANDARD_NAME};
use super::plan::{Confirm, Plan, Point, Section};
use super::probe_key::is_made_from;
use super::profile::{PointOverrides, Profile};
use super::source::{KeyPath, SourceFile, steps};
use crate::error::Problem;

/// The sections of the standard checklist and the control points that each must contain.
pub const STANDARD_POINTS: [(&str, &[&str]); 6] = [
    (
        "validate",
        &["validate.ci-suite", "validate.package-metadata", "validate.iac-change-set", "validate.slo-alerts"],
    ),
    (
        "secrets",
        &[
            "secrets.token-rotated",
            "secrets.broker-credentials",
            "secrets.allowed-origins",
            "secrets.otlp-export",
            "secrets.security-headers",
        ],
    ),
    (
        "infra",
        &[
            "infra.redis",
            "infra.rabbitmq",
            "infra.health-checks",
            "infra.observability",
            "infra.registry-rights",
        ],
    ),
    (
        "deploy",
        &[
            "deploy.image-build-scan",
            "deploy.image-push",
            "deploy.iac-apply",
            "deploy.migrations",
            "deploy.rollout",
        ],
    ),
    (
        "verify",
        &["verify.health", "verify.pipeline", "verify.metrics", "verify.traces", "verify.queues-drained"],
    ),
    ("rollback", &["rollback.previous-release", "rollback.pause-consumers", "rollback.contacts"]),
];

/// The missing points of a checklist that is named like the standard one.
pub(super) fn check_standard(checklist: &Checklist) -> Vec<Problem> {
    if checklist.file.name != STANDARD_NAME {
        return Vec::new();
    }
    let missing = STANDARD_POINTS.iter().enumerate().flat_map(|(place, (section, points))| {
        let section_in_file =
            checklist.file.sections.get(place).filter(|section_in_file| section_in_file.id == *section);
        let has = move |id: &str| {
            section_in_file
                .is_some_and(|section_in_file| section_in_file.points.iter().any(|point| point.id == id))
        };
        points.iter().filter(move |id| !has(id)).map(move |id| (section, *id))
    });
    missing.map(|(section, id)| missing_point(checklist, section, id)).collect()
}

fn missing_point(checklist: &Checklist, section: &str, id: &str) -> Problem {
    let place = checklist.file.sections.iter().position(|candidate| candidate.id == section);
    let path = place.map_or_else(|| steps!["name"].to_vec(), |index| steps!["section", index].to_vec());
    let what = format!("control point {id} is missing from section {section}");
    let hint = format!("{STANDARD_NAME} must contain all its points; give your own checklist another name");
    checklist.source.problem(&path, what).hint(hint)
}

/// A fault in a plan, and where it is.
struct PlanFault {
    place: FaultPlace,
    what: String,
}

/// A point of a plan, by the indexes of section and point, and the part of it that is wrong.
#[derive(Clone, Copy)]
struct FaultPlace {
    section: usize,
    point: usize,
    part: FaultPart,
}

/// The part of a point that is wrong; probes and actions by their indexes.
#[derive(Clone, Copy)]
enum FaultPart {
    Id,
    Probe(usize),
    Action(usize),
}

/// The faults of the points: duplicates, empty points, unknown references, dependency cycles. Each is located in the file
/// that has written the point, probe or action.
pub(super) fn check_plan(sections: &[Section], checklist: &Checklist, profile: &Profile) -> Vec<Problem> {
    let problem = |PlanFault { place, what }: PlanFault| {
        let (source, path) = locate(place, sections, checklist, profile);
        source.problem(&path, what)
    };
    find_faults(sections).into_iter().map(problem).collect()
}

/// The file of a part of a plan, and its path there. The profile's points follow those of the checklist, and its probes
/// follow those of the point.
fn locate<'a>(
    place: FaultPlace,
    sections: &[Section],
    checklist: &'a Checklist,
    profile: &'a Profile,
) -> (&'a SourceFile, KeyPath) {
    let (section, point) = (&sections[place.section], &sections[place.section].points[place.point]);
    let own = checklist.file.sections.get(place.section).map_or(0, |section| section.points.len());
    if let Some(nth) = place.point.checked_sub(own) {
        let added =
            profile.file.added_points.iter().enumerate().filter(|(_, added)| added.section == section.id);
        let Some((index, added)) = added.clone().nth(nth) else { return (&profile.source, KeyPath::new()) };
        return (
            &profile.source,
            part_path(steps!["point", index, "add"].to_vec(), place.part, point, &added.add),
        );
    }
    let overrides = profile.file.points.get(&point.id);
    let of_profile = overrides.and_then(|overrides| path_in_overrides(overrides, place.part, point));
    if let Some(path) = of_profile {
        return (&profile.source, [&steps!["points", point.id.as_str()], &path[..]].concat());
    }
    let file = &checklist.file.sections[place.section].points[place.point];
    let path = steps!["section", place.section, "point", place.point].to_vec();
    (&checklist.source, part_path(path, place.part, point, file))
}

/// The path of a part below a profile's changes of the point, if they add it.
fn path_in_overrides(overrides: &PointOverrides, part: FaultPart, point: &Point) -> Option<KeyPath> {
    match part {
        FaultPart::Id => None,
        FaultPart::Probe(index) => {
            let added = added_probe(overrides, index, point)?;
            Some(steps!["probe", added].to_vec())
        }
        FaultPart::Action(index) => {
            let id = &point.actions[index].id;
            let added = overrides.actions.iter().rposition(|action| action.id == *id)?;
            Some(steps!["action", added].to_vec())
        }
    }
}

/// Which of a profile's probes has made a probe; they follow those of the point, each once for every item of its list.
fn added_probe(overrides: &PointOverrides, index: usize, point: &Point) -> Option<usize> {
    let mut end = point.probes.len();
    for (added, probe) in overrides.probes.iter().enumerate().rev() {
        while end > 0 && is_made_from(&point.probes[end - 1].id, &probe.id) {
            end -= 1;
            if end == index {
                return Some(added);
            }
        }
    }
    None
}

/// The path of a part of a point in the file of the point. The last of two with one id is the wrong one.
fn part_path(mut path: KeyPath, part: FaultPart, point: &Point, file: &PointFile) -> KeyPath {
    match part {
        FaultPart::Id => path.push("id".into()),
        FaultPart::Probe(index) => {
            let at = file.probes.iter().rposition(|probe| is_made_from(&point.probes[index].id, &probe.id));
            path.extend(at.map(|at| steps!["probe", at]).into_iter().flatten());
        }
        FaultPart::Action(index) => {
            let at = file.actions.iter().rposition(|action| action.id == point.actions[index].id);
            path.extend(at.map(|at| steps!["action", at]).into_iter().flatten());
        }
    }
    path
}

/// Checks a plan from a log like one from files.
///
/// # Errors
/// The first fault.
pub fn check_logged(plan: &Plan) -> Result<(), String> {
    if plan.points().next().is_none() {
        return Err("the plan has no control points".into());
    }
    if plan.seals.is_empty() || has_duplicates(plan.seals.iter()) {
        return Err("the plan has no seals, or a seal twice".into());
    }
    if has_duplicates(plan.sections.iter().map(|section| &section.id)) {
        return Err("the plan has two sections with the same id".into());
    }
    if has_duplicates(plan.guards.iter().map(|guard| &guard.id))
        || has_duplicates(plan.rollback.iter().map(|step| &step.id))
    {
        return Err("the plan has two guards or two rollback steps with the same id".into());
    }
    find_faults(&plan.sections).into_iter().next().map_or(Ok(()), |fault| Err(fault.what))
}

fn has_duplicates<T: Ord>(mut items: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    !items.all(|item| seen.insert(item))
}

fn find_faults(sections: &[Section]) -> Vec<PlanFault> {
    let points = || sections.iter().flat_map(|section| &section.points);
    // The first place of each id.
    let mut ids: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (s, section) in sections.iter().enumerate() {
        for (p, point) in section.points.iter().enumerate() {
            ids.entry(&point.id).or_insert((s, p));
        }
    }
    let probes = points().flat_map(|point| point.probes.iter().map(move |probe| (&*point.id, &*probe.id)));
    let probes: BTreeSet<_> = probes.collect();
    let mut faults = Vec::new();
    for (s, section) in sections.iter().enumerate() {
        for (p, point) in section.points.iter().enumerate() {
            let is_second = ids.get(&*point.id).is_some_and(|first| *first != (s, p));
            let found = point_faults(point, is_second)
                .chain(dependency_faults(point, &ids))
                .chain(probe_reference_faults(point, &probes))
                .chain(action_faults(point, section, sections));
            faults.extend(found.map(|(part, what)| PlanFault {
                place: FaultPlace { section: s, point: p, part },
                what: format!("control point {} {what}", point.id),
            }));
        }
    }
    faults.extend(find_cycle(sections).and_then(|cycle| {
        // The checklist alone has none, so the last point of it is most likely the wrong one.
        let (section, point) =
            cycle.iter().filter_map(|id| ids.get(id)).copied().max_by_key(|(s, p)| (*p, *s))?;
        let what = format!("these control points depend on each other: {}", cycle.join(" → "));
        Some(PlanFault { place: FaultPlace { section, point, part: FaultPart::Id }, what })
    }));
    faults
}

fn point_faults(point: &Point, is_second: bool) -> impl Iterator<Item = (FaultPart, String)> + '_ {
    let is_empty =
        point.probes.is_empty() && point.confirm == Confirm::None && point.not_applicable.is_none();
    let is_untitled = point.title.trim().is_empty() || point.why.trim().is_empty();
    let duplicates = point.probes.iter().enumerate();
    let duplicates =
        duplicates.filter(|(at, probe)| point.probes[..*at].iter().any(|other| other.id == probe.id));
    let faults = [
        is_second.then(|| "is defined twice".to_owned()),
        is_empty.then(|| "is empty: it has no probe, and nobody confirms it".to_owned()),
        is_untitled.then(|| "is empty: it requires a title and a why".to_owned()),
    ];
    faults.into_iter().flatten().map(|what| (FaultPart::Id, what)).chain(
        duplicates.map(|(at, probe)| (FaultPart::Probe(at), format!("has two probes named {}", probe.id))),
    )
}

/// Dependencies on points that do not exist.
fn dependency_faults<'a>(
    point: &'a Point,
    ids: &'a BTreeMap<&str, (usize, usize)>,
) -> impl Iterator<Item = (FaultPart, String)> + 'a {
    let probes = point.probes.iter().enumerate();
    let probes = probes.filter_map(|(at, probe)| Some((FaultPart::Probe(at), probe.due.as_deref()?)));
    let own = point.after.iter().map(String::as_str).chain(point.due.as_deref());
    own.map(|wait| (FaultPart::Id, wait))
        .chain(probes)
        .filter(|(_, wait)| !ids.contains_key(wait))
        .map(|(part, wait)| (part, format!("depends on {wait}, which is not in the checklist")))
}

/// References to probes that do not exist.
fn probe_reference_faults<'a>(
    point: &'a Point,
    probes: &'a BTreeSet<(&str, &str)>,
) -> impl Iterator<Item = (FaultPart, String)> + 'a {
    let keys = point.probes.iter().enumerate().flat_map(|(at, probe)| {
        [&probe.since, &probe.digest_of].into_iter().flatten().map(move |key| (at, key))
    });
    keys.filter(move |(_, key)| !probes.contains(&(&*key.point, &*key.probe))).map(|(at, key)| {
        (FaultPart::Probe(at), format!("refers to the probe {key}, which is not in the checklist"))
    })
}

/// Duplicate actions, and references to actions or sections that do not exist.
fn action_faults<'a>(
    point: &'a Point,
    section: &'a Section,
    sections: &'a [Section],
) -> impl Iterator<Item = (FaultPart, String)> + 'a {
    let duplicates = point.actions.iter().enumerate();
    let duplicates =
        duplicates.filter(|(at, action)| point.actions[..*at].iter().any(|other| other.id == action.id));
    let named = point.probes.iter().enumerate();
    let named = named.filter_map(|(at, probe)| Some((at, probe.after_action.as_deref()?)));
    let missing = named.filter(|(_, id)| !point.actions.iter().any(|action| action.id == *id));
    let unknown =
        section.actions_after.iter().filter(|id| !sections.iter().any(|section| section.id == **id));
    let unknown = unknown
        .map(|id| (FaultPart::Id, format!("has actions after section {id}, which is not in the checklist")));
    let missing = missing.map(|(at, id)| {
        (FaultPart::Probe(at), format!("checks the result of the action {id}, which it does not have"))
    });
    duplicates
        .map(|(at, action)| (FaultPart::Action(at), format!("has two actions named {}", action.id)))
        .chain(missing)
        .chain(unknown)
}

/// A dependency cycle of points, if there is one.
fn find_cycle(sections: &[Section]) -> Option<Vec<&str>> {
    let points = || sections.iter().flat_map(|section| &section.points);
    let prerequisites: BTreeMap<&str, Vec<&str>> =
        points().map(|point| (point.id.as_str(), point.prerequisites().collect())).collect();
    // The number of open dependencies of each point, and its dependents.
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, on) in &prerequisites {
        let on: Vec<_> = on.iter().filter(|other| prerequisites.contains_key(*other)).collect();
        waiting.insert(id, on.len());
        for other in on {
            dependents.entry(other).or_default().push(id);
        }
    }
    // Remove points without open dependencies; the rest contains a cycle.
    let mut free: Vec<&str> = waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    while let Some(id) = free.pop() {
        waiting.remove(id);
        for other in dependents.get(id).into_iter().flatten() {
            let count = waiting.get_mut(other)?;
            *count -= 1;
            if *count == 0 {
                free.push(other);
            }
        }
    }
    let mut at = *waiting.keys().next()?;
    let (mut path, mut seen) = (Vec::new(), BTreeSet::new());
    while seen.insert(at) {
        path.push(at);
        at = prerequisites[at].iter().find(|id| waiting.contains_key(*id))?;
    }
    path.push(at);
    Some(path.split_off(path.iter().position(|id| *id == at).unwrap_or(0)))
}
