//! A bundle: a log, its attachments and its signatures in one archive (`tar.gz`). The same log always gives the same
//! bytes. The signatures are also in the log; here they have the format that `ssh-keygen` reads.
//!
//! ```text
//! STEM/STEM.jsonl                   the log
//! STEM/STEM.jsonl.d/NAME            its attachments: those that it names, as it has their digest
//! STEM/signatures/000005.msg, .sig  what line 5's signature was made over, and the signature
//! ```
//!
//! To read a bundle, gonogo writes it again from its log and compares the uncompressed bytes. So any program that
//! unpacks it finds exactly what was verified.

mod compare;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use tar::{Archive, Builder, EntryType, Header};

use self::compare::compare;
use super::attachments;
use super::entry::{Entry, Event};
use super::read::LogLines;

use crate::error::{ErrorKind, HasKind};
use crate::files::directory::Directory;
use crate::outcome::Sha256Hex;

/// The maximum unpacked size of a bundle, in bytes.
const MAX_UNPACKED: u64 = 2 * 1024 * 1024 * 1024;
/// The maximum size of a log in a bundle, in bytes.
const MAX_LOG: u64 = 256 * 1024 * 1024;
/// The maximum number of attachments in a bundle.
const MAX_ATTACHMENTS: usize = 10_000;
/// The line length of an armored signature.
const ARMOR_WIDTH: usize = 70;

/// Why a bundle cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The system error, or the file is not an archive.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A log's name must end in `.jsonl`.
    #[error("{0}: expected a run log, whose name ends in .jsonl")]
    Name(PathBuf),
    /// It has content that no bundle has.
    #[error("not a bundle of a run log: {0}")]
    Format(String),
}

impl HasKind for BundleError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(error) => HasKind::kind(error),
            Self::Name(_) | Self::Format(_) => ErrorKind::User,
        }
    }
}

/// Packs a log, and the attachments next to `log` that it names. Returns those that were not packed, with the reason.
///
/// # Errors
/// When something cannot be read or written.
pub fn write(file: &File, log: &Path, out: impl Write) -> Result<Vec<String>, BundleError> {
    let gzip = GzBuilder::new().mtime(0).write(out, Compression::default());
    let (gzip, left_out) = write_tar(file, log, gzip)?;
    gzip.finish()?.flush()?;
    Ok(left_out)
}

/// The archive inside gzip.
fn write_tar<W: Write>(file: &File, log: &Path, out: W) -> Result<(W, Vec<String>), BundleError> {
    let stem = log.file_stem().filter(|_| log.extension().is_some_and(|end| end == "jsonl"));
    let stem = Path::new(stem.ok_or_else(|| BundleError::Name(log.to_owned()))?);
    let mut archive = Builder::new(out);
    // The current length: a log may grow meanwhile.
    let size = file.metadata()?.len();
    let from_start = || {
        let mut file = file;
        file.rewind()?;
        Ok::<_, io::Error>(BufReader::new(file.take(size)))
    };
    add(&mut archive, &stem.join(log.file_name().unwrap_or_default()), size, from_start()?)?;
    let mut left_out = Vec::new();
    for (attachment, (bytes, sha256)) in attachments(from_start()?)? {
        match attachments::open_checked(log, &attachment, bytes, sha256) {
            Ok(content) => add(&mut archive, &stem.join(&attachment), bytes, content.take(bytes))?,
            Err(why) => left_out.push(why.to_string()),
        }
    }
    for signature in signatures(from_start()?) {
        let DerivedMember { name, content } = signature?;
        let size = content.len() as u64;
        add(&mut archive, &stem.join(name), size, content.as_slice())?;
    }
    Ok((archive.into_inner()?, left_out))
}

/// The attachments of a log: their names, lengths and digests.
type AttachmentIndex = BTreeMap<String, (u64, Sha256Hex)>;

