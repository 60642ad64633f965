//! Editions: the parts of a checklist that no profile or later plan may weaken. The first entry of a run contains them,
//! so that a verifier can check the run's plan against them.

use serde::{Deserialize, Serialize};

use super::file::{ActionFile, Checklist, ChecklistFile, PointFile, ProbeFile, STANDARD_NAME};
use super::plan::{Confirm, Plan, Point, PointId, ProbeKey};
use crate::outcome::Sha256Hex;

/// The editions of the checklists that were ever released: name, and SHA-256 of the [`Lock`]. Lines are added,
/// never removed.
const RELEASED: [(&str, &str); 1] =
    [(STANDARD_NAME, "397850e9be1060111fd2b9e1684a5c9ac42a923974d85ea39aea3baa71e841ed")];

/// The fixed parts of a checklist: its sections and control points, who must confirm, and which points a plan may declare
/// not applicable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lock(pub Vec<LockedSection>);

/// One section of a [`Lock`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedSection {
    /// The section's id.
    pub id: String,
    /// Its control points, in order.
    pub points: Vec<LockedPoint>,
}

/// One control point of a [`Lock`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPoint {
    /// The point's id.
    pub id: PointId,
    /// Whether a waiver needs two people.
    pub mandatory: bool,
    /// How many people must confirm, at least.
    pub confirm: Confirm,
    /// When a plan may declare it not applicable.
    pub not_applicable: ExemptionRule,
    /// The link to what to do; a plan may have another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Who can help; a plan may name others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
}

/// When a plan may declare a control point not applicable by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExemptionRule {
    /// Never: only people may, in the run.
    Never,
    /// In an environment without a previous release.
    WhenNew,
    /// Always.
    Always,
}

impl Lock {
    /// The lock of a checklist.
    #[must_use]
    pub fn of(checklist: &Checklist) -> Self {
        let sections = checklist.file.sections.iter().map(|section| LockedSection {
            id: section.id.clone(),
            points: section.points.iter().map(locked).collect(),
        });
        Self(sections.collect())
    }

    /// The edition: SHA-256 of the lock as in the log (compact JSON).
    #[must_use]
    pub fn edition(&self) -> Sha256Hex {
        // Texts, flags and lists can always be written as JSON.
        Sha256Hex::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Checks a plan: every point is in its section, and requires no fewer people.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, plan: &Plan) -> Result<(), String> {
        let points =
            self.0.iter().flat_map(|section| section.points.iter().map(move |point| (section, point)));
        for (section, locked) in points {
            let planned = plan.sections.iter().find(|planned| planned.id == section.id);
            let point = planned.and_then(|planned| planned.points.iter().find(|point| point.id == locked.id));
            let point = point.ok_or_else(|| {
                format!("control point {} is missing from section {}", locked.id, section.id)
            })?;
            if locked.mandatory && !point.mandatory {
                return Err(format!("{} is mandatory in the checklist, not in the plan", point.id));
            }
            let lost = [
                ("runbook", locked.runbook.is_some() && point.runbook.is_none()),
                ("contacts", !locked.contacts.is_empty() && point.contacts.is_empty()),
            ];
            if let Some((what, _)) = lost.into_iter().find(|(_, is_lost)| *is_lost) {
                return Err(format!("{} has {what} in the checklist, not in the plan", point.id));
            }
            if point.confirm < locked.confirm {
                return Err(format!(
                    "the checklist requires more confirmations of {} than the plan",
                    point.id
                ));
            }
        }
        Ok(())
    }

    /// Whether a plan may declare this point not applicable without a further signature. Points that are not in the
    /// checklist belong to the plan.
    #[must_use]
    pub fn exempts(&self, plan: &Plan, point: &Point) -> bool {
        let locked = self.0.iter().flat_map(|section| &section.points).find(|locked| locked.id == point.id);
        locked.is_none_or(|locked| match locked.not_applicable {
            ExemptionRule::Always => true,
            ExemptionRule::WhenNew => plan.previous.is_none(),
            ExemptionRule::Never => false,
        })
    }
}

/// Whether a profile's values can make a point not applicable: by its own condition, or by those of all its probes.
fn depends_on_values(point: &PointFile) -> bool {
    let is_only_probed =
        point.confirm == Confirm::None && point.actions.is_empty() && !point.probes.is_empty();
    point.when.is_some() || is_only_probed && point.probes.iter().all(|probe| probe.when.is_some())
}

fn locked(point: &PointFile) -> LockedPoint {
    let not_applicable = match (&point.not_applicable, &point.when_new.not_applicable) {
        _ if depends_on_values(point) => ExemptionRule::Always,
        (Some(_), _) => ExemptionRule::Always,
        (None, Some(_)) => ExemptionRule::WhenNew,
        (None, None) => ExemptionRule::Never,
    };
    LockedPoint {
        id: point.id.clone(),
        mandatory: point.mandatory,
        confirm: point.confirm,
        not_applicable,
        runbook: point.runbook.clone(),
        contacts: point.contacts.clone(),
    }
}

