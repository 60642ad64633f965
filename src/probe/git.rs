//! The git probe: which commit a tag names, what is checked out, whether the work tree is clean.

use std::collections::BTreeMap;

use super::blind::{Blind, Fact};
use super::deadline::Deadline;
use super::process::{self, Program};
use crate::checklist::spec::Git;
use crate::outcome::{Observation, Outcome};
use crate::text;

/// How many changed files are named.
const NAMED: usize = 5;
/// The longest piece of what git says, in bytes.
const SAID: usize = 300;

/// Asks git and judges its answers.
pub(super) async fn look(spec: &Git, deadline: &Deadline) -> Outcome {
    let checkout = Checkout { directory: &spec.repository, deadline };
    let (tag, head) = (checkout.tagged(&spec.tag).await, checkout.commit("HEAD^{commit}").await);
    let mut seen = vec![named(spec, &tag), matches_release(spec, tag, head)];
    seen.push(clean(checkout.changes().await));
    Outcome::of(seen, reproduce(spec))
}

/// The commit that a checkout's tag names; none if there is no such tag.
pub(super) async fn tagged(repository: &str, tag: &str, deadline: &Deadline) -> Fact<Option<String>> {
    Checkout { directory: repository, deadline }.tagged(tag).await
}

/// The command that prints that commit.
pub(super) fn rev_parse(repository: &str, tag: &str) -> String {
    let commit = text::shell_word(&format!("{}^{{commit}}", tag_ref(tag)));
    format!("git -C {} rev-parse {commit}", text::shell_word(repository))
}

/// The full name of the tag, which cannot be taken for an option.
fn tag_ref(tag: &str) -> String {
    format!("refs/tags/{tag}")
}

struct Checkout<'a> {
    directory: &'a str,
    deadline: &'a Deadline,
}

impl Checkout<'_> {
    /// The commit that the tag names; none if there is no such tag. An expression (`v1~2`) is no tag.
    async fn tagged(&self, tag: &str) -> Fact<Option<String>> {
        let name = tag_ref(tag);
        let (code, _) = self.ask(&["check-ref-format", &name]).await?;
        if code == 0 { self.commit(&format!("{name}^{{commit}}")).await } else { Ok(None) }
    }

    /// The commit that a name stands for; none if there is none of that name.
    async fn commit(&self, name: &str) -> Fact<Option<String>> {
        let (code, answer) = self.ask(&["rev-parse", "--verify", "--quiet", name]).await?;
        Ok((code == 0).then_some(answer))
    }

    /// What differs from the commit that is checked out, one file a line.
    async fn changes(&self) -> Fact<Vec<String>> {
        let (_, answer) = self.ask(&["status", "--porcelain", "--untracked-files=normal"]).await?;
        Ok(answer.lines().map(str::to_owned).collect())
    }

    /// The exit code, 0 or 1, and what git prints. Nothing that the checkout configures is run for it.
    async fn ask(&self, question: &[&str]) -> Fact<(i32, String)> {
        let fixed = ["git", "-c", "core.fsmonitor=false", "-C", self.directory];
        let argv: Vec<String> = fixed.iter().chain(question).map(ToString::to_string).collect();
        let env = [("GIT_OPTIONAL_LOCKS", "0"), ("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let program = Program { argv: &argv, cwd: None, env: BTreeMap::from(env) };
        let ran = process::run(program, self.deadline).await?;
        match (ran.status.code(), ran.stdout.cut) {
            (Some(code @ (0 | 1)), None) => {
                Ok((code, String::from_utf8_lossy(&ran.stdout.bytes).trim_end().to_owned()))
            }
            (Some(0 | 1), Some(cut)) => Err(cut),
            _ => Err(Blind::new(text::excerpt(&ran.stderr.bytes, SAID))),
        }
    }
}

fn named(spec: &Git, tag: &Fact<Option<String>>) -> Observation {
    let (what, expected) = (format!("tag {}", spec.tag), "names a commit");
    match tag {
        Ok(Some(commit)) => Observation::new(what, expected, commit, true),
        Ok(None) => Observation::new(
            what,
            expected,
            format!("there is no such tag in the checkout {}", spec.repository),
            false,
        ),
        Err(why) => Observation::unseen(what, expected, why.clone()),
    }
}

/// The release commit is the one that the profile names, or else the one that is checked out.
fn matches_release(spec: &Git, tag: Fact<Option<String>>, head: Fact<Option<String>>) -> Observation {
    let (what, release) = match &spec.commit {
        Some(commit) => ("release commit", Ok(Some(commit.clone()))),
        None => ("checkout", head),
    };
    let expected = "the commit of the tag";
    match (tag, release) {
        (Ok(Some(tag)), Ok(Some(release))) => {
            let ok = release.len() >= 7 && tag.starts_with(&release.to_lowercase());
            Observation::new(what, format!("{expected}, {tag}"), release, ok)
        }
        (Ok(None), Ok(Some(release))) => Observation::new(what, expected, release, false),
        (_, Ok(None)) => Observation::new(what, expected, "nothing is committed", false),
        (Err(why), _) | (_, Err(why)) => Observation::unseen(what, expected, why),
    }
}

fn clean(changes: Fact<Vec<String>>) -> Observation {
    let (what, expected) = ("work tree", "clean");
    match changes {
        Ok(changes) if changes.is_empty() => Observation::new(what, expected, "clean", true),
        Ok(changes) => {
            let named = changes.iter().take(NAMED).map(|line| line.trim()).collect::<Vec<_>>().join(", ");
            let more = if changes.len() > NAMED { ", …" } else { "" };
            let files = text::count(changes.len(), "file");
            Observation::new(what, expected, format!("{files} changed or untracked: {named}{more}"), false)
        }
        Err(why) => Observation::unseen(what, expected, why),
    }
}

fn reproduce(spec: &Git) -> String {
    let directory = text::shell_word(&spec.repository);
    format!("{} HEAD && git -C {directory} status --porcelain", rev_parse(&spec.repository, &spec.tag))
}
