//! Checkouts whose own configuration runs a program: with stock git it runs, with the probe it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use gonogo_core::outcome::Class;
use serde_json::json;

use super::*;
use crate::bench::checkout::Checkout;
use crate::bench::need;

/// A trap: how it is set, so that it leaves `mark`; the stock command that springs it; how the probe ends.
pub struct Trap {
    pub name: &'static str,
    pub set: fn(&Checkout, &str),
    pub sprung_by: &'static str,
    pub ends: Class,
    /// What the probe says of it.
    pub told: &'static str,
}

const STATUS: &str = "git status";
const COMMIT: &str = "git rev-parse --verify --quiet 'refs/tags/v1^{commit}'";

pub const TRAPS: &[Trap] = &[
    Trap {
        name: "filter.clean",
        set: |at, mark| filter(at, "clean", mark),
        sprung_by: STATUS,
        ends: Class::Pass,
        told: "filter.x.clean",
    },
    Trap {
        name: "filter.process",
        set: |at, mark| filter(at, "process", mark),
        sprung_by: STATUS,
        ends: Class::Pass,
        told: "filter.x.process",
    },
    Trap {
        name: "filter of a changed file",
        set: changed,
        sprung_by: STATUS,
        ends: Class::Error,
        told: "1 file cannot be compared without running what the checkout's attributes ask for",
    },
    Trap { name: "include", set: included, sprung_by: STATUS, ends: Class::Pass, told: "filter.x.clean" },
    Trap {
        name: "core.fsmonitor",
        set: |at, mark| set(at, "core.fsmonitor", &touch(mark)),
        sprung_by: STATUS,
        ends: Class::Pass,
        told: "core.fsmonitor",
    },
    Trap {
        name: "hook",
        set: |at, mark| hook(at, ".git/hooks", mark),
        sprung_by: STATUS,
        ends: Class::Pass,
        told: "hooks/post-index-change",
    },
    Trap {
        name: "core.hooksPath",
        set: hooks_path,
        sprung_by: STATUS,
        ends: Class::Pass,
        told: "core.hookspath",
    },
    Trap {
        name: "diff.external",
        set: differs,
        sprung_by: "git diff v0",
        ends: Class::Pass,
        told: "diff.external",
    },
    Trap {
        name: "diff.textconv",
        set: converts,
        sprung_by: "git diff v0",
        ends: Class::Pass,
        told: "diff.x.textconv",
    },
    Trap {
        name: "remote.uploadpack",
        set: |at, mark| lacks(at, "uploadpack", &format!("{};", touch(mark))),
        sprung_by: COMMIT,
        ends: Class::Error,
        told: "remote.origin.uploadpack",
    },
    Trap {
        name: "core.sshCommand",
        set: ssh,
        sprung_by: COMMIT,
        ends: Class::Error,
        told: "core.sshcommand",
    },
    Trap {
        name: "remote.url ext::",
        set: ext,
        sprung_by: COMMIT,
        ends: Class::Error,
        told: "names what is not in this checkout",
    },
    Trap { name: "core.gitProxy", set: proxy, sprung_by: COMMIT, ends: Class::Error, told: "core.gitproxy" },
    Trap {
        name: "a submodule's filter",
        set: submodule,
        sprung_by: STATUS,
        ends: Class::Pass,
        told: "filter.x.clean",
    },
];

fn touch(mark: &str) -> String {
    format!("touch {mark}")
}

fn set(at: &Checkout, key: &str, value: &str) {
    at.git(&["config", key, value]);
}

/// Older than the index knows it, so that git looks into it.
fn age(file: &Path) {
    assert!(Command::new("touch").args(["-d", "2001-01-01"]).arg(file).status().unwrap().success());
}

fn filter(at: &Checkout, kind: &str, mark: &str) {
    fs::write(at.path().join(".git/info/attributes"), "* filter=x\n").unwrap();
    set(at, &format!("filter.x.{kind}"), &format!("{}; cat", touch(mark)));
    age(&at.path().join("file"));
}

fn changed(at: &Checkout, mark: &str) {
    filter(at, "clean", mark);
    fs::write(at.path().join("file"), "two").unwrap();
}

fn included(at: &Checkout, mark: &str) {
    filter(at, "clean", mark);
    fs::rename(at.path().join(".git/config"), at.path().join(".git/more")).unwrap();
    set(at, "include.path", "more");
}

fn hook(at: &Checkout, dir: &str, mark: &str) {
    let file = at.path().join(dir).join("post-index-change");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, format!("#!/bin/sh\n{}\n", touch(mark))).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    age(&at.path().join("file"));
}

fn hooks_path(at: &Checkout, mark: &str) {
    hook(at, ".git/others", mark);
    set(at, "core.hooksPath", ".git/others");
}

/// An earlier commit to compare with.
fn earlier(at: &Checkout) {
    at.git(&["tag", "v0"]);
    at.commit("two");
    at.git(&["tag", "-f", "v1"]);
}

fn differs(at: &Checkout, mark: &str) {
    earlier(at);
    set(at, "diff.external", &touch(mark));
}

fn converts(at: &Checkout, mark: &str) {
    earlier(at);
    fs::write(at.path().join(".git/info/attributes"), "* diff=x\n").unwrap();
    set(at, "diff.x.textconv", &format!("{}; cat", touch(mark)));
}

