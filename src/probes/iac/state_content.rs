//! What a state of each tool holds: how much of it, never its values. Pure.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::printed::{Field, few, json_object, or_default};
use super::pulumi_preview::{is_own_type, type_and_name};
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::checklist::spec::{IacTool, Pattern};
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// What was read of a state.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct StateContent {
    /// How many resources it manages, if it lists them.
    pub(super) resources: Option<usize>,
    pub(super) serial: Option<u64>,
    pub(super) lineage: Option<String>,
    /// More about it: `2 tainted`.
    notes: Vec<String>,
    /// Why what it holds is not certain.
    pending: Option<String>,
}

impl StateContent {
    pub(super) fn read(tool: IacTool, printed: &[u8]) -> ProbeResult<Self> {
        let json = json_object(printed);
        match tool {
            IacTool::Terraform => terraform(json),
            IacTool::Pulumi => pulumi(json),
            IacTool::CloudFormation => cloud_formation(json),
        }
    }

    pub(super) fn judge(&self, what: &str) -> Vec<Observation> {
        let kept = if self.resources == Some(0) {
            let seen = format!("no resources{}", self.version());
            Observation::new(what, "present, with resources", seen, false)
        } else {
            let parts = [self.version().trim_start_matches("; ").to_owned(), self.count()];
            let parts = parts.into_iter().filter(|part| !part.is_empty()).chain(self.notes.iter().cloned());
            Observation::recorded(what, parts.collect::<Vec<_>>().join(", "))
        };
        let pending = self
            .pending
            .iter()
            .map(|seen| Observation::new(format!("{what}: operations"), "none pending", seen, false));
        std::iter::once(kept).chain(pending).collect()
    }

    fn count(&self) -> String {
        self.resources
            .map_or_else(|| "resources not listed".to_owned(), |count| text::count(count, "resource"))
    }

    fn version(&self) -> String {
        match (self.serial, &self.lineage) {
            (Some(serial), Some(lineage)) => format!("; serial {serial}, lineage {lineage}"),
            (Some(serial), None) => format!("; serial {serial}"),
            _ => String::new(),
        }
    }
}

fn foreign(tool: &str, error: &serde_json::Error) -> ProbeError {
    ProbeError::new(format!("the output is not a state of {tool}: {error}"))
}

/// State format 4, and 3 of Terraform before 0.12.
fn terraform(json: &[u8]) -> ProbeResult<StateContent> {
    #[derive(Deserialize)]
    struct State {
        serial: Option<u64>,
        lineage: Option<String>,
        encrypted_data: Option<IgnoredAny>,
        #[serde(default)]
        resources: Field<Vec<StateResource>>,
        modules: Option<Vec<StateModule>>,
    }
    #[derive(Deserialize)]
    struct StateModule {
        #[serde(default, deserialize_with = "or_default")]
        resources: BTreeMap<String, Box<RawValue>>,
    }
    #[derive(Deserialize)]
    struct StateResource {
        #[serde(default, deserialize_with = "or_default")]
        mode: String,
        #[serde(default, deserialize_with = "or_default")]
        instances: Vec<Instance>,
    }
    #[derive(Deserialize)]
    struct Instance {
        #[serde(default, deserialize_with = "or_default")]
        status: String,
        deposed: Option<String>,
    }
    let state: State = serde_json::from_slice(json).map_err(|error| foreign("Terraform", &error))?;
    if state.encrypted_data.is_some() {
        return Err(ProbeError::new("encrypted: its resources cannot be read"));
    }
    let is_listed = !matches!(state.resources, Field::Missing) || state.modules.is_some();
    if !is_listed {
        return Err(ProbeError::new("the output is not a state of Terraform: it does not list resources"));
    }
    let managed = state.resources.present().into_iter().flatten().filter(|resource| resource.mode != "data");
    let instances: Vec<&Instance> = managed.flat_map(|resource| &resource.instances).collect();
    let old = state.modules.iter().flatten().flat_map(|module| module.resources.keys());
    let old = old.filter(|name| !name.starts_with("data.")).count();
    let deposed = instances.iter().filter(|instance| instance.deposed.is_some()).count();
    let tainted = instances.iter().filter(|instance| instance.status == "tainted").count();
    let notes = [(deposed, "deposed"), (tainted, "tainted")];
    let notes = notes.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let is_plain =
        |lineage: &String| Pattern::new("^[0-9a-zA-Z-]{1,64}$").is_ok_and(|plain| plain.is_in(lineage));
    Ok(StateContent {
        resources: Some(instances.len() - deposed + old),
        serial: state.serial,
        lineage: state.lineage.filter(is_plain),
        notes: notes.collect(),
        pending: None,
    })
}

