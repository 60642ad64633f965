//! The commands that probes run. Probes and permissions take them from here, so that what is allowed is what runs.

use super::{AwsSecretSpec, IacSpec, IacTool, KUBECTL, KubernetesSpec};

/// A query of the probe of AWS Secrets Manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretQuery {
    /// The secret and the stages of its versions.
    Describe,
    /// The dates of its versions.
    Versions,
}

impl SecretQuery {
    /// All of them, in their order.
    pub const ALL: [Self; 2] = [Self::Describe, Self::Versions];

    /// The subcommand of `aws secretsmanager`.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::Describe => "describe-secret",
            Self::Versions => "list-secret-version-ids",
        }
    }

    /// The action that a policy of IAM must allow.
    #[must_use]
    pub const fn iam_action(self) -> &'static str {
        match self {
            Self::Describe => "secretsmanager:DescribeSecret",
            Self::Versions => "secretsmanager:ListSecretVersionIds",
        }
    }
}

impl AwsSecretSpec {
    /// The command of a query.
    #[must_use]
    pub fn argv(&self, query: SecretQuery) -> Vec<String> {
        let mut argv = self.program.clone();
        argv.extend(["secretsmanager", query.command()].map(str::to_owned));
        argv.extend([format!("--secret-id={}", self.secret_id), "--output=json".to_owned()]);
        let options =
            [("--region", &self.region), ("--profile", &self.profile), ("--endpoint-url", &self.endpoint)];
        for (option, value) in options {
            argv.extend(value.iter().map(|value| format!("{option}={value}")));
        }
        argv
    }
}

impl KubernetesSpec {
    /// A command of kubectl for the cluster and namespace.
    #[must_use]
    pub fn kubectl(&self, words: &[&str]) -> Vec<String> {
        let mut argv = vec![KUBECTL.to_owned()];
        argv.extend(self.kubectl_options());
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        argv
    }

    /// The command with the place and `--dry-run=server`, before any words that are not for `kubectl`. None for
    /// other programs, which are not run.
    #[must_use]
    pub fn server_dry_run(&self) -> Option<Vec<String>> {
        let (program, rest) = self.dry_run.split_first().filter(|_| self.is_kubectl())?;
        let end = rest.iter().position(|word| word == "--").unwrap_or(rest.len());
        let mut argv = vec![program.clone()];
        argv.extend(self.kubectl_options());
        argv.extend_from_slice(&rest[..end]);
        argv.push("--dry-run=server".into());
        argv.extend_from_slice(&rest[end..]);
        Some(argv)
    }
}

/// A deployment as one word, which cannot be taken for an option.
#[must_use]
pub fn deployment_target(name: &str) -> String {
    format!("deployment/{name}")
}

/// The command that sends an HTTP request from another host; it reads the request from its standard input.
#[must_use]
pub fn remote_curl(exec: &[String]) -> Vec<String> {
    exec.iter().cloned().chain(["curl", "--config", "-"].map(str::to_owned)).collect()
}

/// A query of the probe of infrastructure as code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IacQuery {
    /// Terraform makes a plan.
    TerraformPlan,
    /// Terraform prints a saved plan.
    TerraformShow,
    /// Terraform prints its state.
    TerraformState,
    /// Pulumi makes a plan.
    PulumiPreview,
    /// Pulumi prints its state.
    PulumiState,
    /// A change set of CloudFormation, and those of its nested stacks.
    ChangeSet,
    /// The resources of a stack.
    StackResources,
    /// The template of a stack.
    StackTemplate,
    /// The status of a stack.
    StackStatus,
}

impl IacQuery {
    /// The first arguments of its command.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::TerraformPlan => {
                &["plan", "-input=false", "-lock=false", "-detailed-exitcode", "-no-color"]
            }
            Self::TerraformShow => &["show", "-json", "-no-color"],
            Self::TerraformState => &["state", "pull"],
            // Without `--show-sames`, resources that stay are counted and not listed.
            Self::PulumiPreview => &["preview", "--json", "--non-interactive", "--show-sames"],
            Self::PulumiState => &["stack", "export"],
            Self::ChangeSet => &["cloudformation", "describe-change-set"],
            Self::StackResources => &["cloudformation", "list-stack-resources"],
            Self::StackTemplate => &["cloudformation", "get-template"],
            Self::StackStatus => &["cloudformation", "describe-stacks"],
        }
    }

    /// The action that a policy of IAM must allow, for CloudFormation.
    #[must_use]
    pub const fn iam_action(self) -> Option<&'static str> {
        match self {
            Self::ChangeSet => Some("cloudformation:DescribeChangeSet"),
            Self::StackResources => Some("cloudformation:ListStackResources"),
            Self::StackTemplate => Some("cloudformation:GetTemplate"),
            Self::StackStatus => Some("cloudformation:DescribeStacks"),
            _ => None,
        }
    }
}