fn attachments(log: impl BufRead) -> io::Result<AttachmentIndex> {
    let mut named = AttachmentIndex::new();
    for line in LogLines::new(log) {
        let line = line?;
        let Some(entry) = Entry::read(&line.bytes).ok().filter(|_| line.is_terminated) else { continue };
        let attachment = match entry.event {
            Event::Recovered(event) => event.torn.map(|torn| (torn.file, (torn.bytes, torn.sha256))),
            Event::ActionFinished(event) => {
                event.output.map(|output| (output.file, (output.bytes, output.sha256)))
            }
            _ => None,
        };
        named.extend(attachment);
    }
    Ok(named)
}

/// Adds a member whose header has nothing of this machine or this moment.
fn add(archive: &mut Builder<impl Write>, name: &Path, size: u64, content: impl Read) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    archive.append_data(&mut header, name, content)
}

/// A bundle's file that follows from the log.
struct DerivedMember {
    /// Within the bundle's directory.
    name: String,
    content: Vec<u8>,
}

/// For each signed line, the bytes that were signed, and the signature as `ssh-keygen` reads it.
fn signatures(log: impl BufRead) -> impl Iterator<Item = io::Result<DerivedMember>> {
    LogLines::new(log).flat_map(|line| {
        let line = match line {
            Ok(line) => line,
            Err(error) => return vec![Err(error)],
        };
        let entry = Entry::read(&line.bytes).ok().filter(|_| line.is_terminated);
        let signed = entry.and_then(|entry| Some((entry.signed_part(&line.bytes)?, entry.sig?)));
        let Some((message, signature)) = signed else { return Vec::new() };
        let member = |end: &str, content| {
            Ok(DerivedMember { name: format!("signatures/{:06}.{end}", line.position.line), content })
        };
        vec![member("msg", message), member("sig", armored(&signature).into_bytes())]
    })
}

fn armored(signature: &str) -> String {
    let lines = signature.as_bytes().chunks(ARMOR_WIDTH).map(String::from_utf8_lossy).collect::<Vec<_>>();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

/// Unpacks a bundle into an empty private directory, and returns the log's path. The bundle must be exactly what
/// [`write`] makes of that log.
///
/// # Errors
/// When it cannot be read, or has content that no bundle has.
pub fn unpack(mut bundle: &File, into: &Path) -> Result<PathBuf, BundleError> {
    bundle.rewind()?;
    let mut unpacked = Unpacker::default();
    let log = unpacked.extract_all(bundle, into)?;
    bundle.rewind()?;
    compare(bundle, &log, &unpacked.members)?;
    Ok(log)
}

/// The state of unpacking.
#[derive(Default)]
struct Unpacker {
    /// The offset of each member in the archive, and its name.
    members: BTreeMap<u64, String>,
    names: BTreeSet<PathBuf>,
    total: u64,
}

impl Unpacker {
    fn extract_all(&mut self, bundle: &File, into: &Path) -> Result<PathBuf, BundleError> {
        let mut archive = Archive::new(GzDecoder::new(BufReader::new(bundle)).take(MAX_UNPACKED));
        let mut members = archive.entries()?;
        let first = members.next().ok_or_else(|| format_error("it is empty"))??;
        let (stem, name) = self.check_member(&first)?;
        if Some(name.as_str()) != stem.to_str().map(|stem| format!("{stem}.jsonl")).as_deref() {
            return Err(format_error("its first file is not the log"));
        }
        if first.size() > MAX_LOG {
            return Err(format_error(format!("its log is larger than {} MiB", MAX_LOG >> 20)));
        }
        let directory = Directory::open_own(into)?;
        extract_log(first, directory.create(&name)?)?;
        let log = into.join(&name);
        let named = attachments(BufReader::new(directory.read(&name)?))?;
        let mut expected = signatures(BufReader::new(directory.read(&name)?));
        for member in members {
            let member = member?;
            let (directory, name) = self.check_member(&member)?;
            let inner = directory
                .strip_prefix(&stem)
                .map_err(|_| format_error("it contains more than one directory"))?;
            if inner == Path::new("signatures") {
                check_same(member, &format!("signatures/{name}"), expected.next().transpose()?)?;
                continue;
            }
            if self.names.len() > MAX_ATTACHMENTS {
                return Err(format_error(format!("it holds more than {MAX_ATTACHMENTS} attachments")));
            }
            let length = named.get(&*inner.join(&name).to_string_lossy()).map(|(bytes, _)| *bytes);
            if inner != attachments::directory(Path::new(log.file_name().unwrap_or_default()))
                || length.is_none()
            {
                let shown = crate::text::line(&directory.join(&name).display().to_string());
                return Err(format_error(format!(
                    "{shown} does not belong there: the log has no such attachment"
                )));
            }
            extract(member, &name, length, &into.join(inner))?;
        }
        match expected.next().transpose()? {
            None => Ok(log),
            Some(missing) => Err(format_error(format!("{} is missing", missing.name))),
        }
    }

    /// The directory and the name of a member. It must be a regular file, and its name unique.
    fn check_member(&mut self, member: &tar::Entry<impl Read>) -> Result<(PathBuf, String), BundleError> {
        let (directory, name) = member_path(member)?;
        let shown = crate::text::line(&directory.join(&name).display().to_string());
        self.total = self.total.saturating_add(member.size());
        if self.total > MAX_UNPACKED {
            return Err(format_error(format!("{shown}: it unpacks to more than {} MiB", MAX_UNPACKED >> 20)));
        }
        if !self.names.insert(directory.join(&name)) {
            return Err(format_error(format!("it holds {shown} twice")));
        }
        self.members.insert(member.raw_header_position(), shown);
        Ok((directory, name))
    }
}

fn format_error(what: impl Into<String>) -> BundleError {
    BundleError::Format(what.into())
}

/// The directory and the name of a member. It must be a regular file.
fn member_path(member: &tar::Entry<impl Read>) -> Result<(PathBuf, String), BundleError> {
    let path = member.path()?.into_owned();
    let shown = crate::text::line(&path.display().to_string());
    let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if member.header().entry_type() != EntryType::Regular || !plain {
        return Err(format_error(format!("{shown} is not a regular file in its directory")));
    }
    match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
        (Some(directory), Some(name)) => Ok((directory.to_owned(), name.to_owned())),
        _ => Err(format_error(format!("{shown} has no name"))),
    }
}

