use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use gonogo_core::outcome::Outcome;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::bench::need;

const TERRAFORM: &str = "terraform";
const CODE: &str = r#"
terraform {
  backend "local" {}
}
resource "terraform_data" "redis" { input = "a" }
resource "terraform_data" "rabbitmq" { input = "b" }
"#;

/// A directory with code that needs no provider.
struct Bench(TempDir);

impl Bench {
    fn new(code: &str) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        bench.write(code);
        bench.terraform(&["init", "-input=false"]);
        bench
    }

    fn write(&self, code: &str) {
        fs::write(self.path().join("main.tf"), code).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    #[track_caller]
    fn terraform(&self, words: &[&str]) {
        let ran = Command::new(TERRAFORM).args(words).current_dir(self.path()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    #[track_caller]
    fn look(&self, more: &Value) -> Outcome {
        let with = json!({"tool": "terraform", "directory": self.path()});
        look_within(Duration::from_mins(1), "iac", &plus(&with, more))
    }
}

#[test]
fn a_change_set_is_counted_and_what_it_destroys_is_named() {
    need!(TERRAFORM);
    let bench = Bench::new(CODE);
    let asked = json!({"required": ["redis", "rabbitmq"]});
    let first = bench.look(&asked);
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
        bench.look(&asked).evidence_hash(),
        "the same plan, whenever it is made"
    );
    bench.terraform(&["apply", "-input=false", "-auto-approve"]);
    assert_pass(&bench.look(&asked), &["✓ change set | recorded | nothing would change"]);
    bench.write(
        &CODE
            .replace("\"a\"", "\"c\"")
            .replace(r#"resource "terraform_data" "rabbitmq" { input = "b" }"#, ""),
    );
    let destroys = bench.look(&json!({"required": ["rabbitmq"]}));
    assert_fail(
        &destroys,
        &[
            "| 0 to create, 1 to update, 0 to replace, 1 to destroy",
            "✗ resource terraform_data.rabbitmq | kept; `may_destroy` names what may go | destroyed (terraform_data)",
        ],
    );
    let allowed =
        bench.look(&json!({"may_destroy": ["terraform_data.rabbitmq"], "required": ["prometheus"]}));
    assert_fail(
        &allowed,
        &["✓ resource terraform_data.rabbitmq", "✗ resources of prometheus | one or more in the code | none"],
    );
}

#[test]
fn a_saved_plan_is_shown_and_not_made_anew() {
    need!(TERRAFORM);
    let bench = Bench::new(CODE);
    let asked = json!({"plan_file": "release.plan"});
    assert_pass(&bench.look(&asked), &["2 to create"]);
    let file = bench.path().join("release.plan");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    bench.write(&format!("{CODE}\nresource \"terraform_data\" \"grafana\" {{ input = \"d\" }}"));
    assert_pass(&bench.look(&asked), &["2 to create"]);
    fs::write(&file, "no plan").unwrap();
    assert_error(&bench.look(&asked), &["it ends with exit code 1"]);
}

#[test]
fn the_state_is_kept_or_not() {
    need!(TERRAFORM);
    let bench = Bench::new(CODE);
    assert_fail(&bench.look(&json!({"state": true})), &["| kept | there is none"]);
    bench.terraform(&["apply", "-input=false", "-auto-approve"]);
    assert_pass(&bench.look(&json!({"state": true})), &["| recorded | serial ", ", 2 resources"]);
    let backup = bench.path().join("backup.tfstate");
    let asked = json!({"state": true, "backup": backup});
    assert_fail(&bench.look(&asked), &["| there | there is no such file"]);
    fs::copy(bench.path().join("terraform.tfstate"), &backup).unwrap();
    assert_pass(&bench.look(&asked), &["bytes, ", " old, SHA-256 ", "| recorded | the state as it is"]);
    bench.terraform(&["destroy", "-input=false", "-auto-approve"]);
    assert_fail(
        &bench.look(&json!({"state": true})),
        &["| kept, with resources | it holds no resource; serial "],
    );
}

#[test]
fn a_plan_of_another_kind_or_of_a_part_is_reported() {
    need!(TERRAFORM);
    let bench = Bench::new(CODE);
    bench.terraform(&["apply", "-input=false", "-auto-approve"]);
    let saved = |option: &str| {
        bench.terraform(&["plan", "-input=false", option, "-out=release.plan"]);
        let may = ["terraform_data.redis", "terraform_data.rabbitmq"];
        bench.look(&json!({"plan_file": "release.plan", "required": ["redis"], "may_destroy": may}))
    };
    assert_fail(
        &saved("-refresh-only"),
        &["✗ plan | a plan of all resources | it plans nothing for any of the 2 resources"],
    );
    assert_fail(
        &saved("-destroy"),
        &["✗ resources of redis | one or more in the code | none would be left: 1 resource"],
    );
    let part = saved("-target=terraform_data.redis");
    assert_error(
        &part,
        &["? resources of the state | all planned | not in the plan: terraform_data.rabbitmq"],
    );
    bench.write(&CODE.replace(
        r#"resource "terraform_data" "redis" { input = "a" }"#,
        r"removed {
            from = terraform_data.redis
            lifecycle { destroy = false }
        }",
    ));
    assert_fail(
        &saved("-refresh=true"),
        &["✓ resource terraform_data.redis | recorded | forgotten: it stays"],
    );
}

#[test]
fn a_plan_that_ended_with_errors_is_not_good() {
    need!(TERRAFORM);
    let bench = Bench::new(CODE);
    bench.write(&format!(
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
        .current_dir(bench.path())
        .output()
        .unwrap();
    assert!(!planned.status.success());
    assert_fail(
        &bench.look(&json!({"plan_file": "release.plan"})),
        &["✗ plan | complete, without errors | planning ended"],
    );
}

#[test]
fn what_could_not_be_planned_is_told() {
    need!(TERRAFORM);
    let bench = Bench::new(CODE);
    bench.write("resource {");
    assert_error(&bench.look(&json!({})), &["it ends with exit code 1: Error: "]);
    assert_error(
        &bench.look(&json!({"program": "no-such-tofu"})),
        &["there is no program `no-such-tofu` here"],
    );
    assert_error(
        &bench.look(&json!({"directory": "/no/such/place"})),
        &["there is no directory /no/such/place"],
    );
}

/// A program that prints this.
fn printing(dir: &TempDir, text: &str, code: u8) -> Value {
    let file = dir.path().join("tool");
    fs::write(dir.path().join("out"), text).unwrap();
    fs::write(&file, format!("#!/bin/sh\ncat {}/out\nexit {code}\n", dir.path().display())).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    json!({"program": file, "directory": dir.path()})
}

#[test]
fn the_other_tools_are_read_too() {
    let dir = tempfile::tempdir().unwrap();
    let preview =
        json!({"steps": [{"op": "delete", "urn": "urn:pulumi:prod::app::aws:mq/broker:Broker::rabbit"}]});
    let pulumi = plus(&printing(&dir, &preview.to_string(), 0), &json!({"tool": "pulumi", "stack": "prod"}));
    assert_fail(
        &look_within(DEADLINE, "iac", &pulumi),
        &["✗ resource rabbit | kept; `may_destroy` names what may go | destroyed (aws:mq/broker:Broker)"],
    );
    let refused = plus(&printing(&dir, "error: no stack", 255), &json!({"tool": "pulumi"}));
    assert_error(&look_within(DEADLINE, "iac", &refused), &["it ends with exit code 255: error: no stack"]);
    let change = json!({"Action": "Add", "LogicalResourceId": "Redis", "ResourceType": "AWS::ElastiCache::ReplicationGroup"});
    let set = json!({"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": change}]});
    let cloud = json!({"tool": "cloudformation", "stack": "s", "change_set": "c", "required": ["redis"]});
    let cloud = plus(&printing(&dir, &set.to_string(), 0), &cloud);
    assert_pass(&look_within(DEADLINE, "iac", &cloud), &["1 to create", "✓ resources of redis"]);
    let foreign = plus(&printing(&dir, "<html>", 0), &json!({"tool": "pulumi"}));
    assert_error(&look_within(DEADLINE, "iac", &foreign), &["what it prints is no change set of Pulumi"]);
}
