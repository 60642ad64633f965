//! Checkouts whose git configuration runs a program: stock git runs it, the probe does not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use gonogo_core::outcome::Class;
use serde_json::json;

use super::*;
use crate::support::checkout::Checkout;
use crate::support::need;

/// A configuration that runs a program, which creates a marker file.
pub struct MaliciousConfig {
    pub name: &'static str,
    /// Configures the checkout; the second argument is the marker file.
    pub install: fn(&Checkout, &str),
    /// The stock git command that runs the program.
    pub triggered_by: &'static str,
    /// The class of the outcome of the probe.
    pub expected: Class,
    /// A text in the observations of the probe.
    pub reported: &'static str,
}

const STATUS: &str = "git status";
const COMMIT: &str = "git rev-parse --verify --quiet 'refs/tags/v1^{commit}'";

pub const MALICIOUS_CONFIGS: &[MaliciousConfig] = &[
    MaliciousConfig {
        name: "filter.clean",
        install: |at, marker| filter(at, "clean", marker),
        triggered_by: STATUS,
        expected: Class::Pass,
        reported: "filter.x.clean",
    },
    MaliciousConfig {
        name: "filter.process",
        install: |at, marker| filter(at, "process", marker),
        triggered_by: STATUS,
        expected: Class::Pass,
        reported: "filter.x.process",
    },
    MaliciousConfig {
        name: "filter of a changed file",
        install: changed_file,
        triggered_by: STATUS,
        expected: Class::Error,
        reported: "1 file cannot be compared without running filters that the checkout's attributes configure",
    },
    MaliciousConfig {
        name: "include",
        install: include,
        triggered_by: STATUS,
        expected: Class::Pass,
        reported: "filter.x.clean",
    },
    MaliciousConfig {
        name: "core.fsmonitor",
        install: |at, marker| set_config(at, "core.fsmonitor", &touch(marker)),
        triggered_by: STATUS,
        expected: Class::Pass,
        reported: "core.fsmonitor",
    },
    MaliciousConfig {
        name: "hook",
        install: |at, marker| hook(at, ".git/hooks", marker),
        triggered_by: STATUS,
        expected: Class::Pass,
        reported: "hooks/post-index-change",
    },
    MaliciousConfig {
        name: "core.hooksPath",
        install: hooks_path,
        triggered_by: STATUS,
        expected: Class::Pass,
        reported: "core.hookspath",
    },
    MaliciousConfig {
        name: "diff.external",
        install: external_diff,
        triggered_by: "git diff v0",
        expected: Class::Pass,
        reported: "diff.external",
    },
    MaliciousConfig {
        name: "diff.textconv",
        install: textconv,
        triggered_by: "git diff v0",
        expected: Class::Pass,
        reported: "diff.x.textconv",
    },
    MaliciousConfig {
        name: "remote.uploadpack",
        install: |at, marker| remove_tagged_commit(at, "uploadpack", &format!("{};", touch(marker))),
        triggered_by: COMMIT,
        expected: Class::Error,
        reported: "remote.origin.uploadpack",
    },
    MaliciousConfig {
        name: "core.sshCommand",
        install: ssh,
        triggered_by: COMMIT,
        expected: Class::Error,
        reported: "core.sshcommand",
    },
    MaliciousConfig {
        name: "remote.url ext::",
        install: ext,
        triggered_by: COMMIT,
        expected: Class::Error,
        reported: "refers to an object that is not in this checkout",
    },
    MaliciousConfig {
        name: "core.gitProxy",
        install: proxy,
        triggered_by: COMMIT,
        expected: Class::Error,
        reported: "core.gitproxy",
    },
    MaliciousConfig {
        name: "a submodule's filter",
        install: submodule,
        triggered_by: STATUS,
        expected: Class::Pass,
        reported: "filter.x.clean",
    },
];

fn touch(marker: &str) -> String {
    format!("touch {marker}")
}

fn set_config(at: &Checkout, key: &str, value: &str) {
    at.git(&["config", key, value]);
}

/// Sets an old modification time, so that git reads the file again.
fn make_old(file: &Path) {
    assert!(Command::new("touch").args(["-d", "2001-01-01"]).arg(file).status().unwrap().success());
}

fn filter(at: &Checkout, kind: &str, marker: &str) {
    fs::write(at.path().join(".git/info/attributes"), "* filter=x\n").unwrap();
    set_config(at, &format!("filter.x.{kind}"), &format!("{}; cat", touch(marker)));
    make_old(&at.path().join("file"));
}

fn changed_file(at: &Checkout, marker: &str) {
    filter(at, "clean", marker);
    fs::write(at.path().join("file"), "two").unwrap();
}

fn include(at: &Checkout, marker: &str) {
    filter(at, "clean", marker);
    fs::rename(at.path().join(".git/config"), at.path().join(".git/more")).unwrap();
    set_config(at, "include.path", "more");
}

fn hook(at: &Checkout, dir: &str, marker: &str) {
    let file = at.path().join(dir).join("post-index-change");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, format!("#!/bin/sh\n{}\n", touch(marker))).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    make_old(&at.path().join("file"));
}

fn hooks_path(at: &Checkout, marker: &str) {
    hook(at, ".git/others", marker);
    set_config(at, "core.hooksPath", ".git/others");
}

/// Adds a commit, so that the previous one (v0) can be compared with it.
fn add_commit(at: &Checkout) {
    at.git(&["tag", "v0"]);
    at.commit("two");
    at.git(&["tag", "-f", "v1"]);
}

