//! A change set of CloudFormation, as `aws cloudformation describe-change-set` prints it. Pure.
//! See <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html>.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::changes::{ResourceAction, ResourceChange};
use super::printed::{json_object, or_default, unexpected_output};
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::outcome::Observation;

/// The type of a nested stack.
pub(super) const STACK: &str = "AWS::CloudFormation::Stack";

/// What a change set must be.
const EXECUTABLE: &str = "can be executed (AVAILABLE)";

/// One page of a change set.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page {
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    status_reason: String,
    #[serde(default, deserialize_with = "or_default")]
    execution_status: String,
    pub(super) change_set_id: Option<String>,
    changes: Option<Vec<Change>>,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    #[serde(default, rename = "Type", deserialize_with = "or_default")]
    kind: String,
    hook_invocation_count: Option<IgnoredAny>,
    #[serde(rename = "ResourceChange")]
    resource: Option<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    action: String,
    #[serde(rename = "LogicalResourceId")]
    name: String,
    #[serde(rename = "ResourceType")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    replacement: String,
    #[serde(default, deserialize_with = "or_default")]
    policy_action: String,
    change_set_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    #[serde(default, deserialize_with = "or_default")]
    target: Target,
    #[serde(default, deserialize_with = "or_default")]
    evaluation: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    requires_recreation: String,
}

/// A change, or the change set of a nested stack in which its changes are.
pub(super) enum Item {
    Change(ResourceChange),
    Nested { name: String, change_set: String },
}

impl Page {
    pub(super) fn read(printed: &[u8]) -> ProbeResult<Self> {
        let json = json_object(printed);
        let page: Self =
            serde_json::from_slice(json).map_err(|error| unexpected_output("CloudFormation", &error))?;
        let is_empty = page.status == "FAILED" && says_no_changes(&page.status_reason);
        if page.status != "CREATE_COMPLETE" && !is_empty {
            return Err(ProbeError::new(format!(
                "the change set is {}: {}",
                page.status, page.status_reason
            )));
        }
        if page.changes.is_none() && !is_empty {
            return Err(ProbeError::new("the change set does not list its changes"));
        }
        Ok(page)
    }

    /// Why it cannot be executed, if so. A nested one is never executed by itself.
    pub(super) fn executable(&self, is_nested: bool) -> Option<Observation> {
        let why = match self.execution_status.as_str() {
            "AVAILABLE" => return None,
            "" => {
                return Some(Observation::unknown(
                    "change set",
                    EXECUTABLE,
                    "its execution status is not stated",
                ));
            }
            "UNAVAILABLE" if is_nested || self.status == "FAILED" => return None,
            "EXECUTE_COMPLETE" => "already executed",
            "EXECUTE_IN_PROGRESS" => "being executed",
            "EXECUTE_FAILED" => "execution failed: create a new one",
            "OBSOLETE" => "the stack was changed since: create a new one",
            "UNAVAILABLE" => "cannot be executed: execute the root stack's change set",
            _ => "an execution status that is not documented",
        };
        let seen = format!("{}: {why}", self.execution_status);
        Some(Observation::new("change set", EXECUTABLE, seen, false))
    }

    /// Its changes; addresses are below `path`.
    pub(super) fn items(&self, path: &str) -> Vec<Item> {
        self.changes.iter().flatten().filter_map(|change| change.item(path)).collect()
    }
}

/// CloudFormation's own words for an empty change set, which has no status of its own.
fn says_no_changes(reason: &str) -> bool {
    ["didn't contain changes", "No updates are to be performed"].iter().any(|words| reason.contains(words))
}

impl Change {
    fn item(&self, path: &str) -> Option<Item> {
        let Some(resource) = &self.resource else {
            // An invocation of a hook; anything else is unknown.
            let is_hook = self.hook_invocation_count.is_some() || self.kind == "Hook";
            let change = || {
                let note = "CloudFormation does not report of which resource";
                ResourceChange::new(path.trim_end_matches('/'), &self.kind, ResourceAction::Unknown, note)
            };
            return (!is_hook).then(|| Item::Change(change()));
        };
        let name = format!("{path}{}", resource.name);
        let is_nested = resource.kind == STACK && !matches!(resource.action.as_str(), "Remove");
        Some(match &resource.change_set_id {
            Some(change_set) if is_nested => Item::Nested { name, change_set: change_set.clone() },
            _ => Item::Change(resource.change(name)),
        })
    }
}

