//! Each program that a probe starts is in the list that a person allows.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::support::gonogo::Sandbox;

/// Logs its command, and answers so that the probes ask everything that they can.
const SHIM: &str = r#"#!/bin/sh
cat >/dev/null
echo "${0##*/} $*" >>@log@
case "$*" in
*describe-secret*) echo '{"ARN": "a", "VersionIdsToStages": {"v": ["AWSCURRENT"]}}' ;;
*"get deployment/"*) echo '{"spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"spec": {"containers": [
    {"name": "web", "envFrom": [{"configMapRef": {"name": "settings"}}]}]}}}}' ;;
*describe-change-set*) echo '{"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE", "Changes": []}' ;;
"plan "*) exit 2 ;;
x) echo swordfish ;;
*) echo '{}' ;;
esac
"#;

/// The programs.
const TOOLS: [&str; 8] = ["aws", "kubectl", "terraform", "pulumi", "hop", "tool", "keep", "undo"];

/// A kind of probe, its settings, and the commands that it starts.
const PROBES: [(&str, &str, &[&str]); 13] = [
    ("aws-secret", "secret_id = 's'", &["aws secretsmanager describe-secret", "list-secret-version-ids"]),
    ("kubernetes", "context = 'c', namespace = 'n', deployments = ['web']", &["get configmap/settings"]),
    ("kubernetes", "context = 'c', namespace = 'm', rollout = { deployment = 'web' }", &["=m get pods"]),
    (
        "kubernetes",
        "context = 'c', namespace = 'n', dry_run = ['kubectl', 'exec', 'x', '--', 'y']",
        &["exec x --dry-run=server -- y"],
    ),
    (
        "iac",
        "tool = 'terraform', directory = '.', saved = true, fresh_plan = true, plan_file = 'p'",
        &["terraform plan", "terraform show"],
    ),
    ("iac", "tool = 'terraform', directory = '.', state = true", &["terraform state pull"]),
    ("iac", "tool = 'pulumi', directory = '.', stack = 's'", &["pulumi preview"]),
    ("iac", "tool = 'pulumi', directory = '.', stack = 's', state = true", &["pulumi stack export"]),
    (
        "iac",
        "tool = 'cloudformation', directory = '.', stack = 's', change_set = 'c', required = ['redis']",
        &["describe-change-set", "list-stack-resources"],
    ),
    (
        "iac",
        "tool = 'cloudformation', directory = '.', stack = 's', state = true",
        &["get-template", "describe-stacks"],
    ),
    ("http", "url = 'http://127.0.0.1:1/', via = { exec = ['hop', '-i'] }", &["hop -i curl --config -"]),
    ("command", "argv = ['tool', 'a']", &["tool a"]),
    (
        "command",
        "argv = ['tool', 'b'], env = { X = { secret = { command = ['keep', 'x'] } } }",
        &["keep x", "tool b"],
    ),
];

fn checklist() -> String {
    let probe = |(index, (kind, with, _)): (usize, &(&str, &str, &[&str]))| {
        format!(
            "[[section.point.probe]]\nid = 'p{index}'\ntitle = 'p'\nkind = '{kind}'\nwith = {{ {with} }}\n"
        )
    };
    let probes: String = PROBES.iter().enumerate().map(probe).collect();
    format!(
        "name = 'own'\n[[section]]\nid = 's'\ntitle = 'S'\n[[section.point]]\nid = 'rollback.pause-consumers'\n\
         title = 'T'\nwhy = 'w'\n{probes}[[rollback]]\nid = 'r'\ntitle = 'R'\n\
         with = {{ argv = ['undo'], dry_run = ['undo', '--try'] }}\n"
    )
}

/// A sandbox that finds the programs; they log their commands into `log`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new()
        .checklist(&checklist())
        .profile("environment = 'e'\nchecklist = 'checklist.toml'\nprevious = 'v1'\n");
    let bin = sandbox.work().join("bin");
    fs::create_dir(&bin).unwrap();
    for tool in TOOLS {
        let log = sandbox.work().join("log").display().to_string();
        fs::write(bin.join(tool), SHIM.replace("@log@", &log)).unwrap();
        fs::set_permissions(bin.join(tool), Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    sandbox.env("PATH", path)
}

/// Whether a command is the listed one; `...` stands for gonogo's own arguments.
fn is_listed(command: &str, listed: &str) -> bool {
    match listed.trim().split_once("...") {
        Some((begin, _)) => !begin.is_empty() && (command.starts_with(begin) || command == begin.trim_end()),
        None => listed.trim() == command,
    }
}

#[test]
fn every_program_that_runs_is_listed() {
    let sandbox = sandbox();
    let words = ["check", "profile.toml", "--release", "v2"];
    let listed = sandbox.run_with(&words).code(2).stderr;
    let digest = sandbox.digest("profile.toml");
    let output = sandbox.run_with(&[&words[..], &["--trust", &digest]].concat());
    let log = fs::read_to_string(sandbox.work().join("log")).unwrap();
    for part in PROBES.iter().flat_map(|(_, _, commands)| *commands).chain(&["undo --try"]) {
        assert!(log.contains(part), "{part} did not run: {log}\n{}", output.stdout);
    }
    for command in log.lines() {
        assert!(listed.lines().any(|line| is_listed(command, line)), "not listed: {command}\n{listed}");
    }
}