/// Line by line, so that content that is not a log is noticed early.
fn extract_log(member: tar::Entry<impl Read>, mut to: File) -> Result<(), BundleError> {
    let size = member.size();
    let mut written = 0;
    for line in LogLines::new(BufReader::new(member)) {
        let line = line?;
        if line.is_too_long {
            return Err(format_error(format!(
                "line {} of its log exceeds the line limit",
                line.position.line
            )));
        }
        to.write_all(&line.bytes)?;
        to.write_all(if line.is_terminated { b"\n" } else { b"" })?;
        written += line.bytes.len() as u64 + u64::from(line.is_terminated);
    }
    if written == size { Ok(()) } else { Err(format_error("it ends too early")) }
}

fn extract(
    mut member: tar::Entry<impl Read>,
    name: &str,
    length: Option<u64>,
    into: &Path,
) -> Result<(), BundleError> {
    let size = member.size();
    if Some(size) != length {
        let shown = crate::text::line(name);
        return Err(format_error(format!("{shown} has {size} bytes; the log says otherwise")));
    }
    let mut file = Directory::create_own(into)?.create(name)?;
    if io::copy(&mut member, &mut file)? == size { Ok(()) } else { Err(format_error("it ends too early")) }
}

fn check_same(
    mut member: tar::Entry<impl Read>,
    name: &str,
    expected: Option<DerivedMember>,
) -> Result<(), BundleError> {
    let expected =
        expected.filter(|expected| expected.name == name && expected.content.len() as u64 == member.size());
    let other = || format_error(format!("{} does not match the log", crate::text::line(name)));
    let expected = expected.ok_or_else(other)?;
    let mut content = Vec::new();
    member.read_to_end(&mut content)?;
    if content == expected.content { Ok(()) } else { Err(other()) }
}

#[cfg(test)]
mod tests;
