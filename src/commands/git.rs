//! What git knows: who somebody is, which tags there are, which commit a tag names.

use std::path::Path;
use std::process::{Command, Stdio};

/// How many tags are offered.
const OFFERED: usize = 8;

/// Variables that would point git at a repository, or add settings that no file of the user's has.
const FOREIGN: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"];

/// A setting of the user's, or else of the system's; never one of a repository. None without git.
pub(super) fn config(key: &str) -> Option<String> {
    ["--global", "--system"].iter().find_map(|scope| {
        let mut git = Command::new("git");
        git.args(["config", scope, "--get", key]).current_dir("/");
        for name in FOREIGN {
            git.env_remove(name);
        }
        answer(&mut git)
    })
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
    answer(Command::new("git").args(arguments))
}

fn answer(git: &mut Command) -> Option<String> {
    let output = git.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !answer.is_empty()).then_some(answer)
}
