//! The plan: checklist and profile, resolved. The log's first line contains it, and a run is judged by it alone, even if
//! the files change later.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::{Action, ActionCommand, ActionKey, ROLLBACK};
pub use super::index::PointIndex;
pub use super::probe_key::ProbeKey;
use super::spec::ProbeSpec;
use super::spec::syntax::{self, ContactText, Link, Release};
use crate::outcome::{Sha256Hex, key};
use crate::secret::SecretRef;

/// The id of a control point, `infra.redis`.
pub type PointId = String;

/// Everything that a run is judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The checklist's name; `advanced-realtime` is the standard one.
    pub checklist: String,
    /// The environment's name.
    pub environment: String,
    /// Whether it is a production environment.
    pub production: bool,
    /// Whether one person may confirm for two, with a reason.
    pub solo: bool,
    /// The release tag being promoted.
    #[serde(deserialize_with = "syntax::one::<Release, _>")]
    pub release: String,
    /// The current release tag; absent for a new environment.
    #[serde(deserialize_with = "syntax::option::<Release, _>")]
    pub previous: Option<String>,
    /// Present in a rehearsal, which is not evidence of a real deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Rehearsal>,
    /// Whether the run rolls the release back: nothing is deployed in it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rolls_back: bool,
    /// The required seals, in this order.
    pub seals: Vec<Role>,
    /// The sections, in order.
    pub sections: Vec<Section>,
    /// Whom to call.
    pub contacts: Vec<Contact>,
    /// The changes by the profile.
    pub tailored: Vec<Tailoring>,
    /// Guards: checks of the target before each action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Probe>,
    /// The steps of the rollback, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollback: Vec<Action>,
    /// The index of the points.
    #[serde(skip)]
    pub index: PointIndex,
}

/// Marks a rehearsal.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Its drills, broken on purpose: names, or `random:SEED`.
    #[serde(default)]
    pub drills: Vec<String>,
}

impl Plan {
    /// Every control point, in order.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.sections.iter().flat_map(|section| &section.points)
    }

    /// The control point of that id.
    #[must_use]
    pub fn point(&self, id: &str) -> Option<&Point> {
        self.index.find(&self.sections, id).map(|(_, point)| point)
    }

    /// The probe of that id, of that point.
    #[must_use]
    pub fn probe(&self, key: &ProbeKey) -> Option<&Probe> {
        self.point(&key.point)?.probes.iter().find(|probe| probe.id == key.probe)
    }

    /// Every action, with its key: those of the points, then the rollback.
    pub fn actions(&self) -> impl Iterator<Item = (ActionKey, &Action)> {
        let keyed = |point: &str, action: &Action| ActionKey::new(point, &action.id);
        let own = self.points().flat_map(move |point| {
            point.actions.iter().map(move |action| (keyed(&point.id, action), action))
        });
        own.chain(self.rollback.iter().map(move |action| (keyed(ROLLBACK, action), action)))
    }

    /// The actions of the same point or of the rollback, in order.
    #[must_use]
    pub fn sibling_actions(&self, key: &ActionKey) -> &[Action] {
        if key.is_rollback() {
            return &self.rollback;
        }
        self.point(&key.point).map_or(&[], |point| &point.actions)
    }

    /// The action of that key.
    #[must_use]
    pub fn action(&self, key: &ActionKey) -> Option<&Action> {
        self.sibling_actions(key).iter().find(|action| action.id == key.action)
    }

    /// The checks before an action, each with the key of its observations: the guards, and the action's own checks. A dry
    /// run needs only the guards.
    pub fn checks_before<'a>(
        &'a self,
        action: Option<&'a Action>,
        dry: bool,
    ) -> impl Iterator<Item = (String, &'a Probe)> {
        let own = action.map_or(&[][..], |action| &action.checks).iter().filter(move |_| !dry);
        let guards = self.guards.iter().map(|guard| (key::guard(&guard.id), guard));
        guards.chain(own.map(|check| (key::check(&check.id), check)))
    }

    /// The section of a point.
    #[must_use]
    pub fn section_of(&self, point: &str) -> Option<&Section> {
        self.index.find(&self.sections, point).map(|(section, _)| section)
    }

    /// Whether a point verifies a rollback: then its probes run again, against the restored release.
    #[must_use]
    pub fn verifies_rollback(&self, point: &Point) -> bool {
        point.verifies_rollback || self.section_of(&point.id).is_some_and(|section| section.verifies_rollback)
    }

    /// All specs of this plan: the points' probes, the guards, the actions' checks.
    fn specs(&self) -> impl Iterator<Item = &ProbeSpec> {
        let own = self.points().flat_map(|point| &point.probes).chain(&self.guards);
        let checks = self.actions().flat_map(|(_, action)| &action.checks);
        own.chain(checks).filter_map(|probe| probe.spec.as_ref())
    }

    /// Every secret that this plan reads.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretRef> {
        let programs = self.actions().filter_map(|(_, action)| action.program.as_ref());
        let program_secrets = programs.flat_map(ActionCommand::secrets).cloned().collect::<Vec<_>>();
        self.specs().flat_map(ProbeSpec::secrets).cloned().chain(program_secrets).collect()
    }

    /// SHA-256 of the plan as in the log (compact JSON).
    #[must_use]
    pub fn digest(&self) -> Sha256Hex {
        // A plan can always be written as JSON: no floats, no maps with other keys than strings.
        Sha256Hex::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// The two roles an operator can have.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the deployment.
    Driver,
    /// Reviews, and confirms points that need two people.
    Reviewer,
}

