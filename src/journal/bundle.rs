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
use super::entry::{Entry, Event};
use super::read::Lines;
use super::side;

use crate::error::{ErrorKind, HasKind};
use crate::files::directory::Directory;
use crate::outcome::Sha256Hex;

/// The maximum unpacked size of a bundle, in bytes.
const LARGEST: u64 = 2 * 1024 * 1024 * 1024;
/// The maximum size of a log in a bundle, in bytes.
const LARGEST_LOG: u64 = 256 * 1024 * 1024;
/// The maximum number of attachments in a bundle.
const MOST: usize = 10_000;
/// The line length of an armored signature.
const ARMOR: usize = 70;

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
    for (kept, (bytes, sha256)) in attachments(from_start()?)? {
        match side::held(log, &kept, bytes, sha256) {
            Ok(content) => add(&mut archive, &stem.join(&kept), bytes, content.take(bytes))?,
            Err(why) => left_out.push(why.to_string()),
        }
    }
    for signature in signatures(from_start()?) {
        let Member { name, content } = signature?;
        let size = content.len() as u64;
        add(&mut archive, &stem.join(name), size, content.as_slice())?;
    }
    Ok((archive.into_inner()?, left_out))
}

/// The attachments of a log: their names, lengths and digests.
type Attachments = BTreeMap<String, (u64, Sha256Hex)>;

