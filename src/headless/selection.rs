//! The part of the checklist that `check` covers. What is left out is reported.

use std::collections::{BTreeMap, BTreeSet};

use gonogo_core::checklist::spec::ProbeSpec;
use gonogo_core::checklist::{Confirm, Plan, Point, PointId, Probe, ProbeKey};
use gonogo_core::text::{count, nearest};

/// A part of the checklist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these points and sections, by their ids; all if empty.
    pub only: Vec<String>,
    /// Leave out confirmations by people.
    pub machine: bool,
    /// Leave out probes that change something.
    pub no_effects: bool,
    /// Check what counts only once the release is out.
    pub after_deploy: bool,
}

/// What a check leaves out of a point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InPart {
    /// How many of its probes.
    pub dropped: usize,
    /// What a probe of it should have run after.
    pub not_after: Option<ProbeKey>,
}

/// What a check leaves out, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Parts of points, and what was asked to be left out.
    pub notes: Vec<String>,
    /// Whole points.
    pub skipped: Vec<SkippedPoint>,
    /// Points of which only a part is checked.
    pub in_part: BTreeMap<PointId, InPart>,
    /// Points whose confirmation by people is left out.
    pub unconfirmed: BTreeSet<PointId>,
    /// How many points there were before.
    pub points_before: usize,
}

impl LeftOut {
    /// The title of a point, marked if it is checked in part: passed is then not the whole of it.
    #[must_use]
    pub fn title(&self, point: &Point) -> String {
        let left = point.probes.len();
        let in_part = self.in_part.get(&point.id).map(|part| match &part.not_after {
            Some(key) if part.dropped == 0 => format!("in part: not after {key}"),
            _ => format!("in part: {left} of {} probes", left + part.dropped),
        });
        let unconfirmed = self.unconfirmed.contains(&point.id).then(|| "not confirmed".to_owned());
        let marks: Vec<_> = in_part.into_iter().chain(unconfirmed).collect();
        if marks.is_empty() { point.title.clone() } else { format!("{} ({})", point.title, marks.join(", ")) }
    }

    /// Whether any part of the checklist is left out.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.notes.is_empty() || !self.skipped.is_empty()
    }
}

/// A point of which nothing is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedPoint {
    /// Its id.
    pub id: PointId,
    /// Its title.
    pub title: String,
    /// The id of its section.
    pub section: String,
    /// Why it is skipped.
    pub why: String,
}

impl Selection {
    /// Removes from a plan what is not selected or not due, and returns what was left out.
    ///
    /// # Errors
    /// An id that is neither a point's nor a section's, with the known ids; or nothing is left, and nothing was skipped.
    pub fn apply(&self, plan: &mut Plan) -> Result<LeftOut, String> {
        self.check_ids(plan)?;
        let mut left_out = LeftOut { points_before: plan.points().count(), ..LeftOut::default() };
        let configured = probe_keys(plan);
        left_out.notes.extend(self.keep_only(plan));
        self.drop_not_due(plan, &mut left_out);
        self.drop_effects(plan, &mut left_out);
        drop_dependents(plan, &configured, &mut left_out);
        self.drop_confirmations(plan, &mut left_out);
        if plan.points().next().is_none() && left_out.skipped.is_empty() {
            return Err(format!("no point is left to check; left out: {}", left_out.notes.join("; ")));
        }
        Ok(left_out)
    }

    fn check_ids(&self, plan: &Plan) -> Result<(), String> {
        let sections = || plan.sections.iter().map(|section| section.id.as_str());
        let is_known = |id: &&String| sections().any(|section| section == *id) || plan.point(id).is_some();
        match self.only.iter().find(|id| !is_known(id)) {
            None => Ok(()),
            Some(id) => {
                let points = || plan.points().map(|point| point.id.as_str());
                if let Some(near) = nearest(id, points().chain(sections())) {
                    return Err(format!("--only {id}: no such point or section; did you mean {near}?"));
                }
                let near: Vec<_> = points().filter(|other| is_near(id, other)).collect();
                let names = if near.is_empty() { sections().collect() } else { near };
                Err(format!("--only {id}: no such point or section; expected one of {}", names.join(", ")))
            }
        }
    }

