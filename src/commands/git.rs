//! What git knows: who somebody is, which tags there are, which commit a tag names.

use std::path::Path;

use crate::process::{Launch, Permit, Scope, git, user_git_setting};
use crate::text::line;

/// How many tags are offered.
const OFFERED: usize = 8;

/// A setting of the user's own: of their configuration, or else of this machine's. What a repository says does not
/// count, not even that of the directory that gonogo runs in: it may come from anybody.
pub(super) fn config(key: &str) -> Option<String> {
    let permit = Permit::for_user_git_settings();
    let system = (!ignores_system()).then_some(Scope::System);
    [Some(Scope::Global), system]
        .into_iter()
        .flatten()
        .find_map(|scope| ask(user_git_setting(scope, key), &permit))
}

/// Git looks at this variable itself, but not where a scope is named.
fn ignores_system() -> bool {
    let said = std::env::var("GIT_CONFIG_NOSYSTEM").unwrap_or_default().to_lowercase();
    !["", "0", "false", "no", "off"].contains(&said.as_str())
}

/// The newest tags of a repository; none if it is none.
pub(super) fn newest_tags(repository: &Path, permit: &Permit) -> Vec<String> {
    tags(repository, permit).unwrap_or_default().iter().take(OFFERED).map(|tag| line(tag)).collect()
}

/// All tags of a repository, newest first; nothing where git cannot tell.
fn tags(repository: &Path, permit: &Permit) -> Option<Vec<String>> {
    let output = git(repository, &["tag", "--list", "--sort=-creatordate"]).output(permit).ok()?;
    let tags = String::from_utf8(output.stdout).ok()?.lines().map(str::to_owned).collect();
    output.status.success().then_some(tags)
}

/// The commit that a tag names, if the repository is there and has it.
pub(super) fn commit_of(repository: &Path, tag: &str, permit: &Permit) -> Option<String> {
    let name = format!("refs/tags/{tag}");
    // The name of a tag and nothing else: an option or an expression is not taken for one.
    let checked = git(Path::new("/"), &["check-ref-format", &name]).output(permit).ok()?;
    let commit = format!("{name}^{{commit}}");
    let resolve = || git(repository, &["rev-parse", "--verify", "--quiet", &commit]);
    checked.status.success().then(|| ask(resolve(), permit))?
}

/// That a release is no tag of a checkout, where git can tell its tags. Elsewhere there are none to hold it to.
pub(super) fn missing_tag(repository: &Path, release: &str, permit: &Permit) -> Option<String> {
    let tags = tags(repository, permit)?;
    if tags.iter().any(|tag| tag == release) {
        return None;
    }
    let newest: Vec<String> = tags.iter().take(OFFERED).map(|tag| line(tag)).collect();
    let newest = if newest.is_empty() {
        "it has none".to_owned()
    } else {
        format!("the newest are {}", newest.join(", "))
    };
    let (release, repository) = (line(release), line(&repository.display().to_string()));
    Some(format!("release {release} is no tag of the checkout {repository}; {newest}"))
}

fn ask(launch: Launch, permit: &Permit) -> Option<String> {
    let output = launch.output(permit).ok()?;
    let answer = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !answer.is_empty()).then_some(answer)
}
