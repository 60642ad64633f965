//! The requirements of a run: its checklist, the required signatures, what was loosened, and the basis of its evidence.

use std::collections::BTreeSet;

use serde::Serialize;

use gonogo_core::checklist::{Confirm, Edition, Plan, PlanChange, Role, altered_points};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::run::{LoosenedPlan, RunState};
use gonogo_core::text::{count, line};

/// The basis of everything that no person signed.
pub const EVIDENCE_NOTE: &str = "probe results and results of actions are reported by the host that ran them; the next \
                             signature covers them, but nobody attests that they are true";

/// The requirements of a run.
#[derive(Debug, Serialize)]
pub struct PlanPart {
    /// The checklist's name.
    pub checklist: String,
    /// SHA-256 of the checklist's lock.
    pub edition: String,
    /// Whether the edition is known, in words.
    pub edition_status: &'static str,
    /// Points that are not probed as the checklist of that name requires, without being listed as tailored.
    pub altered: Vec<String>,
    /// Points that the plan lists as tailored.
    #[serde(skip)]
    pub tailored: Vec<String>,
    /// The required seals.
    pub seals: Vec<Role>,
    /// How many points there are, and how many need one person and two.
    pub people: String,
    /// The points that are not applicable by the plan, each with its reason, and whether that is effective.
    pub not_applicable: Vec<String>,
    /// What was loosened during the run.
    pub loosened: Vec<LooserPlanPart>,
    /// The basis of evidence that no person signed.
    pub evidence: &'static str,
}

/// A looser plan that has become effective.
#[derive(Debug, Serialize)]
pub struct LooserPlanPart {
    /// The position of its entry.
    pub seq: u64,
    /// Who signed it.
    pub by: Vec<String>,
    /// The reason, if one person may loosen the plan.
    pub reason: Option<String>,
    /// Its changes.
    pub changes: Vec<PlanChangePart>,
}

/// One of its changes.
#[derive(Debug, Serialize)]
pub struct PlanChangePart {
    /// What.
    pub what: String,
    /// What it was.
    pub old: Option<String>,
    /// What it became.
    pub new: Option<String>,
}

impl PlanPart {
    /// The requirements of this run.
    #[must_use]
    pub fn of(state: &RunState) -> Self {
        let plan = &state.plan;
        let edition = state.lock.edition();
        Self {
            checklist: line(&plan.checklist),
            edition: edition.to_string(),
            edition_status: edition_status(&plan.checklist, edition),
            altered: altered_points(plan, edition).iter().map(|id| line(id)).collect(),
            tailored: tailored_points(plan),
            seals: plan.seals.clone(),
            people: confirmation_counts(plan),
            not_applicable: exemption_lines(state),
            loosened: state.loosened.iter().map(looser_plan_part).collect(),
            evidence: EVIDENCE_NOTE,
        }
    }

    /// The same as lines: a label and a text each.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let seals: Vec<String> = self.seals.iter().map(ToString::to_string).collect();
        let mut lines = vec![
            ("checklist", format!("{:?}, {}, edition {}", self.checklist, self.edition_status, self.edition)),
            ("required", format!("seals of {}; {}", seals.join(" and "), self.people)),
        ];
        if !self.altered.is_empty() {
            let text =
                format!("NOT the built-in ones, and not listed as tailored: {}", self.altered.join(", "));
            lines.push(("probes", text));
        }
        if !self.tailored.is_empty() {
            lines.push(("tailored", format!("by the profile: {}", self.tailored.join(", "))));
        }
        lines.extend(self.not_applicable.iter().map(|point| ("n/a", format!("by plan: {point}"))));
        lines.extend(self.loosened.iter().map(|plan| ("loosened", plan.line())));
        lines.push(("evidence", self.evidence.to_owned()));
        lines
    }
}

impl LooserPlanPart {
    /// In one line; lines of a log count from 1.
    fn line(&self) -> String {
        let changes: Vec<&str> = self.changes.iter().map(|change| change.what.as_str()).collect();
        let reason = self.reason.as_ref().map(|words| format!(" ({words})")).unwrap_or_default();
        format!("line {}, signed by {}{reason}: {}", self.seq + 1, self.by.join(" and "), changes.join("; "))
    }
}

fn edition_status(name: &str, edition: Sha256Hex) -> &'static str {
    match Edition::of(name, edition) {
        Edition::Released => "built-in points and confirmations",
        Edition::Unknown => "named like a built-in checklist, but not a released edition of it",
        Edition::Own => "own checklist",
    }
}

fn tailored_points(plan: &Plan) -> Vec<String> {
    let points: BTreeSet<&str> = plan.tailored.iter().map(|change| change.point.as_str()).collect();
    points.into_iter().map(line).collect()
}

fn confirmation_counts(plan: &Plan) -> String {
    let need = |confirm| plan.points().filter(|point| point.confirm == confirm).count();
    let (one, two) = (need(Confirm::One), need(Confirm::Two));
    format!("{}: {one} need one confirmation, {two} need two", count(plan.points().count(), "control point"))
}

fn exemption_lines(state: &RunState) -> Vec<String> {
    let lines = state.plan.points().filter_map(|point| {
        let reason = point.not_applicable.as_ref()?;
        let is_foreseen = state.lock.exempts(&state.plan, point);
        let how = match (is_foreseen, state.is_exempt_by_plan(point)) {
            (true, _) => "allowed by the checklist",
            (false, true) => "not foreseen by the checklist",
            (false, false) => {
                "not foreseen by the checklist; not effective: the other role has not signed it"
            }
        };
        Some(format!("{} ({how}): {}", line(&point.id), line(reason)))
    });
    lines.collect()
}

fn looser_plan_part(loosened: &LoosenedPlan) -> LooserPlanPart {
    LooserPlanPart {
        seq: loosened.seq,
        by: loosened.by.iter().map(|who| line(who)).collect(),
        reason: loosened.reason.as_deref().map(line),
        changes: loosened.changes.iter().map(plan_change_part).collect(),
    }
}

fn plan_change_part(change: &PlanChange) -> PlanChangePart {
    let shown = |value: &Option<String>| value.as_deref().map(line);
    PlanChangePart { what: line(&change.what), old: shown(&change.old), new: shown(&change.new) }
}
