//! The plan: checklist and profile, filled in and frozen. It stands in the log's first line, and a run
//! is judged by it alone, whatever the files say later.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::action::{Action, ActionKey, Program, ROLLBACK};
pub use super::index::PointIndex;
use super::spec::Spec;
use super::spec::form::{self, Release};
use crate::outcome::{Sha256Hex, key};
use crate::secret::SecretRef;

/// The id of a control point, `infra.redis`.
pub type PointId = String;

/// Everything a run is judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The checklist's name; `advanced-realtime` is the standard one.
    pub checklist: String,
    /// The environment's name.
    pub environment: String,
    /// Whether it is a production environment.
    pub production: bool,
    /// One person may stand for two, with a reason.
    pub solo: bool,
    /// The release tag being promoted.
    #[serde(deserialize_with = "form::one::<Release, _>")]
    pub release: String,
    /// The tag that runs there now; absent for a new environment.
    #[serde(deserialize_with = "form::option::<Release, _>")]
    pub previous: Option<String>,
    /// Present in a rehearsal: nothing of it is done to a real stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Rehearsal>,
    /// Whose seals the run needs, in this order.
    pub seals: Vec<Role>,
    /// The sections, in order.
    pub sections: Vec<Section>,
    /// Whom to call.
    pub contacts: Vec<Contact>,
    /// What the profile changed.
    pub tailored: Vec<Tailoring>,
    /// What must be so before the first action: that it goes where it is meant to go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Probe>,
    /// The way back, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollback: Vec<Action>,
    /// Where the points stand.
    #[serde(skip)]
    pub index: PointIndex,
}

/// What marks a rehearsal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// What is broken in it on purpose: names of drills, or `random:SEED`.
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

    /// Every action, with its key: those of the points, then the way back.
    pub fn actions(&self) -> impl Iterator<Item = (ActionKey, &Action)> {
        let keyed = |point: &str, action: &Action| ActionKey::new(point, &action.id);
        let own = self.points().flat_map(move |point| {
            point.actions.iter().map(move |action| (keyed(&point.id, action), action))
        });
        own.chain(self.rollback.iter().map(move |action| (keyed(ROLLBACK, action), action)))
    }

    /// The actions that an action stands among, in their order.
    #[must_use]
    pub fn actions_beside(&self, key: &ActionKey) -> &[Action] {
        if key.is_way_back() {
            return &self.rollback;
        }
        self.point(&key.point).map_or(&[], |point| &point.actions)
    }

    /// The action of that key.
    #[must_use]
    pub fn action(&self, key: &ActionKey) -> Option<&Action> {
        self.actions_beside(key).iter().find(|action| action.id == key.action)
    }

    /// What is checked before an action begins, each with the key of what it sees: the guards, and the action's own
    /// checks. A dry run needs the guards alone.
    pub fn checks_before<'a>(
        &'a self,
        action: Option<&'a Action>,
        dry: bool,
    ) -> impl Iterator<Item = (String, &'a Probe)> {
        let own = action.map_or(&[][..], |action| &action.checks).iter().filter(move |_| !dry);
        let guards = self.guards.iter().map(|guard| (key::guard(&guard.id), guard));
        guards.chain(own.map(|check| (key::check(&check.id), check)))
    }

    /// The section that a point stands in.
    #[must_use]
    pub fn section_of(&self, point: &str) -> Option<&Section> {
        self.index.find(&self.sections, point).map(|(section, _)| section)
    }

    /// Everything that is looked at for this plan: the points' probes, the guards, the actions' checks.
    fn specs(&self) -> impl Iterator<Item = &Spec> {
        let own = self.points().flat_map(|point| &point.probes).chain(&self.guards);
        let checks = self.actions().flat_map(|(_, action)| &action.checks);
        own.chain(checks).filter_map(|probe| probe.spec.as_ref())
    }

    /// Every secret that this plan reads.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretRef> {
        let programs = self.actions().filter_map(|(_, action)| action.program.as_ref());
        let given = programs.flat_map(Program::secrets).cloned().collect::<Vec<_>>();
        self.specs().flat_map(Spec::secrets).cloned().chain(given).collect()
    }

    /// SHA-256 of the plan as it stands in the log (compact JSON).
    #[must_use]
    pub fn digest(&self) -> Sha256Hex {
        // A plan holds nothing that JSON cannot: no floats, no maps with other keys than strings.
        Sha256Hex::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// The two roles an operator can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the deployment.
    Driver,
    /// Looks on, confirms what needs two.
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

/// One of the checklist's sections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its id, `infra`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Sections of which every point that is due must be closed before an action of this one begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions_after: Vec<String>,
    /// Whether its points tell how the way back went.
    #[serde(default, skip_serializing_if = "is_false")]
    pub judges_rollback: bool,
    /// Its control points, in order.
    pub points: Vec<Point>,
}