/// `pulumi stack export`
fn pulumi(json: &[u8]) -> ProbeResult<StateContent> {
    #[derive(Deserialize)]
    struct Export {
        deployment: Option<Deployment>,
    }
    #[derive(Deserialize)]
    struct Deployment {
        #[serde(default, deserialize_with = "or_default")]
        resources: Vec<PulumiResource>,
        #[serde(default, deserialize_with = "or_default")]
        pending_operations: Vec<Pending>,
    }
    #[derive(Deserialize)]
    struct PulumiResource {
        urn: String,
        #[serde(default, rename = "delete", deserialize_with = "or_default")]
        is_pending_delete: bool,
    }
    #[derive(Deserialize)]
    struct Pending {
        resource: Option<PulumiResource>,
        #[serde(default, rename = "type", deserialize_with = "or_default")]
        kind: String,
    }
    let export: Export = serde_json::from_slice(json).map_err(|error| foreign("Pulumi", &error))?;
    let Some(deployment) = export.deployment else {
        return Err(ProbeError::new("the output is not a state of Pulumi: no deployment"));
    };
    let real = deployment.resources.iter().filter(|resource| !is_own_type(type_and_name(&resource.urn).0));
    let (leftover, real): (Vec<_>, Vec<_>) = real.partition(|resource| resource.is_pending_delete);
    let notes = (!leftover.is_empty()).then(|| format!("{} to be deleted", leftover.len()));
    let describe = |pending: &Pending| {
        let name = pending.resource.as_ref().map_or("a resource", |resource| type_and_name(&resource.urn).1);
        format!("{name} ({})", pending.kind)
    };
    let pending: Vec<String> = deployment.pending_operations.iter().map(describe).collect();
    let names = few(pending.iter().map(String::as_str));
    let pending = (!pending.is_empty())
        .then(|| format!("interrupted, result not in the state: {names}; run `pulumi refresh`"));
    let notes = notes.into_iter().collect();
    Ok(StateContent { resources: Some(real.len()), notes, pending, ..StateContent::default() })
}

/// `aws cloudformation get-template`: an object, or YAML as text.
fn cloud_formation(json: &[u8]) -> ProbeResult<StateContent> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Body {
        Text(String),
        Object(BTreeMap<String, serde_json::Value>),
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Template {
        template_body: Option<Body>,
    }
    let template: Template =
        serde_json::from_slice(json).map_err(|error| foreign("CloudFormation", &error))?;
    let resources = match template.template_body {
        None => 0,
        Some(Body::Object(fields)) => {
            fields.get("Resources").and_then(serde_json::Value::as_object).map_or(0, serde_json::Map::len)
        }
        Some(Body::Text(text)) => resources_of_yaml(&text),
    };
    Ok(StateContent { resources: Some(resources), ..StateContent::default() })
}

