use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use gonogo::outcome::Outcome;

use super::*;
use crate::bench::need;

/// A checkout with one commit, tagged v1.
struct Checkout(TempDir);

impl Checkout {
    fn new() -> Self {
        let checkout = Self(tempfile::tempdir().unwrap());
        checkout.git(&["init", "-q", "-b", "main"]);
        checkout.commit("one");
        checkout.git(&["tag", "-a", "-m", "first", "v1"]);
        checkout
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"];
        let mut git = Command::new("git");
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").arg("-C").arg(self.path()).args(identity).args(arguments);
        let output = git.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, text: &str) -> String {
        fs::write(self.path().join("file"), text).unwrap();
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", text]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn look(&self, tag: &str, more: &Value) -> Outcome {
        let with = plus(&json!({"repository": self.path(), "tag": tag}), more);
        look_within(DEADLINE, "git", &with)
    }
}

#[test]
fn the_tag_names_what_is_checked_out_and_nothing_is_changed() {
    need!("git");
    let checkout = Checkout::new();
    let head = checkout.git(&["rev-parse", "HEAD"]);
    let outcome = checkout.look("v1", &json!({}));
    assert_pass(
        &outcome,
        &[
            &format!("✓ tag v1 | names a commit | {head}"),
            &format!("✓ checkout | the commit of the tag, {head} | {head}"),
            "✓ work tree | clean | clean",
        ],
    );
    let typed = Command::new("sh").args(["-c", &outcome.reproduce]).output().unwrap();
    assert_eq!(String::from_utf8(typed.stdout).unwrap(), format!("{head}\n{head}\n"));
}

#[test]
fn another_commit_another_tag_and_changed_files_are_found() {
    need!("git");
    let checkout = Checkout::new();
    let old = checkout.git(&["rev-parse", "HEAD"]);
    let new = checkout.commit("two");
    assert_fail(
        &checkout.look("v1", &json!({})),
        &[&format!("✗ checkout | the commit of the tag, {old} | {new}")],
    );
    assert_fail(
        &checkout.look("v2", &json!({})),
        &[
            "✗ tag v2 | names a commit | there is no such tag in the checkout ",
            &format!("✗ checkout | the commit of the tag | {new}"),
        ],
    );
    checkout.git(&["checkout", "-q", "v1"]);
    fs::write(checkout.path().join("file"), "changed").unwrap();
    fs::write(checkout.path().join("new"), "untracked").unwrap();
    assert_fail(
        &checkout.look("v1", &json!({})),
        &["✓ checkout | ", "✗ work tree | clean | 2 files changed or untracked: M file, ?? new"],
    );
}

#[test]
fn the_release_commit_can_be_said() {
    need!("git");
    let checkout = Checkout::new();
    let old = checkout.git(&["rev-parse", "HEAD"]);
    let new = checkout.commit("two");
    let said = |commit: &str| checkout.look("v1", &json!({"commit": commit}));
    assert_pass(&said(&old), &["✓ release commit | the commit of the tag, "]);
    assert_pass(&said(&old[..10]), &[]);
    assert_fail(&said(&new), &["✗ release commit | "]);
    // Too short to mean one commit.
    assert_fail(&said(&old[..6]), &["✗ release commit | "]);
}

#[test]
fn a_tag_is_only_ever_a_tag() {
    need!("git");
    let checkout = Checkout::new();
    for name in ["HEAD", "main", "--all", "v1^{commit}", "v1~0"] {
        assert_fail(&checkout.look(name, &json!({})), &["there is no such tag in the checkout "]);
    }
}

#[test]
fn nothing_that_the_checkout_configures_is_run() {
    need!("git");
    let checkout = Checkout::new();
    let trace = checkout.path().join(".git/ran");
    checkout.git(&["config", "core.fsmonitor", &format!("touch {}", trace.display())]);
    assert_pass(&checkout.look("v1", &json!({})), &[]);
    assert!(!trace.exists());
}

#[test]
fn where_there_is_no_checkout_it_could_not_look() {
    need!("git");
    let dir = tempfile::tempdir().unwrap();
    let look = |path: &Path| look_within(DEADLINE, "git", &json!({"repository": path, "tag": "v1"}));
    assert_error(&look(dir.path()), &["? tag v1 | names a commit | fatal: not a git repository"]);
    assert_error(&look(&dir.path().join("none")), &["fatal: cannot change to"]);
}
