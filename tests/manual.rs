//! Help, manual and completions.

use std::fs;

use clap::CommandFactory as _;
use gonogo_core::error::EXIT_CODES;

use crate::support::gonogo::Sandbox;

fn output_of(args: &[&str]) -> String {
    Sandbox::new().args(args.iter().map(ToString::to_string)).run().code(0).stdout
}

/// The help of the program and of its main commands.
#[test]
fn the_help_matches_its_snapshot() {
    let commands = ["run", "check", "verify", "new", "help", "completions", "man"];
    let mut help = output_of(&["--help"]);
    for command in commands {
        assert!(help.contains(&format!("\n  {command}")), "{command} is not in the help");
    }
    let command_help =
        |command: &&str| format!("\n$ gonogo {command} --help\n{}", output_of(&[command, "--help"]));
    help.extend(commands.iter().map(command_help));
    insta::assert_snapshot!("help", help);
}

/// The man pages and `--help` have the same codes.
#[test]
fn the_exit_codes_are_the_same_everywhere() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (help, page) = (words(&output_of(&["--help"])), words(&output_of(&["man"]).replace("\\-", "-")));
    for (exit, meaning) in EXIT_CODES {
        let code = exit.code();
        assert!(help.contains(&format!("{code} {meaning}")), "{code} in {help}");
        assert!(page.contains(&format!("\\fB{code}\\fR {meaning}")), "{code} in {page}");
    }
}

#[test]
fn there_is_a_man_page_for_every_command_and_format() {
    let sandbox = Sandbox::new().args(["man", "--output", "pages"].map(str::to_owned));
    let _ = sandbox.run().code(0).stdout_has("man -M pages gonogo");
    let pages = sandbox.work().join("pages");
    let text =
        |name: &str| fs::read_to_string(pages.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let program = gonogo::cli::Cli::command();
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    let commands = commands.map(|command| format!("man1/gonogo-{}.1", command.get_name()));
    let formats = ["profile", "checklist", "probes", "log"].map(|name| format!("man5/gonogo-{name}.5"));
    for name in commands.chain(formats).chain(["man1/gonogo.1".to_owned()]) {
        let text = text(&name);
        for section in ["NAME", "EXIT STATUS", "FILES", "ENVIRONMENT"] {
            assert!(
                text.contains(&format!(".SH {section}")) || text.contains(&format!(".SH \"{section}\"")),
                "{name}: {section}"
            );
        }
        // Each kind of probe has its own example.
        let has_own = name.ends_with("gonogo.1") || name.ends_with("probes.5");
        assert!(has_own || text.contains(".SH EXAMPLES"), "{name}: EXAMPLES");
    }
    insta::assert_snapshot!("man_run", text("man1/gonogo-run.1"));
    insta::assert_snapshot!("man_log", text("man5/gonogo-log.5"));
}

/// Topics, kinds of probes and commands; a misspelled one names the nearest.
#[test]
fn the_manual_has_a_page_for_every_name() {
    let overview = output_of(&["help"]);
    for topic in gonogo::help::TOPICS {
        assert!(overview.contains(topic.name), "{} in {overview}", topic.name);
    }
    assert!(output_of(&["help", "states"]).contains("stale"));
    assert!(output_of(&["help", "redis"]).contains("latency_threshold_ms"));
    assert!(output_of(&["help", "probes", "redis"]).contains("latency_threshold_ms"));
    assert!(output_of(&["help", "new", "checklist"]).contains("--from"));
    assert!(output_of(&["help", "verify"]).contains("--require-go"));
    let _ = Sandbox::new().args(["help", "statse"]).run().code(2).stderr_has("did you mean states;");
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
