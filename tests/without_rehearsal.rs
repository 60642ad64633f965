//! A program that is built without the feature `rehearsal` contains nothing of it. Run by `.ci/long` with
//! `--no-default-features`.

use std::fs;
use std::process::Command;

use crate::support::gonogo::{GONOGO, Sandbox};

#[test]
fn the_rehearsal_commands_are_not_recognized() {
    for command in ["rehearse", "shim"] {
        let output = Sandbox::new().args([command]).run().code(2);
        let _ = output.stderr_has(&format!("unrecognized subcommand '{command}'"));
    }
    let _ =
        Sandbox::new().args(["rehearse", "--list"]).run().code(2).stderr_has("built without its rehearsal");
    assert!(!Sandbox::new().args(["--help"]).run().code(0).stdout.contains("rehearse "));
}

/// Neither symbols nor texts.
#[test]
fn the_rehearsal_code_is_not_in_the_program() {
    let program = fs::read(GONOGO).unwrap();
    let has = |text: &str| program.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("gonogo"));
    for text in ["gonogo_rehearsal", "simulated-reviewer@", "promql_parser"] {
        assert!(!has(text), "{text}");
    }
}

#[test]
fn the_dependencies_of_the_rehearsal_are_not_linked() {
    let args = ["tree", "--no-default-features", "--edges", "normal", "--prefix", "none", "--locked"];
    let ran =
        Command::new(env!("CARGO")).current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let tree = String::from_utf8(ran.stdout).unwrap();
    let has = |name: &str| tree.lines().any(|line| line.split(' ').next() == Some(name));
    assert!(has("ratatui") && has("tokio"));
    for name in ["gonogo-rehearsal", "axum", "promql-parser", "redis-protocol"] {
        assert!(!has(name), "{name}");
    }
}
