use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use gonogo_core::outcome::Outcome;

use super::*;
use crate::bench::wait;

fn look(with: &Value) -> Outcome {
    look_within(DEADLINE, "command", with)
}

fn sh(script: &str) -> Value {
    json!({"argv": ["sh", "-c", script]})
}

/// Waits until the process whose id stands in a file is gone.
#[track_caller]
fn assert_gone(pid: &Path) {
    let pid = wait::until("the process id", || fs::read_to_string(pid).ok()?.trim().parse::<u32>().ok());
    wait::until("the process to end", || {
        // A zombie is one that has ended, and waits for its parent's parent.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

#[test]
fn what_a_program_prints_is_judged_as_text_and_as_json() {
    let with = json!({
        "argv": ["printf", r#"{"ready":true,"n":3}\n"#],
        "stdout": [{"contains": "ready"}, {"matches": "n\":[0-9]"}, {"lacks": "error"}, {"lines_at_least": 1}],
        "json": [{"path": "$.ready", "equals": true}, {"path": "$.n", "at_least": 4}],
    });
    let outcome = look(&with);
    assert_fail(
        &outcome,
        &[
            "✓ printf '{\"ready\":true,\"n\":3}\\n' | exit code 0 | exit code 0",
            "✓ time to end | recorded | ",
            "✓ standard output | contains `ready` | contains `ready`",
            "✓ standard output | matches `n\":[0-9]` | ",
            "✓ standard output | nothing matches `error` | nothing does",
            "✓ standard output | at least 1 line | 1 line",
            "✓ JSON $.ready | true | true",
            "✗ JSON $.n | at least 4 | 3",
        ],
    );
}

#[test]
fn a_wrong_exit_code_is_told_with_what_the_program_says_last() {
    let outcome = look(&sh("echo fine; echo 'no such board' >&2; exit 3"));
    assert_fail(&outcome, &["| exit code 0 | exit code 3: no such board"]);
    assert_fail(&look(&sh("echo only here; exit 1")), &["exit code 1: only here"]);
    assert_fail(&look(&sh("exit 1")), &["exit code 1: it says nothing"]);
    assert_fail(&look(&sh("kill -9 $$")), &["ended by signal 9"]);
    let with = plus(&sh("exit 2"), &json!({"exit": [0, 2]}));
    assert_pass(&look(&with), &["| exit code 0 or 2 | exit code 2"]);
}

#[test]
fn a_program_that_cannot_be_started_could_not_look() {
    let missing = look(&json!({"argv": ["no-such-program-here"]}));
    assert_error(&missing, &["there is no program `no-such-program-here` here; install it, or see to PATH"]);
    let with = json!({"argv": ["true"], "cwd": "/no/such/directory"});
    assert_error(&look(&with), &["there is no directory /no/such/directory"]);
    assert_error(
        &look(&json!({"argv": ["/etc/passwd"]})),
        &["`/etc/passwd` cannot be started: Permission denied"],
    );
}

#[test]
fn what_a_program_says_can_mean_that_it_could_not_look() {
    let unable =
        json!({"error_patterns": [{"pattern": "not logged in", "meaning": "log in first: tool login"}]});
    assert_error(
        &look(&plus(&sh("echo 'Error: not logged in' >&2; exit 1"), &unable)),
        &["log in first: tool login"],
    );
    assert_pass(&look(&plus(&sh("echo 'not logged in, no matter'"), &unable)), &["exit code 0"]);
    assert_fail(&look(&plus(&sh("echo broken; exit 1"), &unable)), &["exit code 1: broken"]);
}

#[test]
fn it_runs_where_and_with_what_it_is_told_without_a_shell_and_without_input() {
    let dir = tempfile::tempdir().unwrap();
    let with = json!({
        "argv": ["sh", "-c", "pwd; echo \"$BOARD\"; cat; echo '*' $HOME"],
        "cwd": dir.path(),
        "env": {"BOARD": "b 1", "HOME": "/h"},
        "stdout": [{"matches": format!("^{}\nb 1\n\\* /h\n$", fs::canonicalize(dir.path()).unwrap().display())}],
    });
    assert_pass(&look(&with), &[]);
    let literal = json!({"argv": ["echo", "$HOME", ";", "false"], "stdout": [{"contains": "$HOME ; false"}]});
    assert_pass(&look(&literal), &["✓ echo '$HOME' ';' false | exit code 0"]);
}

#[test]
fn a_secret_is_given_and_never_told() {
    let value = "swordfish-42-and-more";
    let with = json!({
        "argv": ["sh", "-c", "echo \"$TOKEN\" >&2; printf %s \"$TOKEN\" | base64 >&2; exit 1"],
        "env": {"TOKEN": {"secret": secret(value), "prefix": "Bearer "}},
    });
    let outcome = look(&with);
    assert_fail(&outcome, &["Bearer [redacted: command printf"]);
    let shown = format!("{outcome:?}");
    assert!(!shown.contains(value) && !shown.contains("swordfish"), "{shown}");
    assert!(outcome.reproduce.starts_with("TOKEN='Bearer '\"$(printf "), "{}", outcome.reproduce);
    // Where a line is cut, no begin of it stays.
    let padding = "x".repeat(390);
    let with = plus(&with, &json!({"argv": ["sh", "-c", format!("echo \"{padding}$TOKEN\"; exit 1")]}));
    let shown = format!("{:?}", look(&with));
    assert!(!shown.contains("sword"), "{shown}");
}

#[test]
fn the_command_to_type_does_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("it's");
    let with = json!({
        "argv": ["sh", "-c", "echo \"$A\" \"$1\" > \"it's\"", "x", "a  b"], "cwd": dir.path(), "env": {"A": "1 '2"},
    });
    let outcome = look(&with);
    assert_pass(&outcome, &[]);
    let before = fs::read_to_string(&out).unwrap();
    fs::remove_file(&out).unwrap();
    let typed = std::process::Command::new("sh").args(["-c", &outcome.reproduce]).status().unwrap();
    assert!(typed.success());
    assert_eq!(fs::read_to_string(&out).unwrap(), before);
    assert_eq!(before, "1 '2 a  b\n");
}

#[test]
fn at_the_deadline_the_whole_group_ends() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sleep 600 & echo $! >child; echo $$ >leader; echo working; wait";
    let with = plus(&sh(script), &json!({"cwd": dir.path()}));
    let outcome = look_within(SHORT, "command", &with);
    assert_error(&outcome, &["no answer within 700 ms (sh -c", "; it was terminated; it had said: working"]);
    assert_gone(&dir.path().join("leader"));
    assert_gone(&dir.path().join("child"));
}

#[test]
fn who_does_not_hear_that_it_is_to_end_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' TERM; echo $$ >leader; while :; do sleep 0.1; done";
    let with = plus(&sh(script), &json!({"cwd": dir.path()}));
    let outcome = look_within(SHORT, "command", &with);
    assert_error(&outcome, &["; it did not stop on SIGTERM and was killed"]);
    assert_gone(&dir.path().join("leader"));
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let with = plus(
        &sh("sleep 600 & echo $! >child; echo done"),
        &json!({"cwd": dir.path(), "stdout": [{"contains": "done"}, {"each_line": "done"}]}),
    );
    let outcome = look(&with);
    assert_error(
        &outcome,
        &[
            "✓ standard output | contains `done`",
            "? standard output | each line matches `done` | what it started still held its output",
        ],
    );
    assert_gone(&dir.path().join("child"));
}

#[test]
fn a_look_that_is_given_up_leaves_nothing_running() {
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
fn output_without_end_is_capped() {
    let with =
        plus(&sh("yes | head -c 50000000"), &json!({"stdout": [{"contains": "y"}, {"each_line": "y"}]}));
    let outcome = look(&with);
    assert_error(
        &outcome,
        &[
            "✓ standard output | contains `y`",
            "? standard output | each line matches `y` | it prints more than 1 MiB",
        ],
    );
    let endless = look_within(SHORT, "command", &json!({"argv": ["yes"]}));
    assert_error(&endless, &["no answer within 700 ms (yes); it was terminated; it had said: y\\ny"]);
}
