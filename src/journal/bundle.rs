//! A bundle: a log, its side files and its signatures in one archive (`tar.gz`), the same bytes for the same
//! log. The signatures stand in the log as well; here they are in the form that `ssh-keygen` takes.
//!
//! ```text
//! STEM/STEM.jsonl                   the log
//! STEM/STEM.jsonl.d/NAME            its side files
//! STEM/STEM.jsonl.dsse.json         a statement about it, where one was made
//! STEM/signatures/000005.msg, .sig  what line 5's signature was made over, and the signature
//! ```

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use tar::{Archive, Builder, EntryType, Header};

use super::entry::Entry;
use super::read::Lines;
use super::side;
use super::store::make_directory;

use crate::error::{ErrorKind, HasKind};
use crate::files::directory::Directory;
use crate::files::open_regular;

/// The most that a bundle may unpack to, in bytes.
const LARGEST: u64 = 2 * 1024 * 1024 * 1024;
/// The most side files that a bundle may hold.
const MOST: usize = 10_000;
/// How long a line of an armored signature is.
const ARMOR: usize = 70;

/// Why a bundle cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// What the system said, or the archive is none.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A log's name ends in `.jsonl`.
    #[error("{0}: expected a run log, whose name ends in .jsonl")]
    Name(PathBuf),
    /// It holds what no bundle holds.
    #[error("not a bundle of a run log: {0}")]
    Form(String),
}

impl HasKind for BundleError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(error) => HasKind::kind(error),
            Self::Name(_) | Self::Form(_) => ErrorKind::User,
        }
    }
}

/// The file beside a log that holds a statement about it.
#[must_use]
pub fn statement_of(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".dsse.json");
    PathBuf::from(name)
}

/// Packs the log at `log` and what belongs to it.
///
/// # Errors
/// When something cannot be read or written.
pub fn write(log: &Path, out: impl Write) -> Result<(), BundleError> {
    let stem = log.file_stem().filter(|_| log.extension().is_some_and(|end| end == "jsonl"));
    let stem = Path::new(stem.ok_or_else(|| BundleError::Name(log.to_owned()))?);
    let mut archive = Builder::new(GzBuilder::new().mtime(0).write(out, Compression::default()));
    add_file(&mut archive, log, stem)?;
    for side in side_files(log)? {
        add_file(&mut archive, &side, &stem.join(side::directory(log).file_name().unwrap_or_default()))?;
    }
    let statement = statement_of(log);
    if statement.exists() {
        add_file(&mut archive, &statement, stem)?;
    }
    for signature in signatures(BufReader::new(open_regular(log)?)) {
        let Member { name, content } = signature?;
        let size = content.len() as u64;
        add(&mut archive, &stem.join(name), size, content.as_slice())?;
    }
    archive.into_inner()?.finish()?.flush()?;
    Ok(())
}

