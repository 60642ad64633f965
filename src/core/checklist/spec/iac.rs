//! The specs of the probes of infrastructure as code and of AWS Secrets Manager.

use serde::{Deserialize, Serialize};

use super::is_false;

/// A tool that plans changes to infrastructure.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IacTool {
    /// Terraform, or a compatible tool.
    Terraform,
    /// Pulumi.
    Pulumi,
    /// AWS CloudFormation.
    CloudFormation,
}

/// A change set, or the state of the infrastructure.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "keys of a table in TOML, each of its own")]
#[serde(deny_unknown_fields)]
pub struct IacSpec {
    /// The tool.
    pub tool: IacTool,
    /// The program, if it is not named like the tool: `tofu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The directory of the code.
    pub directory: String,
    /// The saved plan: shown if it exists, otherwise created, readable by its owner only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_file: Option<String>,
    /// Whether a saved plan from before the run is created again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fresh_plan: bool,
    /// Whether to check only that the saved change set is still the reviewed one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub saved: bool,
    /// Whether to check only that everything is applied: no change is pending.
    #[serde(default, skip_serializing_if = "is_false")]
    pub applied: bool,
    /// The stack, for Pulumi and CloudFormation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// The change set, for CloudFormation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set: Option<String>,
    /// Words that must occur in the type or the name of some resource: `redis`, `rabbitmq`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// The resources that may be destroyed or replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_destroy: Vec<String>,
    /// Whether to check that the state is kept, instead of the change set.
    #[serde(default, skip_serializing_if = "is_false")]
    pub state: bool,
    /// A file with a backup of the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
}

impl IacSpec {
    /// The program.
    #[must_use]
    pub fn program(&self) -> &str {
        self.program.as_deref().unwrap_or(match self.tool {
            IacTool::Terraform => "terraform",
            IacTool::Pulumi => "pulumi",
            IacTool::CloudFormation => "aws",
        })
    }
}

/// A secret in AWS Secrets Manager, by its metadata; its value is never read.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsSecretSpec {
    /// Its name or ARN.
    pub secret_id: String,
    /// The region; by default from the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The profile of the `aws` command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The command to run instead of `aws`, such as a wrapper.
    #[serde(default = "aws")]
    pub program: Vec<String>,
    /// Another endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The maximum age of the current version, in days.
    #[serde(default = "quarter")]
    pub max_age_days: u64,
}

fn aws() -> Vec<String> {
    vec!["aws".into()]
}

const fn quarter() -> u64 {
    90
}