/// The resources of a template in YAML: the keys one level below `Resources`.
fn resources_of_yaml(text: &str) -> usize {
    if let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(text) {
        return fields
            .get("Resources")
            .and_then(serde_json::Value::as_object)
            .map_or(0, serde_json::Map::len);
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_content = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let mut lines = text.lines().filter(is_content);
    if !lines.any(|line| line.starts_with("Resources:")) {
        return 0;
    }
    let inside: Vec<&str> = lines.take_while(|line| indent(line) > 0).collect();
    let level = inside.iter().map(|line| indent(line)).min().unwrap_or_default();
    inside.iter().filter(|line| indent(line) == level && line.contains(':')).count()
}

/// Whether the operation on a stack has ended, and well.
/// See <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>.
pub(super) fn stack_status(what: &str, printed: &[u8]) -> ProbeResult<Observation> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Stacks {
        stacks: Vec<Stack>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Stack {
        stack_status: String,
    }
    let stacks: Stacks =
        serde_json::from_slice(json_object(printed)).map_err(|error| foreign("CloudFormation", &error))?;
    let Some(Stack { stack_status: status }) = stacks.stacks.first() else {
        return Ok(Observation::new(what, "complete", "no such stack", false));
    };
    let why = match status.as_str() {
        "REVIEW_IN_PROGRESS" => "no change set was executed yet",
        "ROLLBACK_COMPLETE" => "creation failed: it can only be deleted",
        "DELETE_COMPLETE" => "deleted",
        status if status.ends_with("_FAILED") => "its last operation failed",
        status if status.ends_with("_IN_PROGRESS") => {
            return Ok(Observation::unknown(
                what,
                "complete",
                format!("{status}: an operation is in progress"),
            ));
        }
        _ => return Ok(Observation::new(what, "complete", status, true)),
    };
    Ok(Observation::new(what, "complete", format!("{status}: {why}"), false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use gonogo_core::outcome::Outcome;

    fn judged(tool: IacTool, json: &str) -> (Vec<Option<bool>>, String) {
        match StateContent::read(tool, json.as_bytes()) {
            Ok(content) => {
                let seen = content.judge("state");
                (
                    seen.iter().map(|one| one.ok).collect(),
                    seen.iter().map(|one| one.seen.as_str()).collect::<Vec<_>>().join("; "),
                )
            }
            Err(why) => (vec![None], why.to_string()),
        }
    }

    /// The tool, what it prints, whether that is good, and what is said of it.
    type StateCase<'a> = (IacTool, &'a str, &'a [Option<bool>], &'a str);

    fn check(cases: &[StateCase<'_>]) {
        for (tool, json, ok, seen) in cases {
            let (found, said) = judged(*tool, json);
            assert_eq!(found, *ok, "{json}: {said}");
            assert!(said.contains(seen), "{json}: {said}");
            assert!(!said.contains("password"), "{said}");
        }
    }

    #[test]
    fn a_state_of_terraform_with_resources_is_kept_and_one_without_is_not() {
        use IacTool::Terraform;
        let one = r#"{"version":4,"serial":9,"lineage":"ab-1","resources":[{"mode":"managed","instances":[{"attributes":{"password":"p"}}]}]}"#;
        let cases: [StateCase<'_>; 10] = [
            (Terraform, one, &[Some(true)], "serial 9, lineage ab-1, 1 resource"),
            (
                Terraform,
                r#"{"version":4,"serial":9,"lineage":"ab-1","resources":[]}"#,
                &[Some(false)],
                "no resources; serial 9",
            ),
            (
                Terraform,
                r#"{"version":4,"serial":9,"resources":[{"mode":"data","instances":[{}]}]}"#,
                &[Some(false)],
                "no resource",
            ),
            (Terraform, r#"{"version":4,"serial":9,"resources":null}"#, &[Some(false)], "no resource"),
            (Terraform, r#"{"version":4,"serial":9}"#, &[None], "it does not list resources"),
            (
                Terraform,
                r#"{"version":4,"serial":9,"resources":[{"mode":"managed","instances":[{"status":"tainted"},{"deposed":"aa"}]}]}"#,
                &[Some(true)],
                "1 resource, 1 deposed, 1 tainted",
            ),
            (
                Terraform,
                r#"{"version":3,"serial":2,"modules":[{"resources":{"aws_mq_broker.a":{}}}]}"#,
                &[Some(true)],
                "1 resource",
            ),
            (
                Terraform,
                r#"{"serial":1,"lineage":"a","encrypted_data":"x","encryption_version":"v0"}"#,
                &[None],
                "encrypted",
            ),
            (Terraform, r#"{"message":"Not Found"}"#, &[None], "not a state of Terraform"),
            (Terraform, r#"{"version":4,"serial":9,"reso"#, &[None], "not a state of Terraform"),
        ];
        check(&cases);
    }

    #[test]
    fn so_is_one_of_the_other_tools() {
        use IacTool::{CloudFormation, Pulumi};
        let cases: [StateCase<'_>; 6] = [
            (
                Pulumi,
                r#"{"version":3,"deployment":{"resources":[{"urn":"urn:pulumi:p::s::pulumi:pulumi:Stack::s-p"}]}}"#,
                &[Some(false)],
                "no resource",
            ),
            (
                Pulumi,
                r#"{"version":3,"deployment":{"resources":[{"urn":"urn:pulumi:p::s::aws:mq/broker:Broker::b"}]}}"#,
                &[Some(true)],
                "1 resource",
            ),
            (
                Pulumi,
                r#"{"deployment":{"resources":[{"urn":"urn:pulumi:p::s::aws:mq/broker:Broker::b"}],
                "pending_operations":[{"type":"creating","resource":{"urn":"urn:pulumi:p::s::aws:mq/broker:Broker::c"}}]}}"#,
                &[Some(true), Some(false)],
                "c (creating)",
            ),
            (
                CloudFormation,
                r#"{"TemplateBody":{"Resources":{"A":{},"B":{}}}}"#,
                &[Some(true)],
                "2 resources",
            ),
            (
                CloudFormation,
                r#"{"TemplateBody":"Resources:\n  A:\n    Type: X\n\n  # more\n  B:\n    Type: Y\nOutputs:\n  C: 1\n"}"#,
                &[Some(true)],
                "2 resources",
            ),
            (CloudFormation, r#"{"StagesAvailable":["Original"]}"#, &[Some(false)], "no resource"),
        ];
        check(&cases);
    }

    #[test]
    fn the_status_of_a_stack() {
        let cases = [
            ("UPDATE_COMPLETE", Some(true)),
            ("UPDATE_ROLLBACK_COMPLETE", Some(true)),
            ("UPDATE_ROLLBACK_FAILED", Some(false)),
            ("ROLLBACK_COMPLETE", Some(false)),
            ("REVIEW_IN_PROGRESS", Some(false)),
            ("UPDATE_IN_PROGRESS", None),
        ];
        for (status, ok) in cases {
            let printed = serde_json::json!({"Stacks": [{"StackStatus": status}]}).to_string();
            assert_eq!(stack_status("stack", printed.as_bytes()).unwrap().ok, ok, "{status}");
        }
    }

    #[test]
    fn an_altered_state_never_passes_for_nothing() {
        let json = serde_json::json!({"version": 4, "serial": 9, "lineage": "ab-1",
            "resources": [{"mode": "managed", "instances": [{"attributes": {"a": "b"}}]}]});
        let carriers = ["/resources/0", "/resources/0/instances"];
        let document = GoodDocument { json, carriers: &carriers, maps: &[] };
        document.check(|printed| {
            let seen = StateContent::read(IacTool::Terraform, printed).map(|content| content.judge("state"));
            Outcome::of(seen.unwrap_or_default(), "").class
        });
    }
}
