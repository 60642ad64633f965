//! `gonogo bundle`: packs a log, its attachments and its signatures into one archive.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use super::loaded_profile::{check_first_entry, open_log};
use crate::cli::BundleArgs;
use gonogo_core::error::Exit;
use gonogo_core::files;
use gonogo_core::journal::bundle;
use gonogo_core::text::line;

pub(super) fn bundle(arguments: &BundleArgs) -> Result<Exit> {
    let log = &arguments.log;
    if log.is_symlink() {
        bail!(
            "{}: a symbolic link; expected a regular file: give the file that it points to",
            line(&log.display().to_string())
        );
    }
    let source = open_log(log)?;
    if source.is_unpacked() {
        bail!("{} is already a bundle", log.display());
    }
    // A file that begins with another entry may be anything, even a key.
    check_first_entry(log, &source)?;
    let out = arguments.output.clone().unwrap_or_else(|| default_output(log));
    // The old archive stays until the new one is complete.
    let draft = if arguments.force { draft_of(&out)? } else { out.clone() };
    let file = files::create_new(&draft, files::PRIVATE).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => anyhow!(
            "{} already exists; give another file with --output, or --force to replace it",
            line(&draft.display().to_string())
        ),
        _ => anyhow::Error::new(error).context(draft.display().to_string()),
    })?;
    let written = write(source.file(), log, &file).and_then(|left_out| {
        if arguments.force {
            fs::rename(&draft, &out)?;
        }
        Ok(left_out)
    });
    match written {
        Ok(left_out) => left_out.iter().for_each(|why| note!("not packed: {}", line(why))),
        Err(error) => {
            // An incomplete bundle is of no use.
            let _ = fs::remove_file(&draft);
            return Err(error.context(format!("bundle {}", out.display())));
        }
    }
    say!("{}", line(&out.display().to_string()));
    Ok(Exit::Success)
}

/// What was left out.
fn write(source: &File, log: &Path, file: &File) -> Result<Vec<String>> {
    let left_out = bundle::write(source, log, BufWriter::new(file))?;
    file.sync_all()?;
    Ok(left_out)
}

/// A new file beside an archive, which then replaces it. Nothing but a regular file is replaced.
fn draft_of(out: &Path) -> Result<PathBuf> {
    if out.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
        bail!("{}: not a regular file; --force replaces only an archive", line(&out.display().to_string()));
    }
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    Ok(out.with_file_name(name))
}

/// The log's name with the suffix of an archive, in the current directory.
fn default_output(log: &Path) -> PathBuf {
    let mut name = log.file_stem().unwrap_or_default().to_owned();
    name.push(".tar.gz");
    PathBuf::from(name)
}
