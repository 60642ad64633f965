//! What a work tree does not have although it is clean: submodules that are not checked out, the content of large files,
//! and the rest of a sparse checkout.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::super::error::ProbeResult;
use super::super::judging;
use super::checkout::{Checkout, display_path};
use super::index::{self, IndexEntry, LINK_MODE, SUBMODULE_MODE};
use gonogo_core::files::open_regular_no_follow;
use gonogo_core::text;

/// How many files are named.
const MAX_NAMED: usize = 5;
/// The begin of a pointer of Git LFS: <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// The length of a pointer is below this, in bytes.
const MAX_POINTER: u64 = 1024;

impl Checkout<'_> {
    /// The parts of the commit that are not in the work tree, for people.
    pub(super) async fn left_out(&self) -> ProbeResult<Vec<String>> {
        let layout = self.layout().await?;
        let top = Checkout { directory: &layout.top, ..*self };
        let entries = index::entries(&top.answer(&["ls-files", "--stage", "-t", "-z"]).await?)?;
        let find = move || parts(&layout.top, &entries);
        judging::on_blocking_thread("the work tree", self.deadline, find).await
    }
}

fn parts(top: &Path, entries: &[IndexEntry]) -> Vec<String> {
    let path = |entry: &IndexEntry| top.join(OsStr::from_bytes(&entry.path));
    let is_absent = |entry: &&IndexEntry| entry.may_be_absent && path(entry).symlink_metadata().is_err();
    let is_empty = |entry: &&IndexEntry| {
        entry.mode == SUBMODULE_MODE && path(entry).join(".git").symlink_metadata().is_err()
    };
    let is_file = |entry: &&IndexEntry| entry.mode != SUBMODULE_MODE && entry.mode != LINK_MODE;
    let is_unfetched = |entry: &&IndexEntry| is_pointer(&path(entry)).unwrap_or(false);
    let names = |entries: Vec<&IndexEntry>| {
        let named = entries.iter().take(MAX_NAMED).map(|entry| display_path(&entry.path));
        named.collect::<Vec<_>>().join(", ")
    };
    let sparse = entries.iter().filter(is_absent).count();
    let submodules: Vec<_> = entries.iter().filter(is_empty).collect();
    let pointers: Vec<_> = entries.iter().filter(is_file).filter(is_unfetched).collect();
    let mut parts = Vec::new();
    if sparse > 0 {
        parts.push(format!("{} outside of a sparse checkout", text::count(sparse, "file")));
    }
    if !submodules.is_empty() {
        let count = text::count(submodules.len(), "submodule");
        parts.push(format!("{count}, not checked out ({})", names(submodules)));
    }
    if !pointers.is_empty() {
        let count = text::count(pointers.len(), "file");
        parts.push(format!("the content of {count}, which Git LFS has not fetched ({})", names(pointers)));
    }
    parts
}

/// Whether a file is only a pointer to its content.
fn is_pointer(path: &Path) -> std::io::Result<bool> {
    if path.symlink_metadata()?.len() >= MAX_POINTER {
        return Ok(false);
    }
    let mut begin = Vec::new();
    open_regular_no_follow(path)?.take(POINTER.len() as u64).read_to_end(&mut begin)?;
    Ok(begin == POINTER)
}
