//! Resolves a checklist and a profile into a plan.

mod actions;
mod conditions;
mod defaults;
mod links;
mod options;
mod probes;
mod specs;

use std::collections::BTreeSet;

use super::file::{Checklist, PointFile, STANDARD, SectionFile, WhenNew};
use super::lock;
use super::overrides::apply_overrides;
use super::plan::PointIndex;
use super::plan::{Plan, Point, Section, Tailoring};
use super::profile::{PointOverrides, Profile};
use super::source::{KeyPath, PathStep, SourceFile, steps};
use super::suggest::{self, did_you_mean};
use super::template::{TemplateEngine, merge, unknown_value, value_names};
use crate::error::{Problem, Problems};

/// What is promoted, from the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promotion {
    /// The release tag.
    pub release: Option<String>,
    /// The current release tag; `Some("none")` for a new environment.
    pub previous: Option<String>,
}

impl Promotion {
    /// The problem of a release that is its own previous one.
    fn nothing_to_go_back_to(&self) -> Option<Problem> {
        let release = self.release.as_ref().filter(|release| self.previous.as_ref() == Some(*release))?;
        let what = format!("--release and --previous are both {release}: a rollback would change nothing");
        let hint = "give --previous the tag of the release that runs now, or `none` in a new environment";
        Some(Problem::new(what).hint(hint))
    }
}

/// Resolves a plan.
///
/// # Errors
/// All problems of checklist and profile together, with their places. Missing values
/// are not errors: their points are *unconfigured*.
pub fn resolve(checklist: &Checklist, profile: &Profile, promotion: &Promotion) -> Result<Plan, Problems> {
    let mut work = Resolver::new(checklist, profile, promotion);
    work.problems.extend(lock::check_standard(checklist));
    work.problems.extend(promotion.nothing_to_go_back_to());
    let mut sections: Vec<Section> = checklist
        .file
        .sections
        .iter()
        .enumerate()
        .map(|(index, section)| work.section(index, section))
        .collect();
    work.add_points(&mut sections);
    work.unknown_points(&sections);
    let guards = work.guards();
    let rollback = work.rollback_steps(&mut sections);
    work.unused_values();
    work.problems.extend(lock::check_plan(&sections, checklist, profile));
    let plan = Plan { guards, rollback, ..work.plan(sections) };
    if work.problems.is_empty() { Ok(plan) } else { Err(Problems(without_duplicates(work.problems))) }
}

/// Removes duplicates: several probes may use the same wrong value.
fn without_duplicates(problems: Vec<Problem>) -> Vec<Problem> {
    let mut once = Vec::new();
    for problem in problems {
        if !once.contains(&problem) {
            once.push(problem);
        }
    }
    once
}

/// The place of a part of the checklist: its file, and its path there.
pub(super) struct Origin<'a> {
    pub source: &'a SourceFile,
    pub path: KeyPath,
}

impl Origin<'_> {
    fn below(&self, steps: &[PathStep]) -> KeyPath {
        self.path.iter().chain(steps).cloned().collect()
    }

    fn problem(&self, steps: &[PathStep], what: impl Into<String>) -> Problem {
        self.source.problem(&self.below(steps), what)
    }
}

struct Resolver<'a> {
    checklist: &'a Checklist,
    profile: &'a Profile,
    promotion: &'a Promotion,
    filler: TemplateEngine,
    is_new: bool,
    /// Whether the checklist is the built-in one: tests check it, so not every check is needed at each start.
    is_built_in: bool,
    used: BTreeSet<String>,
    problems: Vec<Problem>,
    tailored: Vec<Tailoring>,
}

/// A value that is used without a probe: the checkout for tags and commits.
const REPOSITORY_VALUE: &str = "source.repository";

