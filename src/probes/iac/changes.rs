//! Change sets of the three tools, and what must hold of them. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::probes::ProbeContext;
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::checklist::spec::IacSpec;
use gonogo_core::outcome::{Observation, Sha256Hex, key};
use gonogo_core::text;

/// What would happen to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ResourceAction {
    None,
    Create,
    Update,
    Replace,
    Destroy,
}

/// One resource of a change set.
#[derive(Debug)]
pub(super) struct ResourceChange {
    pub(super) address: String,
    pub(super) kind: String,
    pub(super) action: ResourceAction,
}

/// A change set.
#[derive(Debug)]
pub(super) struct ChangeSet {
    pub(super) changes: Vec<ResourceChange>,
    /// The digest of the plan, independent of its time.
    pub(super) digest: Sha256Hex,
}

fn unexpected_output(tool: &str, error: &serde_json::Error) -> ProbeError {
    ProbeError::new(format!("what it prints is no change set of {tool}: {error}"))
}

impl ChangeSet {
    /// `terraform show -json PLAN`
    pub(super) fn of_terraform(json: &[u8]) -> ProbeResult<Self> {
        #[derive(Deserialize)]
        struct TerraformPlan {
            #[serde(default)]
            resource_changes: Vec<PlannedResource>,
        }
        #[derive(Deserialize)]
        struct PlannedResource {
            address: String,
            #[serde(rename = "type")]
            kind: String,
            change: PlannedActions,
        }
        #[derive(Deserialize)]
        struct PlannedActions {
            actions: Vec<String>,
        }
        let plan: TerraformPlan =
            serde_json::from_slice(json).map_err(|error| unexpected_output("Terraform", &error))?;
        let change = |resource: PlannedResource| {
            let has = |action: &str| resource.change.actions.iter().any(|name| name == action);
            let action = match (has("create"), has("delete"), has("update")) {
                (true, true, _) => ResourceAction::Replace,
                (true, false, _) => ResourceAction::Create,
                (false, true, _) => ResourceAction::Destroy,
                (false, false, true) => ResourceAction::Update,
                (false, false, false) => ResourceAction::None,
            };
            ResourceChange { address: resource.address, kind: resource.kind, action }
        };
        let changes = plan.resource_changes.into_iter().map(change).collect();
        Ok(Self { changes, digest: digest(json, &["timestamp"])? })
    }

