//! Shell completions and man pages, generated from the definition of the command line and the topics of the manual.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::help::{documented_commands, program};
use super::pager;
use super::printing::print;
use crate::cli::{Cli, ManArgs};
use crate::help::roff::{Headings, append};
use crate::help::{COMMANDS, PROBES, TOPICS, Topic};
use gonogo_core::error::Exit;

/// The pages of formats: their names after `gonogo-`, and the topics that they contain.
const FORMATS: [(&str, &[&str]); 3] = [
    ("profile", &["profile", "placeholders"]),
    ("checklist", &["checklist", "placeholders"]),
    ("log", &["log"]),
];
/// The page with one section per kind of probe.
const PROBES_PAGE: &str = "gonogo-probes";
/// The sections at the end of every page: title, topic, and the section in it.
const REFERENCES: [(&str, &str, &str); 2] =
    [("FILES", "files", "Files"), ("ENVIRONMENT", "files", "Environment")];

pub(super) fn completions(shell: Shell) -> Exit {
    // Into memory first: the generator panics if it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "gonogo", &mut script);
    print(format_args!("{}", String::from_utf8_lossy(&script)));
    Exit::Success
}

/// What every page is of.
const SOURCE: &str = concat!("gonogo ", env!("CARGO_PKG_VERSION"));
/// Where every page points to.
const SEE_ALSO: &str =
    "gonogo(1), gonogo-profile(5), gonogo-checklist(5), gonogo-probes(5), gonogo-log(5), ssh-keygen(1)";

/// What shows a page on a terminal.
const MAN: &str = "man -l -";

/// A man page.
struct Page {
    name: String,
    section: u8,
    text: String,
}

/// Prints one page, or writes all of them below a directory.
pub(super) fn man(arguments: &ManArgs) -> Result<Exit> {
    let pages = pages()?;
    if let Some(directory) = &arguments.output {
        for page in &pages {
            write(page, directory).with_context(|| directory.display().to_string())?;
        }
        say!("Wrote {} pages; to read one: man -M {} gonogo", pages.len(), directory.display());
        return Ok(Exit::Success);
    }
    let name = arguments.page.as_deref().map_or("gonogo".to_owned(), |page| {
        if page.starts_with("gonogo") { page.to_owned() } else { format!("gonogo-{page}") }
    });
    let page = pages.iter().find(|page| page.name == name).ok_or_else(|| {
        let names: Vec<_> = pages.iter().map(|page| page.name.as_str()).collect();
        anyhow!("no man page {name}: expected one of {}", names.join(", "))
    })?;
    pager::show_with(MAN, &page.text);
    Ok(Exit::Success)
}

/// Writes a page to the place where `man` searches for it below a directory.
fn write(page: &Page, directory: &Path) -> Result<()> {
    let directory = directory.join(format!("man{}", page.section));
    fs::create_dir_all(&directory)?;
    Ok(fs::write(directory.join(format!("{}.{}", page.name, page.section)), &page.text)?)
}

fn pages() -> Result<Vec<Page>> {
    let program = program();
    let mut pages = vec![command_page(&program, "gonogo")?];
    for command in documented_commands(&program) {
        pages.push(command_page(command, &format!("gonogo-{}", command.get_name()))?);
        for below in documented_commands(command).filter(|below| below.get_name() != "help") {
            pages.push(command_page(below, &format!("gonogo-{}-{}", command.get_name(), below.get_name()))?);
        }
    }
    pages.extend(FORMATS.iter().map(|(name, topics)| format_page(name, topics)));
    pages.push(probes_page());
    Ok(pages)
}

/// The page of a command, or of the whole program.
fn command_page(command: &Command, name: &str) -> Result<Page> {
    let own_exit_codes = command.get_after_help().map(ToString::to_string);
    let page = Man::new(command.clone()).source(SOURCE);
    let mut out = Vec::new();
    page.render_title(&mut out)?;
    page.render_name_section(&mut out)?;
    page.render_synopsis_section(&mut out)?;
    page.render_description_section(&mut out)?;
    page.render_options_section(&mut out)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut out)?;
    }
    let mut more = Roff::default();
    let topic = Topic::find(COMMANDS, command.get_name());
    // `gonogo-new-key` has the examples of `new`.
    let topic = topic.or_else(|| Topic::find(COMMANDS, name.split('-').nth(1)?));
    if let Some(topic) = topic {
        more.control("SH", ["EXAMPLES"]);
        append(&mut more, topic.text, Headings::Sections);
    }
    more.control("SH", ["EXIT STATUS"]);
    match own_exit_codes.as_deref().and_then(|codes| codes.strip_prefix("Exit codes: ")) {
        Some(codes) => drop(more.text([roman(format!("{codes}. gonogo(1) lists all of them."))])),
        None => all_exit_codes(&mut more),
    }
    references(&mut more);
    more.to_writer(&mut out)?;
    if command.get_version().is_some() {
        page.render_version_section(&mut out)?;
    }
    Ok(Page { name: name.to_owned(), section: 1, text: String::from_utf8(out)? })
}

fn all_exit_codes(page: &mut Roff) {
    if let Some(topic) = Topic::find(TOPICS, "exit-codes") {
        append(page, topic.text, Headings::Sections);
    }
}

/// The sections at the end of a page.
fn references(page: &mut Roff) {
    for (title, topic, section) in REFERENCES {
        page.control("SH", [title]);
        append(
            page,
            Topic::find(TOPICS, topic).and_then(|topic| topic.section(section)).unwrap_or_default(),
            Headings::Sections,
        );
    }
    page.control("SH", ["SEE ALSO"]).text([roman(SEE_ALSO)]);
}

/// The page of a file format.
fn format_page(name: &str, topics: &[&str]) -> Page {
    let name = format!("gonogo-{name}");
    let topics: Vec<_> = topics.iter().filter_map(|name| Topic::find(TOPICS, name)).collect();
    let about = topics.first().map(|topic| topic.summary()).unwrap_or_default();
    let mut page = head(&name, &about);
    for (index, topic) in topics.iter().enumerate() {
        append(&mut page, topic.text, if index == 0 { Headings::Sections } else { Headings::OneSection });
    }
    foot(name, page)
}

fn probes_page() -> Page {
    let mut page = head(PROBES_PAGE, "the kinds of probes, and their settings");
    if let Some(topic) = Topic::find(TOPICS, "probes") {
        append(&mut page, topic.text, Headings::Sections);
    }
    for topic in PROBES {
        append(&mut page, topic.text, Headings::OneSection);
    }
    foot(PROBES_PAGE.to_owned(), page)
}

fn head(name: &str, about: &str) -> Roff {
    let mut page = Roff::default();
    page.control("TH", [name, "5", "", SOURCE, "Files of gonogo"]);
    page.control("SH", ["NAME"]).text([roman(format!("{name} - {about}"))]);
    page.control("SH", ["DESCRIPTION"]);
    page
}

fn foot(name: String, mut page: Roff) -> Page {
    page.control("SH", ["EXIT STATUS"]);
    all_exit_codes(&mut page);
    references(&mut page);
    Page { name, section: 5, text: page.render() }
}