impl<'a> Resolver<'a> {
    fn new(checklist: &'a Checklist, profile: &'a Profile, promotion: &'a Promotion) -> Self {
        let mut values = checklist.file.values.clone();
        merge(&mut values, &profile.file.values);
        let mut set = |name: &str, value: Option<&String>| {
            value.map(|value| values.insert(name.to_owned(), toml::Value::String(value.clone())));
        };
        let previous = promotion.previous.as_ref().or(profile.file.previous.as_ref());
        set("environment", Some(&profile.file.environment));
        set("release", promotion.release.as_ref());
        set("previous", previous);
        let contacts = toml::Value::try_from(&profile.file.contacts);
        values.extend(contacts.map(|contacts| ("contacts".to_owned(), contacts)));
        defaults::add(&mut values, promotion.release.as_deref());
        let is_new = previous.is_some_and(|tag| tag == "none");
        let filler = TemplateEngine::new(values);
        Self {
            checklist,
            profile,
            promotion,
            filler,
            is_new,
            is_built_in: checklist.source.text == STANDARD,
            used: BTreeSet::new(),
            problems: Vec::new(),
            tailored: Vec::new(),
        }
    }

    fn plan(&mut self, sections: Vec<Section>) -> Plan {
        let file = &self.profile.file;
        let previous = self.promotion.previous.clone().or_else(|| file.previous.clone());
        self.tailored.sort();
        self.tailored.dedup();
        Plan {
            checklist: self.checklist.file.name.clone(),
            environment: file.environment.clone(),
            production: file.production,
            solo: file.solo,
            rehearsal: file.rehearsal.clone(),
            rolls_back: false,
            release: self.promotion.release.clone().unwrap_or_default(),
            previous: previous.filter(|tag| tag != "none"),
            seals: file.seals.clone(),
            sections,
            contacts: file.contacts.clone(),
            tailored: std::mem::take(&mut self.tailored),
            guards: Vec::new(),
            rollback: Vec::new(),
            index: PointIndex::default(),
        }
    }

    fn section(&mut self, index: usize, section: &SectionFile) -> Section {
        let source = &self.checklist.source;
        let points = section.points.iter().enumerate().map(|(n, point)| {
            let origin = Origin { source, path: steps!["section", index, "point", n].to_vec() };
            self.tailored_point(point, &origin)
        });
        let points = points.collect();
        Section {
            id: section.id.clone(),
            title: section.title.clone(),
            actions_after: section.actions_after.clone(),
            verifies_rollback: section.verifies_rollback,
            points,
        }
    }

    fn tailored_point(&mut self, file: &PointFile, origin: &Origin) -> Point {
        let mut point = self.point(file, origin);
        if let Some(overrides) = self.profile.file.points.get(&file.id) {
            self.tailored.extend(apply_overrides(
                &mut point,
                file,
                overrides,
                self.profile,
                &mut self.problems,
            ));
            self.override_links(&mut point, overrides);
            self.add_profile_actions(&mut point, overrides);
            self.add_probes(&mut point, overrides);
        }
        point
    }

    fn add_probes(&mut self, point: &mut Point, overrides: &PointOverrides) {
        let origin =
            Origin { source: &self.profile.source, path: steps!["points", point.id.as_str()].to_vec() };
        let added = self.probes(&point.id, &overrides.probes, &origin);
        self.tailored.extend(
            added.iter().map(|probe| Tailoring {
                point: point.id.clone(),
                what: format!("probe {} added", probe.id),
            }),
        );
        point.probes.extend(added);
    }

    fn add_points(&mut self, sections: &mut [Section]) {
        let profile = self.profile;
        for (index, added) in profile.file.added_points.iter().enumerate() {
            let origin = Origin { source: &profile.source, path: steps!["point", index, "add"].to_vec() };
            let point = self.point(&added.add, &origin);
            self.tailored.push(Tailoring { point: point.id.clone(), what: "control point added".into() });
            if let Some(section) = sections.iter_mut().find(|section| section.id == added.section) {
                section.points.push(point);
            } else {
                let names = sections.iter().map(|s| s.id.as_str()).collect::<Vec<_>>().join(", ");
                let what = format!("the checklist has no section {}; expected one of {names}", added.section);
                self.problems.push(profile.source.problem(&steps!["point", index, "section"], what));
            }
        }
    }

