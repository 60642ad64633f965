//! `gonogo help`: the topics of the manual, and the pages of the commands.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use anyhow::{Result, anyhow};
use clap::{Command, CommandFactory as _};
use crossterm::terminal;

use super::pager;
use super::printing::is_colored;
use crate::cli::{Cli, HelpArgs};
use crate::help::plain::{MAX_WIDTH, page};
use crate::help::{COMMANDS, PROBES, TOPICS, Topic};
use gonogo_core::error::Exit;
use gonogo_core::text::nearest;

pub(super) fn help(arguments: &HelpArgs) -> Result<Exit> {
    let text = match arguments.topic.as_slice() {
        [] => overview(),
        words => find(words)?,
    };
    pager::show(&text);
    Ok(Exit::Success)
}

/// The page that these words name: a command with its subcommand, a topic, a kind of probe.
fn find(words: &[String]) -> Result<String> {
    let name = words.join(" ");
    if let Some(kind) = name.strip_prefix("probes ") {
        return Topic::find(PROBES, kind).map(|topic| show(topic.text)).ok_or_else(|| unknown(kind));
    }
    let name = name.as_str();
    if let Some(command) = find_command(&name.split(' ').collect::<Vec<_>>()) {
        return Ok(command_page(command));
    }
    let topic = Topic::find(TOPICS, name).or_else(|| Topic::find(PROBES, name));
    let text = topic.map(|topic| show(topic.text)).ok_or_else(|| unknown(name))?;
    let is_kind_too = Topic::find(TOPICS, name).is_some() && Topic::find(PROBES, name).is_some();
    let other = is_kind_too.then(|| show(&format!("\nThe kind of probe: `gonogo help probes {name}`.")));
    Ok(text + &other.unwrap_or_default())
}

fn unknown(name: &str) -> anyhow::Error {
    let program = program();
    let commands = documented_commands(&program).map(Command::get_name);
    let topics = TOPICS.iter().chain(PROBES).map(|topic| topic.name);
    let near = nearest(name, commands.chain(topics)).map(|near| format!(", did you mean {near}"));
    anyhow!("no help on {name:?}{}; `gonogo help` lists the topics and commands", near.unwrap_or_default())
}

/// The program with all its commands.
pub(super) fn program() -> Command {
    let mut program = Cli::command();
    program.build();
    program
}

/// The commands that people use.
pub(super) fn documented_commands(program: &Command) -> impl Iterator<Item = &Command> {
    program.get_subcommands().filter(|command| !command.is_hide_set())
}

/// The command with this name, or its subcommand.
fn find_command(path: &[&str]) -> Option<Command> {
    let mut command = program();
    for name in path {
        let below = documented_commands(&command).find(|below| below.get_name() == *name)?.clone();
        command = below;
    }
    Some(command)
}

/// Its options, then what the manual says more.
fn command_page(mut command: Command) -> String {
    let name = command.get_bin_name().unwrap_or_default().trim_start_matches("gonogo ").to_owned();
    let help = command.render_long_help();
    let mut text = if is_colored() { help.ansi().to_string() } else { help.to_string() };
    // `new key` is `init`.
    let topic = if name == "new key" { "init" } else { &name };
    if let Some(topic) = Topic::find(COMMANDS, topic) {
        let _ = write!(text, "\n{}", show(&format!("## Examples\n\n{}", topic.text)));
    }
    text
}

/// All topics and commands.
fn overview() -> String {
    let mut text =
        String::from("# gonogo help\n\n`gonogo help NAME` shows a topic of the manual, or a command.\n");
    let topics = TOPICS.iter().map(|topic| (topic.name, topic.summary()));
    list(&mut text, "Topics", topics);
    let kinds: Vec<_> = PROBES.iter().map(|topic| format!("`{}`", topic.name)).collect();
    let _ = write!(text, "\n## Kinds of probes\n\n{}\n", kinds.join(", "));
    let program = program();
    let about = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    list(
        &mut text,
        "Commands",
        documented_commands(&program).map(|command| (command.get_name(), about(command))),
    );
    show(&text)
}

/// Appends a section with a table of names.
fn list<'a>(text: &mut String, title: &str, rows: impl Iterator<Item = (&'a str, String)>) {
    let _ = write!(text, "\n## {title}\n\n| | |\n|---|---|\n");
    for (name, about) in rows {
        let _ = writeln!(text, "| `{name}` | {about} |");
    }
}

/// A text of the manual as this terminal shows it.
fn show(text: &str) -> String {
    let width = terminal::size().map_or(MAX_WIDTH, |(columns, _)| usize::from(columns));
    let width = if io::stdout().is_terminal() { width } else { MAX_WIDTH };
    page(text, width, is_colored())
}
