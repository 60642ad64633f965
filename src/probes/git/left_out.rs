//! What a work tree does not have although it is clean: submodules that are not checked out, and the rest of a sparse
//! checkout.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::super::error::ProbeResult;
use super::checkout::{Checkout, display_path};
use super::index::{self, SUBMODULE_MODE};
use gonogo_core::text;

/// How many submodules are named.
const MAX_NAMED: usize = 5;

impl Checkout<'_> {
    /// The parts of the commit that are not in the work tree, for people.
    pub(super) async fn left_out(&self) -> ProbeResult<Vec<String>> {
        let layout = self.layout().await?;
        let top = Checkout { directory: &layout.top, ..*self };
        let entries = index::entries(&top.answer(&["ls-files", "--stage", "-t", "-z"]).await?)?;
        let path = |entry: &index::IndexEntry| layout.top.join(OsStr::from_bytes(&entry.path));
        let is_absent = |entry: &&index::IndexEntry| path(entry).symlink_metadata().is_err();
        let sparse = entries.iter().filter(|entry| entry.may_be_absent).filter(is_absent).count();
        let is_empty = |entry: &&index::IndexEntry| path(entry).join(".git").symlink_metadata().is_err();
        let submodules = entries.iter().filter(|entry| entry.mode == SUBMODULE_MODE).filter(is_empty);
        let submodules: Vec<_> = submodules.map(|entry| display_path(&entry.path)).collect();
        let mut parts = Vec::new();
        if sparse > 0 {
            parts.push(format!("{} outside of a sparse checkout", text::count(sparse, "file")));
        }
        if !submodules.is_empty() {
            let named = submodules.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let count = text::count(submodules.len(), "submodule");
            parts.push(format!("{count}, not checked out ({named})"));
        }
        Ok(parts)
    }
}
