use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use gonogo_core::outcome::Outcome;

use super::*;
use crate::support::checkout::Checkout;
use crate::support::need;

fn run_probe(checkout: &Checkout, tag: &str, more: &Value) -> Outcome {
    let with = plus(&json!({"repository": checkout.path(), "tag": tag}), more);
    run_probe_within(DEADLINE, "git", &with)
}

#[test]
fn a_clean_checkout_of_the_tagged_commit_passes() {
    need!("git");
    let checkout = Checkout::new();
    let head = checkout.git(&["rev-parse", "HEAD"]);
    let outcome = run_probe(&checkout, "v1", &json!({}));
    assert_pass(
        &outcome,
        &[
            &format!("✓ tag v1 | names a commit | {head}"),
            &format!("✓ checkout | the commit of the tag, {head} | {head}"),
            "✓ work tree | clean | clean",
        ],
    );
    let reproduced = Command::new("sh").args(["-c", &outcome.reproduce]).output().unwrap();
    assert_eq!(String::from_utf8(reproduced.stdout).unwrap(), format!("{head}\n{head}\n"));
}

#[test]
fn another_commit_a_missing_tag_and_changed_files_fail() {
    need!("git");
    let checkout = Checkout::new();
    let old = checkout.git(&["rev-parse", "HEAD"]);
    let new = checkout.commit("two");
    assert_fail(
        &run_probe(&checkout, "v1", &json!({})),
        &[&format!("✗ checkout | the commit of the tag, {old} | {new}")],
    );
    assert_fail(
        &run_probe(&checkout, "v2", &json!({})),
        &[
            "✗ tag v2 | names a commit | no such tag in the checkout ",
            &format!("✗ checkout | the commit of the tag | {new}"),
        ],
    );
    checkout.git(&["checkout", "-q", "v1"]);
    fs::write(checkout.path().join("file"), "changed").unwrap();
    fs::write(checkout.path().join("new"), "untracked").unwrap();
    assert_fail(
        &run_probe(&checkout, "v1", &json!({})),
        &["✓ checkout | ", "✗ work tree | clean | 2 files changed or untracked: M file, ?? new"],
    );
}

#[test]
fn a_configured_release_commit_must_match_the_tag() {
    need!("git");
    let checkout = Checkout::new();
    let old = checkout.git(&["rev-parse", "HEAD"]);
    let new = checkout.commit("two");
    let run_for_commit = |commit: &str| run_probe(&checkout, "v1", &json!({"commit": commit}));
    assert_pass(&run_for_commit(&old), &["✓ release commit | the commit of the tag, "]);
    assert_pass(&run_for_commit(&old[..10]), &[]);
    assert_fail(&run_for_commit(&new), &["✗ release commit | "]);
    // Too short to identify a commit.
    assert_fail(&run_for_commit(&old[..6]), &["✗ release commit | "]);
}

#[test]
fn other_revisions_are_not_accepted_as_a_tag() {
    need!("git");
    let checkout = Checkout::new();
    for name in ["HEAD", "main", "--all", "v1^{commit}", "v1~0"] {
        assert_fail(&run_probe(&checkout, name, &json!({})), &["no such tag in the checkout "]);
    }
}

#[test]
fn programs_configured_in_the_checkout_are_not_run() {
    need!("git");
    let checkout = Checkout::new();
    let marker = checkout.path().join(".git/ran");
    checkout.git(&["config", "core.fsmonitor", &format!("touch {}", marker.display())]);
    assert_pass(&run_probe(&checkout, "v1", &json!({})), &[]);
    assert!(!marker.exists());
}

#[test]
fn a_directory_without_a_checkout_is_an_error() {
    need!("git");
    let dir = tempfile::tempdir().unwrap();
    let run_probe =
        |path: &Path| run_probe_within(DEADLINE, "git", &json!({"repository": path, "tag": "v1"}));
    assert_error(&run_probe(dir.path()), &["? tag v1 | names a commit | fatal: not a git repository"]);
    assert_error(&run_probe(&dir.path().join("none")), &["fatal: cannot change to"]);
}
