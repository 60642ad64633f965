//! Help, manual and completions.

use gonogo_core::error::EXIT_CODES;

use crate::support::gonogo::Sandbox;

fn output_of(args: &[&str]) -> String {
    Sandbox::new().args(args.iter().map(ToString::to_string)).run().code(0).stdout
}

/// The help of the program and of its main commands.
#[test]
fn the_help_matches_its_snapshot() {
    let commands = ["run", "check", "verify", "init", "completions", "man"];
    let mut help = output_of(&["--help"]);
    for command in commands {
        assert!(help.contains(&format!("\n  {command}")), "{command} is not in the help");
    }
    let command_help =
        |command: &&str| format!("\n$ gonogo {command} --help\n{}", output_of(&[command, "--help"]));
    help.extend(commands.iter().map(command_help));
    insta::assert_snapshot!("help", help);
}

/// The help, the manual and the README say the same of each exit code.
#[test]
fn the_exit_codes_are_the_same_everywhere() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (help, readme) = (words(&output_of(&["--help"])), include_str!("../README.md"));
    let page = words(&output_of(&["man"]).replace("\\-", "-"));
    for (exit, meaning) in EXIT_CODES {
        let code = exit.code();
        assert!(help.contains(&format!("{code} {meaning}")), "{code} in {help}");
        assert!(page.contains(&format!("\\fB{code}\\fR {meaning}")), "{code} in {page}");
        assert!(readme.contains(&format!("\n| {code} | {meaning} |\n")), "{code} in the README");
    }
}

/// The source of the manual page, which `man -l` renders.
#[test]
fn the_manual_matches_its_snapshot_and_has_every_command() {
    let page = output_of(&["man"]);
    insta::assert_snapshot!("man", page);
    for part in [
        "COMMAND RUN",
        "COMMAND CHECK",
        "COMMAND VERIFY",
        "replan",
        "require",
        "EXIT STATUS",
        "FILES",
        "ENVIRONMENT",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[test]
fn completions_contain_the_options() {
    for shell in ["bash", "zsh", "fish"] {
        let script = output_of(&["completions", shell]);
        assert!(script.contains("require-go") && script.contains("previous"), "{shell}");
    }
}

#[test]
fn without_a_command_the_commands_are_listed_with_exit_code_2() {
    let _ = Sandbox::new().args(Vec::<String>::new()).run().code(2).stderr_has("Commands:");
    let _ = Sandbox::new().args(["chek"]).run().code(2).stderr_has("check");
}
