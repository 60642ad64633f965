//! Shell completions and the manual page, generated from the definition of the command line.

use std::io;

use anyhow::Result;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use super::printing::print;
use crate::cli::Cli;
use gonogo_core::error::Exit;

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
    page.render_extra_section(&mut out)?;
    page.render_version_section(&mut out)?;
    print(format_args!("{}", String::from_utf8_lossy(&out)));
    Ok(Exit::Success)
}

fn command_sections(command: Command, out: &mut impl io::Write) -> io::Result<()> {
    let name = command.get_name().to_uppercase();
    writeln!(out, ".SH \"COMMAND {name}\"")?;
    let page = clap_mangen::Man::new(command);
    page.render_description_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_options_section(out)
}
