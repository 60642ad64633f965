//! Work files against the index: read by this program, so that no filter is needed.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::OFlags;

use super::super::error::ProbeResult;
use super::attributes::{Conversion, GitSettings};
use super::blob::{ObjectFormat, TextStats};
use super::index::{IndexEntry, LINK_MODE, SUBMODULE_MODE};

/// The execute permission that git keeps: the owner's.
const OWNER_EXECUTE: u32 = 0o100;

/// How a work file differs from the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileDifference {
    /// It is missing.
    Gone,
    /// It is a link, a directory, a pipe, or may be executed, and the index says otherwise; or it is in conflict.
    Kind,
    /// Its bytes differ. A conversion may be the cause.
    Content,
}

impl FileDifference {
    /// As `git status` writes it.
    pub(super) fn letter(self) -> char {
        match self {
            Self::Gone => 'D',
            Self::Kind | Self::Content => 'M',
        }
    }
}

/// The result of comparing the work files.
pub(super) struct WorkTreeResult {
    pub(super) differ: Vec<(IndexEntry, FileDifference)>,
    /// Those that exist.
    pub(super) submodules: Vec<IndexEntry>,
}

/// The result of comparing the contents of files that differ byte for byte.
#[derive(Default)]
pub(super) struct ContentResult {
    /// Those with different content.
    pub(super) differ: Vec<Vec<u8>>,
    /// Those that could not be compared, with the reason.
    pub(super) unknown: Vec<(Vec<u8>, String)>,
    /// Those that differ in line endings only, with the length of the file in bytes.
    pub(super) line_ends: Vec<(Vec<u8>, u64)>,
}

/// Compares every file byte for byte. The times in the index are not used: an entry can be
/// marked as unchanged.
pub(super) async fn compare(
    top: PathBuf,
    entries: Vec<IndexEntry>,
    format: ObjectFormat,
    settings: GitSettings,
) -> ProbeResult<WorkTreeResult> {
    off_thread(move |stop| {
        let mut tree = WorkTree { top, directories: HashSet::new(), stop };
        let (mut differ, mut submodules) = (Vec::new(), Vec::new());
        for entry in entries {
            match tree.compare(&entry, format, settings)? {
                Some(how) => differ.push((entry, how)),
                None if entry.mode == SUBMODULE_MODE => submodules.push(entry),
                None => {}
            }
        }
        Ok(WorkTreeResult { differ, submodules })
    })
    .await
}

/// Compares files with different bytes again, each converted as for a commit.
pub(super) async fn compare_converted(
    top: PathBuf,
    entries: Vec<IndexEntry>,
    format: ObjectFormat,
    conversions: BTreeMap<Vec<u8>, Conversion>,
) -> ProbeResult<ContentResult> {
    off_thread(move |stop| {
        let tree = WorkTree { top, directories: HashSet::new(), stop };
        let mut result = ContentResult::default();
        for entry in entries {
            match conversions.get(&entry.path).unwrap_or(&Conversion::None) {
                Conversion::Unknown(why) => result.unknown.push((entry.path, why.clone())),
                conversion if !tree.is_same(&entry, format, conversion)? => result.differ.push(entry.path),
                Conversion::Lfs => {}
                _ => {
                    let (_, length) = tree.open(&entry.path)?;
                    result.line_ends.push((entry.path, length));
                }
            }
        }
        Ok(result)
    })
    .await
}

/// Reads files on another thread, which stops soon after the future is dropped.
async fn off_thread<T: Send + 'static>(
    read: impl FnOnce(Arc<AtomicBool>) -> io::Result<T> + Send + 'static,
) -> ProbeResult<T> {
    struct StopReading(Arc<AtomicBool>);
    impl Drop for StopReading {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = StopReading(Arc::default());
    let stop_flag = Arc::clone(&stop.0);
    let result = tokio::task::spawn_blocking(move || read(stop_flag)).await;
    drop(stop);
    Ok(result??)
}

struct WorkTree {
    top: PathBuf,
    /// Those that are known to be directories, and no links to some.
    directories: HashSet<PathBuf>,
    stop: Arc<AtomicBool>,
}

impl WorkTree {
    fn compare(
        &mut self,
        entry: &IndexEntry,
        format: ObjectFormat,
        settings: GitSettings,
    ) -> io::Result<Option<FileDifference>> {
        if entry.is_unmerged {
            return Ok(Some(FileDifference::Kind));
        }
        let Some(metadata) = self.about(&entry.path)? else {
            let is_left_out = entry.may_be_absent && settings.is_sparse;
            return Ok((!is_left_out).then_some(FileDifference::Gone));
        };
        if entry.mode == SUBMODULE_MODE {
            return Ok((!metadata.is_dir()).then_some(FileDifference::Kind));
        }
        if metadata.is_symlink() != (entry.mode == LINK_MODE) && (metadata.is_symlink() || settings.symlinks)
        {
            return Ok(Some(FileDifference::Kind));
        }
        if metadata.is_symlink() {
            let target = std::fs::read_link(self.path(&entry.path))?.into_os_string().into_vec();
            let id = format.id(target.len() as u64, &target[..])?;
            return Ok((id != entry.id).then_some(FileDifference::Kind));
        }
        let is_other = settings.file_mode
            && entry.mode != LINK_MODE
            && (metadata.mode() ^ entry.mode) & OWNER_EXECUTE != 0;
        if !metadata.is_file() || is_other {
            return Ok(Some(FileDifference::Kind));
        }
        let (file, length) = self.open(&entry.path)?;
        Ok((format.id(length, file)? != entry.id).then_some(FileDifference::Content))
    }

    fn is_same(&self, entry: &IndexEntry, format: ObjectFormat, conversion: &Conversion) -> io::Result<bool> {
        let open = || self.open(&entry.path).map(|(file, _)| file);
        let id = match conversion {
            Conversion::None | Conversion::Unknown(_) => return Ok(false),
            Conversion::Lfs => format.id_of_pointer(open()?)?,
            Conversion::Text | Conversion::Auto => {
                let stats = TextStats::of(open()?)?;
                if *conversion == Conversion::Auto && stats.is_binary() {
                    return Ok(false);
                }
                format.id_of_text(&stats, open()?)?
            }
        };
        Ok(id == entry.id)
    }

    fn path(&self, path: &[u8]) -> PathBuf {
        self.top.join(OsStr::from_bytes(path))
    }

    /// The file's metadata, if its path has directories only: git treats what lies behind a link as missing.
    fn about(&mut self, path: &[u8]) -> io::Result<Option<Metadata>> {
        let path = self.path(path);
        let above: Vec<&Path> = path.ancestors().skip(1).take_while(|above| *above != self.top).collect();
        for directory in above.into_iter().rev() {
            if !self.directories.contains(directory) {
                match metadata_if_exists(directory)? {
                    Some(metadata) if metadata.is_dir() => self.directories.insert(directory.to_owned()),
                    _ => return Ok(None),
                };
            }
        }
        metadata_if_exists(&path)
    }

    /// Opens a regular file without blocking on others.
    fn open(&self, path: &[u8]) -> io::Result<(CancellableReader<'_>, u64)> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        let path = self.path(path);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&path).map_err(named)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(named(io::Error::other("no longer a regular file")));
        }
        Ok((CancellableReader { file, stop: &self.stop }, metadata.len()))
    }
}

fn metadata_if_exists(path: &Path) -> io::Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

/// A file; reading it fails once `stop` is set.
struct CancellableReader<'a> {
    file: File,
    stop: &'a AtomicBool,
}

impl Read for CancellableReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("the probe has ended"));
        }
        self.file.read(into)
    }
}
