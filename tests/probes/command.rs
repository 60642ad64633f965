use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use gonogo_core::outcome::Outcome;

use super::*;
use crate::support::wait;

fn run_probe(with: &Value) -> Outcome {
    run_probe_within(DEADLINE, "command", with)
}

fn sh(script: &str) -> Value {
    json!({"argv": ["sh", "-c", script]})
}

/// Waits until the process whose id is in a file has exited.
#[track_caller]
fn assert_gone(pid: &Path) {
    let pid = wait::until("the process id", || fs::read_to_string(pid).ok()?.trim().parse::<u32>().ok());
    wait::until("the process to end", || {
        // A zombie has exited and waits to be reaped.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

#[test]
fn output_is_checked_as_text_and_as_json() {
    let with = json!({
        "argv": ["printf", r#"{"ready":true,"n":3}\n"#],
        "stdout": [{"contains": "ready"}, {"matches": "n\":[0-9]"}, {"lacks": "error"}, {"lines_at_least": 1}],
        "json": [{"path": "$.ready", "equals": true}, {"path": "$.n", "at_least": 4}],
    });
    let outcome = run_probe(&with);
    assert_fail(
        &outcome,
        &[
            "✓ printf '{\"ready\":true,\"n\":3}\\n' | exit code 0 | exit code 0",
            "✓ run time | recorded | ",
            "✓ standard output | contains `ready` | contains `ready`",
            "✓ standard output | matches `n\":[0-9]` | ",
            "✓ standard output | nothing matches `error` | no match",
            "✓ standard output | at least 1 line | 1 line",
            "✓ JSON $.ready | true | true",
            "✗ JSON $.n | at least 4 | 3",
        ],
    );
}

#[test]
fn a_wrong_exit_code_is_reported_with_the_last_line_of_output() {
    let outcome = run_probe(&sh("echo fine; echo 'no such board' >&2; exit 3"));
    assert_fail(&outcome, &["| exit code 0 | exit code 3: no such board"]);
    assert_fail(&run_probe(&sh("echo only here; exit 1")), &["exit code 1: only here"]);
    assert_fail(&run_probe(&sh("exit 1")), &["exit code 1: no output"]);
    assert_fail(&run_probe(&sh("kill -9 $$")), &["ended by signal 9"]);
    let with = plus(&sh("exit 2"), &json!({"exit": [0, 2]}));
    assert_pass(&run_probe(&with), &["| exit code 0 or 2 | exit code 2"]);
}

#[test]
fn a_program_that_cannot_be_started_is_an_error() {
    let missing = run_probe(&json!({"argv": ["no-such-program-here"]}));
    assert_error(&missing, &["program `no-such-program-here` not found; install it or add it to PATH"]);
    let with = json!({"argv": ["true"], "cwd": "/no/such/directory"});
    assert_error(&run_probe(&with), &["no such directory: /no/such/directory"]);
    assert_error(
        &run_probe(&json!({"argv": ["/etc/passwd"]})),
        &["`/etc/passwd` cannot be started: Permission denied"],
    );
}

#[test]
fn output_that_matches_an_error_pattern_is_an_error() {
    let patterns =
        json!({"error_patterns": [{"pattern": "not logged in", "meaning": "log in first: tool login"}]});
    assert_error(
        &run_probe(&plus(&sh("echo 'Error: not logged in' >&2; exit 1"), &patterns)),
        &["log in first: tool login"],
    );
    assert_pass(&run_probe(&plus(&sh("echo 'not logged in, no matter'"), &patterns)), &["exit code 0"]);
    assert_fail(&run_probe(&plus(&sh("echo broken; exit 1"), &patterns)), &["exit code 1: broken"]);
}

#[test]
fn a_command_runs_in_its_directory_and_environment_without_shell_or_input() {
    let dir = tempfile::tempdir().unwrap();
    let with = json!({
        "argv": ["sh", "-c", "pwd; echo \"$BOARD\"; cat; echo '*' $HOME"],
        "cwd": dir.path(),
        "env": {"BOARD": "b 1", "HOME": "/h"},
        "stdout": [{"matches": format!("^{}\nb 1\n\\* /h\n$", fs::canonicalize(dir.path()).unwrap().display())}],
    });
    assert_pass(&run_probe(&with), &[]);
    let literal = json!({"argv": ["echo", "$HOME", ";", "false"], "stdout": [{"contains": "$HOME ; false"}]});
    assert_pass(&run_probe(&literal), &["✓ echo '$HOME' ';' false | exit code 0"]);
}

#[test]
fn a_secret_is_passed_in_the_environment_and_redacted_from_the_outcome() {
    let value = "swordfish-42-and-more";
    let with = json!({
        "argv": ["sh", "-c", "echo \"$TOKEN\" >&2; printf %s \"$TOKEN\" | base64 >&2; exit 1"],
        "env": {"TOKEN": {"secret": secret(value), "prefix": "Bearer "}},
    });
    let outcome = run_probe(&with);
    assert_fail(&outcome, &["Bearer [redacted: command printf"]);
    let shown = format!("{outcome:?}");
    assert!(!shown.contains(value) && !shown.contains("swordfish"), "{shown}");
    assert!(outcome.reproduce.starts_with("TOKEN='Bearer '\"$(printf "), "{}", outcome.reproduce);
    // Where a line is truncated, no part of the secret remains.
    let padding = "x".repeat(390);
    let with = plus(&with, &json!({"argv": ["sh", "-c", format!("echo \"{padding}$TOKEN\"; exit 1")]}));
    let shown = format!("{:?}", run_probe(&with));
    assert!(!shown.contains("sword"), "{shown}");
}

#[test]
fn the_reproduce_command_does_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("it's");
    let with = json!({
        "argv": ["sh", "-c", "echo \"$A\" \"$1\" > \"it's\"", "x", "a  b"], "cwd": dir.path(), "env": {"A": "1 '2"},
    });
    let outcome = run_probe(&with);
    assert_pass(&outcome, &[]);
    let before = fs::read_to_string(&out).unwrap();
    fs::remove_file(&out).unwrap();
    let typed = std::process::Command::new("sh").args(["-c", &outcome.reproduce]).status().unwrap();
    assert!(typed.success());
    assert_eq!(fs::read_to_string(&out).unwrap(), before);
    assert_eq!(before, "1 '2 a  b\n");
}

#[test]
fn the_process_group_is_terminated_at_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sleep 600 & echo $! >child; echo $$ >leader; echo working; wait";
    let with = plus(&sh(script), &json!({"cwd": dir.path()}));
    let outcome = run_probe_within(SHORT, "command", &with);
    assert_error(
        &outcome,
        &["no response within 700 ms (sh -c", "; it was terminated; last output: working"],
    );
    assert_gone(&dir.path().join("leader"));
    assert_gone(&dir.path().join("child"));
}

#[test]
fn a_program_that_ignores_sigterm_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo $$ >leader; while :; do sleep 0.1; done";
    let with = plus(&sh(script), &json!({"cwd": dir.path()}));
    let outcome = run_probe_within(SHORT, "command", &with);
    assert_error(&outcome, &["; it did not stop on SIGTERM and was killed"]);
    assert_gone(&dir.path().join("leader"));
}

#[test]
fn background_processes_of_a_program_are_terminated_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let with = plus(
        &sh("sleep 600 & echo $! >child; echo done"),
        &json!({"cwd": dir.path(), "stdout": [{"contains": "done"}, {"each_line": "done"}]}),
    );
    let outcome = run_probe(&with);
    assert_error(
        &outcome,
        &[
            "✓ standard output | contains `done`",
            "? standard output | each line matches `done` | a background process kept its output open",
        ],
    );
    assert_gone(&dir.path().join("child"));
}

