//! `gonogo new`: profiles and checklists to start from.

mod import;

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::loaded_profile::MAX_FILE;
use super::printing::print;
use crate::cli::{NewArgs, NewChecklistArgs, NewCommand, NewProfileArgs};
use gonogo_core::checklist::STANDARD;
use gonogo_core::error::Exit;
use gonogo_core::files::read_regular_text;
use gonogo_core::text::count;

/// A checklist to start from, and a profile for it.
const CHECKLIST: &str = include_str!("../../config/new-checklist.toml");
const PROFILE: &str = include_str!("../../config/new-profile.toml");
/// A profile for the standard checklist.
const STANDARD_PROFILE: &str = include_str!("../../config/production.toml");

pub(super) fn new(arguments: &NewArgs) -> Result<Exit> {
    match &arguments.what {
        NewCommand::Profile(arguments) => profile(arguments),
        NewCommand::Checklist(arguments) => checklist(arguments),
        NewCommand::Key(arguments) => super::init::init(arguments),
    }
}

fn profile(arguments: &NewProfileArgs) -> Result<Exit> {
    write(if arguments.standard { STANDARD_PROFILE } else { PROFILE }, arguments.output.as_deref())
}

fn checklist(arguments: &NewChecklistArgs) -> Result<Exit> {
    let output = arguments.output.as_deref();
    match &arguments.from {
        Some(list) => {
            let text = read_regular_text(list, MAX_FILE).with_context(|| list.display().to_string())?;
            let imported = import::import(&text).with_context(|| list.display().to_string())?;
            write(&imported.file, output)?;
            let points = count(imported.points, "point");
            let sections = count(imported.sections, "section");
            note!(
                "{sections}, {points}; {} that are no points are comments",
                count(imported.comments, "text")
            );
            Ok(Exit::Success)
        }
        None => write(if arguments.standard { STANDARD } else { CHECKLIST }, output),
    }
}

/// Writes a text to a new file, or prints it.
///
/// # Errors
/// When the file exists, or cannot be written.
fn write(text: &str, output: Option<&Path>) -> Result<Exit> {
    let Some(path) = output else {
        print(format_args!("{text}"));
        return Ok(Exit::Success);
    };
    if path.exists() {
        bail!("{}: the file exists, and is kept; give another name", path.display());
    }
    let mut file = std::fs::File::create_new(path).with_context(|| path.display().to_string())?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())?;
    say!("Wrote {}", path.display());
    Ok(Exit::Success)
}
