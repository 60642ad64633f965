//! Reads from git: the user's settings, the tags of a checkout, and their commits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::background::Background;
use crate::process::{Launch, Permit, Scope, git, user_git_settings};
use gonogo_core::text::line;

/// How many tags are suggested.
const MAX_SUGGESTED_TAGS: usize = 8;

/// The settings to read.
const KEYS: [&str; 4] =
    ["user.email", "user.signingkey", "gpg.ssh.allowedSignersFile", "gpg.ssh.revocationFile"];

/// The user's own settings, from their configuration or else the system's. The configuration of a repository is
/// ignored, even that of the current directory: anybody may have written it. Git lists one configuration per call.
#[derive(Debug, Default)]
pub(super) struct UserGitSettings {
    global: Background<SettingsMap>,
    system: Background<SettingsMap>,
}

/// Settings by their keys in lower case.
type SettingsMap = BTreeMap<String, String>;

impl UserGitSettings {
    /// Starts to read them in the background.
    pub(super) fn start_reading(&self) {
        self.global.start(|| list_settings(Scope::Global));
        if !ignores_system() {
            self.system.start(|| list_settings(Scope::System));
        }
    }

    /// The value of one of [`KEYS`].
    pub(super) fn get(&self, key: &str) -> Option<String> {
        let key = key.to_lowercase();
        if let Some(value) = self.global.get(|| list_settings(Scope::Global)).get(&key) {
            return Some(value.clone());
        }
        if ignores_system() {
            None
        } else {
            self.system.get(|| list_settings(Scope::System)).get(&key).cloned()
        }
    }
}

fn list_settings(scope: Scope) -> SettingsMap {
    let keys = format!("^({})$", KEYS.join("|").replace('.', "\\.").to_lowercase());
    let printed =
        output_of(user_git_settings(scope, &keys), &Permit::for_user_git_settings()).unwrap_or_default();
    // The last value of a key counts; a key without a value is not set.
    let settings = printed.split('\0').filter_map(|setting| setting.split_once('\n'));
    let mut listed: SettingsMap =
        settings.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect();
    listed.retain(|_, value| !value.is_empty());
    listed
}

/// Git ignores this variable when a scope is given.
fn ignores_system() -> bool {
    let value = std::env::var("GIT_CONFIG_NOSYSTEM").unwrap_or_default().to_lowercase();
    !["", "0", "false", "no", "off"].contains(&value.as_str())
}

/// The tags of a checkout, read once, with one call of git.
pub(super) struct Tags {
    repository: PathBuf,
    permit: Permit,
    /// Newest first; none if git cannot list them.
    listed: Background<Option<Vec<Tag>>>,
}

/// A tag.
struct Tag {
    name: String,
    /// The object that it finally points to, usually a commit: its kind and its id.
    target: (String, String),
}

/// The format of a tag. Only annotated tags have the fields with a star.
const FORMAT: &str = "%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)";

impl Tag {
    /// A line in [`FORMAT`].
    fn parse(line: &str) -> Option<Self> {
        let (before, name) = line.split_once(" refs/tags/")?;
        // The fields of a lightweight tag's target are empty.
        let mut fields = before.split_ascii_whitespace().rev();
        let (object, kind) = (fields.next()?, fields.next()?);
        Some(Self { name: name.to_owned(), target: (kind.to_owned(), object.to_owned()) })
    }
}

impl Tags {
    /// The tags of a repository.
    pub(super) fn of(repository: PathBuf, permit: &Permit) -> Self {
        Self { repository, permit: permit.clone(), listed: Background::default() }
    }

    /// Starts to read them in the background.
    pub(super) fn start_reading(&self) {
        let (repository, permit) = (self.repository.clone(), self.permit.clone());
        self.listed.start(move || list_tags(&repository, &permit));
    }

    fn listed(&self) -> Option<&[Tag]> {
        self.listed.get(|| list_tags(&self.repository, &self.permit)).as_deref()
    }

    /// The newest tags; none if this is not a repository.
    pub(super) fn newest(&self) -> Vec<String> {
        self.listed().into_iter().flatten().take(MAX_SUGGESTED_TAGS).map(|tag| line(&tag.name)).collect()
    }