    fn unknown_points(&mut self, sections: &[Section]) {
        for id in self.profile.file.points.keys() {
            if !sections.iter().flat_map(|section| &section.points).any(|point| point.id == *id) {
                let what = format!("the checklist has no control point {id}");
                let ids = sections.iter().flat_map(|section| &section.points).map(|point| point.id.as_str());
                let hint = did_you_mean(id, ids)
                    .unwrap_or_else(|| "`gonogo points` lists all points; [[point]] adds one".to_owned());
                self.problems
                    .push(self.profile.source.problem(&steps!["points", id.as_str()], what).hint(hint));
            }
        }
    }

    /// Reports unused values: most likely their names are misspelled.
    fn unused_values(&mut self) {
        let mut leaves = Vec::new();
        value_names(&self.profile.file.values, "", &mut leaves);
        let overlaps = |name: &str, other: &str| name == other || name.starts_with(&format!("{other}."));
        let is_used = |leaf: &str| self.used.iter().any(|used| overlaps(used, leaf) || overlaps(leaf, used));
        leaves.retain(|leaf| leaf != REPOSITORY_VALUE && !is_used(leaf));
        for leaf in leaves {
            let near = suggest::similar_value(&leaf, self.used.iter().map(String::as_str));
            let problem = self.unused_value(&leaf, near);
            if let Some(near) = near.filter(|_| self.is_built_in) {
                // The built-in checklist spells its values right.
                let consequence = unknown_value(near, &leaf);
                self.problems.retain(|problem| problem.what != consequence);
            }
            self.problems.push(problem);
        }
    }

    /// The problem of an unused value; of its table, if that one is misspelled.
    fn unused_value(&self, leaf: &str, near: Option<&str>) -> Problem {
        let at = |name: &str| -> KeyPath {
            ["values"].into_iter().chain(name.split('.')).map(PathStep::from).collect()
        };
        let tables = leaf.rsplit_once('.').zip(near.and_then(|near| near.rsplit_once('.')));
        if let Some(((table, key), (meant, meant_key))) = tables
            && key == meant_key
        {
            let what = format!("the checklist does not use the values of [values.{table}]");
            let problem = self.profile.source.problem(&at(table), what);
            return problem.hint(format!("did you mean [values.{meant}]?"));
        }
        let what = format!("the checklist does not use the value {leaf}");
        let near = did_you_mean(leaf, self.used.iter().map(String::as_str));
        self.profile.source.problem(&at(leaf), what).hint(near.unwrap_or_else(|| "remove it".to_owned()))
    }

    fn point(&mut self, file: &PointFile, origin: &Origin) -> Point {
        let unmet = self.unmet_of_point(file, origin);
        let probes = self.probes(&file.id, &file.probes, origin);
        let actions = self.checklist_actions(&file.id, &file.actions, origin);
        let runbook = file.runbook.as_ref().and_then(|text| self.runbook(&file.id, text, origin));
        let contacts = self.contacts(&file.id, &file.contacts, origin);
        let new = self.is_new.then_some(&file.when_new);
        Point {
            id: file.id.clone(),
            title: file.title.clone(),
            why: file.why.trim().to_owned(),
            mandatory: file.mandatory,
            confirm: file.confirm,
            fresh_ms: millis(file.fresh.0),
            after: file.after.clone(),
            due: due(file.due.as_ref(), new),
            not_applicable: unmet
                .or_else(|| new.and_then(|new| new.not_applicable.clone()))
                .or_else(|| file.not_applicable.clone()),
            frozen_after: file.frozen_after.clone(),
            verifies_rollback: file.verifies_rollback,
            runbook,
            contacts,
            actions,
            probes,
        }
    }
}

fn due(usual: Option<&String>, new: Option<&WhenNew>) -> Option<String> {
    new.and_then(|new| new.due.clone()).or_else(|| usual.cloned())
}

pub(super) fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn value_at<'a>(table: &'a toml::Table, name: &str) -> Option<&'a toml::Value> {
    let mut steps = name.split('.');
    let first = table.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.as_table()?.get(step))
}
