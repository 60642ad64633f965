use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use gonogo_core::outcome::Outcome;

use super::*;
use crate::bench::checkout::Checkout;
use crate::bench::need;

fn look(checkout: &Checkout, tag: &str, more: &Value) -> Outcome {
    let with = plus(&json!({"repository": checkout.path(), "tag": tag}), more);
    look_within(DEADLINE, "git", &with)
}

#[test]
fn the_tag_names_what_is_checked_out_and_nothing_is_changed() {
    need!("git");
    let checkout = Checkout::new();
    let head = checkout.git(&["rev-parse", "HEAD"]);
    let outcome = look(&checkout, "v1", &json!({}));
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
        &look(&checkout, "v1", &json!({})),
        &[&format!("✗ checkout | the commit of the tag, {old} | {new}")],
    );
    assert_fail(
        &look(&checkout, "v2", &json!({})),
        &[
            "✗ tag v2 | names a commit | there is no such tag in the checkout ",
            &format!("✗ checkout | the commit of the tag | {new}"),
        ],
    );
    checkout.git(&["checkout", "-q", "v1"]);
    fs::write(checkout.path().join("file"), "changed").unwrap();
    fs::write(checkout.path().join("new"), "untracked").unwrap();
    assert_fail(
        &look(&checkout, "v1", &json!({})),
        &["✓ checkout | ", "✗ work tree | clean | 2 files changed or untracked: M file, ?? new"],
    );
}

#[test]
fn the_release_commit_can_be_said() {
    need!("git");
    let checkout = Checkout::new();
    let old = checkout.git(&["rev-parse", "HEAD"]);
    let new = checkout.commit("two");
    let said = |commit: &str| look(&checkout, "v1", &json!({"commit": commit}));
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
        assert_fail(&look(&checkout, name, &json!({})), &["there is no such tag in the checkout "]);
    }
}

#[test]
fn nothing_that_the_checkout_configures_is_run() {
    need!("git");
    let checkout = Checkout::new();
    let trace = checkout.path().join(".git/ran");
    checkout.git(&["config", "core.fsmonitor", &format!("touch {}", trace.display())]);
    assert_pass(&look(&checkout, "v1", &json!({})), &[]);
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
