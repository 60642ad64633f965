//! Programs are started only by the `process` module, with a permit that only a few modules may create.

use std::collections::BTreeSet;

use super::source::{self, File};

/// The module that starts programs.
const PROCESS_MODULE: &str = "src/process/";
/// The module that defines permits.
const PERMITS: &str = "src/process/permit.rs";

/// Types and functions of the standard library and of tokio that start a program.
const START_FUNCTIONS: [&str; 6] =
    ["process::Command", "tokio::process", "process::CommandExt", ".exec()", "posix_spawn", "execve"];

/// The modules that may create each permit.
const CREATORS: [(&str, &[&str]); 9] = [
    ("for_trusted_program", &["src/commands/trust.rs"]),
    ("for_own_program", &["src/commands/rehearse/place.rs", "src/commands/start.rs"]),
    ("for_user_git_settings", &["src/commands/git.rs"]),
    ("for_python_modules", &["src/commands/doctor.rs"]),
    ("for_editor", &["src/commands/editor.rs"]),
    ("for_pager", &["src/commands/pager.rs"]),
    ("for_supervisor", &["src/commands/supervise.rs"]),
    ("for_rehearsal", &["src/commands/rehearse.rs"]),
    ("for_tests", &[]),
];

/// Starts of programs outside the module, and permits that are created elsewhere.
fn violations(file: &File) -> Vec<String> {
    let starts = START_FUNCTIONS.iter().flat_map(|text| file.lines_with(text)).chain(grouped(file));
    let starts: BTreeSet<usize> = starts.filter(|_| !file.path.starts_with(PROCESS_MODULE)).collect();
    let starts = starts
        .into_iter()
        .map(|line| format!("{}:{line}: starts a program; see {PROCESS_MODULE}", file.path));
    let permits = CREATORS.iter().flat_map(|(name, creators)| {
        let is_allowed = file.path == PERMITS || creators.contains(&file.path.as_str());
        let lines = file.after(name).filter(move |_| !is_allowed);
        lines.map(move |(line, _)| format!("{}:{line}: may not create a permit by `{name}`", file.path))
    });
    starts.chain(permits).collect()
}

/// `use std::process::{Command, …}`, and other names for the module.
fn grouped(file: &File) -> Vec<usize> {
    let imports_command = |tail: &str| {
        let tail = tail.trim_start();
        let group = tail.strip_prefix("::").map(str::trim_start).and_then(|rest| rest.strip_prefix('{'));
        let group = group.and_then(|rest| rest.split(';').next()).unwrap_or_default();
        let words: Vec<&str> = group.split(|c: char| !c.is_alphanumeric()).collect();
        let is_glob = tail.strip_prefix("::").is_some_and(|rest| rest.trim_start().starts_with('*'));
        words.contains(&"Command") || words.contains(&"CommandExt") || is_glob || tail.starts_with("as ")
    };
    file.after("process").filter(|(_, tail)| imports_command(tail)).map(|(line, _)| line).collect()
}

fn check(path: &str, text: &str) -> Vec<String> {
    violations(&File::new(path, text))
}

#[test]
fn programs_are_started_only_by_the_process_module_with_a_permit() {
    let violations: Vec<_> = source::shipped_files().iter().flat_map(violations).collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn every_way_to_make_a_permit_is_in_the_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PERMITS);
    let text = std::fs::read_to_string(path).unwrap();
    let names = text.split("pub fn ").skip(1).map(|rest| rest.split('(').next().unwrap());
    let known = CREATORS.map(|(name, _)| name);
    assert_eq!(names.collect::<Vec<_>>(), known);
    assert!(text.contains("pub struct Permit(());") && !text.contains("Default"));
}

#[test]
fn other_ways_to_start_a_program_are_found() {
    for text in [
        "use std::process::Command;",
        "fn f() { std::process::Command::new(x); }",
        "use std::process::{ExitStatus, Command};",
        "use std::process::{\n    Stdio,\n    Command as C,\n};",
        "use std::{fs, process::{Command}};",
        "use std::process as p;",
        "use std::process::*;",
        "use tokio::process::Child;",
        "use std::os::unix::process::CommandExt as _;",
        "fn f() { own.exec(); }",
    ] {
        assert_eq!(check("src/probes/x.rs", text).len(), 1, "{text}");
        assert!(check("src/process/x.rs", text).is_empty(), "{text}");
    }
    let allowed = "use crate::process::{Launch, Permit};\nuse std::process::{ExitStatus, id};\nuse gonogo_core::run::Command;";
    assert!(check("src/probes/x.rs", allowed).is_empty());
}

#[test]
fn a_permit_made_elsewhere_is_found() {
    let text = "fn f() { let permit = Permit::for_trusted_program(); }";
    assert!(check("src/commands/trust.rs", text).is_empty());
    assert_eq!(check("src/commands/review.rs", text).len(), 1);
    assert_eq!(check("src/probes/git.rs", "fn f() { Permit::for_tests() }").len(), 1);
}