fn attachments(log: impl BufRead) -> io::Result<Attachments> {
    let mut named = Attachments::new();
    for line in Lines::new(log) {
        let line = line?;
        let Some(entry) = Entry::read(&line.bytes).ok().filter(|_| line.ended) else { continue };
        let attachment = match entry.event {
            Event::Recovered(event) => event.torn.map(|torn| (torn.kept, (torn.bytes, torn.sha256))),
            Event::ActionFinished(event) => {
                event.output.map(|output| (output.kept, (output.bytes, output.sha256)))
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
struct Member {
    /// Within the bundle's directory.
    name: String,
    content: Vec<u8>,
}

/// For each signed line, the bytes that were signed, and the signature as `ssh-keygen` reads it.
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

/// Unpacks a bundle into an empty private directory, and returns the log's path. The bundle must be exactly what
/// [`write`] makes of that log.
///
/// # Errors
/// When it cannot be read, or has content that no bundle has.
pub fn unpack(mut bundle: &File, into: &Path) -> Result<PathBuf, BundleError> {
    bundle.rewind()?;
    let mut unpacked = Unpacked::default();
    let log = unpacked.take_out(bundle, into)?;
    bundle.rewind()?;
    compare(bundle, &log, &unpacked.members)?;
    Ok(log)
}

/// The state of unpacking.
#[derive(Default)]
struct Unpacked {
    /// The offset of each member in the archive, and its name.
    members: BTreeMap<u64, String>,
    names: BTreeSet<PathBuf>,
    total: u64,
}

impl Unpacked {
    fn take_out(&mut self, bundle: &File, into: &Path) -> Result<PathBuf, BundleError> {
        let mut archive = Archive::new(GzDecoder::new(BufReader::new(bundle)).take(LARGEST));
        let mut members = archive.entries()?;
        let first = members.next().ok_or_else(|| form("it is empty"))??;
        let (stem, name) = self.place(&first)?;
        if Some(name.as_str()) != stem.to_str().map(|stem| format!("{stem}.jsonl")).as_deref() {
            return Err(form("its first file is not the log"));
        }
        if first.size() > LARGEST_LOG {
            return Err(form(format!("its log is larger than {} MiB", LARGEST_LOG >> 20)));
        }
        let directory = Directory::open_own(into)?;
        take_out_log(first, directory.create(&name)?)?;
        let log = into.join(&name);
        let named = attachments(BufReader::new(directory.read(&name)?))?;
        let mut expected = signatures(BufReader::new(directory.read(&name)?));
        for member in members {
            let member = member?;
            let (directory, name) = self.place(&member)?;
            let inner =
                directory.strip_prefix(&stem).map_err(|_| form("it holds more than one directory"))?;
            if inner == Path::new("signatures") {
                same(member, &format!("signatures/{name}"), expected.next().transpose()?)?;
                continue;
            }
            if self.names.len() > MOST {
                return Err(form(format!("it holds more than {MOST} attachments")));
            }
            let length = named.get(&*inner.join(&name).to_string_lossy()).map(|(bytes, _)| *bytes);
            if inner != side::directory(Path::new(log.file_name().unwrap_or_default())) || length.is_none() {
                let shown = crate::text::line(&directory.join(&name).display().to_string());
                return Err(form(format!("{shown} does not belong there: the log has no such attachment")));
            }
            take_out(member, &name, length, &into.join(inner))?;
        }
        match expected.next().transpose()? {
            None => Ok(log),
            Some(missing) => Err(form(format!("{} is missing", missing.name))),
        }
    }

    /// The directory and the name of a member. It must be a regular file, and its name unique.
    fn place(&mut self, member: &tar::Entry<impl Read>) -> Result<(PathBuf, String), BundleError> {
        let (directory, name) = place(member)?;
        let shown = crate::text::line(&directory.join(&name).display().to_string());
        self.total = self.total.saturating_add(member.size());
        if self.total > LARGEST {
            return Err(form(format!("{shown}: it unpacks to more than {} MiB", LARGEST >> 20)));
        }
        if !self.names.insert(directory.join(&name)) {
            return Err(form(format!("it holds {shown} twice")));
        }
        self.members.insert(member.raw_header_position(), shown);
        Ok((directory, name))
    }
}

fn form(what: impl Into<String>) -> BundleError {
    BundleError::Form(what.into())
}

/// The directory and the name of a member. It must be a regular file.
fn place(member: &tar::Entry<impl Read>) -> Result<(PathBuf, String), BundleError> {
    let path = member.path()?.into_owned();
    let shown = crate::text::line(&path.display().to_string());
    let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if member.header().entry_type() != EntryType::Regular || !plain {
        return Err(form(format!("{shown} is not a regular file in its directory")));
    }
    match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
        (Some(directory), Some(name)) => Ok((directory.to_owned(), name.to_owned())),
        _ => Err(form(format!("{shown} has no name"))),
    }
}

/// Line by line, so that content that is not a log is noticed early.
fn take_out_log(member: tar::Entry<impl Read>, mut to: File) -> Result<(), BundleError> {
    let size = member.size();
    let mut written = 0;
    for line in Lines::new(BufReader::new(member)) {
        let line = line?;
        if line.endless {
            return Err(form(format!("line {} of its log exceeds the line limit", line.position.line)));
        }
        to.write_all(&line.bytes)?;
        to.write_all(if line.ended { b"\n" } else { b"" })?;
        written += line.bytes.len() as u64 + u64::from(line.ended);
    }
    if written == size { Ok(()) } else { Err(form("it ends too early")) }
}

fn take_out(
    mut member: tar::Entry<impl Read>,
    name: &str,
    length: Option<u64>,
    into: &Path,
) -> Result<(), BundleError> {
    let size = member.size();
    if Some(size) != length {
        let shown = crate::text::line(name);
        return Err(form(format!("{shown} has {size} bytes; the log says otherwise")));
    }
    let mut file = Directory::make(into)?.create(name)?;
    if io::copy(&mut member, &mut file)? == size { Ok(()) } else { Err(form("it ends too early")) }
}

fn same(mut member: tar::Entry<impl Read>, name: &str, expected: Option<Member>) -> Result<(), BundleError> {
    let expected =
        expected.filter(|expected| expected.name == name && expected.content.len() as u64 == member.size());
    let other = || form(format!("{} does not match the log", crate::text::line(name)));
    let expected = expected.ok_or_else(other)?;
    let mut content = Vec::new();
    member.read_to_end(&mut content)?;
    if content == expected.content { Ok(()) } else { Err(other()) }
}

#[cfg(test)]
mod tests;
