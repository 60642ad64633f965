//! Texts for people use standard terms: these words must not be used in help, manual, README, checklist, profiles and
//! reports.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

use crate::support::gonogo::Sandbox;

/// Words and phrases that a standard term has replaced, and that term.
const REPLACED: &[(&str, &str)] = &[
    ("look", "run, check, observe"),
    ("looks", "runs, checks, observes"),
    ("looked", "run, checked"),
    ("looking", "running, checking, observing"),
    ("tell", "report, show"),
    ("tells", "reports, shows"),
    ("told", "reported, shown"),
    ("settled", "passed, confirmed"),
    ("closed", "done"),
    ("set aside", "waived, n/a, kept"),
    ("needs you", "needs confirmation"),
    ("waits for people", "needs confirmation"),
    ("at work", "running"),
    ("take back", "retract"),
    ("takes back", "retracts"),
    ("taken back", "retracted"),
    ("way back", "rollback"),
    ("go back", "roll back"),
    ("going back", "rolling back"),
    ("go on", "continue, resume"),
    ("goes on", "continues"),
    ("gone on", "continued"),
    ("leads to", "points to"),
    ("played", "simulated"),
    ("stand in", "shim"),
    ("stands", "is, exists, is valid"),
    ("stays so", "stable"),
    ("is well", "healthy"),
    ("anew", "reset, again"),
    ("lets in", "allows"),
    ("let in", "allowed"),
    ("door", "endpoint"),
    ("doors", "endpoints"),
    ("whom do you trust", "trusted signers required"),
    ("whom you trust", "trusted signers"),
    ("whom to trust", "trusted signers"),
    ("whom to believe", "trusted signers"),
    ("vouched", "covered by a signature"),
    ("vouches", "covered by a signature"),
    ("counts for nothing", "not evidence, not valid"),
    ("take it back", "retract"),
    ("took it back", "retracted"),
    ("say so as", "the verb of the title"),
    ("whom to call", "contacts"),
    ("what is asked", "why"),
    ("their word", "the verdict"),
    ("puts on record", "records"),
    ("at hand", "on record"),
    ("mend", "fix"),
    ("who acts", "active operator"),
    ("acts", "signed entries"),
    ("side file", "attachment"),
    ("side files", "attachments"),
    ("doubtful", "warning"),
    ("unusual", "hint"),
    ("is it meant", "differs from the default"),
    ("makes happen", "does"),
    ("makes this happen", "does the following"),
    ("unseen", "unknown"),
    ("whoever", "the operator"),
];

/// Where these words are standard English.
const ALLOWED: &[&str] = &["looks like", "look alike", "look alikes", "terminal is closed"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The words of a text in lower case, each between single spaces.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let separated = lower.split(|c: char| !(c.is_alphanumeric() || c == '\''));
    let words: Vec<&str> = separated.filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

/// The replaced words in a text, with the words around them.
fn replaced_words_in(name: &str, text: &str) -> Vec<String> {
    let allowed =
        ALLOWED.iter().fold(words(text), |text, phrase| text.replace(&format!(" {phrase} "), " … "));
    let find = |(phrase, instead): &(&str, &str)| {
        let at = allowed.find(&format!(" {phrase} "))?;
        let before = allowed[..at].char_indices().rev().nth(30).map_or(0, |(at, _)| at);
        let around: String = allowed[before..].chars().take(80).collect();
        Some(format!("{name}: {phrase:?} ({instead}) in {:?}", around.trim()))
    };
    REPLACED.iter().filter_map(find).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// A template without its tags.
fn without_tags(template: &str) -> String {
    let strip = |text: &str, [open, close]: [&str; 2]| -> String {
        let parts = text.split(open).enumerate();
        parts
            .map(
                |(at, part)| if at == 0 { part } else { part.split_once(close).map_or("", |(_, rest)| rest) },
            )
            .collect()
    };
    strip(&strip(template, ["{{", "}}"]), ["{%", "%}"])
}

/// The files in these directories with an extension.
fn files_with_extension(directories: &[&str], extension: &str) -> Vec<PathBuf> {
    let all = directories.iter().flat_map(|directory| fs::read_dir(root().join(directory)).unwrap());
    all.map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

#[test]
fn no_replaced_word_is_used_in_texts_for_people() {
    let mut all = Vec::new();
    for path in files_with_extension(&["config"], "toml") {
        all.extend(replaced_words_in(&path.display().to_string(), &read(&path)));
    }
    for path in files_with_extension(&["src/report"], "j2") {
        all.extend(replaced_words_in(&path.display().to_string(), &without_tags(&read(&path))));
    }
    for path in files_with_extension(
        &["tests/snapshots", "tests/trust/snapshots", "src/tui/snapshots", "src/tui/views/snapshots"],
        "snap",
    ) {
        all.extend(replaced_words_in(&path.display().to_string(), &read(&path)));
    }
    for path in files_with_extension(&["", "src/help", "src/help/probes", "src/help/commands"], "md") {
        all.extend(replaced_words_in(&path.display().to_string(), &read(&path)));
    }
    assert!(all.is_empty(), "{all:#?}");
}

#[test]
fn no_replaced_word_is_used_in_the_help() {
    let help = |args: &[&str]| Sandbox::new().args(args.iter().map(ToString::to_string)).run().code(0).stdout;
    let mut all = replaced_words_in("gonogo --help", &help(&["--help"]));
    let program = gonogo::cli::Cli::command();
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    for name in commands.map(clap::Command::get_name) {
        all.extend(replaced_words_in(&format!("gonogo {name} --help"), &help(&[name, "--help"])));
    }
    assert!(all.is_empty(), "{all:#?}");
}

#[test]
fn a_replaced_word_is_found_across_lines_and_allowed_phrases_are_not() {
    assert_eq!(replaced_words_in("x", "the way\n  back").len(), 1);
    assert!(replaced_words_in("x", "It looks like a placeholder; a look-alike.").is_empty());
}