    /// The commit that a tag names, if there is such a tag.
    pub(super) fn commit(&self, tag: &str) -> Option<String> {
        let tag = self.listed()?.iter().find(|listed| listed.name == tag)?;
        match tag.target.0.as_str() {
            "commit" => Some(tag.target.1.clone()),
            // A tag of a tag; older versions of git resolve only one level. The name comes from git.
            "tag" => {
                let commit = format!("refs/tags/{}^{{commit}}", tag.name);
                output_of(git(&self.repository, &["rev-parse", "--verify", "--quiet", &commit]), &self.permit)
            }
            _ => None,
        }
    }

    /// A message if a release is not a tag of the checkout; none if git cannot list the tags.
    pub(super) fn missing_tag(&self, release: &str) -> Option<String> {
        let listed = self.listed()?;
        if listed.iter().any(|tag| tag.name == release) {
            return None;
        }
        let newest = self.newest();
        let newest = if newest.is_empty() {
            "it has no tags".to_owned()
        } else {
            format!("the newest are {}", newest.join(", "))
        };
        let (release, repository) = (line(release), line(&self.repository.display().to_string()));
        Some(format!("release {release} is not a tag of the checkout {repository}; {newest}"))
    }
}

fn list_tags(repository: &Path, permit: &Permit) -> Option<Vec<Tag>> {
    let format = format!("--format={FORMAT}");
    let list = git(repository, &["for-each-ref", "--sort=-creatordate", &format, "refs/tags"]);
    let output = list.output(permit).ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().filter_map(Tag::parse).collect())
}

fn output_of(launch: Launch, permit: &Permit) -> Option<String> {
    let output = launch.output(permit).ok()?;
    let answer = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !answer.is_empty()).then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs git in that directory, with some identity.
    fn run(dir: &Path, arguments: &[&str]) -> String {
        let identity = ["user.name=A", "user.email=a@b", "commit.gpgsign=false", "tag.gpgsign=false"];
        let config = identity.iter().flat_map(|setting| ["-c", setting]);
        let launch = Launch::new("git").args(config).args(arguments).directory(dir);
        output_of(launch.envs([("GIT_CONFIG_GLOBAL", "/dev/null")]), &Permit::for_tests()).unwrap_or_default()
    }

    /// A tag of a tag of a commit names that commit; a tag of a tree names none.
    #[test]
    fn tags_are_listed_once_with_the_commits_that_they_name() {
        let dir = tempfile::tempdir().unwrap();
        let permit = Permit::for_tests();
        assert_eq!(Tags::of(dir.path().into(), &permit).missing_tag("v1"), None);
        run(dir.path(), &["init", "-q"]);
        assert!(Tags::of(dir.path().into(), &permit).missing_tag("v1").unwrap().ends_with("it has no tags"));
        run(dir.path(), &["commit", "-q", "--allow-empty", "-m", "one"]);
        let head = run(dir.path(), &["rev-parse", "HEAD"]);
        run(dir.path(), &["tag", "v1"]);
        run(dir.path(), &["tag", "-a", "-m", "two", "v2"]);
        run(dir.path(), &["tag", "-a", "-m", "three", "v3", "v2"]);
        run(dir.path(), &["tag", "-a", "-m", "a tree", "tree", "HEAD^{tree}"]);
        let tags = Tags::of(dir.path().into(), &permit);
        for tag in ["v1", "v2", "v3"] {
            assert_eq!((tags.commit(tag), tags.missing_tag(tag)), (Some(head.clone()), None), "{tag}");
        }
        assert_eq!((tags.commit("tree"), tags.missing_tag("tree")), (None, None));
        assert_eq!(tags.commit("HEAD"), None);
        assert!(tags.missing_tag("v").unwrap().contains("v is not a tag of the checkout"));
        // The list is read once: a release stays the commit that the operator was asked about.
        run(dir.path(), &["tag", "-d", "v1"]);
        assert_eq!(tags.commit("v1"), Some(head));
    }
}
