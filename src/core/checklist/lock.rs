//! Checks that no control point of the standard checklist is removed, renamed or emptied, and that every plan is
//! consistent.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{Checklist, STANDARD_NAME};
use super::plan::{Confirm, Plan, Point, Section};
use super::source::{SourceFile, steps};
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

/// A fault in a plan, and its point: the indexes of section and point.
struct PlanFault {
    place: Option<(usize, usize)>,
    what: String,
}

/// The faults of the points: duplicates, empty points, unknown references, dependency cycles.
pub(super) fn check_plan(sections: &[Section], source: &SourceFile) -> Vec<Problem> {
    let place = |place: Option<(usize, usize)>| match place {
        Some((section, point)) => steps!["section", section, "point", point, "id"].to_vec(),
        None => Vec::new(),
    };
    find_faults(sections).into_iter().map(|fault| source.problem(&place(fault.place), fault.what)).collect()
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
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    points().for_each(|point| *ids.entry(&point.id).or_default() += 1);
    let probes = points().flat_map(|point| point.probes.iter().map(move |probe| (&*point.id, &*probe.id)));
    let probes: BTreeSet<_> = probes.collect();
    let mut faults = Vec::new();
    for (s, section) in sections.iter().enumerate() {
        for (p, point) in section.points.iter().enumerate() {
            let descriptions = point_faults(point, &ids)
                .chain(probe_reference_faults(point, &probes))
                .chain(action_faults(point, section, sections))
                .map(|what| format!("control point {} {what}", point.id));
            faults.extend(descriptions.map(|what| PlanFault { place: Some((s, p)), what }));
        }
    }
    faults.extend(find_cycle(sections).map(|ids| {
        let what = format!("these control points depend on each other: {}", ids.join(" → "));
        PlanFault { place: None, what }
    }));
    faults
}

fn point_faults<'a>(point: &'a Point, ids: &'a BTreeMap<&str, usize>) -> impl Iterator<Item = String> + 'a {
    let twice = ids.get(&*point.id).is_some_and(|count| *count > 1);
    let is_empty =
        point.probes.is_empty() && point.confirm == Confirm::None && point.not_applicable.is_none();
    let is_untitled = point.title.trim().is_empty() || point.why.trim().is_empty();
    let missing = point.prerequisites().filter(|wait| !ids.contains_key(wait));
    let duplicates = point
        .probes
        .iter()
        .filter(|probe| point.probes.iter().filter(|other| other.id == probe.id).count() > 1);
    let faults = [
        twice.then(|| "is defined twice".to_owned()),
        is_empty.then(|| "is empty: it has no probe, and nobody confirms it".to_owned()),
        is_untitled.then(|| "is empty: it requires a title and a why".to_owned()),
    ];
    faults
        .into_iter()
        .flatten()
        .chain(missing.map(|wait| format!("depends on {wait}, which is not in the checklist")))
        .chain(duplicates.map(|probe| format!("has two probes named {}", probe.id)))
}

/// References to probes that do not exist.
fn probe_reference_faults<'a>(
    point: &'a Point,
    probes: &'a BTreeSet<(&str, &str)>,
) -> impl Iterator<Item = String> + 'a {
    let keys = point.probes.iter().flat_map(|probe| [&probe.since, &probe.digest_of]).flatten();
    keys.filter(move |key| !probes.contains(&(&*key.point, &*key.probe)))
        .map(|key| format!("refers to the probe {key}, which is not in the checklist"))
}

/// Duplicate actions, and references to actions or sections that do not exist.
fn action_faults<'a>(
    point: &'a Point,
    section: &'a Section,
    sections: &'a [Section],
) -> impl Iterator<Item = String> + 'a {
    let has = move |id: &str| point.actions.iter().filter(|action| action.id == id).count();
    let duplicates = point.actions.iter().filter(move |action| has(&action.id) > 1);
    let missing =
        point.probes.iter().filter_map(|probe| probe.after_action.as_deref()).filter(move |id| has(id) == 0);
    let unknown =
        section.actions_after.iter().filter(|id| !sections.iter().any(|section| section.id == **id));
    duplicates
        .map(|action| format!("has two actions named {}", action.id))
        .chain(missing.map(|id| format!("checks the result of the action {id}, which it does not have")))
        .chain(unknown.map(|id| format!("has actions after section {id}, which is not in the checklist")))
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
