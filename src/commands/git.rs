//! What git knows: who somebody is, which tags there are, which commit a tag names.

use std::path::Path;
use std::process::{Command, Stdio};

/// How many tags are offered.
const OFFERED: usize = 8;

/// A setting of the user's.
pub(super) fn config(key: &str) -> Option<String> {
    ask(&["config", "--get", key])
}

/// The newest tags of a repository; none if it is none.
pub(super) fn newest_tags(repository: &Path) -> Vec<String> {
    let tags = ask(&["-C", &repository.to_string_lossy(), "tag", "--sort=-creatordate"]).unwrap_or_default();
    tags.lines().take(OFFERED).map(crate::text::line).collect()
}

/// The commit that a tag names, if the repository is there and has it.
pub(super) fn commit_of(repository: &Path, tag: &str) -> Option<String> {
    let (repository, name) = (repository.to_string_lossy(), format!("refs/tags/{tag}"));
    // The name of a tag and nothing else: an option or an expression is not taken for one.
    is_reference(&name).then(|| {
        ask(&["-C", &repository, "rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
    })?
}

fn is_reference(name: &str) -> bool {
    let check = Command::new("git").args(["check-ref-format", name]).stdin(Stdio::null()).status();
    check.is_ok_and(|status| status.success())
}

fn ask(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !answer.is_empty()).then_some(answer)
}