fn side_files(log: &Path) -> io::Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(side::directory(log)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut files = listing.map(|item| item.map(|item| item.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

fn add_file(archive: &mut Builder<impl Write>, path: &Path, into: &Path) -> io::Result<()> {
    let file = open_regular(path)?;
    // As long as it is now: a log that is being written to grows.
    let size = file.metadata()?.len();
    add(archive, &into.join(path.file_name().unwrap_or_default()), size, file.take(size))
}

/// Adds a member with nothing in its header that is of this machine or this moment.
fn add(archive: &mut Builder<impl Write>, name: &Path, size: u64, content: impl Read) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    archive.append_data(&mut header, name, content)
}

/// A file of a bundle that the log itself gives.
struct Member {
    /// Within the bundle's directory.
    name: String,
    content: Vec<u8>,
}

/// What each signed line's signature was made over, and the signature as `ssh-keygen` takes it.
fn signatures(log: impl BufRead) -> impl Iterator<Item = io::Result<Member>> {
    Lines::new(log).flat_map(|line| {
        let line = match line {
            Ok(line) => line,
            Err(error) => return vec![Err(error)],
        };
        let entry = Entry::read(&line.bytes).ok().filter(|_| line.ended);
        let signed = entry.and_then(|entry| Some((entry.signed_part(&line.bytes)?, entry.sig?)));
        let Some((message, signature)) = signed else { return Vec::new() };
        let member = |end: &str, content| {
            Ok(Member { name: format!("signatures/{:06}.{end}", line.position.line), content })
        };
        vec![member("msg", message), member("sig", armored(&signature).into_bytes())]
    })
}

fn armored(signature: &str) -> String {
    let lines = signature.as_bytes().chunks(ARMOR).map(String::from_utf8_lossy).collect::<Vec<_>>();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

/// Unpacks a bundle into an empty directory, and gives the log's path. Its signatures are those of the log,
/// or it is refused.
///
/// # Errors
/// When it cannot be read, or holds anything that no bundle holds.
pub fn unpack(bundle: impl Read, into: &Path) -> Result<PathBuf, BundleError> {
    let mut archive = Archive::new(GzDecoder::new(bundle).take(LARGEST));
    let mut members = archive.entries()?;
    let first = members.next().ok_or_else(|| form("it is empty"))??;
    let (stem, name) = place(&first)?;
    if Some(name.as_str()) != stem.to_str().map(|stem| format!("{stem}.jsonl")).as_deref() {
        return Err(form("its first file is not the log"));
    }
    let log = into.join(&name);
    take_out(first, &log)?;
    let mut expected = signatures(BufReader::new(open_regular(&log)?));
    let own = side::directory(Path::new(&name));
    let mut files = 0;
    for member in members {
        let member = member?;
        let (directory, name) = place(&member)?;
        let inner = directory.strip_prefix(&stem).map_err(|_| form("it holds more than one directory"))?;
        if inner == Path::new("signatures") {
            same(member, &format!("signatures/{name}"), expected.next().transpose()?)?;
            continue;
        }
        let beside = inner == Path::new("") && Some(into.join(&name)) == Some(statement_of(&log));
        files += 1;
        if files > MOST {
            return Err(form(format!("it holds more than {MOST} attachments")));
        }
        if !(inner == own || beside) {
            let shown = crate::text::line(&directory.join(&name).display().to_string());
            return Err(form(format!("{shown} does not belong there")));
        }
        make_directory(&into.join(inner)).map_err(|error| error.source)?;
        take_out(member, &into.join(inner).join(&name))?;
    }
    match expected.next().transpose()? {
        None => Ok(log),
        Some(missing) => Err(form(format!("{} is missing", missing.name))),
    }
}

fn form(what: impl Into<String>) -> BundleError {
    BundleError::Form(what.into())
}

/// The directory and the name of a regular file; nothing else stands in a bundle.
fn place(member: &tar::Entry<impl Read>) -> Result<(PathBuf, String), BundleError> {
    let path = member.path()?.into_owned();
    let shown = crate::text::line(&path.display().to_string());
    let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if member.header().entry_type() != EntryType::Regular || !plain {
        return Err(form(format!("{shown} is not a plain file in its directory")));
    }
    match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
        (Some(directory), Some(name)) => Ok((directory.to_owned(), name.to_owned())),
        _ => Err(form(format!("{shown} has no name"))),
    }
}

fn take_out(mut member: tar::Entry<impl Read>, to: &Path) -> Result<(), BundleError> {
    let size = member.size();
    let mut file = Directory::of(to)?.create(to.file_name().unwrap_or_default())?;
    if io::copy(&mut member, &mut file)? == size {
        Ok(())
    } else {
        Err(form("it ends too early, or is too large"))
    }
}

fn same(mut member: tar::Entry<impl Read>, name: &str, expected: Option<Member>) -> Result<(), BundleError> {
    let expected =
        expected.filter(|expected| expected.name == name && expected.content.len() as u64 == member.size());
    let other = || form(format!("{} is not what the log has", crate::text::line(name)));
    let expected = expected.ok_or_else(other)?;
    let mut content = Vec::new();
    member.read_to_end(&mut content)?;
    if content == expected.content { Ok(()) } else { Err(other()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(attachments: usize) -> Result<PathBuf, BundleError> {
        let mut archive = Builder::new(GzBuilder::new().write(Vec::new(), Compression::fast()));
        add(&mut archive, Path::new("r/r.jsonl"), 0, io::empty()).unwrap();
        for n in 0..attachments {
            add(&mut archive, Path::new(&format!("r/r.jsonl.d/{n}")), 0, io::empty()).unwrap();
        }
        let bundle = archive.into_inner().unwrap().finish().unwrap();
        let into = tempfile::tempdir().unwrap();
        unpack(bundle.as_slice(), into.path())
    }

    #[test]
    fn a_bundle_holds_only_so_many_attachments() {
        assert!(unpacked(MOST).is_ok());
        let why = unpacked(MOST + 1).unwrap_err().to_string();
        assert_eq!(why, "not a bundle of a run log: it holds more than 10000 attachments");
    }
}
