//! The plan of Terraform and `OpenTofu`, as `show -json` prints it. Pure.
//! See <https://developer.hashicorp.com/terraform/internals/json-format>.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::changes::{ChangeSet, ResourceAction, ResourceChange, digest};
use super::printed::{Field, json_object, or_default, unexpected_output};
use super::terraform_findings;
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::text;

#[derive(Deserialize)]
pub(super) struct TerraformPlan {
    format_version: Option<String>,
    planned_values: Option<IgnoredAny>,
    #[serde(default)]
    resource_changes: Field<Vec<PlannedResource>>,
    #[serde(default, deserialize_with = "or_default")]
    output_changes: BTreeMap<String, PlannedChange>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) resource_drift: Vec<PlannedResource>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) deferred_changes: Vec<Deferred>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) action_invocations: Vec<Invocation>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) deferred_action_invocations: Vec<Deferred>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) checks: Vec<CheckResult>,
    pub(super) prior_state: Option<PriorState>,
    pub(super) errored: Option<bool>,
    pub(super) complete: Option<bool>,
    pub(super) applyable: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct PlannedResource {
    pub(super) address: String,
    pub(super) previous_address: Option<String>,
    #[serde(default = "managed")]
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    deposed: Option<String>,
    action_reason: Option<String>,
    pub(super) change: PlannedChange,
}

fn managed() -> String {
    "managed".into()
}

#[derive(Deserialize)]
pub(super) struct PlannedChange {
    #[serde(default, deserialize_with = "or_default")]
    actions: Vec<String>,
    importing: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "or_default")]
    replace_paths: Vec<Vec<serde_json::Value>>,
}

/// A change, or an action, that this plan leaves to a later one.
#[derive(Deserialize)]
pub(super) struct Deferred {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) reason: String,
    pub(super) resource_change: Option<PlannedResource>,
    pub(super) action_invocation: Option<Invocation>,
}

#[derive(Deserialize)]
pub(super) struct Invocation {
    pub(super) address: String,
}

#[derive(Deserialize)]
pub(super) struct CheckResult {
    pub(super) address: CheckAddress,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) status: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) instances: Vec<CheckInstance>,
}

#[derive(Deserialize)]
pub(super) struct CheckAddress {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) to_display: String,
}

#[derive(Deserialize)]
pub(super) struct CheckInstance {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) problems: Vec<CheckProblem>,
}

#[derive(Deserialize)]
pub(super) struct CheckProblem {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) message: String,
}

#[derive(Deserialize)]
pub(super) struct PriorState {
    values: Option<StateValues>,
}

#[derive(Deserialize)]
struct StateValues {
    root_module: Option<StateModule>,
}

#[derive(Default, Deserialize)]
struct StateModule {
    #[serde(default, deserialize_with = "or_default")]
    resources: Vec<StateResource>,
    #[serde(default, deserialize_with = "or_default")]
    child_modules: Vec<StateModule>,
}

#[derive(Deserialize)]
struct StateResource {
    address: String,
    #[serde(default = "managed")]
    mode: String,
}

impl StateModule {
    fn managed_addresses(&self) -> Vec<&str> {
        let own = self.resources.iter().filter(|resource| resource.mode == "managed");
        let below = self.child_modules.iter().flat_map(Self::managed_addresses);
        own.map(|resource| resource.address.as_str()).chain(below).collect()
    }
}

impl TerraformPlan {
    /// The managed resources of the state that the plan starts from.
    pub(super) fn prior_addresses(&self) -> Vec<&str> {
        let root = self.prior_state.as_ref().and_then(|prior| prior.values.as_ref()?.root_module.as_ref());
        root.map(StateModule::managed_addresses).unwrap_or_default()
    }

    /// What it plans for each resource, data sources included.
    pub(super) fn planned(&self) -> &[PlannedResource] {
        self.resource_changes.present().map_or(&[], Vec::as_slice)
    }

    /// Whether it is a plan, and says what it changes. `show -json` also prints states.
    fn check_form(&self) -> ProbeResult<()> {
        let version = self.format_version.as_deref().unwrap_or("1");
        if !matches!(version.split('.').next(), Some("0" | "1")) {
            return Err(ProbeError::new(format!("plan format {version}: 0.x and 1.x are supported")));
        }
        match (&self.resource_changes, &self.planned_values) {
            (Field::Null, _) => Err(ProbeError::new("`resource_changes` is null: the changes are unknown")),
            (Field::Missing, None) => {
                Err(ProbeError::new("the output is not a plan: perhaps a state or an empty file"))
            }
            _ => Ok(()),
        }
    }