/// A partial clone that lacks the commit of its tag, and says where it is to be had.
pub fn lacks(at: &Checkout, key: &str, value: &str) {
    let commit = at.git(&["rev-parse", "HEAD"]);
    fs::remove_file(at.path().join(".git/objects").join(&commit[..2]).join(&commit[2..])).unwrap();
    set(at, "core.repositoryFormatVersion", "1");
    set(at, "extensions.partialClone", "origin");
    set(at, "remote.origin.promisor", "true");
    if key == "uploadpack" {
        let other = at.path().join(".git/other");
        assert!(Command::new("git").args(["init", "-q"]).arg(&other).status().unwrap().success());
        set(at, "remote.origin.url", &other.display().to_string());
    }
    set(at, &format!("remote.origin.{key}"), value);
}

fn ssh(at: &Checkout, mark: &str) {
    lacks(at, "url", "ssh://127.0.0.1:1/x");
    set(at, "core.sshCommand", &format!("{};:", touch(mark)));
}

fn ext(at: &Checkout, mark: &str) {
    lacks(at, "url", &format!("ext::{}", touch(mark)));
    set(at, "protocol.ext.allow", "always");
}

fn proxy(at: &Checkout, mark: &str) {
    lacks(at, "url", "git://127.0.0.1:1/x");
    let script = at.path().join(".git/proxy");
    fs::write(&script, format!("#!/bin/sh\n{}\n", touch(mark))).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    set(at, "core.gitProxy", &script.display().to_string());
}

fn submodule(at: &Checkout, mark: &str) {
    let inner = Checkout::new();
    let from = inner.path().display().to_string();
    at.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &from, "inner"]);
    at.git(&["commit", "-q", "-m", "inner"]);
    at.git(&["tag", "-f", "v1"]);
    let own = at.path().join(".git/modules/inner");
    fs::write(own.join("info/attributes"), "* filter=x\n").unwrap();
    at.git(&["-C", "inner", "config", "filter.x.clean", &format!("{}; cat", touch(mark))]);
    age(&at.path().join("inner/file"));
}

pub fn stock(at: &Path, script: &str) {
    let mut git = Command::new("sh");
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(at).args(["-c", script]);
    // Some traps end it badly, after they were sprung.
    let _ = git.output().unwrap();
}

#[test]
fn what_a_checkout_configures_runs_with_stock_git_and_not_with_the_probe() {
    need!("git");
    for trap in TRAPS {
        let (checkout, marks) = (Checkout::new(), tempfile::tempdir().unwrap());
        let mark: PathBuf = marks.path().join("mark");
        (trap.set)(&checkout, &mark.display().to_string());
        let look = || look_within(DEADLINE, "git", &json!({"repository": checkout.path(), "tag": "v1"}));
        let outcome = look();
        assert!(!mark.exists(), "{}: it has run", trap.name);
        let said = told(&outcome);
        assert!(outcome.class == trap.ends && said.contains(trap.told), "{}: {said}", trap.name);
        stock(checkout.path(), trap.sprung_by);
        assert!(mark.exists(), "{}: stock git does not spring it; then this shows nothing", trap.name);
    }
}

#[test]
fn what_only_a_filter_could_tell_is_said() {
    need!("git");
    let checkout = Checkout::new();
    changed(&checkout, "/dev/null");
    let outcome = look_within(DEADLINE, "git", &json!({"repository": checkout.path(), "tag": "v1"}));
    let told = "? work tree | clean | 1 file cannot be compared without running what the checkout's attributes ask for: file (filter=x)";
    assert_error(&outcome, &[told]);
    // What is changed for certain is wrong all the same.
    fs::write(checkout.path().join("new"), "").unwrap();
    let outcome = look_within(DEADLINE, "git", &json!({"repository": checkout.path(), "tag": "v1"}));
    assert_fail(&outcome, &["✗ work tree | clean | 1 file changed or untracked: ?? new"]);
}

#[test]
fn a_work_tree_elsewhere_is_not_the_checkouts() {
    need!("git");
    let (checkout, other) = (Checkout::new(), tempfile::tempdir().unwrap());
    fs::copy(checkout.path().join("file"), other.path().join("file")).unwrap();
    set(&checkout, "core.worktree", &other.path().display().to_string());
    fs::write(checkout.path().join("file"), "changed").unwrap();
    let outcome = look_within(DEADLINE, "git", &json!({"repository": checkout.path(), "tag": "v1"}));
    assert_error(
        &outcome,
        &["? work tree | clean | its configuration (core.worktree) names another work tree"],
    );
}

#[test]
fn an_inherited_repository_is_not_the_checkouts() {
    need!("git");
    let (checkout, other) = (Checkout::new(), Checkout::new());
    let commit = other.commit("other");
    let sandbox = crate::bench::gonogo::Sandbox::new()
        .env("GIT_DIR", other.path().join(".git"))
        .env("GIT_WORK_TREE", other.path())
        .env("GIT_INDEX_FILE", other.path().join(".git/index"))
        .checklist(&format!(
            "name = \"small\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.g\"\ntitle = \"G\"\n\
             why = \"w\"\nprobe = [{{ id = \"g\", title = \"g\", kind = \"git\", with = {{ repository = {:?}, tag = \"v1\" }} }}]\n",
            checkout.path()
        ))
        .profile("environment = \"lab\"\nchecklist = \"checklist.toml\"\n");
    let digest = sandbox.digest("profile.toml");
    let _ = sandbox.run_with(&["check", "profile.toml", "--trust", &digest]).code(0).lacks(&commit);
}