    fn keep_only(&self, plan: &mut Plan) -> Option<String> {
        if self.only.is_empty() {
            return None;
        }
        let before = plan.points().count();
        for section in &mut plan.sections {
            let is_whole_section = self.only.contains(&section.id);
            section.points.retain(|point| is_whole_section || self.only.contains(&point.id));
        }
        plan.sections.retain(|section| !section.points.is_empty());
        left_out_text(before - plan.points().count(), "point", "--only")
    }

    /// What counts only once the release is out. A point that is named by its id is checked in any case.
    fn drop_not_due(&self, plan: &mut Plan, left_out: &mut LeftOut) {
        if self.after_deploy {
            return;
        }
        let not_due = |after: &str| Some(format!("not due, after {after}"));
        let reason_of_point = |point: &Point| point.due.as_deref().and_then(not_due);
        let reason_of_probe = |point: &Point, probe: &Probe| {
            let after_action = probe.after_action.as_ref().map(|action| format!("its action {action}"));
            reason_of_point(point).or_else(|| not_due(probe.due.as_deref().or(after_action.as_deref())?))
        };
        let is_named = |point: &Point| self.only.contains(&point.id);
        for point in points_mut(plan).filter(|point| point.due.is_some() && !is_named(point)) {
            point.confirm = Confirm::None;
        }
        drop_probes(plan, left_out, |point, probe| {
            reason_of_probe(point, probe).filter(|_| !is_named(point))
        });
        move_empty_to_skipped(plan, left_out, |point| reason_of_point(point).filter(|_| !is_named(point)));
    }

    fn drop_effects(&self, plan: &mut Plan, left_out: &mut LeftOut) {
        if self.no_effects {
            drop_probes(plan, left_out, |_, probe| probe.effects.then(|| "--no-effects".to_owned()));
        }
    }

    fn drop_confirmations(&self, plan: &mut Plan, left_out: &mut LeftOut) {
        if !self.machine {
            return;
        }
        for point in points_mut(plan) {
            // Nobody confirms what does not apply.
            if point.confirm != Confirm::None && point.not_applicable.is_none() {
                left_out.unconfirmed.insert(point.id.clone());
            }
            // What a probe leaves to people still needs them: nothing else has checked it.
            point.confirm = Confirm::None;
        }
        let emptied = remove_empty(plan);
        let dropped = left_out.unconfirmed.len();
        left_out.notes.extend(
            (dropped > 0)
                .then(|| format!("confirmation of {} (--machine){emptied}", count(dropped, "point"))),
        );
    }
}

fn probe_keys(plan: &Plan) -> BTreeSet<ProbeKey> {
    let keys = plan.points().flat_map(|point| {
        let of_point = |probe: &Probe| ProbeKey::new(&point.id, &probe.id);
        point.probes.iter().map(of_point)
    });
    keys.collect()
}

fn points_mut(plan: &mut Plan) -> impl Iterator<Item = &mut Point> {
    plan.sections.iter_mut().flat_map(|section| &mut section.points)
}

/// Removes probes for a reason, and points of which then nothing is left. Returns whether there were any.
fn drop_probes(
    plan: &mut Plan,
    left_out: &mut LeftOut,
    reason: impl Fn(&Point, &Probe) -> Option<String>,
) -> bool {
    let mut dropped: BTreeMap<ProbeKey, String> = BTreeMap::new();
    for point in points_mut(plan) {
        let reasons: Vec<_> = point.probes.iter().map(|probe| reason(point, probe)).collect();
        let mut reasons = reasons.into_iter();
        point.probes.retain(|probe| {
            let why = reasons.next().flatten();
            let is_kept = why.is_none();
            dropped.extend(why.map(|why| (ProbeKey::new(&point.id, &probe.id), why)));
            is_kept
        });
    }
    move_empty_to_skipped(plan, left_out, |point| {
        dropped.iter().find(|(key, _)| key.point == point.id).map(|(_, why)| why.clone())
    });
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, why) in dropped.iter().filter(|(key, _)| plan.point(&key.point).is_some()) {
        left_out.in_part.entry(key.point.clone()).or_default().dropped += 1;
        by_reason.entry(why).or_default().push(key.to_string());
    }
    left_out.notes.extend(by_reason.into_iter().map(|(why, keys)| format!("{} ({why})", keys.join(", "))));
    !dropped.is_empty()
}

