//! Shell completions and the manual page, generated from the definition of the command line.

use std::io;

use anyhow::Result;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};

use super::printing::print;
use crate::cli::Cli;
use gonogo_core::error::{EXIT_CODES, Exit};

/// The files of an operator, as they are on Linux.
const FILES: [(&str, &str); 6] = [
    ("~/.config/gonogo/settings.toml", "your settings: principal, key, signers, revoked, theme, ascii"),
    ("~/.config/gonogo/id_ed25519", "the key that gonogo init creates"),
    ("~/.config/gonogo/*.toml, config/*.toml", "profiles that the start menu offers"),
    ("~/.local/state/gonogo/runs/", "the run logs, a directory per environment; see --log-dir"),
    (
        "RUN.jsonl.d/, RUN.jsonl.marks/",
        "beside a run log: the output of its actions, and what is known of their processes",
    ),
    ("~/.local/state/gonogo/diagnostic/gonogo.log", "the diagnostic log"),
];

/// The variables that gonogo itself reads; a profile names others.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("GONOGO_LOG_DIR", "where run logs are kept, as --log-dir"),
    ("GONOGO_LOG", "the level of the diagnostic log, or levels of modules: debug, gonogo::engine=debug"),
    ("NO_COLOR", "no colors, if it is not empty"),
    ("SSH_AUTH_SOCK", "the ssh-agent that has your key"),
    ("HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY", "the proxies of HTTP probes"),
    ("XDG_CONFIG_HOME, XDG_STATE_HOME", "where the files above are, if not in ~/.config and ~/.local/state"),
];

pub(super) fn completions(shell: Shell) -> Exit {
    // Into memory first: the generator panics if it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "gonogo", &mut script);
    print(format_args!("{}", String::from_utf8_lossy(&script)));
    Exit::Success
}

/// One page for the program and all its commands.
pub(super) fn man() -> Result<Exit> {
    let mut out = Vec::new();
    let mut program = Cli::command();
    program.build();
    let page = clap_mangen::Man::new(program.clone());
    page.render_title(&mut out)?;
    page.render_name_section(&mut out)?;
    page.render_synopsis_section(&mut out)?;
    // Sections instead of a list of pages: there is only one page.
    let is_documented = |command: &&Command| command.get_name() != "help" && !command.is_hide_set();
    for command in program.get_subcommands().filter(is_documented) {
        command_sections(command.clone(), &mut out)?;
    }
    let codes = EXIT_CODES.map(|(exit, meaning)| (exit.code().to_string(), meaning));
    for (title, rows) in [
        ("EXIT STATUS", codes.each_ref().map(|(code, meaning)| (code.as_str(), *meaning)).as_slice()),
        ("FILES", &FILES),
        ("ENVIRONMENT", &ENVIRONMENT),
    ] {
        reference_section(title, rows, &mut out)?;
    }
    page.render_version_section(&mut out)?;
    print(format_args!("{}", String::from_utf8_lossy(&out)));
    Ok(Exit::Success)
}

/// A section of names and their meanings.
fn reference_section(title: &str, rows: &[(&str, &str)], out: &mut impl io::Write) -> io::Result<()> {
    let mut section = Roff::default();
    section.control("SH", [title]);
    for (name, meaning) in rows {
        section.control("TP", []);
        section.text([bold(*name)]);
        section.text([roman(*meaning)]);
    }
    section.to_writer(out)
}

fn command_sections(command: Command, out: &mut impl io::Write) -> io::Result<()> {
    let name = command.get_name().to_uppercase();
    writeln!(out, ".SH \"COMMAND {name}\"")?;
    let page = clap_mangen::Man::new(command);
    page.render_description_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_options_section(out)
}