fn external_diff(at: &Checkout, marker: &str) {
    add_commit(at);
    set_config(at, "diff.external", &touch(marker));
}

fn textconv(at: &Checkout, marker: &str) {
    add_commit(at);
    fs::write(at.path().join(".git/info/attributes"), "* diff=x\n").unwrap();
    set_config(at, "diff.x.textconv", &format!("{}; cat", touch(marker)));
}

/// Turns the checkout into a partial clone without the commit of its tag, to be fetched from a configured remote.
pub fn remove_tagged_commit(at: &Checkout, key: &str, value: &str) {
    let commit = at.git(&["rev-parse", "HEAD"]);
    fs::remove_file(at.path().join(".git/objects").join(&commit[..2]).join(&commit[2..])).unwrap();
    set_config(at, "core.repositoryFormatVersion", "1");
    set_config(at, "extensions.partialClone", "origin");
    set_config(at, "remote.origin.promisor", "true");
    if key == "uploadpack" {
        let other = at.path().join(".git/other");
        assert!(Command::new("git").args(["init", "-q"]).arg(&other).status().unwrap().success());
        set_config(at, "remote.origin.url", &other.display().to_string());
    }
    set_config(at, &format!("remote.origin.{key}"), value);
}

fn ssh(at: &Checkout, marker: &str) {
    remove_tagged_commit(at, "url", "ssh://127.0.0.1:1/x");
    set_config(at, "core.sshCommand", &format!("{};:", touch(marker)));
}

fn ext(at: &Checkout, marker: &str) {
    remove_tagged_commit(at, "url", &format!("ext::{}", touch(marker)));
    set_config(at, "protocol.ext.allow", "always");
}

fn proxy(at: &Checkout, marker: &str) {
    remove_tagged_commit(at, "url", "git://127.0.0.1:1/x");
    let script = at.path().join(".git/proxy");
    fs::write(&script, format!("#!/bin/sh\n{}\n", touch(marker))).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    set_config(at, "core.gitProxy", &script.display().to_string());
}

fn submodule(at: &Checkout, marker: &str) {
    let inner = Checkout::new();
    let from = inner.path().display().to_string();
    at.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &from, "inner"]);
    at.git(&["commit", "-q", "-m", "inner"]);
    at.git(&["tag", "-f", "v1"]);
    let own = at.path().join(".git/modules/inner");
    fs::write(own.join("info/attributes"), "* filter=x\n").unwrap();
    at.git(&["-C", "inner", "config", "filter.x.clean", &format!("{}; cat", touch(marker))]);
    make_old(&at.path().join("inner/file"));
}

pub fn run_stock_git(at: &Path, script: &str) {
    let mut git = Command::new("sh");
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").current_dir(at).args(["-c", script]);
    // Some commands fail after they have run the program.
    let _ = git.output().unwrap();
}

#[test]
fn configured_programs_run_with_stock_git_and_not_with_the_probe() {
    need!("git");
    for config in MALICIOUS_CONFIGS {
        let (checkout, marker_dir) = (Checkout::new(), tempfile::tempdir().unwrap());
        let marker: PathBuf = marker_dir.path().join("mark");
        (config.install)(&checkout, &marker.display().to_string());
        let outcome = run_probe_within(DEADLINE, "git", &json!({"repository": checkout.path(), "tag": "v1"}));
        assert!(!marker.exists(), "{}: the probe ran the program", config.name);
        let described = describe(&outcome);
        assert!(
            outcome.class == config.expected && described.contains(config.reported),
            "{}: {described}",
            config.name
        );
        run_stock_git(checkout.path(), config.triggered_by);
        assert!(
            marker.exists(),
            "{}: stock git does not run the program, so the test proves nothing",
            config.name
        );
    }
}

#[test]
fn a_changed_file_that_needs_a_filter_to_compare_is_an_error() {
    need!("git");
    let checkout = Checkout::new();
    changed_file(&checkout, "/dev/null");
    let outcome = run_probe_within(DEADLINE, "git", &json!({"repository": checkout.path(), "tag": "v1"}));
    let line = "? work tree | clean | 1 file cannot be compared without running filters that the checkout's attributes configure: file (filter=x)";
    assert_error(&outcome, &[line]);
    // A definite change fails anyway.
    fs::write(checkout.path().join("new"), "").unwrap();
    let outcome = run_probe_within(DEADLINE, "git", &json!({"repository": checkout.path(), "tag": "v1"}));
    assert_fail(&outcome, &["✗ work tree | clean | 1 file changed or untracked: ?? new"]);
}

#[test]
fn a_configured_external_work_tree_is_an_error() {
    need!("git");
    let (checkout, other) = (Checkout::new(), tempfile::tempdir().unwrap());
    fs::copy(checkout.path().join("file"), other.path().join("file")).unwrap();
    set_config(&checkout, "core.worktree", &other.path().display().to_string());
    fs::write(checkout.path().join("file"), "changed").unwrap();
    let outcome = run_probe_within(DEADLINE, "git", &json!({"repository": checkout.path(), "tag": "v1"}));
    assert_error(
        &outcome,
        &["? work tree | clean | its configuration (core.worktree) names another work tree"],
    );
}

#[test]
fn git_environment_variables_do_not_redirect_the_probe() {
    need!("git");
    let (checkout, other) = (Checkout::new(), Checkout::new());
    let commit = other.commit("other");
    let sandbox = crate::support::gonogo::Sandbox::new()
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