impl Resource {
    fn change(&self, name: String) -> ResourceChange {
        let (action, note) = match self.action.as_str() {
            "Add" => (ResourceAction::Create, String::new()),
            "Import" => (ResourceAction::Import, String::new()),
            // Only CloudFormation's record changes: it follows the resource.
            "SyncWithActual" => (ResourceAction::None, String::new()),
            "Remove" => self.removal(),
            "Modify" if self.kind == STACK => {
                let note = "a nested stack: its changes are not in the change set (IncludeNestedStacks)";
                (ResourceAction::Unknown, note.to_owned())
            }
            "Modify" => self.modification(),
            other => (ResourceAction::Unknown, format!("its action is {other}")),
        };
        ResourceChange::new(name, &self.kind, action, note)
    }

    /// A deletion policy may keep the resource.
    fn removal(&self) -> (ResourceAction, String) {
        match self.policy_action.as_str() {
            "Retain" => (ResourceAction::Forget, "its policy is Retain".into()),
            "Snapshot" => (ResourceAction::Destroy, "after a snapshot".into()),
            _ => (ResourceAction::Destroy, String::new()),
        }
    }

    fn modification(&self) -> (ResourceAction, String) {
        let retained = match self.policy_action.as_str() {
            "ReplaceAndRetain" => "; the old one is kept, but no longer managed",
            "ReplaceAndSnapshot" => "; after a snapshot of the old one",
            _ => "",
        };
        let because = |of: &[&str]| {
            let of =
                self.details.iter().filter(|detail| of.contains(&detail.target.requires_recreation.as_str()));
            let mut names: Vec<&str> = of.map(|detail| detail.target.name.as_str()).collect();
            names.retain(|name| !name.is_empty());
            names.dedup();
            format!("{}{retained}", names.join(", ")).trim_start_matches("; ").to_owned()
        };
        match self.replacement.as_str() {
            "True" => (ResourceAction::Replace, because(&["Always"])),
            "False" => (ResourceAction::Update, String::new()),
            "Conditional" => (ResourceAction::MayReplace, because(&["Always", "Conditionally"])),
            "" if self.is_recreated("Always", Some("Static")) => {
                (ResourceAction::Replace, because(&["Always"]))
            }
            "" if !self.details.is_empty() && !self.may_be_recreated() => {
                (ResourceAction::Update, String::new())
            }
            _ => (ResourceAction::MayReplace, "Replacement is not reported".into()),
        }
    }

    fn may_be_recreated(&self) -> bool {
        self.is_recreated("Always", None) || self.is_recreated("Conditionally", None)
    }

    fn is_recreated(&self, when: &str, evaluation: Option<&str>) -> bool {
        let is_so = |detail: &Detail| {
            detail.target.requires_recreation == when
                && evaluation.is_none_or(|evaluation| detail.evaluation == evaluation)
        };
        self.details.iter().any(is_so)
    }
}

/// The resources that a stack has, as `aws cloudformation list-stack-resources` prints them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StackResources {
    stack_resource_summaries: Vec<StackResource>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StackResource {
    #[serde(rename = "LogicalResourceId")]
    name: String,
    #[serde(rename = "ResourceType")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    resource_status: String,
}

impl StackResources {
    pub(super) fn read(printed: &[u8]) -> ProbeResult<Self> {
        serde_json::from_slice(json_object(printed))
            .map_err(|error| ProbeError::new(format!("not a list of a stack's resources: {error}")))
    }

    /// Whether more resources than these may be there.
    pub(super) fn is_part(&self) -> bool {
        self.next_token.is_some()
            || self.stack_resource_summaries.iter().any(|resource| resource.kind == STACK)
    }

    pub(super) fn unchanged(self) -> impl Iterator<Item = ResourceChange> {
        let is_there = |resource: &StackResource| {
            let status = resource.resource_status.as_str();
            let is_gone = status.starts_with("DELETE_") && status != "DELETE_FAILED";
            !is_gone && !["", "CREATE_FAILED", "CREATE_IN_PROGRESS"].contains(&status)
        };
        let there = self.stack_resource_summaries.into_iter().filter(is_there);
        there.map(|resource| ResourceChange::new(resource.name, resource.kind, ResourceAction::None, ""))
    }
}

#[cfg(test)]
mod tests {
    use ResourceAction::{
        Create, Destroy, Forget, Import, MayReplace, None as Kept, Replace, Unknown, Update,
    };
    use serde_json::json;

    use super::*;

