//! `gonogo bundle`: packs a log, its attachments and its signatures into one archive.

use std::fs;
use std::io::{self, BufWriter};
use std::path::PathBuf;

use anyhow::{Result, bail};

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
    let file = files::create_new(&out, files::PRIVATE).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{} already exists; give another file with --output", out.display())
        }
        _ => anyhow::Error::new(error).context(out.display().to_string()),
    })?;
    let result = bundle::write(source.file(), log, BufWriter::new(&file)).map_err(anyhow::Error::from);
    match result.and_then(|left_out| file.sync_all().map(|()| left_out).map_err(anyhow::Error::from)) {
        Ok(left_out) => left_out.iter().for_each(|why| note!("not packed: {}", line(why))),
        Err(error) => {
            // An incomplete bundle is of no use.
            let _ = fs::remove_file(&out);
            return Err(error.context(format!("bundle {}", out.display())));
        }
    }
    say!("{}", line(&out.display().to_string()));
    Ok(Exit::Success)
}

/// The log's name with the suffix of an archive, in the current directory.
fn default_output(log: &std::path::Path) -> PathBuf {
    let mut name = log.file_stem().unwrap_or_default().to_owned();
    name.push(".tar.gz");
    PathBuf::from(name)
}
