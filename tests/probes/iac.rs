use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::support::need;

const TERRAFORM: &str = "terraform";
const CODE: &str = r#"
terraform {
  backend "local" {}
}
resource "terraform_data" "redis" { input = "a" }
resource "terraform_data" "rabbitmq" { input = "b" }
"#;

/// A directory with Terraform code that needs no provider.
struct TerraformProject(TempDir);

impl TerraformProject {
    fn new(code: &str) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        project.write(code);
        project.terraform(&["init", "-input=false"]);
        project
    }

    fn write(&self, code: &str) {
        fs::write(self.path().join("main.tf"), code).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    #[track_caller]
    fn terraform(&self, arguments: &[&str]) {
        let ran = Command::new(TERRAFORM).args(arguments).current_dir(self.path()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    #[track_caller]
    fn run_probe(&self, more: &Value) -> Outcome {
        let with = json!({"tool": "terraform", "directory": self.path()});
        run_probe_within(Duration::from_mins(1), "iac", &plus(&with, more))
    }
}

#[test]
fn what_is_not_applied_is_pending() {
    need!(TERRAFORM);
    let project = TerraformProject::new(CODE);
    let applied = json!({"applied": true});
    assert_fail(&project.run_probe(&applied), &["✗ pending changes | none | 2 to create, 0 to update"]);
    project.terraform(&["apply", "-input=false", "-auto-approve"]);
    assert_pass(&project.run_probe(&applied), &["✓ pending changes | none | none"]);
    project.write(&CODE.replace("\"b\"", "\"c\""));
    let line = "1 to update, 0 to replace, 0 to destroy: terraform_data.rabbitmq";
    assert_fail(&project.run_probe(&applied), &[line]);
    project.write("resource {");
    assert_error(&project.run_probe(&applied), &["? pending changes | none | exit code 1: Error"]);
}

#[test]
fn changes_are_counted_and_destroyed_resources_are_named() {
    need!(TERRAFORM);
    let project = TerraformProject::new(CODE);
    let settings = json!({"required": ["redis", "rabbitmq"]});
    let first = project.run_probe(&settings);
    assert_pass(
        &first,
        &[
            "✓ change set | recorded | 2 to create, 0 to update, 0 to replace, 0 to destroy",
            "✓ resources of redis | one or more in the code | 1 resource",
            "✓ digest of the change set | recorded | ",
        ],
    );
    assert_eq!(
        first.evidence_hash(),
        project.run_probe(&settings).evidence_hash(),
        "the same plan has the same evidence hash"
    );
    project.terraform(&["apply", "-input=false", "-auto-approve"]);
    assert_pass(&project.run_probe(&settings), &["✓ change set | recorded | no changes"]);
    project.write(
        &CODE
            .replace("\"a\"", "\"c\"")
            .replace(r#"resource "terraform_data" "rabbitmq" { input = "b" }"#, ""),
    );
    let destroys = project.run_probe(&json!({"required": ["rabbitmq"]}));
    assert_fail(
        &destroys,
        &[
            "| 0 to create, 1 to update, 0 to replace, 1 to destroy",
            "✗ resource terraform_data.rabbitmq | not destroyed (see `may_destroy`) | destroyed (terraform_data)",
        ],
    );
    let allowed =
        project.run_probe(&json!({"may_destroy": ["terraform_data.rabbitmq"], "required": ["prometheus"]}));
    assert_fail(
        &allowed,
        &["✓ resource terraform_data.rabbitmq", "✗ resources of prometheus | one or more in the code | none"],
    );
}

#[test]
fn a_saved_plan_is_shown_and_not_replaced() {
    need!(TERRAFORM);
    let project = TerraformProject::new(CODE);
    let settings = json!({"plan_file": "release.plan"});
    assert_pass(&project.run_probe(&settings), &["2 to create"]);
    let file = project.path().join("release.plan");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    project.write(&format!("{CODE}\nresource \"terraform_data\" \"grafana\" {{ input = \"d\" }}"));
    assert_pass(&project.run_probe(&settings), &["2 to create"]);
    fs::write(&file, "no plan").unwrap();
    assert_error(&project.run_probe(&settings), &["exit code 1"]);
}

#[test]
fn a_missing_or_empty_state_and_a_missing_backup_fail() {
    need!(TERRAFORM);
    let project = TerraformProject::new(CODE);
    assert_fail(&project.run_probe(&json!({"state": true})), &["| present | missing"]);
    project.terraform(&["apply", "-input=false", "-auto-approve"]);
    assert_pass(&project.run_probe(&json!({"state": true})), &["| recorded | serial ", ", 2 resources"]);
    let backup = project.path().join("backup.tfstate");
    let settings = json!({"state": true, "backup": backup});
    assert_fail(&project.run_probe(&settings), &["| present | no such file"]);
    fs::copy(project.path().join("terraform.tfstate"), &backup).unwrap();
    assert_pass(
        &project.run_probe(&settings),
        &["bytes, ", " old, SHA-256 ", "| recorded | same serial as the state"],
    );
    project.terraform(&["destroy", "-input=false", "-auto-approve"]);
    assert_fail(
        &project.run_probe(&json!({"state": true})),
        &["| present, with resources | no resources; serial "],
    );
}

#[test]
fn refresh_only_destroy_and_targeted_plans_are_reported() {
    need!(TERRAFORM);
    let project = TerraformProject::new(CODE);
    project.terraform(&["apply", "-input=false", "-auto-approve"]);
    let run_with_plan = |option: &str| {
        project.terraform(&["plan", "-input=false", option, "-out=release.plan"]);
        let may_destroy = ["terraform_data.redis", "terraform_data.rabbitmq"];
        project.run_probe(
            &json!({"plan_file": "release.plan", "required": ["redis"], "may_destroy": may_destroy}),
        )
    };
    assert_fail(
        &run_with_plan("-refresh-only"),
        &["✗ plan | a plan of all resources | no changes planned for the 2 resources"],
    );
    assert_fail(
        &run_with_plan("-destroy"),
        &["✗ resources of redis | one or more in the code | none would be left: 1 resource"],
    );
    let targeted = run_with_plan("-target=terraform_data.redis");
    assert_error(
        &targeted,
        &["? resources of the state | all planned | not in the plan: terraform_data.rabbitmq"],
    );
    project.write(&CODE.replace(
        r#"resource "terraform_data" "redis" { input = "a" }"#,
        r"removed {
            from = terraform_data.redis
            lifecycle { destroy = false }
        }",
    ));
    assert_fail(
        &run_with_plan("-refresh=true"),
        &["✓ resource terraform_data.redis | recorded | forgotten: kept, but no longer managed"],
    );
}

#[test]
fn a_plan_that_ended_with_errors_fails() {
    need!(TERRAFORM);
    let project = TerraformProject::new(CODE);
    project.write(&format!(
        "{CODE}{}",
        r#"resource "terraform_data" "late" {
            lifecycle {
                precondition {
                    condition     = terraform_data.redis.input == "z"
                    error_message = "not yet"
                }
            }
        }"#
    ));
    let planned = Command::new(TERRAFORM)
        .args(["plan", "-input=false", "-out=release.plan"])
        .current_dir(project.path())
        .output()
        .unwrap();
    assert!(!planned.status.success());
    assert_fail(
        &project.run_probe(&json!({"plan_file": "release.plan"})),
        &["✗ plan | complete, without errors | planning failed"],
    );
}

#[test]
fn a_plan_that_cannot_be_made_is_an_error() {
    need!(TERRAFORM);
    let project = TerraformProject::new(CODE);
    project.write("resource {");
    assert_error(&project.run_probe(&json!({})), &["exit code 1: Error: "]);
    assert_error(
        &project.run_probe(&json!({"program": "no-such-tofu"})),
        &["program `no-such-tofu` not found"],
    );
    assert_error(
        &project.run_probe(&json!({"directory": "/no/such/place"})),
        &["no such directory: /no/such/place"],
    );
}

/// A tool that prints this text.
fn fake_tool(dir: &TempDir, text: &str, code: u8) -> Value {
    let file = dir.path().join("tool");
    fs::write(dir.path().join("out"), text).unwrap();
    fs::write(&file, format!("#!/bin/sh\ncat {}/out\nexit {code}\n", dir.path().display())).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    json!({"program": file, "directory": dir.path()})
}

#[test]
fn pulumi_and_cloudformation_change_sets_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let preview =
        json!({"steps": [{"op": "delete", "urn": "urn:pulumi:prod::app::aws:mq/broker:Broker::rabbit"}]});
    let pulumi = plus(&fake_tool(&dir, &preview.to_string(), 0), &json!({"tool": "pulumi", "stack": "prod"}));
    assert_fail(
        &run_probe_within(DEADLINE, "iac", &pulumi),
        &["✗ resource rabbit | not destroyed (see `may_destroy`) | destroyed (aws:mq/broker:Broker)"],
    );
    let refused = plus(&fake_tool(&dir, "error: no stack", 255), &json!({"tool": "pulumi"}));
    assert_error(&run_probe_within(DEADLINE, "iac", &refused), &["exit code 255: error: no stack"]);
    let change = json!({"Action": "Add", "LogicalResourceId": "Redis", "ResourceType": "AWS::ElastiCache::ReplicationGroup"});
    let set = json!({"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "Changes": [{"ResourceChange": change}]});
    let cloud = json!({"tool": "cloudformation", "stack": "s", "change_set": "c", "required": ["redis"]});
    let cloud = plus(&fake_tool(&dir, &set.to_string(), 0), &cloud);
    assert_pass(&run_probe_within(DEADLINE, "iac", &cloud), &["1 to create", "✓ resources of redis"]);
    let foreign = plus(&fake_tool(&dir, "<html>", 0), &json!({"tool": "pulumi"}));
    assert_error(&run_probe_within(DEADLINE, "iac", &foreign), &["the output is not a change set of Pulumi"]);
}
