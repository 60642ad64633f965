//! The lock: no control point of the standard checklist can vanish, be renamed or be emptied; and what
//! any checklist must hold to.

use std::collections::BTreeMap;

use super::file::{Checklist, STANDARD_NAME};
use super::plan::{Confirm, Point, ProbeKey, Section};
use super::source::{Source, steps};
use crate::error::Problem;

/// The standard checklist: its sections and the control points that each must hold.
pub const POINTS: [(&str, &[&str]); 6] = [
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

/// What keeps a checklist from being the standard one, if that is what it is called.
pub(super) fn check(checklist: &Checklist) -> Vec<Problem> {
    if checklist.file.name != STANDARD_NAME {
        return Vec::new();
    }
    let missing = POINTS.iter().enumerate().flat_map(|(place, (section, points))| {
        let found = checklist.file.sections.get(place).filter(|found| found.id == *section);
        let has = move |id: &str| found.is_some_and(|found| found.points.iter().any(|point| point.id == id));
        points.iter().filter(move |id| !has(id)).map(move |id| (section, *id))
    });
    missing.map(|(section, id)| vanished(checklist, section, id)).collect()
}

fn vanished(checklist: &Checklist, section: &str, id: &str) -> Problem {
    let place = checklist.file.sections.iter().position(|found| found.id == section);
    let path = place.map_or_else(|| steps!["name"].to_vec(), |index| steps!["section", index].to_vec());
    let what = format!("control point {id} is missing from section {section}");
    let hint =
        format!("every point of {STANDARD_NAME} stays; a checklist of your own needs a name of its own");
    checklist.source.problem(&path, what).hint(hint)
}

/// What is wrong with the points themselves: twice there, empty, waiting for what is not there or for
/// each other.
pub(super) fn check_plan(sections: &[Section], source: &Source) -> Vec<Problem> {
    let ids: Vec<&str> = sections.iter().flat_map(|s| &s.points).map(|point| point.id.as_str()).collect();
    let mut problems = Vec::new();
    for (s, section) in sections.iter().enumerate() {
        for (p, point) in section.points.iter().enumerate() {
            let told = wrong_with(point, &ids)
                .chain(strange_probes(point, sections))
                .chain(strange_actions(point, section, sections))
                .map(|what| format!("control point {} {what}", point.id));
            problems.extend(told.map(|what| source.problem(&steps!["section", s, "point", p, "id"], what)));
        }
    }
    problems.extend(circle(sections).map(|ids| {
        source.problem(&[], format!("these control points wait for each other: {}", ids.join(" → ")))
    }));
    problems
}

fn wrong_with<'a>(point: &'a Point, ids: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    let twice = ids.iter().filter(|id| **id == point.id).count() > 1;
    let closes_itself =
        point.probes.is_empty() && point.confirm == Confirm::None && point.not_applicable.is_none();
    let wordless = point.title.trim().is_empty() || point.why.trim().is_empty();
    let strangers = waits(point).filter(|wait| !ids.contains(wait));
    let twins = point
        .probes
        .iter()
        .filter(|probe| point.probes.iter().filter(|other| other.id == probe.id).count() > 1);
    let told = [
        twice.then(|| "is there twice".to_owned()),
        closes_itself.then(|| "is empty: it has neither a probe nor a person who confirms".to_owned()),
        wordless.then(|| "is empty: it needs a title and a why".to_owned()),
    ];
    told.into_iter()
        .flatten()
        .chain(strangers.map(|wait| format!("waits for {wait}, which the checklist does not have")))
        .chain(twins.map(|probe| format!("has two probes called {}", probe.id)))
}

/// Probes that another one counts from, and that are not there.
fn strange_probes<'a>(point: &'a Point, sections: &'a [Section]) -> impl Iterator<Item = String> + 'a {
    let points = move || sections.iter().flat_map(|section| &section.points);
    let is_there = move |key: &ProbeKey| {
        let of = points().find(|point| point.id == key.point);
        of.is_some_and(|point| point.probes.iter().any(|probe| probe.id == key.probe))
    };
    let keys = point.probes.iter().flat_map(|probe| [&probe.since, &probe.digest_of]).flatten();
    keys.filter(move |key| !is_there(key))
        .map(|key| format!("counts from {key}, which the checklist does not have"))
}

/// Actions that are there twice, or whose results or sections are named and not there.
fn strange_actions<'a>(
    point: &'a Point,
    section: &'a Section,
    sections: &'a [Section],
) -> impl Iterator<Item = String> + 'a {
    let has = move |id: &str| point.actions.iter().filter(|action| action.id == id).count();
    let twins = point.actions.iter().filter(move |action| has(&action.id) > 1);
    let strangers =
        point.probes.iter().filter_map(|probe| probe.of.as_deref()).filter(move |id| has(id) == 0);
    let unknown =
        section.actions_after.iter().filter(|id| !sections.iter().any(|section| section.id == **id));
    twins
        .map(|action| format!("has two actions called {}", action.id))
        .chain(strangers.map(|id| format!("looks at the result of the action {id}, which it does not have")))
        .chain(unknown.map(|id| format!("has actions after section {id}, which the checklist does not have")))
}

fn waits(point: &Point) -> impl Iterator<Item = &str> {
    let probes = point.probes.iter().filter_map(|probe| probe.due.as_deref());
    point.after.iter().map(String::as_str).chain(point.due.as_deref()).chain(probes)
}

/// A circle of points that wait for each other, if there is one.
fn circle(sections: &[Section]) -> Option<Vec<&str>> {
    let mut open: BTreeMap<&str, Vec<&str>> = sections
        .iter()
        .flat_map(|section| &section.points)
        .map(|point| (point.id.as_str(), waits(point).collect()))
        .collect();
    // Take away what waits for nothing until nothing more can be taken; a rest is a circle.
    loop {
        let free: Vec<&str> = open
            .iter()
            .filter(|(_, on)| !on.iter().any(|id| open.contains_key(id)))
            .map(|(id, _)| *id)
            .collect();
        if free.is_empty() {
            break;
        }
        open.retain(|id, _| !free.contains(id));
    }
    let mut at = *open.keys().next()?;
    let mut way = Vec::new();
    while !way.contains(&at) {
        way.push(at);
        at = open[at].iter().find(|id| open.contains_key(*id))?;
    }
    way.push(at);
    Some(way.split_off(way.iter().position(|id| *id == at).unwrap_or(0)))
}