    /// What it changes besides resources.
    fn further(&self) -> Vec<String> {
        let outputs = self.output_changes.values().filter(|change| !change.is_no_op()).count();
        let is_moved = |resource: &&PlannedResource| resource.previous_address.is_some();
        let moved = self.planned().iter().filter(is_moved).count();
        let outputs = (outputs > 0).then(|| format!("{} to change", text::count(outputs, "output")));
        outputs.into_iter().chain((moved > 0).then(|| format!("{moved} to move"))).collect()
    }
}

impl PlannedChange {
    fn is_no_op(&self) -> bool {
        self.actions.iter().all(|action| action == "no-op")
    }

    /// The actions, as they are written.
    pub(super) fn describe(&self) -> String {
        self.actions.join(" and ")
    }

    fn action(&self) -> ResourceAction {
        let mut actions: Vec<&str> = self.actions.iter().map(String::as_str).collect();
        actions.sort_unstable();
        match actions.as_slice() {
            ["no-op"] if self.importing.is_some() => ResourceAction::Import,
            // `open` is of ephemeral resources.
            ["no-op" | "read" | "open"] => ResourceAction::None,
            ["create"] => ResourceAction::Create,
            ["update"] => ResourceAction::Update,
            ["delete"] => ResourceAction::Destroy,
            ["forget"] => ResourceAction::Forget,
            ["create", "delete" | "forget"] => ResourceAction::Replace,
            _ => ResourceAction::Unknown,
        }
    }

    /// Why, in the plan's words: `cannot update: engine_version`.
    fn note(&self, reason: Option<&str>) -> String {
        let is_forgotten = self.actions.len() == 2 && self.actions.iter().any(|action| action == "forget");
        let forgotten =
            is_forgotten.then(|| "the old one is forgotten: kept, but no longer managed".to_owned());
        let imported = self.importing.as_ref().map(|_| "imported".to_owned());
        let paths: Vec<String> = self.replace_paths.iter().filter_map(|path| path_text(path)).collect();
        let reason = reason.map(|reason| {
            let of = ["replace_because_", "delete_because_", "replace_", "delete_", "read_because_"];
            let plain = of.iter().find_map(|of| reason.strip_prefix(of)).unwrap_or(reason).replace('_', " ");
            if paths.is_empty() { plain } else { format!("{plain} {}", paths.join(", ")) }
        });
        let unknown = (self.action() == ResourceAction::Unknown)
            .then(|| format!("its actions are [{}]", self.actions.join(", ")));
        [forgotten, imported, reason, unknown].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// The name of an attribute: `["disk", 0, "size"]` is `disk.0.size`.
fn path_text(path: &[serde_json::Value]) -> Option<String> {
    let step = |step: &serde_json::Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
    (!path.is_empty()).then(|| path.iter().map(step).collect::<Vec<_>>().join("."))
}

impl PlannedResource {
    /// The change of a managed resource. Data sources and ephemeral resources are only read.
    fn managed(&self) -> Option<ResourceChange> {
        let note = self.change.note(self.action_reason.as_deref());
        let change = ResourceChange::new(&self.address, &self.kind, self.change.action(), note);
        let change = match &self.deposed {
            Some(key) => {
                let note = format!("deposed object {key}, left over from an earlier replacement");
                ResourceChange { note, is_leftover: true, ..change }
            }
            None => change,
        };
        (self.mode == "managed").then_some(change)
    }
}

impl ChangeSet {
    /// `terraform show -json PLAN`
    pub(super) fn of_terraform(printed: &[u8]) -> ProbeResult<Self> {
        let json = json_object(printed);
        let plan: TerraformPlan =
            serde_json::from_slice(json).map_err(|error| unexpected_output("Terraform", &error))?;
        plan.check_form()?;
        let changes: Vec<_> = plan.planned().iter().filter_map(PlannedResource::managed).collect();
        let findings = terraform_findings::of(&plan, &changes);
        let (further, digest) = (plan.further(), digest(json, &["timestamp"])?);
        Ok(Self { changes, further, findings, unlisted: None, digest })
    }
}
