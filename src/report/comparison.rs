//! The differences between two runs: states of points, probe results, the plan, and times.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::Document;
use super::TrustSources;
use super::evidence_comparison::compare_evidence;
use super::points::{PointPart, SectionPart};
use gonogo_core::text::line;
use gonogo_core::time::span;

/// The minimum difference of two times that is reported, in milliseconds, if it is also a factor of two.
const MIN_REPORTED_MS: u64 = 500;

/// The name of the difference between the states of a point.
const STATE: &str = "state";

/// The differences between two runs.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The older run.
    pub old: ComparedRun,
    /// The newer one.
    pub new: ComparedRun,
    /// If one of the two is a rehearsal, or both are: what that means for the comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<&'static str>,
    /// If both logs are of the same run: their relation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_run: Option<String>,
    /// The trusted signers of both verifications.
    pub trust: TrustSources,
    /// The points that differ, in the newer run's order; then those that only the older one has.
    pub points: Vec<PointDifference>,
    /// Differences in the plan and the people.
    pub plan: Vec<Difference>,
    /// Probes that took half or double the time, in milliseconds.
    pub times: Vec<Difference>,
}

/// One of the two runs.
#[derive(Debug, Serialize)]
pub struct ComparedRun {
    /// Its id.
    pub run: String,
    /// Environment and release.
    pub what: String,
    /// The result of the verification of its log.
    pub verification: String,
    /// Its verdict.
    pub verdict: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A point that differs.
#[derive(Debug, Serialize)]
pub struct PointDifference {
    /// Its id.
    pub id: String,
    /// The differences.
    pub changes: Vec<Difference>,
}

/// One difference; a value is absent on the side that does not have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The title of the probe that observed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// What.
    pub what: String,
    /// In the older run.
    pub old: Option<String>,
    /// In the newer one.
    pub new: Option<String>,
}

impl Comparison {
    /// Compares two runs.
    #[must_use]
    pub fn of(old: &Document, new: &Document) -> Self {
        let pairs = pair_points(&old.sections, &new.sections);
        let mut points: Vec<_> = pairs.iter().filter_map(|(old, new)| compare_point(*old, *new)).collect();
        // The sort is stable: those with another state, then the others, each in the order of the checklist.
        points.sort_by_key(|point| !point.changes.iter().any(|change| change.what == STATE));
        let times =
            pairs.iter().filter_map(|(old, new)| Some(compare_times((*old)?, (*new)?))).flatten().collect();
        let (trust, plan) = (new.trust.clone(), compare_plans(old, new));
        let rehearsal = describe_rehearsals(old.rehearsal.is_some(), new.rehearsal.is_some());
        let (old, new) = (compared_run(old), compared_run(new));
        Self { old, new, rehearsal, same_run: None, trust, points, plan, times }
    }

    /// Whether nothing differs except times.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.same_run.is_none()
            && self.points.is_empty()
            && self.plan.is_empty()
            && self.old.verdict == self.new.verdict
    }

    /// For people: a block per point, old values with `-`, new ones with `+`.
    #[must_use]
    pub fn human(&self) -> String {
        let mut out = String::new();
        if let Some(rehearsal) = self.rehearsal {
            let _ = writeln!(out, "{rehearsal}");
        }
        for (sign, side) in [('-', &self.old), ('+', &self.new)] {
            let ComparedRun { run, what, verification, verdict, took_ms } = side;
            let short = run.get(..8).unwrap_or(run);
            let took = span(std::time::Duration::from_millis(*took_ms));
            let _ = writeln!(out, "{sign} {what}: {verdict}, {took}, run {short}, {verification}");
        }
        for (word, text) in self.trust.lines() {
            let _ = writeln!(out, "  {word:<9} {text}");
        }
        for warning in &self.trust.warnings {
            let _ = writeln!(out, "  warning   {}", line(warning));
        }
        if let Some(relation) = &self.same_run {
            let _ = writeln!(out, "\nsame run, two logs: {relation}");
        }
        for point in &self.points {
            let _ = writeln!(out, "\n{}", point.id);
            write_differences(&mut out, &point.changes);
        }
        for (title, changes) in [("plan and people", &self.plan), ("time, in ms", &self.times)] {
            if !changes.is_empty() {
                let _ = writeln!(out, "\n{title}");
                write_differences(&mut out, changes);
            }
        }
        if self.is_same() {
            out.push_str("\nno other differences\n");
        }
        out
    }
}

pub(super) fn write_differences(out: &mut String, changes: &[Difference]) {
    let mut title: Option<&str> = None;
    for Difference { probe, what, old, new } in changes {
        if let Some(probe) = probe.as_deref().filter(|probe| title != Some(probe)) {
            let _ = writeln!(out, "  {probe}");
        }
        title = probe.as_deref();
        let _ = writeln!(out, "  {what}");
        for (sign, value) in [('-', old), ('+', new)] {
            if let Some(value) = value {
                let _ = writeln!(out, "    {sign} {}", value.replace('\n', " "));
            }
        }
    }
}