    /// `pulumi preview --json`
    pub(super) fn of_pulumi(json: &[u8]) -> ProbeResult<Self> {
        #[derive(Deserialize)]
        struct PulumiPreview {
            #[serde(default)]
            steps: Vec<PulumiStep>,
        }
        #[derive(Deserialize)]
        struct PulumiStep {
            op: String,
            urn: String,
        }
        let preview: PulumiPreview =
            serde_json::from_slice(json).map_err(|error| unexpected_output("Pulumi", &error))?;
        let change = |step: PulumiStep| {
            let action = match step.op.as_str() {
                "same" | "read" | "refresh" => ResourceAction::None,
                "create" => ResourceAction::Create,
                "delete" => ResourceAction::Destroy,
                op if op.contains("replace") => ResourceAction::Replace,
                _ => ResourceAction::Update,
            };
            // urn:pulumi:stack::project::type::name
            let mut parts = step.urn.rsplit("::");
            let (name, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            ResourceChange { address: name.to_owned(), kind: kind.to_owned(), action }
        };
        let changes = preview.steps.into_iter().map(change).collect();
        Ok(Self { changes, digest: digest(json, &["duration"])? })
    }

    /// `aws cloudformation describe-change-set --output json`
    pub(super) fn of_cloud_formation(json: &[u8]) -> ProbeResult<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct CloudFormationChangeSet {
            status: String,
            #[serde(default)]
            status_reason: String,
            #[serde(default)]
            changes: Vec<CloudFormationChange>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct CloudFormationChange {
            resource_change: Option<CloudFormationResource>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct CloudFormationResource {
            action: String,
            #[serde(rename = "LogicalResourceId")]
            address: String,
            #[serde(rename = "ResourceType")]
            kind: String,
            #[serde(default)]
            replacement: String,
        }
        let set: CloudFormationChangeSet =
            serde_json::from_slice(json).map_err(|error| unexpected_output("CloudFormation", &error))?;
        let is_empty = set.status == "FAILED" && set.status_reason.contains("didn't contain changes");
        if set.status != "CREATE_COMPLETE" && !is_empty {
            return Err(ProbeError::new(format!("the change set is {}: {}", set.status, set.status_reason)));
        }
        let change = |resource: CloudFormationResource| {
            let action = match (resource.action.as_str(), resource.replacement.as_str()) {
                ("Add" | "Import", _) => ResourceAction::Create,
                ("Remove", _) => ResourceAction::Destroy,
                (_, "True" | "Conditional") => ResourceAction::Replace,
                _ => ResourceAction::Update,
            };
            ResourceChange { address: resource.address, kind: resource.kind, action }
        };
        let changes = set.changes.into_iter().filter_map(|item| item.resource_change).map(change).collect();
        Ok(Self { changes, digest: digest(json, &["CreationTime"])? })
    }
}

/// The digest of a JSON object without the fields that differ each time it is generated.
fn digest(json: &[u8], without: &[&str]) -> ProbeResult<Sha256Hex> {
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(json).map_err(|error| unexpected_output("any tool", &error))?;
    let mut digest = Sha256::new();
    for (name, value) in fields.iter().filter(|(name, _)| !without.contains(&name.as_str())) {
        for part in [name.as_str(), value.get()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
    }
    Ok(Sha256Hex(digest.finalize().into()))
}

pub(super) fn judge(spec: &IacSpec, planned: &ChangeSet) -> Vec<Observation> {
    let with_action =
        |action: ResourceAction| planned.changes.iter().filter(move |change| change.action == action);
    let count = |action| with_action(action).count();
    let counts = format!(
        "{} to create, {} to update, {} to replace, {} to destroy",
        count(ResourceAction::Create),
        count(ResourceAction::Update),
        count(ResourceAction::Replace),
        count(ResourceAction::Destroy)
    );
    let unchanged = planned.changes.iter().all(|change| change.action == ResourceAction::None);
    let summary = if unchanged { "nothing would change".to_owned() } else { counts };
    let mut seen = vec![Observation::recorded("change set", summary)];
    let lost = with_action(ResourceAction::Destroy)
        .chain(with_action(ResourceAction::Replace))
        .map(|change| lost(spec, change));
    seen.extend(lost);
    seen.extend(spec.required.iter().map(|word| required(word, planned)));
    let digest = Observation::recorded("digest of the change set", planned.digest.to_string());
    seen.push(digest.with_key(key::CHANGE_SET_DIGEST));
    seen
}

/// Whether a change set is the one that was reviewed.
pub(super) fn same(planned: &ChangeSet, context: &ProbeContext) -> Observation {
    let (what, digest) = ("change set to be applied", planned.digest.to_string());
    match context.digest.as_ref().and_then(Option::as_ref) {
        Some(reviewed) => {
            let is_same = *reviewed == digest;
            Observation::new(what, format!("{reviewed}, which was reviewed"), digest, is_same)
        }
        None => Observation::unknown(what, "the one that was reviewed", "none was reviewed"),
    }
}

/// Names the resources that are destroyed or replaced.
fn lost(spec: &IacSpec, change: &ResourceChange) -> Observation {
    let is_allowed = spec.may_destroy.contains(&change.address);
    let what = if change.action == ResourceAction::Replace { "replaced" } else { "destroyed" };
    let expected = if is_allowed { "may be" } else { "kept; `may_destroy` names what may go" };
    Observation::new(
        format!("resource {}", change.address),
        expected,
        format!("{what} ({})", change.kind),
        is_allowed,
    )
}

/// Whether the change set contains a type of resource at all, changed or not.
fn required(word: &str, planned: &ChangeSet) -> Observation {
    let (what, query) = (format!("resources of {word}"), word.to_lowercase());
    let fits = |change: &&ResourceChange| {
        change.address.to_lowercase().contains(&query) || change.kind.to_lowercase().contains(&query)
    };
    let count = planned.changes.iter().filter(fits).count();
    let seen = if count == 0 { "none".to_owned() } else { text::count(count, "resource") };
    Observation::new(what, "one or more in the code", seen, count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(planned: &ChangeSet) -> Vec<(&str, ResourceAction)> {
        planned.changes.iter().map(|change| (change.address.as_str(), change.action)).collect()
    }

    #[test]
    fn a_preview_of_pulumi_is_read() {
        let json = br#"{"steps": [{"op": "same", "urn": "urn:pulumi:prod::app::pulumi:pulumi:Stack::app-prod"},
            {"op": "delete", "urn": "urn:pulumi:prod::app::aws:elasticache/cluster:Cluster::redis"},
            {"op": "create-replacement", "urn": "urn:pulumi:prod::app::aws:mq/broker:Broker::rabbit"}], "duration": 5}"#;
        let planned = ChangeSet::of_pulumi(json).unwrap();
        assert_eq!(
            actions(&planned),
            [
                ("app-prod", ResourceAction::None),
                ("redis", ResourceAction::Destroy),
                ("rabbit", ResourceAction::Replace)
            ]
        );
        let later = String::from_utf8_lossy(json).replace("\"duration\": 5", "\"duration\": 6");
        assert_eq!(ChangeSet::of_pulumi(later.as_bytes()).unwrap().digest, planned.digest);
    }

    #[test]
    fn a_change_set_of_cloud_formation_is_read() {
        let json = br#"{"Status": "CREATE_COMPLETE", "Changes": [
            {"ResourceChange": {"Action": "Modify", "LogicalResourceId": "Redis", "ResourceType": "AWS::ElastiCache::ReplicationGroup", "Replacement": "True"}},
            {"ResourceChange": {"Action": "Add", "LogicalResourceId": "Rules", "ResourceType": "AWS::EC2::SecurityGroup"}}]}"#;
        assert_eq!(
            actions(&ChangeSet::of_cloud_formation(json).unwrap()),
            [("Redis", ResourceAction::Replace), ("Rules", ResourceAction::Create)]
        );
        let empty =
            br#"{"Status": "FAILED", "StatusReason": "The submitted information didn't contain changes."}"#;
        assert!(ChangeSet::of_cloud_formation(empty).unwrap().changes.is_empty());
        let failed = br#"{"Status": "FAILED", "StatusReason": "no template"}"#;
        assert_eq!(
            ChangeSet::of_cloud_formation(failed).unwrap_err().to_string(),
            "the change set is FAILED: no template"
        );
    }
}