    fn action(change: &serde_json::Value) -> Option<ResourceAction> {
        let page = json!({"Status": "CREATE_COMPLETE", "Changes": [change]});
        let items = Page::read(page.to_string().as_bytes()).unwrap().items("");
        items.into_iter().find_map(|item| match item {
            Item::Change(change) => Some(change.action),
            Item::Nested { .. } => None,
        })
    }

    #[test]
    fn the_action_of_a_resource() {
        let always =
            json!([{"Target": {"Name": "Engine", "RequiresRecreation": "Always"}, "Evaluation": "Static"}]);
        let dynamic =
            json!([{"Target": {"Name": "Engine", "RequiresRecreation": "Always"}, "Evaluation": "Dynamic"}]);
        let never =
            json!([{"Target": {"Name": "Tags", "RequiresRecreation": "Never"}, "Evaluation": "Static"}]);
        let cases = [
            (json!({"Action": "Add", "Replacement": null}), Create, "an emulator's null"),
            (json!({"Action": "Import"}), Import, "managed from now on"),
            (json!({"Action": "Remove"}), Destroy, "removed"),
            (
                json!({"Action": "Remove", "PolicyAction": "Retain"}),
                Forget,
                "removed from the stack, and kept",
            ),
            (
                json!({"Action": "Remove", "PolicyAction": "Snapshot"}),
                Destroy,
                "a snapshot is not the resource",
            ),
            (json!({"Action": "Modify", "Replacement": "False"}), Update, "in place"),
            (json!({"Action": "Modify", "Replacement": "True"}), Replace, "replaced"),
            (
                json!({"Action": "Modify", "Replacement": "Conditional"}),
                MayReplace,
                "by a value that is not known yet",
            ),
            (json!({"Action": "Modify", "Details": always}), Replace, "only its details say so"),
            (json!({"Action": "Modify", "Details": dynamic}), MayReplace, "if the value changes"),
            (json!({"Action": "Modify", "Details": never}), Update, "its details say that it stays"),
            (json!({"Action": "Modify", "Replacement": null}), MayReplace, "nothing says that it stays"),
            (json!({"Action": "SyncWithActual"}), Kept, "only the record changes"),
            (json!({"Action": "Dynamic"}), Unknown, "unknown action"),
            (json!({"Action": "Modify", "Type": STACK}), Unknown, "a nested stack without its change set"),
        ];
        for (mut resource, expected, why) in cases {
            let kind =
                resource.as_object_mut().unwrap().remove("Type").unwrap_or(json!("AWS::AmazonMQ::Broker"));
            resource["LogicalResourceId"] = json!("Broker");
            resource["ResourceType"] = kind;
            let change = json!({"Type": "Resource", "ResourceChange": resource});
            assert_eq!(action(&change), Some(expected), "{why}");
        }
    }

    #[test]
    fn a_change_of_no_resource_is_a_hook_or_unknown() {
        assert_eq!(action(&json!({"Type": "Resource", "HookInvocationCount": 2})), None);
        assert_eq!(action(&json!({"Type": "Hook"})), None);
        assert_eq!(action(&json!({"Type": "Resource"})), Some(Unknown));
    }

    #[test]
    fn whether_it_can_be_executed() {
        let cases = [
            ("CREATE_COMPLETE", "AVAILABLE", false, true),
            ("CREATE_COMPLETE", "OBSOLETE", false, false),
            ("CREATE_COMPLETE", "EXECUTE_COMPLETE", false, false),
            ("CREATE_COMPLETE", "EXECUTE_IN_PROGRESS", false, false),
            ("CREATE_COMPLETE", "EXECUTE_FAILED", false, false),
            ("CREATE_COMPLETE", "UNAVAILABLE", false, false),
            ("CREATE_COMPLETE", "UNAVAILABLE", true, true),
            ("FAILED", "UNAVAILABLE", false, true),
        ];
        for (status, execution, is_nested, ok) in cases {
            let reason = "The submitted information didn't contain changes.";
            let page = json!({"Status": status, "StatusReason": reason, "ExecutionStatus": execution, "Changes": []});
            let page = Page::read(page.to_string().as_bytes()).unwrap();
            assert_eq!(page.executable(is_nested).is_none(), ok, "{status} {execution} {is_nested}");
        }
    }

    #[test]
    fn a_set_that_was_not_created_is_no_set() {
        let failed = br#"{"Status": "FAILED", "StatusReason": "no template"}"#;
        assert_eq!(Page::read(failed).err().unwrap().to_string(), "the change set is FAILED: no template");
        assert!(Page::read(br#"{"Status": "CREATE_IN_PROGRESS"}"#).is_err());
    }
}