impl Role {
    /// The other one of the two.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Driver => Self::Reviewer,
            Self::Reviewer => Self::Driver,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Driver => "driver",
            Self::Reviewer => "reviewer",
        })
    }
}

/// A section of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its id, `infra`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Sections whose due points must all be done before an action of this section starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions_after: Vec<String>,
    /// Whether its points verify a rollback.
    #[serde(default, skip_serializing_if = "is_false")]
    pub verifies_rollback: bool,
    /// Its control points, in order.
    pub points: Vec<Point>,
}

/// A control point of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Its id, `infra.redis`.
    pub id: PointId,
    /// What must be true, in a few words.
    pub title: String,
    /// Why it matters, and what exactly is required.
    pub why: String,
    /// Whether a waiver needs two people.
    pub mandatory: bool,
    /// How many people confirm it.
    pub confirm: Confirm,
    /// How long results of its probes stay fresh, in milliseconds.
    pub fresh_ms: u64,
    /// Points that must be done before it.
    pub after: Vec<PointId>,
    /// The point that must be done before this one is due.
    pub due: Option<PointId>,
    /// Why it is not applicable by the plan.
    pub not_applicable: Option<String>,
    /// The point whose first action freezes the state of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_after: Option<PointId>,
    /// Whether it verifies a rollback.
    #[serde(default, skip_serializing_if = "is_false")]
    pub verifies_rollback: bool,
    /// The link to what to do if it is not as it must be.
    #[serde(
        default,
        deserialize_with = "syntax::option::<Link, _>",
        skip_serializing_if = "Option::is_none"
    )]
    pub runbook: Option<String>,
    /// Who can help with it, and how to reach them.
    #[serde(
        default,
        deserialize_with = "syntax::list::<ContactText, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub contacts: Vec<String>,
    /// Its actions, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Its automatic checks.
    pub probes: Vec<Probe>,
}

impl Point {
    /// How long results of its probes stay fresh.
    #[must_use]
    pub fn freshness(&self) -> Duration {
        Duration::from_millis(self.fresh_ms)
    }

    /// The points that must be done before this one, or a probe of it, is due.
    pub fn prerequisites(&self) -> impl Iterator<Item = &str> {
        let probes = self.probes.iter().filter_map(|probe| probe.due.as_deref());
        self.after.iter().map(String::as_str).chain(self.due.as_deref()).chain(probes)
    }

    /// The missing profile values of all its probes and actions.
    #[must_use]
    pub fn missing(&self) -> Vec<&str> {
        let of_actions =
            self.actions.iter().filter(|action| !action.optional).flat_map(|action| &action.missing);
        let of_probes = self.probes.iter().flat_map(|probe| &probe.missing);
        let mut names: Vec<_> = of_probes.chain(of_actions).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// How many people must confirm a point.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirm {
    /// None: its probes are sufficient.
    #[default]
    None,
    /// One.
    One,
    /// Two different people with two different keys.
    Two,
}

impl Confirm {
    /// As a number.
    #[must_use]
    pub const fn people(self) -> usize {
        self as usize
    }
}

/// A probe: an automatic check of a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Its id within the point.
    pub id: String,
    /// What it checks, in a few words.
    pub title: String,
    /// The point that must be done before this probe is due.
    pub due: Option<PointId>,
    /// The time limit of one attempt, in milliseconds.
    pub deadline_ms: u64,
    /// How often an attempt that does not pass is retried.
    pub retries: u32,
    /// The time between two attempts, in milliseconds.
    pub retry_delay_ms: u64,
    /// How long it is retried until it passes, in milliseconds; 0 for no waiting.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub within_ms: u64,
    /// How long it must then keep passing, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hold_ms: u64,
    /// The probe whose newest result is its starting point: it ignores what is older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<ProbeKey>,
    /// The action of its point whose result it checks: it runs after that action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_action: Option<String>,
    /// The probe whose newest observed digest is expected here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_of: Option<ProbeKey>,
    /// Whether it changes something; such a probe never runs again by itself.
    pub effects: bool,
    /// Whether it may run before it is due, against the current release, to detect drift.
    pub early: bool,
    /// Observations, by name, that people confirm where the probe cannot make them, by the profile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<String>,
    /// The same by the checklist, which names what is observed in some environments only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people_by_checklist: Vec<String>,
    /// Missing profile values; it cannot run without them.
    pub missing: Vec<String>,
    /// Its spec; absent while values are missing.
    pub spec: Option<ProbeSpec>,
}

impl Probe {
    /// The names of all observations that people confirm where it cannot make them.
    pub fn left_to_people(&self) -> impl Iterator<Item = &String> {
        self.people.iter().chain(&self.people_by_checklist)
    }

    /// Whether people confirm the observation of this name where it cannot make it.
    #[must_use]
    pub fn leaves_to_people(&self, name: &str) -> bool {
        self.left_to_people().any(|left| left == name)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(span: &u64) -> bool {
    *span == 0
}

/// A contact.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// `SRE`, `Platform`, …
    pub role: String,
    /// A person or a rota.
    pub name: String,
    /// How to reach them.
    pub channel: String,
}

/// One change by the profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tailoring {
    /// The point it concerns.
    pub point: PointId,
    /// The change.
    pub what: String,
}