/// Moves points without anything to check to those that are skipped, if there is a reason.
fn move_empty_to_skipped(plan: &mut Plan, left_out: &mut LeftOut, reason: impl Fn(&Point) -> Option<String>) {
    for section in &mut plan.sections {
        let id = &section.id;
        section.points.retain(|point| {
            let why = reason(point).filter(|_| is_empty(point));
            let is_kept = why.is_none();
            left_out.skipped.extend(why.map(|why| SkippedPoint {
                id: point.id.clone(),
                title: point.title.clone(),
                section: id.clone(),
                why,
            }));
            is_kept
        });
    }
    plan.sections.retain(|section| !section.points.is_empty());
}

fn is_empty(point: &Point) -> bool {
    point.probes.is_empty() && point.confirm == Confirm::None && point.not_applicable.is_none()
}

/// Removes probes that need the result of one that was left out, and those that need theirs.
fn drop_dependents(plan: &mut Plan, configured: &BTreeSet<ProbeKey>, left_out: &mut LeftOut) {
    loop {
        let left = probe_keys(plan);
        let is_missing = |key: &ProbeKey| configured.contains(key) && !left.contains(key);
        for point in points_mut(plan) {
            drop_order(point, is_missing, left_out);
        }
        let any = drop_probes(plan, left_out, |_, probe| {
            let needed =
                [&probe.since, &probe.digest_of].into_iter().flatten().find(|key| is_missing(key))?;
            Some(format!("needs the result of {needed}, which is left out"))
        });
        if !any {
            return;
        }
    }
}

/// A probe that does not search for what the other one sent only has to run after it.
fn drop_order(point: &mut Point, is_missing: impl Fn(&ProbeKey) -> bool, left_out: &mut LeftOut) {
    let searches = |spec: &ProbeSpec| matches!(spec, ProbeSpec::Prometheus(_) | ProbeSpec::Jaeger(_));
    for probe in point.probes.iter_mut().filter(|probe| !probe.spec.as_ref().is_some_and(searches)) {
        if let Some(key) = probe.since.take_if(|key| is_missing(key)) {
            left_out.in_part.entry(point.id.clone()).or_default().not_after = Some(key);
        }
    }
}

/// Removes points of which nothing is left, and returns which.
fn remove_empty(plan: &mut Plan) -> String {
    let ids_before: Vec<_> = plan.points().map(|point| point.id.clone()).collect();
    for section in &mut plan.sections {
        section.points.retain(|point| !is_empty(point));
    }
    plan.sections.retain(|section| !section.points.is_empty());
    let removed: Vec<_> = ids_before.into_iter().filter(|id| plan.point(id).is_none()).collect();
    if removed.is_empty() { String::new() } else { format!(" and with it all of {}", removed.join(", ")) }
}

fn left_out_text(dropped: usize, noun: &str, option: &str) -> Option<String> {
    (dropped > 0).then(|| format!("{} ({option})", count(dropped, noun)))
}

/// Whether two ids share their section or their name.
fn is_near(unknown: &str, known: &str) -> bool {
    let parts = |id: &str| id.split_once('.').map(|(section, name)| (section.to_owned(), name.to_owned()));
    match (parts(unknown), parts(known)) {
        (Some(unknown), Some(known)) => unknown.0 == known.0 || unknown.1 == known.1,
        _ => known.contains(unknown),
    }
}
