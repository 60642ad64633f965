//! The part of the checklist that `check` covers. What is left out is reported.

use std::collections::BTreeSet;

use gonogo_core::checklist::spec::ProbeSpec;
use gonogo_core::checklist::{Confirm, Plan, Point, Probe, ProbeKey};
use gonogo_core::text::count;

/// A part of the checklist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these points and sections, by their ids; all if empty.
    pub only: Vec<String>,
    /// Leave out confirmations by people.
    pub machine: bool,
    /// Leave out probes that change something.
    pub no_effects: bool,
}

impl Selection {
    /// Removes from a plan what is not selected, and returns what was left out.
    ///
    /// # Errors
    /// An id that is neither a point's nor a section's, with the known ids; or nothing is left.
    pub fn apply(&self, plan: &mut Plan) -> Result<Vec<String>, String> {
        self.check_ids(plan)?;
        let mut left_out = Vec::new();
        let configured = probe_keys(plan);
        left_out.extend(self.keep_only(plan));
        left_out.extend(self.drop_effects(plan));
        left_out.extend(drop_dependents(plan, &configured));
        left_out.extend(self.drop_confirmations(plan));
        if plan.points().next().is_none() {
            return Err(format!("no point is left to check; left out: {}", left_out.join("; ")));
        }
        Ok(left_out)
    }

    fn check_ids(&self, plan: &Plan) -> Result<(), String> {
        let sections = || plan.sections.iter().map(|section| section.id.as_str());
        let is_known = |id: &&String| sections().any(|section| section == *id) || plan.point(id).is_some();
        match self.only.iter().find(|id| !is_known(id)) {
            None => Ok(()),
            Some(id) => {
                let near: Vec<_> =
                    plan.points().map(|point| point.id.as_str()).filter(|other| is_near(id, other)).collect();
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

    fn drop_effects(&self, plan: &mut Plan) -> Option<String> {
        if !self.no_effects {
            return None;
        }
        let mut dropped = 0;
        for point in plan.sections.iter_mut().flat_map(|section| &mut section.points) {
            let before = point.probes.len();
            point.probes.retain(|probe| !probe.effects);
            dropped += before - point.probes.len();
        }
        let emptied = drop_empty(plan);
        left_out_text(dropped, "probe", "--no-effects").map(|text| text + &emptied)
    }

    fn drop_confirmations(&self, plan: &mut Plan) -> Option<String> {
        if !self.machine {
            return None;
        }
        let mut dropped = 0;
        for point in plan.sections.iter_mut().flat_map(|section| &mut section.points) {
            dropped += usize::from(point.confirm != Confirm::None);
            point.confirm = Confirm::None;
        }
        let emptied = drop_empty(plan);
        (dropped > 0).then(|| format!("confirmation of {} (--machine){emptied}", count(dropped, "point")))
    }
}

fn probe_keys(plan: &Plan) -> BTreeSet<ProbeKey> {
    let keys = plan.points().flat_map(|point| {
        let of_point = |probe: &Probe| ProbeKey::new(&point.id, &probe.id);
        point.probes.iter().map(of_point)
    });
    keys.collect()
}

/// Removes probes that need the result of one that was left out, and those that need theirs.
fn drop_dependents(plan: &mut Plan, configured: &BTreeSet<ProbeKey>) -> Option<String> {
    let mut dropped: BTreeSet<ProbeKey> = BTreeSet::new();
    loop {
        let left = probe_keys(plan);
        let is_missing = |key: &&ProbeKey| configured.contains(*key) && !left.contains(*key);
        let before = dropped.len();
        for point in plan.sections.iter_mut().flat_map(|section| &mut section.points) {
            forget_order(point, is_missing);
            let needs_missing = |probe: &Probe| {
                [&probe.since, &probe.digest_of].into_iter().flatten().any(|key| is_missing(&key))
            };
            dropped.extend(
                point
                    .probes
                    .iter()
                    .filter(|probe| needs_missing(probe))
                    .map(|probe| ProbeKey::new(&point.id, &probe.id)),
            );
            point.probes.retain(|probe| !needs_missing(probe));
        }
        if dropped.len() == before {
            break;
        }
    }
    let emptied = drop_empty(plan);
    let names: Vec<_> = dropped.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| {
        let verb = if names.len() == 1 { "needs" } else { "need" };
        format!("{}, which {verb} the result of one that is left out{emptied}", names.join(", "))
    })
}

/// A probe that looks for nothing of the other one only has to run after it.
fn forget_order(point: &mut Point, is_missing: impl Fn(&&ProbeKey) -> bool) {
    let looks_for_it = |spec: &ProbeSpec| matches!(spec, ProbeSpec::Prometheus(_) | ProbeSpec::Jaeger(_));
    for probe in point.probes.iter_mut().filter(|probe| !probe.spec.as_ref().is_some_and(looks_for_it)) {
        probe.since = probe.since.take().filter(|key| !is_missing(&key));
    }
}

/// Removes points of which nothing is left, and returns which.
fn drop_empty(plan: &mut Plan) -> String {
    let ids_before: Vec<_> = plan.points().map(|point| point.id.clone()).collect();
    for section in &mut plan.sections {
        section.points.retain(|point| {
            !point.probes.is_empty() || point.confirm != Confirm::None || point.not_applicable.is_some()
        });
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