#[test]
fn a_cancelled_probe_leaves_no_process_running() {
    let dir = tempfile::tempdir().unwrap();
    let spec = spec("command", &plus(&sh("echo $$ >leader; exec sleep 600"), &json!({"cwd": dir.path()})));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let task = runtime.spawn(async move {
        probes::run(&spec, DEADLINE, &SecretStore::new(Permit::for_tests()), &ProbeContext::default()).await
    });
    wait::until("the program", || {
        fs::read_to_string(dir.path().join("leader")).ok().filter(|id| !id.is_empty())
    });
    task.abort();
    assert_gone(&dir.path().join("leader"));
}

#[test]
fn endless_output_is_capped() {
    let with =
        plus(&sh("yes | head -c 50000000"), &json!({"stdout": [{"contains": "y"}, {"each_line": "y"}]}));
    let outcome = run_probe(&with);
    assert_error(
        &outcome,
        &[
            "✓ standard output | contains `y`",
            "? standard output | each line matches `y` | more than 1 MiB of output",
        ],
    );
    let endless = run_probe_within(SHORT, "command", &json!({"argv": ["yes"]}));
    assert_error(&endless, &["no response within 700 ms (yes); it was terminated; last output: y\\ny"]);
}

#[test]
fn an_address_is_handed_over_in_variables() {
    let target = |url: &str| json!({"url": url, "host": "APP_HOST", "port": "APP_PORT", "schemes": ["http"]});
    let script = "echo $APP_HOST on $APP_PORT";
    let with = |url: &str| {
        let stdout = json!([{"equals": "app.internal on 8004\n"}]);
        plus(&sh(script), &json!({"target": target(url), "stdout": stdout}))
    };
    let outcome = run_probe(&with("http://app.internal:8004"));
    assert_pass(&outcome, &["exit code 0"]);
    assert!(
        outcome.reproduce.starts_with("APP_HOST=app.internal APP_PORT=8004 sh -c "),
        "{}",
        outcome.reproduce
    );
    assert_error(
        &run_probe(&with("https://app.internal")),
        &["it uses http only, and the address is https://; leave this probe out in the profile"],
    );
}

/// Exit code and first line of a plugin of Nagios or Icinga.
#[test]
fn a_plugin_reports_by_its_exit_code() {
    let plugin = |line: &str, code: u8| {
        run_probe(&plus(&sh(&format!("echo '{line}'; exit {code}")), &json!({"exit_codes": "nagios"})))
    };
    let fine = plugin("DISK OK - 9 GB free|/=9GB;1;2", 0);
    assert_pass(
        &fine,
        &["| OK (exit code 0) | DISK OK - 9 GB free\n", "✓ performance data | recorded | /=9GB;1;2"],
    );
    assert_pass(&plugin("DISK WARNING - 1 GB free", 1), &["| recorded | warning: DISK WARNING - 1 GB free"]);
    assert_fail(&plugin("DISK CRITICAL - full|/=0GB", 2), &["| DISK CRITICAL - full\n"]);
    assert_error(&plugin("check_disk: bad argument", 3), &["| UNKNOWN: check_disk: bad argument"]);
    assert_error(&plugin("DISK CRITICAL - full", 0), &["exit code 0 (OK), and it prints CRITICAL"]);
    assert_error(&plugin("", 126), &["exit code 126, which is no state of a plugin"]);
}
