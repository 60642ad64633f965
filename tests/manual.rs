//! What the program tells about itself.

use crate::bench::gonogo::Sandbox;

fn told(args: &[&str]) -> String {
    Sandbox::new().args(args.iter().map(ToString::to_string)).run().code(0).stdout
}

/// The help of the program and of every command, as a person reads it.
#[test]
fn the_help_is_as_it_was_read() {
    let commands = ["run", "check", "verify", "init", "completions", "man"];
    let mut help = told(&["--help"]);
    for command in commands {
        assert!(help.contains(&format!("\n  {command}")), "{command} is not in the help");
    }
    let of = |command: &&str| format!("\n$ gonogo {command} --help\n{}", told(&[command, "--help"]));
    help.extend(commands.iter().map(of));
    insta::assert_snapshot!("help", help);
}

/// As it is in the source of a manual page, which `man -l` sets.
#[test]
fn the_manual_is_as_it_was_read_and_has_every_command_and_option() {
    let page = told(&["man"]);
    insta::assert_snapshot!("man", page);
    for part in ["COMMAND RUN", "COMMAND CHECK", "COMMAND VERIFY", "replan", "require", "Exit codes"] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[test]
fn completions_know_the_options() {
    for shell in ["bash", "zsh", "fish"] {
        let script = told(&["completions", shell]);
        assert!(script.contains("require-go") && script.contains("previous"), "{shell}");
    }
}

#[test]
fn without_a_command_it_says_what_there_is_and_ends_with_2() {
    let _ = Sandbox::new().args(Vec::<String>::new()).run().code(2).stderr_has("Commands:");
    let _ = Sandbox::new().args(["chek"]).run().code(2).stderr_has("check");
}
