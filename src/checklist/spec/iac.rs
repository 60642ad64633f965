//! What the probes of infrastructure as code and of AWS' secret manager are asked to look at.

use serde::{Deserialize, Serialize};

use super::is_false;

/// A tool that plans changes of infrastructure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IacTool {
    /// Terraform, or what speaks like it.
    Terraform,
    /// Pulumi.
    Pulumi,
    /// AWS CloudFormation.
    CloudFormation,
}

/// A change set, or the state that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iac {
    /// The tool.
    pub tool: IacTool,
    /// The program, where it is not called as the tool is: `tofu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Where the code is.
    pub directory: String,
    /// The saved plan: shown if it is there, otherwise made, readable by its owner only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_file: Option<String>,
    /// Whether a saved plan of before the run is made anew.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fresh_plan: bool,
    /// Whether it is looked at whether the change set is still the one that was reviewed, and nothing else.
    #[serde(default, skip_serializing_if = "is_false")]
    pub saved: bool,
    /// The stack, for Pulumi and CloudFormation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// The change set, for CloudFormation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set: Option<String>,
    /// Words that must stand in the type or the name of some resource: `redis`, `rabbitmq`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// What may be destroyed or replaced; anything else may not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_destroy: Vec<String>,
    /// Whether the state is looked at, to see that it is kept, and not the change set.
    #[serde(default, skip_serializing_if = "is_false")]
    pub state: bool,
    /// A file with a backup of the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
}

impl Iac {
    /// The program that is run, in the directory.
    #[must_use]
    pub fn program(&self) -> &str {
        self.program.as_deref().unwrap_or(match self.tool {
            IacTool::Terraform => "terraform",
            IacTool::Pulumi => "pulumi",
            IacTool::CloudFormation => "aws",
        })
    }
}

/// A secret in AWS Secrets Manager, by what `aws` tells of it; its value is never asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsSecret {
    /// Its name or ARN.
    pub secret_id: String,
    /// The region, where the environment does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The profile of the `aws` command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The command that stands for `aws`: where it is called through something else.
    #[serde(default = "aws")]
    pub program: Vec<String>,
    /// Another endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// How old the current version may be, in days.
    #[serde(default = "quarter")]
    pub max_age_days: u64,
}

fn aws() -> Vec<String> {
    vec!["aws".into()]
}

const fn quarter() -> u64 {
    90
}