/// The points of two runs in pairs: in the order of the newer run, then the points that only the older one has.
fn pair_points<'a>(
    old: &'a [SectionPart],
    new: &'a [SectionPart],
) -> Vec<(Option<&'a PointPart>, Option<&'a PointPart>)> {
    let mut unmatched: BTreeMap<&str, &PointPart> =
        points(old).map(|point| (point.id.as_str(), point)).collect();
    let matched: Vec<_> =
        points(new).map(|point| (unmatched.remove(point.id.as_str()), Some(point))).collect();
    let removed = points(old).filter(|point| unmatched.contains_key(point.id.as_str()));
    let removed = removed.map(|point| (Some(point), None));
    matched.into_iter().chain(removed).collect()
}

fn points(sections: &[SectionPart]) -> impl Iterator<Item = &PointPart> {
    #[cfg(test)]
    tests::LOOKED_THROUGH.set(tests::LOOKED_THROUGH.get() + 1);
    sections.iter().flat_map(|section| &section.points)
}

fn compared_run(document: &Document) -> ComparedRun {
    let Document { run, verdict, verification, .. } = document;
    ComparedRun {
        run: run.id.clone(),
        what: format!("{} {}", run.environment, run.release),
        verification: verification.sentence.clone(),
        verdict: format!("{} {}/{}", verdict.decision, verdict.done, verdict.total),
        took_ms: run.took_ms,
    }
}

/// The difference, if there is one.
pub(super) fn difference(
    what: impl Into<String>,
    old: Option<String>,
    new: Option<String>,
) -> Option<Difference> {
    (old != new).then(|| Difference { probe: None, what: what.into(), old, new })
}

fn compare_point(old: Option<&PointPart>, new: Option<&PointPart>) -> Option<PointDifference> {
    let id = new.or(old)?.id.clone();
    let both = |describe: &dyn Fn(&PointPart) -> String| (old.map(describe), new.map(describe));
    let mut changes = Vec::new();
    for (what, (old, new)) in [
        (STATE, both(&|point| point.status.clone())),
        ("title and reason", both(&|point| format!("{}. {}", point.title, point.why))),
        ("people required", both(&|point| point.people.to_string())),
        ("mandatory", both(&|point| if point.mandatory { "yes" } else { "no" }.to_owned())),
        ("waived or n/a", both(&waivers_and_exemptions)),
    ] {
        changes.extend(difference(
            what,
            old.filter(|text| !text.is_empty()),
            new.filter(|text| !text.is_empty()),
        ));
    }
    if let (Some(old), Some(new)) = (old, new) {
        changes.extend(compare_evidence(old, new));
    }
    (!changes.is_empty()).then_some(PointDifference { id, changes })
}

fn waivers_and_exemptions(point: &PointPart) -> String {
    let acts = point.acts.iter().filter(|act| act.what.starts_with("waived") || act.what == "not applicable");
    // The end time of a waiver differs in every run.
    let lines = acts.map(|act| format!("{}: {}", act.by, act.words.as_deref().unwrap_or_default()));
    lines.collect::<Vec<_>>().join("; ")
}

/// What to know first of a comparison with a rehearsal.
const fn describe_rehearsals(old: bool, new: bool) -> Option<&'static str> {
    match (old, new) {
        (true, true) => Some("two rehearsals; neither is evidence of a real deployment"),
        (true, false) => Some("a rehearsal, and then a run of a real environment"),
        (false, true) => {
            Some("a run of a real environment, and then a rehearsal, which is not evidence of one")
        }
        (false, false) => None,
    }
}

fn compare_times(old: &PointPart, new: &PointPart) -> Vec<Difference> {
    let pair = |probe: &super::points::ProbePart| {
        let old_probe = old.probes.iter().find(|other| other.id == probe.id)?;
        let (old_ms, new_ms) = (old_probe.took_ms, probe.took_ms);
        let is_significant =
            old_ms.abs_diff(new_ms) >= MIN_REPORTED_MS && (old_ms >= new_ms * 2 || new_ms >= old_ms * 2);
        let what = format!("{} {}", new.id, probe.id);
        is_significant.then(|| Difference {
            probe: None,
            what,
            old: Some(old_ms.to_string()),
            new: Some(new_ms.to_string()),
        })
    };
    new.probes.iter().filter_map(pair).collect()
}