/// One line of the checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Its id, `infra.redis`.
    pub id: PointId,
    /// What must be true, in a few words.
    pub title: String,
    /// Why it matters, and what exactly is asked.
    pub why: String,
    /// Whether a waiver needs two people.
    pub mandatory: bool,
    /// Who confirms.
    pub confirm: Confirm,
    /// How long its probes stay fresh, in milliseconds.
    pub fresh_ms: u64,
    /// Points that must be settled before it.
    pub after: Vec<PointId>,
    /// The point that must be closed before this one is due.
    pub due: Option<PointId>,
    /// Why the plan itself says that it does not apply.
    pub not_applicable: Option<String>,
    /// The point whose first action freezes it: from then on it is as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_by: Option<PointId>,
    /// What a person lets run, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Its automatic checks.
    pub probes: Vec<Probe>,
}

impl Point {
    /// How long its probes stay fresh.
    #[must_use]
    pub fn freshness(&self) -> Duration {
        Duration::from_millis(self.fresh_ms)
    }

    /// The points that must be closed before this one, or a probe of it, has its time.
    pub fn waits_for(&self) -> impl Iterator<Item = &str> {
        let probes = self.probes.iter().filter_map(|probe| probe.due.as_deref());
        self.after.iter().map(String::as_str).chain(self.due.as_deref()).chain(probes)
    }

    /// The profile values that are missing, over all its probes and actions.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirm {
    /// Nobody: its probes are enough.
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

/// One automatic check of a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Its id within the point.
    pub id: String,
    /// What it looks at, in a few words.
    pub title: String,
    /// The point that must be closed before this probe is due.
    pub due: Option<PointId>,
    /// How long one look may take, in milliseconds.
    pub deadline_ms: u64,
    /// How often a look that is not good is repeated before it counts.
    pub retries: u32,
    /// The time between two such looks, in milliseconds.
    pub retry_delay_ms: u64,
    /// How long it is waited for until a look is good, in milliseconds; 0 where the first look counts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub within_ms: u64,
    /// For how long the looks must then stay good, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hold_ms: u64,
    /// The probe whose newest look it counts from: what is older than that is not what it looks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<ProbeKey>,
    /// The action of its point that it looks at the result of: it looks once that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The probe whose newest look saw the digest that must be seen here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_of: Option<ProbeKey>,
    /// Whether it changes anything in what it looks at; such a probe never runs again by itself.
    pub effects: bool,
    /// Whether it may look at the running release before it is due, for drift.
    pub before: bool,
    /// Profile values that it needs and that are missing; it cannot run until they are there.
    pub missing: Vec<String>,
    /// What it looks at; absent while values are missing.
    pub spec: Option<Spec>,
}

/// Names one probe of the plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeKey {
    /// Its point.
    pub point: PointId,
    /// Its id within the point.
    pub probe: String,
}

impl ProbeKey {
    /// The key of `probe` of `point`.
    pub fn new(point: impl Into<String>, probe: impl Into<String>) -> Self {
        Self { point: point.into(), probe: probe.into() }
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

impl FromStr for ProbeKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (point, probe) = text.split_once('/').ok_or_else(|| {
            format!(
                "expected a point and a probe of it, `verify.pipeline/canary` for instance, found {text:?}"
            )
        })?;
        Ok(Self::new(point, probe))
    }
}

impl Serialize for ProbeKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProbeKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for ProbeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.point, self.probe)
    }
}

/// Somebody to call.
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

/// One thing that the profile changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tailoring {
    /// The point it concerns.
    pub point: PointId,
    /// What was changed, from what to what.
    pub what: String,
}