impl IacSpec {
    /// All queries that it may send.
    #[must_use]
    pub fn queries(&self) -> Vec<IacQuery> {
        use IacQuery::{
            ChangeSet, PulumiPreview, PulumiState, StackResources, StackStatus, StackTemplate, TerraformPlan,
            TerraformShow, TerraformState,
        };
        match (self.tool, self.state) {
            (IacTool::Terraform, true) => vec![TerraformState],
            (IacTool::Terraform, false) if self.only_shows() => vec![TerraformShow],
            (IacTool::Terraform, false) => vec![TerraformPlan, TerraformShow],
            (IacTool::Pulumi, true) => vec![PulumiState],
            (IacTool::Pulumi, false) => vec![PulumiPreview],
            (IacTool::CloudFormation, true) => vec![StackTemplate, StackStatus],
            (IacTool::CloudFormation, false) if self.required.is_empty() => vec![ChangeSet],
            (IacTool::CloudFormation, false) => vec![ChangeSet, StackResources],
        }
    }

    /// Whether Terraform only prints a plan that is saved. Without a file that is kept, it makes one.
    fn only_shows(&self) -> bool {
        self.saved && !self.applied && !self.fresh_plan && self.plan_file.is_some()
    }

    /// The command of a query.
    #[must_use]
    pub fn argv(&self, query: IacQuery, arguments: &[String]) -> Vec<String> {
        let words = [self.program()].into_iter().chain(query.words().iter().copied());
        words.map(str::to_owned).chain(arguments.iter().cloned()).collect()
    }

    /// The option for its stack.
    #[must_use]
    pub fn stack_option(&self) -> Option<String> {
        let name = match self.tool {
            IacTool::Terraform => return None,
            IacTool::Pulumi => "--stack",
            IacTool::CloudFormation => "--stack-name",
        };
        self.stack.as_ref().map(|stack| format!("{name}={stack}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn queries(more: &Value) -> Vec<IacQuery> {
        let mut with = json!({"tool": "terraform", "directory": "."});
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<IacSpec>(with).unwrap().queries()
    }

    #[test]
    fn terraform_makes_a_plan_unless_it_only_shows_a_kept_one() {
        use IacQuery::{TerraformPlan, TerraformShow, TerraformState};
        for (more, expected) in [
            (json!({}), vec![TerraformPlan, TerraformShow]),
            (json!({"saved": true, "plan_file": "p"}), vec![TerraformShow]),
            // It makes one of its own.
            (json!({"saved": true}), vec![TerraformPlan, TerraformShow]),
            // Outside of a run, the kept one does not count.
            (
                json!({"saved": true, "plan_file": "p", "fresh_plan": true}),
                vec![TerraformPlan, TerraformShow],
            ),
            (json!({"saved": true, "plan_file": "p", "applied": true}), vec![TerraformPlan, TerraformShow]),
            (json!({"saved": true, "applied": true, "state": true}), vec![TerraformState]),
        ] {
            assert_eq!(queries(&more), expected, "{more}");
        }
    }

    #[test]
    fn the_resources_of_a_stack_are_listed_only_where_some_must_be_there() {
        let formation = |more: Value| {
            let mut with = json!({"tool": "cloudformation"});
            with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            queries(&with)
        };
        assert_eq!(formation(json!({})), [IacQuery::ChangeSet]);
        assert_eq!(formation(json!({"required": ["r"]})), [IacQuery::ChangeSet, IacQuery::StackResources]);
        assert_eq!(formation(json!({"state": true})), [IacQuery::StackTemplate, IacQuery::StackStatus]);
    }

    #[test]
    fn a_dry_run_comes_before_words_that_are_not_for_kubectl() {
        let dry_run = |words: &[&str]| {
            let with = json!({"context": "c", "namespace": "n", "dry_run": words});
            serde_json::from_value::<KubernetesSpec>(with).unwrap().server_dry_run()
        };
        let argv = dry_run(&["/bin/kubectl", "exec", "x", "--", "y"]).unwrap().join(" ");
        assert_eq!(argv, "/bin/kubectl --context=c --namespace=n exec x --dry-run=server -- y");
        assert_eq!(dry_run(&["helm", "upgrade"]), None);
        assert_eq!(dry_run(&[]), None);
    }
}