fn compare_plans(old: &Document, new: &Document) -> Vec<Difference> {
    let mut changes = Vec::new();
    changes.extend(difference("checklist", Some(old.run.checklist.clone()), Some(new.run.checklist.clone())));
    let solo = |document: &Document| Some(if document.run.solo { "yes" } else { "no" }.to_owned());
    changes.extend(difference("one person may confirm for two (solo)", solo(old), solo(new)));
    let people = |document: &Document| -> Vec<String> {
        document
            .people
            .iter()
            .map(|person| format!("{} ({}) {}", person.principal, person.role, person.key))
            .collect()
    };
    for (what, old, new) in
        [("tailoring", old.tailored.clone(), new.tailored.clone()), ("person", people(old), people(new))]
    {
        let only = |values: &[String], others: &[String]| -> Vec<String> {
            values.iter().filter(|value| !others.contains(value)).cloned().collect()
        };
        changes.extend(only(&old, &new).into_iter().filter_map(|value| difference(what, Some(value), None)));
        changes.extend(only(&new, &old).into_iter().filter_map(|value| difference(what, None, Some(value))));
    }
    changes
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use super::super::points::{ObservationPart, section_parts};
    use super::*;
    use crate::tui::tests::sample::{SampleRun, plan};
    use gonogo_core::checklist::{Confirm, Plan, Point, SCANS};

    thread_local! {
        /// How often all points of a run were scanned on this thread.
        pub(super) static LOOKED_THROUGH: Cell<usize> = const { Cell::new(0) };
    }

    const POINTS: usize = 1_000;

    /// A point with one probe and these observations.
    pub(in crate::report) fn point_with(probe_observations: &[(&str, &str, Option<bool>)]) -> PointPart {
        let mut point = sections_of(plan()).remove(0).points.remove(0);
        let seen = |(what, seen, ok): &(&str, &str, Option<bool>)| ObservationPart {
            what: (*what).to_owned(),
            expected: "e".into(),
            seen: (*seen).to_owned(),
            ok: *ok,
            measured: false,
            key: None,
        };
        point.probes.truncate(1);
        point.probes[0].observations = probe_observations.iter().map(seen).collect();
        point
    }

    #[test]
    fn only_times_that_differ_by_much_are_reported() {
        let took = |ms| {
            let mut point = point_with(&[]);
            point.probes[0].took_ms = ms;
            point
        };
        for (old, new, is_reported) in
            [(89, 361, false), (400, 800, false), (300, 900, true), (2000, 2700, false)]
        {
            assert_eq!(!compare_times(&took(old), &took(new)).is_empty(), is_reported, "{old} {new}");
        }
    }

    #[test]
    fn a_comparison_says_first_whether_a_run_is_a_rehearsal() {
        assert_eq!(describe_rehearsals(false, false), None);
        for (old, new, begin) in [
            (true, true, "two rehearsals"),
            (true, false, "a rehearsal, and then"),
            (false, true, "a run of"),
        ] {
            assert!(describe_rehearsals(old, new).is_some_and(|text| text.starts_with(begin)));
        }
    }

    /// A plan with many additional points, numbered from `from`.
    fn plan_with_points(from: usize) -> Plan {
        let mut plan = plan();
        let mut point = plan.sections[0].points[0].clone();
        (point.after, point.due, point.probes, point.actions) = Default::default();
        (point.why, point.confirm) = ("w".into(), Confirm::One);
        let ids = (from..from + POINTS).map(|n| format!("added.{n}"));
        plan.sections[0].points.extend(ids.map(|id| Point { id, ..point.clone() }));
        plan
    }

    fn sections_of(plan: Plan) -> Vec<SectionPart> {
        let sample = SampleRun::new(plan);
        let (state, now) = (sample.state(), sample.now());
        let before = SCANS.get();
        let sections = section_parts(&state.judge(&now));
        assert_eq!(SCANS.get() - before, 0, "a plan is looked through for its points");
        sections
    }

    /// Twice as many points must be only twice as much work.
    #[test]
    fn comparing_two_runs_with_many_points_is_linear() {
        let (old, new) = (sections_of(plan_with_points(0)), sections_of(plan_with_points(10)));
        let before = LOOKED_THROUGH.get();
        let pairs = pair_points(&old, &new);
        assert!(LOOKED_THROUGH.get() - before <= 3);
        let only = |is: fn(&(Option<&PointPart>, Option<&PointPart>)) -> bool| {
            let only = pairs.iter().filter(|pair| is(pair));
            only.map(|(old, new)| old.or(*new).unwrap().id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(pairs.len(), 27 + POINTS + 10);
        assert_eq!(
            only(|(old, _)| old.is_none()),
            (1000..1010).map(|n| format!("added.{n}")).collect::<Vec<_>>()
        );
        assert_eq!(only(|(_, new)| new.is_none()), (0..10).map(|n| format!("added.{n}")).collect::<Vec<_>>());
        assert!(pairs.iter().all(|(old, new)| old.zip(*new).is_none_or(|(old, new)| old.id == new.id)));
    }
}