/// The points of a plan whose probes or actions differ from this gonogo's built-in checklist of that name, and that the
/// plan does not list as tailored. None for a checklist of another name or edition.
///
/// An edition fixes who must confirm; a plan that was not made from the checklist could keep that, and probe nothing.
#[must_use]
pub fn altered_points(plan: &Plan, edition: Sha256Hex) -> Vec<PointId> {
    let Some(own) = Checklist::standard().ok().filter(|own| own.file.name == plan.checklist) else {
        return Vec::new();
    };
    if Lock::of(&own).edition() != edition {
        return Vec::new();
    }
    let files = own.file.sections.iter().flat_map(|section| &section.points);
    let is_tailored = |id: &PointId| plan.tailored.iter().any(|change| change.point == *id);
    let is_altered =
        |file: &&PointFile| plan.point(&file.id).is_some_and(|point| is_weaker(&own.file, file, point));
    files.filter(is_altered).map(|file| file.id.clone()).filter(|id| !is_tailored(id)).collect()
}

fn is_weaker(own: &ChecklistFile, file: &PointFile, point: &Point) -> bool {
    let points = || own.sections.iter().flat_map(|section| &section.points);
    let probe_at = |key: &ProbeKey| {
        points().find(|point| point.id == key.point)?.probes.iter().find(|probe| probe.id == key.probe)
    };
    let is_covered = |probe: &ProbeFile| {
        let ProbeFile { kind, people, .. } = probe.like.as_ref().and_then(probe_at).unwrap_or(probe);
        let planned = point.probes.iter().find(|planned| planned.id == probe.id);
        // More may be left to people only by the profile, whose change is listed.
        let planned = planned
            .filter(|planned| planned.people.is_empty() && planned.people_by_checklist.len() <= people.len());
        // A probe with missing values has no kind.
        planned.is_some_and(|planned| planned.spec.as_ref().is_none_or(|spec| spec.kind() == kind))
    };
    let has_action = |action: &ActionFile| point.actions.iter().any(|planned| planned.id == action.id);
    let has_dependencies = file.after.iter().all(|id| point.after.contains(id))
        && [&file.due, &file.when_new.due].contains(&&point.due);
    !has_dependencies || !file.probes.iter().all(is_covered) || !file.actions.iter().all(has_action)
}

/// The status of an edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// A released edition of a built-in checklist: its points, confirmations and exemptions.
    Released,
    /// The name of a built-in checklist, with an edition that was never released.
    Unknown,
    /// A user's own checklist.
    Own,
}

impl Edition {
    /// The status of an edition of a checklist of this name.
    #[must_use]
    pub fn of(name: &str, edition: Sha256Hex) -> Self {
        let is_released =
            |(shipped, digest): &(&str, &str)| *shipped == name && *digest == edition.to_string();
        match RELEASED.iter().any(|(shipped, _)| *shipped == name) {
            false => Self::Own,
            true if RELEASED.iter().any(is_released) => Self::Released,
            true => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checklist::{Profile, Promotion, SourceFile, Tailoring, resolve};

    /// A plan from the profile that comes with gonogo is not altered, in a new environment either. A plan that keeps points
    /// and confirmations but probes nothing is.
    #[test]
    fn a_plan_that_weakens_the_standard_checklist_is_reported() {
        let own = Checklist::standard().unwrap();
        let edition = Lock::of(&own).edition();
        for previous in [Some("v1".to_owned()), Some("none".to_owned())] {
            let text = include_str!("../../../config/production.toml");
            let profile = Profile::parse(SourceFile::new("production.toml", text)).unwrap();
            let promotion = Promotion { release: Some("v2".into()), previous };
            let plan = resolve(&own, &profile, &promotion).unwrap();
            assert_eq!(altered_points(&plan, edition), Vec::<PointId>::new());
            assert_eq!(altered_points(&Plan { checklist: "mine".into(), ..plan.clone() }, edition).len(), 0);
            let mut bare = plan.clone();
            let point = bare.sections[0].points.iter_mut().find(|point| !point.probes.is_empty()).unwrap();
            point.probes.clear();
            let id = point.id.clone();
            assert_eq!(altered_points(&bare, edition), std::slice::from_ref(&id));
            // A change that the plan lists is reported as that.
            bare.tailored.push(Tailoring { point: id, what: "no probes".into() });
            assert_eq!(altered_points(&bare, edition).len(), 0);
            let mut left = plan.clone();
            left.sections[0].points[0].probes[0].people_by_checklist.push("status".into());
            assert_eq!(altered_points(&left, edition), [left.sections[0].points[0].id.clone()]);
            let mut without_dependencies = plan;
            let after = without_dependencies.sections.iter_mut().flat_map(|section| &mut section.points);
            let point = after.into_iter().find(|point| !point.after.is_empty()).unwrap();
            point.after.clear();
            let id = point.id.clone();
            assert_eq!(altered_points(&without_dependencies, edition), [id]);
        }
    }

    #[test]
    fn the_standard_checklist_is_of_a_released_edition() {
        let edition = Lock::of(&Checklist::standard().unwrap()).edition();
        let hint = "what the standard checklist holds fast has changed: add its edition to RELEASED, and keep the others";
        assert_eq!(Edition::of(STANDARD_NAME, edition), Edition::Released, "{hint}: {edition}");
        assert_eq!(Edition::of(STANDARD_NAME, Sha256Hex::ZERO), Edition::Unknown);
        assert_eq!(Edition::of("mine", edition), Edition::Own);
    }
}
