//! Clean checkouts of all kinds, and changes in them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use gonogo_core::outcome::Outcome;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::support::checkout::Checkout;
use crate::support::need;

const CLEAN: &str = "✓ work tree | clean | clean";

fn run_probe(at: &Path) -> Outcome {
    run_probe_within(DEADLINE, "git", &json!({"repository": at, "tag": "v1"}))
}

#[track_caller]
fn assert_changed(at: &Path, lines: &str) {
    assert_fail(&run_probe(at), &[&format!("✗ work tree | clean | {lines}")]);
}

#[track_caller]
fn git(at: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"];
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").arg("-C").arg(at).args(identity).args(arguments);
    let output = git.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository with files of every kind.
fn origin() -> Checkout {
    let origin = Checkout::new();
    let at = origin.path();
    fs::create_dir_all(at.join("dir/deep")).unwrap();
    fs::write(at.join("dir/deep/text"), "a\nb\n").unwrap();
    fs::write(at.join("binary"), b"a\0\r\n").unwrap();
    fs::write(at.join("empty"), "").unwrap();
    fs::write(at.join("run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(at.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("dir/deep", at.join("link")).unwrap();
    fs::write(at.join(".gitignore"), "ignored\n").unwrap();
    origin.commit("two");
    origin.git(&["tag", "-f", "v1"]);
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    origin
}

#[track_caller]
fn cloned(origin: &Checkout, arguments: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", origin.path().display());
    let arguments = [&["clone", "-q"], arguments, &[&url, "clone"]].concat();
    git(dir.path(), &arguments);
    dir
}

#[test]
fn clones_of_all_kinds_are_clean_until_a_file_changes() {
    need!("git");
    let origin = origin();
    for arguments in [
        &[][..],
        &["--filter=blob:none"],
        &["--filter=blob:none", "--depth=1"],
        &["--depth=1"],
        &["-c", "core.autocrlf=true"],
        &["-c", "core.autocrlf=input"],
        &["-c", "core.eol=crlf"],
        &["-c", "core.fileMode=false"],
        &["-c", "core.symlinks=false"],
        &["--sparse"],
    ] {
        let dir = cloned(&origin, arguments);
        let at = dir.path().join("clone");
        fs::write(at.join("ignored"), "x").unwrap();
        assert_pass(&run_probe(&at), &[CLEAN]);
        assert_pass(&run_probe(&at.join(if at.join("dir").exists() { "dir" } else { "" })), &[CLEAN]);
        fs::write(at.join("file"), "changed").unwrap();
        fs::remove_file(at.join("binary")).unwrap();
        fs::create_dir(at.join("more")).unwrap();
        fs::write(at.join("more/x"), "x").unwrap();
        assert_changed(&at, "3 files changed or untracked: D binary, M file, ?? more/");
    }
}

#[test]
fn sparse_files_and_uninitialized_submodules_are_recorded() {
    need!("git");
    let (origin, inner) = (origin(), Checkout::new());
    let sparse = cloned(&origin, &["--sparse"]);
    let line = "✓ not in the work tree | recorded | 1 file outside of a sparse checkout";
    assert_pass(&run_probe(&sparse.path().join("clone")), &[CLEAN, line]);
    git(origin.path(), &["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "inner"]);
    origin.commit("three");
    origin.git(&["tag", "-f", "v1"]);
    let dir = cloned(&origin, &[]);
    let line = "✓ not in the work tree | recorded | 1 submodule, not checked out (inner)";
    assert_pass(&run_probe(&dir.path().join("clone")), &[CLEAN, line]);
}

#[test]
fn the_reason_for_a_missing_tag_is_reported() {
    need!("git");
    let origin = origin();
    let assert_missing = |at: &Path, tag: &str, line: &str| {
        let outcome = run_probe_within(DEADLINE, "git", &json!({"repository": at, "tag": tag}));
        assert_fail(&outcome, &[&format!("✗ tag {tag} | names a commit | "), line]);
    };
    let shallow = cloned(&origin, &["--depth=1", "--no-tags"]);
    let at = shallow.path().join("clone");
    assert_missing(&at, "v1", "clone; a shallow clone without tags (git fetch --tags)");
    let bare = cloned(&origin, &["--no-tags"]);
    assert_missing(&bare.path().join("clone"), "v1", "clone; it has no tags (git fetch --tags)");
    origin.git(&["tag", "v1.4.0"]);
    assert_missing(origin.path(), "v1.40", "; similar name: v1.4.0");
    origin.git(&["tag", "tree", "HEAD^{tree}"]);
    assert_missing(origin.path(), "tree", "the tag names no commit in the checkout ");
}

#[test]
fn linked_work_trees_and_sha256_repositories_are_clean() {
    need!("git");
    let origin = origin();
    let dir = tempfile::tempdir().unwrap();
    let linked = dir.path().join("linked");
    git(origin.path(), &["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    assert_pass(&run_probe(&linked), &[CLEAN]);
    fs::write(linked.join("empty"), "x").unwrap();
    assert_changed(&linked, "1 file changed or untracked: M empty");
    let long = dir.path().join("long");
    git(dir.path(), &["init", "-q", "--object-format=sha256", "long"]);
    fs::write(long.join("file"), "x").unwrap();
    git(&long, &["add", "."]);
    assert_changed(&long, "1 file changed or untracked: A file");
    git(&long, &["commit", "-q", "-m", "x"]);
    git(&long, &["tag", "v1"]);
    assert_pass(&run_probe(&long), &[CLEAN]);
}

#[track_caller]
fn assert_change_reported(change: impl Fn(&Path), lines: &str) {
    let dir = cloned(&origin(), &[]);
    let at = dir.path().join("clone");
    change(&at);
    assert_changed(&at, lines);
}

/// Files that only the local settings of the checkout ignore are not part of the commit.
#[test]
fn files_ignored_only_by_local_settings_are_reported() {
    need!("git");
    let line = "1 file changed or untracked: ?? extra.py";
    let extra = |at: &Path| fs::write(at.join("extra.py"), "x").unwrap();
    assert_change_reported(
        |at| {
            extra(at);
            fs::write(at.join(".git/info/exclude"), "extra.py\n").unwrap();
        },
        line,
    );
    assert_change_reported(
        |at| {
            extra(at);
            let list = at.with_file_name("list");
            fs::write(&list, "extra.py\n").unwrap();
            git(at, &["config", "core.excludesFile", list.to_str().unwrap()]);
        },
        line,
    );
}

#[test]
fn changed_file_modes_and_types_are_reported() {
    need!("git");
    let mode = |at: &Path, mode| fs::set_permissions(at, fs::Permissions::from_mode(mode)).unwrap();
    let replace = |at: &Path, make: &dyn Fn(&Path)| {
        fs::remove_file(at).unwrap();
        make(at);
    };
    let assert_one_file = |change: &dyn Fn(&Path), line: &str| {
        assert_change_reported(change, &format!("1 file changed or untracked: {line}"));
    };
    assert_one_file(&|at| mode(&at.join("run"), 0o644), "M run");
    assert_one_file(&|at| mode(&at.join("file"), 0o755), "M file");
    assert_one_file(&|at| replace(&at.join("link"), &|_| ()), "D link");
    assert_one_file(&|at| replace(&at.join("link"), &|link| symlink("dir", link).unwrap()), "M link");
    assert_one_file(
        &|at| replace(&at.join("file"), &|file| symlink("/etc/hostname", file).unwrap()),
        "M file",
    );
    let make_fifo = |file: &Path| assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
    assert_one_file(&|at| replace(&at.join("file"), &make_fifo), "M file");
    // The target of a symbolic link is not part of the checkout.
    let link_to_moved = |at: &Path| {
        fs::rename(at.join("dir"), at.with_file_name("moved")).unwrap();
        symlink("../moved", at.join("dir")).unwrap();
    };
    assert_change_reported(link_to_moved, "2 files changed or untracked: D dir/deep/text, ?? dir");
}

#[test]
fn index_flags_and_timestamps_do_not_hide_changes() {
    need!("git");
    for mark in ["--assume-unchanged", "--skip-worktree"] {
        let change = |at: &Path| {
            git(at, &["update-index", mark, "file"]);
            fs::write(at.join("file"), "changed").unwrap();
        };
        assert_change_reported(change, "1 file changed or untracked: M file");
    }
    // Only in a sparse checkout may files be missing.
    let remove = |at: &Path| {
        git(at, &["update-index", "--skip-worktree", "file"]);
        fs::remove_file(at.join("file")).unwrap();
    };
    assert_change_reported(remove, "1 file changed or untracked: D file");
    // With the same size and modification time, the index would hide the change.
    let touch = |of: &Path, file: &Path| {
        assert!(Command::new("touch").arg("-r").arg(of).arg(file).status().unwrap().success());
    };
    let change = |at: &Path| {
        git(at, &["config", "core.checkStat", "minimal"]);
        let (file, stamp) = (at.join("file"), at.join("stamp"));
        touch(&file, &stamp);
        fs::write(&file, "TWO").unwrap();
        touch(&stamp, &file);
        fs::remove_file(stamp).unwrap();
    };
    assert_change_reported(change, "1 file changed or untracked: M file");
}

#[test]
fn line_ending_attributes_are_respected() {
    need!("git");
    let origin = origin();
    fs::write(origin.path().join(".gitattributes"), "text eol=crlf\nauto text=auto\nbin -text\n").unwrap();
    for name in ["text", "auto", "bin"] {
        fs::write(origin.path().join(name), "a\nb\n").unwrap();
    }
    origin.commit("three");
    origin.git(&["tag", "-f", "v1"]);
    let dir = cloned(&origin, &[]);
    let at = dir.path().join("clone");
    assert_eq!(fs::read(at.join("text")).unwrap(), b"a\r\nb\r\n");
    fs::write(at.join("auto"), "a\r\nb\r\n").unwrap();
    // `git status` reports it too, until git has read the file again.
    assert_changed(&at, "1 file changed or untracked: M auto");
    git(&at, &["add", "auto"]);
    assert_pass(&run_probe(&at), &[CLEAN]);
    fs::write(at.join("bin"), "a\r\nb\r\n").unwrap();
    assert_changed(&at, "1 file changed or untracked: M bin");
}

#[test]
fn lfs_files_are_clean_as_pointers_and_as_fetched_content() {
    need!("git", "sha256sum");
    let origin = Checkout::new();
    let content = "large content\n";
    let sha256 = gonogo_core::outcome::Sha256Hex::of(content.as_bytes());
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {}\n", content.len());
    fs::write(origin.path().join("large"), &pointer).unwrap();
    origin.commit("pointer");
    fs::write(origin.path().join(".gitattributes"), "large filter=lfs diff=lfs merge=lfs -text\n").unwrap();
    origin.commit("attributes");
    origin.git(&["tag", "-f", "v1"]);
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    for arguments in [&[][..], &["--filter=blob:none"]] {
        let dir = cloned(&origin, arguments);
        let at = dir.path().join("clone");
        let line =
            "not in the work tree | recorded | the content of 1 file, which Git LFS has not fetched (large)";
        assert_pass(&run_probe(&at), &[CLEAN, line]);
        fs::write(at.join("large"), content).unwrap();
        let fetched = run_probe(&at);
        assert_pass(&fetched, &[CLEAN]);
        assert!(!describe(&fetched).contains("not in the work tree"));
        fs::write(at.join("large"), "LARGE content\n").unwrap();
        assert_changed(&at, "1 file changed or untracked: M large");
    }
}

#[test]
fn changes_in_submodules_are_reported() {
    need!("git");
    let (origin, inner) = (origin(), origin());
    git(origin.path(), &["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "inner"]);
    origin.git(&["commit", "-q", "-m", "inner"]);
    origin.git(&["tag", "-f", "v1"]);
    // The submodule is not checked out yet.
    let dir = cloned(&origin, &[]);
    let at = dir.path().join("clone");
    assert_pass(&run_probe(&at), &[CLEAN]);
    git(&at, &["submodule", "--quiet", "update", "--init"]);
    assert_pass(&run_probe(&at), &[CLEAN]);
    let changed = "1 file changed or untracked: M inner";
    fs::write(at.join("inner/new"), "").unwrap();
    assert_changed(&at, changed);
    fs::remove_file(at.join("inner/new")).unwrap();
    fs::write(at.join("inner/file"), "changed").unwrap();
    assert_changed(&at, changed);
    git(&at.join("inner"), &["commit", "-q", "-a", "-m", "another"]);
    assert_changed(&at, changed);
    git(&at, &["submodule", "--quiet", "update"]);
    assert_pass(&run_probe(&at), &[CLEAN]);
    // The repository of the submodule is broken: git would use the outer one.
    fs::remove_file(at.join("inner/.git")).unwrap();
    fs::create_dir(at.join("inner/.git")).unwrap();
    assert_error(&run_probe(&at), &["? work tree | clean | submodule inner: "]);
}
