//! The programs that a checkout's own configuration names. None of them runs here; whoever works in the checkout with
//! git should know them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::super::error::ProbeResult;
use super::checkout::Checkout;
use super::index::nul_separated;
use gonogo_core::text::line;

/// Keys of git-config(1) whose value is a program, or a directory of programs; `*` matches a name. Git writes sections
/// and the last part in lower case.
const PROGRAM_KEYS: [(&str, bool, &[&str]); 13] = [
    ("core", false, &["fsmonitor", "hookspath", "sshcommand", "gitproxy", "pager", "editor", "askpass"]),
    ("core", false, &["alternaterefscommand"]),
    ("credential", false, &["helper"]),
    ("credential", true, &["helper"]),
    ("diff", false, &["external"]),
    ("diff", true, &["command", "textconv"]),
    ("filter", true, &["clean", "smudge", "process"]),
    ("gpg", false, &["program"]),
    ("gpg", true, &["program"]),
    ("merge", true, &["driver"]),
    ("remote", true, &["uploadpack", "receivepack", "vcs"]),
    ("sequence", false, &["editor"]),
    ("uploadpack", false, &["packobjectshook"]),
];
/// How deep submodules may lie in each other.
const MAX_DEPTH: usize = 4;

impl Checkout<'_> {
    /// The settings of the checkout and its submodules that name programs, and its hooks.
    pub(super) async fn programs(&self) -> ProbeResult<BTreeSet<String>> {
        let common = self.answer(&["rev-parse", "--git-common-dir"]).await?;
        // A relative path is relative to the directory that git ran in.
        let common = self.directory.join(OsStr::from_bytes(common.trim_ascii_end()));
        let mut names = programs(&self.answer(&listing(&["--local"])).await?);
        names.extend(hooks(&common));
        for config in submodules(&common.join("modules"), MAX_DEPTH) {
            let Some(file) = config.to_str() else { continue };
            names.extend(programs(&self.answer(&listing(&["--file", file])).await?));
        }
        Ok(names)
    }
}

/// The command that lists the names of settings, those of included files too.
fn listing<'a>(of: &[&'a str]) -> Vec<&'a str> {
    [&["config"], of, &["--includes", "--name-only", "--list", "-z"]].concat()
}

fn programs(listed: &[u8]) -> BTreeSet<String> {
    let keys = nul_separated(listed).map(|key| line(&String::from_utf8_lossy(key)));
    keys.filter(|key| is_program(key)).collect()
}

fn is_program(key: &str) -> bool {
    let Some((section, rest)) = key.split_once('.') else { return false };
    let (name, last) = rest.rsplit_once('.').map_or((None, rest), |(name, last)| (Some(name), last));
    let names = |(of, is_named, keys): &(&str, bool, &[&str])| {
        *of == section && *is_named == name.is_some() && keys.contains(&last)
    };
    PROGRAM_KEYS.iter().any(names)
}

/// Files that git would run, where its configuration names no other directory.
fn hooks(common: &Path) -> impl Iterator<Item = String> {
    let is_hook = |file: &DirEntry| {
        let is_program = file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
        is_program && file.path().extension().is_none_or(|extension| extension != "sample")
    };
    let files = fs::read_dir(common.join("hooks")).into_iter().flatten().flatten();
    files.filter(is_hook).map(|file| line(&format!("hooks/{}", file.file_name().to_string_lossy())))
}

/// The configurations of submodules: their repositories lie below this directory.
fn submodules(directory: &Path, depth: usize) -> Vec<PathBuf> {
    if directory.join("HEAD").is_file() {
        let within = submodules(&directory.join("modules"), depth);
        return [vec![directory.join("config")], within].concat();
    }
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    let below = fs::read_dir(directory).into_iter().flatten().flatten();
    let directories = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.flat_map(|entry| submodules(&entry.path(), depth)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_name_programs_are_recognized() {
        let program_keys =
            ["core.fsmonitor", "filter.x.clean", "filter.a.b.process", "diff.external", "credential.helper"];
        let other_keys = [
            "core.bare",
            "filter.x.required",
            "diff.renames",
            "remote.origin.url",
            "core",
            "x.core.fsmonitor",
        ];
        assert!(program_keys.iter().all(|key| is_program(key)));
        assert!(!other_keys.iter().any(|key| is_program(key)));
    }
}
